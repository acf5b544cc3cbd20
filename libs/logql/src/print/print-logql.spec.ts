import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { logqlArbitrary } from '../../../../test/support/logql-arbitrary.ts';
import { parseLogql } from '../parse/parse-logql.ts';
import { printLogql } from './print-logql.ts';

describe('printLogql', () => {
  it.each([
    ['{app="x"}|="a"or"b"!~`c\\d`', '{app="x"} |= "a" or "b" !~ "c\\\\d"'],
    ['{app="x"}|json|level="a",n>1', '{app="x"} | json | level="a" and n > 1'],
    ['{a="b"}|logfmt --strict x|a>5m', '{a="b"} | logfmt --strict x="x" | a > 5m'],
    ['{a="b"} | x > 1.5KiB or (y=1 and z="c")', '{a="b"} | x > 1536B or (y == 1 and z="c")'],
    ['sum(rate({a="b"}[90s]))by(c)', 'sum by (c) (rate({a="b"} [1m30s]))'],
    ['rate({a="b"}[1m] offset -1h|="x")', 'rate({a="b"} |= "x" [1m] offset -1h)'],
    ['1+2*3', '1 + (2 * 3)'],
    ['2^3^2', '2 ^ (3 ^ 2)'],
    [
      'vector(1)>bool on(a)group_left(b)vector(-2)',
      'vector(1) > bool on (a) group_left (b) vector(-2)',
    ],
  ])('writes %s as %s', (query, printed) => {
    expect(printLogql(parseLogql(query))).toBe(printed);
    expect(printLogql(parseLogql(printed))).toBe(printed);
  });

  it('gives a query that reads back as the same tree', () => {
    fc.assert(
      fc.property(logqlArbitrary, (expr) => {
        expect(parseLogql(printLogql(expr))).toEqual(expr);
      }),
      { numRuns: 500 },
    );
  });
});
