import { describe, expect, it } from '@jest/globals';
import { parser as lezerParser } from '@prometheus-io/lezer-promql';
import fc from 'fast-check';
import { parseExpr } from '../parse/parse-expr.ts';
import { exprArbitrary, withoutSpans } from '../../../../test/support/promql-arbitrary.ts';
import { exprToJson } from './expr-to-json.ts';
import { prettyExpr } from './pretty-expr.ts';
import { printExpr } from './print-expr.ts';

describe('printExpr', () => {
  it.each([
    ['sum(a)by(b)', 'sum by (b) (a)'],
    ['sum by () (a)', 'sum(a)'],
    ['sum without () (a)', 'sum without () (a)'],
    ['a{c="d",b!="e"}', 'a{b!="e",c="d"}'],
    ['{__name__="a"}', '{__name__="a"}'],
    ['{"a.b", "c d"="e"}', '{"c d"="e",__name__="a.b"}'],
    ['a{}', 'a'],
    ['a[90s]', 'a[1m30s]'],
    ['a[90]', 'a[1m30s]'],
    ['a[1m*2]', 'a[1m * 2]'],
    ['a[min_of(step(),1m)+(2)]', 'a[min_of(step(), 1m) + (2)]'],
    ['a offset -1h', 'a offset -1h'],
    ['a offset -(1h)', 'a offset -(1h)'],
    ['a[5m] offset 1m @ 10', 'a[5m] @ 10.000 offset 1m'],
    ['a[5m] anchored offset 1m @ end()', 'a[5m] anchored @ end() offset 1m'],
    ['a[1h:] @ start()', 'a[1h:] @ start()'],
    ['a+on(b)group_left c', 'a + on (b) group_left () c'],
    ['a+ignoring()group_right(d)c', 'a + ignoring () group_right (d) c'],
    ['a+fill(1)b', 'a + fill (1) b'],
    ['a+fill_right(1)fill_left(2)b', 'a + fill_left (2) fill_right (1) b'],
    ['a>bool 1e3', 'a > bool 1000'],
    ['1e-7', '0.0000001'],
    ['1.5e300', `15${'0'.repeat(299)}`],
    ['-0', '-0'],
    ['+inf', '+Inf'],
    ['5m', '5m'],
    ["'x\"y'", '"x\\"y"'],
    ['"\\xff\\xc3\\xa4"', '"\\xffä"'],
    ['- a', '-a'],
    ['sum by ("a b") (c)', 'sum by ("a b") (c)'],
  ])('writes %s as %s', (query, printed) => {
    expect(printExpr(parseExpr(query))).toBe(printed);
    expect(printExpr(parseExpr(printed))).toBe(printed);
  });

  it('gives a query that reads back as the same expression', () => {
    fc.assert(
      fc.property(exprArbitrary, (expr) => {
        expect(withoutSpans(parseExpr(printExpr(expr)))).toEqual(withoutSpans(expr));
      }),
      { numRuns: 500 },
    );
  });

  it('gives a query that the grammar of Prometheus’s own editor accepts', () => {
    fc.assert(
      fc.property(exprArbitrary, (expr) => {
        expect(hasSyntaxError(printExpr(expr))).toBe(false);
      }),
      { numRuns: 300 },
    );
  });
});

describe('prettyExpr', () => {
  it('gives a query that reads back as the same expression', () => {
    fc.assert(
      fc.property(exprArbitrary, (expr) => {
        expect(withoutSpans(parseExpr(prettyExpr(expr)))).toEqual(withoutSpans(expr));
      }),
      { numRuns: 300 },
    );
  });

  it('stays quick for what is deep and long', () => {
    const expr = parseExpr(`a{b="${'x'.repeat(100_000)}"}${' + on (c) d'.repeat(990)}`);
    const times = [1, 2, 3].map(() => {
      const began = performance.now();
      prettyExpr(expr);
      return performance.now() - began;
    });
    expect(Math.min(...times)).toBeLessThan(5_000);
  });
});

describe('exprToJson', () => {
  it('writes the tree that parse_query answers', () => {
    expect(exprToJson(parseExpr('sum by (a) (rate(b{c="d"}[5m] offset 1m)) > bool 2'))).toEqual({
      type: 'binaryExpr',
      op: '>',
      bool: true,
      matching: null,
      lhs: {
        type: 'aggregation',
        op: 'sum',
        param: null,
        grouping: ['a'],
        without: false,
        expr: {
          type: 'call',
          func: { name: 'rate', argTypes: ['matrix'], variadic: 0, returnType: 'vector' },
          args: [
            {
              type: 'matrixSelector',
              name: 'b',
              range: 300_000,
              offset: 60_000,
              matchers: [
                { name: 'c', type: '=', value: 'd' },
                { name: '__name__', type: '=', value: 'b' },
              ],
              timestamp: null,
              startOrEnd: null,
            },
          ],
        },
      },
      rhs: { type: 'numberLiteral', val: '2' },
    });
  });
});

function hasSyntaxError(query: string): boolean {
  let isFound = false;
  lezerParser.parse(query).iterate({
    enter(node) {
      isFound ||= node.type.isError;
    },
  });
  return isFound;
}
