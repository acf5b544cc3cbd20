import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Expr } from '../ast.ts';
import { MAX_QUERY_LENGTH, parseExpr, parseMetricSelector } from './parse-expr.ts';
import { PromqlSyntaxError } from './promql-syntax-error.ts';
import { MAX_QUERY_DEPTH, MAX_QUERY_NESTING } from './token-cursor.ts';

describe('parseExpr', () => {
  it.each([
    ['1 + 2 * 3', '(1 + (2 * 3))'],
    ['1 - 2 - 3', '((1 - 2) - 3)'],
    ['2 ^ 3 ^ 2', '(2 ^ (3 ^ 2))'],
    ['-2 ^ 2', '-(2 ^ 2)'],
    ['-a * b', '(-a * b)'],
    ['a ^ -b * c', '((a ^ -b) * c)'],
    ['a or b and c unless d', '(a or ((b and c) unless d))'],
    ['a == bool b > bool c', '((a == b) > c)'],
    ['a + b atan2 c % d', '(a + ((b atan2 c) % d))'],
    ['a </ 5 >/ 1', '((a </ 5) >/ 1)'],
    ['a + b offset 5m', '(a + b)'],
  ])('groups %s by precedence', (query, grouped) => {
    expect(groups(parseExpr(query))).toBe(grouped);
  });

  it.each([
    ['0x1F', 31],
    ['017', 15],
    ['08', 8],
    ['1_000', 1000],
    ['0x_1f', 31],
    ['.5', 0.5],
    ['5.', 5],
    ['1e3', 1000],
    ['1E-2', 0.01],
    ['inF', Infinity],
    ['-Inf', -Infinity],
    ['nan', NaN],
    ['1h30m', 5400],
    ['-5m', -300],
    ['250ms', 0.25],
    ['0x7fffffffffffffff', 2 ** 63],
  ])('reads the number %s', (query, value) => {
    expect(parseExpr(query)).toMatchObject({ kind: 'number', value });
  });

  it.each([
    ['"a\\n\\"b\\\\"', 'a\n"b\\'],
    ["'it\\'s'", "it's"],
    ['`raw \\n "text"`', 'raw \\n "text"'],
    ['"\\u00e4\\U0001f600"', 'ä😀'],
    ['"\\xc3\\xa4\\303\\244"', 'ää'],
    ['"\\xff\\xe2\\x82\\xac\\xc0\\xed\\xa0"', '\udcff€\udcc0\udced\udca0'],
    ['"\\a\\v\\f\\b\\t\\r"', '\u0007\v\f\b\t\r'],
  ])('reads the string %s', (query, value) => {
    expect(parseExpr(query)).toMatchObject({ kind: 'string', value });
  });

  it.each([
    'sum',
    'by',
    'offset',
    'and',
    'start',
    'step',
    'anchored',
    'fill',
    'fill + fill',
    'min_of',
    'sum{by="x"}',
    'sum by (on, bool, group_left, and, atan2) (sum)',
    'a + on () b',
    'SUM BY (a) (x) AND ON (b) y',
  ])('takes keywords for names where they can only be that: %s', (query) => {
    expect(() => parseExpr(query)).not.toThrow();
  });

  it('reads quoted names of metrics and labels', () => {
    expect(parseExpr('{"my.metric", "my label"=~"x.*", b=\'c\'}')).toMatchObject({
      metricName: '',
      matchers: [
        { name: '__name__', kind: '=', value: 'my.metric' },
        { name: 'my label', kind: '=~', value: 'x.*' },
        { name: 'b', kind: '=', value: 'c' },
      ],
    });
  });

  it('reads comments and blanks wherever they stand', () => {
    const query = '# one\nsum # two\r\n ( rate ( a{ # three\n b = "#" } [ 5m ] ) \t) # four';
    expect(parseExpr(query)).toMatchObject({ kind: 'aggregation', span: { start: 6 } });
  });

  it.each([
    ['a offset -(5m)', { kind: 'negate' }],
    ['a offset -5m', { kind: 'literal', seconds: -300 }],
    ['a offset step()', { kind: 'step' }],
    ['a offset max_of(step(), 1m)', { kind: 'max' }],
    ['a offset (1 + 2)', { kind: 'paren' }],
    ['a offset 0s', null],
  ])('reads the offset of %s', (query, offset) => {
    const expr = parseExpr(query);
    if (expr.kind !== 'vector-selector') throw new Error(expr.kind);
    expect({ offset: expr.offset }).toMatchObject({ offset });
  });

  it('lets an offset end where arithmetic on the result begins', () => {
    expect(groups(parseExpr('a offset -2 ^ 2'))).toBe('(a ^ 2)');
    expect(groups(parseExpr('a offset step() * 2'))).toBe('(a * 2)');
  });

  it('puts modifiers on the selector, the range and the subquery', () => {
    expect(parseExpr('a[5m] @ -1.5 offset 1m')).toMatchObject({
      kind: 'matrix-selector',
      selector: { at: { kind: 'time', timeMs: -1500 }, offset: { seconds: 60 } },
    });
    expect(parseExpr('a[5m:1m] offset 1m @ end()')).toMatchObject({
      kind: 'subquery',
      at: { kind: 'end' },
      offset: { seconds: 60 },
    });
    expect(parseExpr('a[5m] smoothed')).toMatchObject({ selector: { extension: 'smoothed' } });
  });

  it('settles the matching of binary operators', () => {
    expect(parseExpr('a and b')).toMatchObject({ matching: { cardinality: 'many-to-many' } });
    expect(parseExpr('a + 1')).toMatchObject({ matching: null });
    expect(parseExpr('a * on (x) group_left (y) fill_right (0) fill_left (-1) b')).toMatchObject({
      matching: {
        cardinality: 'many-to-one',
        isOn: true,
        labels: ['x'],
        include: ['y'],
        fillLeft: -1,
        fillRight: 0,
      },
    });
  });

  // What Prometheus says, in its own words and at its own places.
  it.each([
    ['', 'unknown position: parse error: no expression found in input'],
    ['# nothing', '1:1: parse error: no expression found in input'],
    ['a b', '1:3: parse error: unexpected identifier "b"'],
    ['sum(a b)', '1:7: parse error: unexpected identifier "b" in aggregation'],
    ['a +\n +', '2:3: parse error: unexpected end of input'],
    ['a )', "1:4: parse error: unexpected right parenthesis ')'"],
    ['(a', '1:3: parse error: unclosed left parenthesis'],
    ['a]', "1:2: parse error: unexpected right bracket ']'"],
    ['a[5m', '1:5: parse error: unclosed left bracket'],
    ['a[', '1:3: parse error: unexpected end of input in duration expression'],
    [
      'a[]',
      '1:3: parse error: unexpected "]" in subquery or range selector, expected number, duration, step(), or range()',
    ],
    [
      'a[5m 6m]',
      '1:6: parse error: unexpected duration "6m" in subquery or range, expected ":" or "]"',
    ],
    ['a[5m:6m:]', "1:8: parse error: unexpected colon ':'"],
    ['a[foo]', "1:3: parse error: unexpected character in duration expression: 'f'"],
    ['a[-5m]', '1:3: parse error: duration must be greater than 0'],
    ['a[1m/0]', '1:5: parse error: division by zero'],
    [
      'a offset',
      '1:9: parse error: unexpected end of input in offset, expected number, duration, step(), or range()',
    ],
    [
      '1 offset 5m',
      '1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery',
    ],
    ['a offset 5m offset 6m', '1:1: parse error: offset may not be set multiple times'],
    ['a @ 5 @ 6', '1:1: parse error: @ <timestamp> may not be set multiple times'],
    ['a offset 5m [5m]', '1:13: parse error: no offset modifiers allowed before range'],
    ['a @ 5 [5m]', '1:7: parse error: no @ modifiers allowed before range'],
    ['(a)[5m]', '1:4: parse error: ranges only allowed for vector selectors'],
    [
      'a anchored smoothed',
      '1:1: parse error: anchored and smoothed modifiers cannot be used together',
    ],
    ['a[5m:] anchored', '1:1: parse error: anchored modifier is not supported for subqueries'],
    ['sum by (5) (a)', '1:9: parse error: unexpected number "5" in grouping opts, expected label'],
    ['sum by a (b)', '1:8: parse error: unexpected identifier "a" in grouping opts, expected "("'],
    [
      'sum by (a b) (c)',
      '1:11: parse error: unexpected identifier "b" in grouping opts, expected "," or ")"',
    ],
    ['sum()', '1:1: parse error: no arguments for aggregate expression provided'],
    [
      'sum(a, b)',
      '1:1: parse error: wrong number of arguments for aggregate expression provided, expected 1, got 2',
    ],
    ['abs(a,)', '1:6: parse error: trailing commas not allowed in function call args'],
    [
      'a{b c="d"}',
      '1:5: parse error: unexpected identifier "c" in label matching, expected label matching operator',
    ],
    [
      'a{b="c" d="e"}',
      '1:9: parse error: unexpected identifier "d" in label matching, expected "," or "}"',
    ],
    ['a{b="\\q"}', "1:5: parse error: unknown escape sequence U+0071 'q'"],
    ['"a', '1:1: parse error: unterminated quoted string'],
    ['`a', '1:1: parse error: unterminated raw string'],
    ['"\\ud800"', '1:1: parse error: escape sequence is an invalid Unicode code point'],
    ['1..2', '1:1: parse error: bad number or duration syntax: "1.."'],
    ['1x', '1:1: parse error: bad number or duration syntax: "1"'],
    ['5d5y', '1:1: parse error: bad number or duration syntax: "5d5"'],
    ['1m1h', '1:1: parse error: not a valid duration string: "1m1h"'],
    [
      '1e999',
      '1:1: parse error: error parsing number: strconv.ParseFloat: parsing "1e999": value out of range',
    ],
    [
      '0x.5',
      '1:1: parse error: error parsing number: strconv.ParseFloat: parsing "0x.5": invalid syntax',
    ],
    ['ä', "1:1: parse error: unexpected character: 'ä'"],
    ['a{b="ä"} $', "1:11: parse error: unexpected character: '$'"],
    ['a{__name__="b"}', '1:1: parse error: metric name must not be set twice: "a" or "b"'],
    ['a + bool b', '1:3: parse error: bool modifier can only be used on comparison operators'],
    [
      'a + on (x) group_left (x) b',
      '1:3: parse error: label "x" must not occur in ON and GROUP clause at once',
    ],
    ['a and on (x) group_left () b', '1:1: parse error: no grouping allowed for "and" operation'],
    [
      'a and fill (1) b',
      '1:1: parse error: filling in missing series not allowed for set operators',
    ],
    ['a + on (x) 1', '1:1: parse error: vector matching only allowed between instant vectors'],
    [
      'a + fill (1) 1',
      '1:1: parse error: filling in missing series only allowed between instant vectors',
    ],
    ['rate(a[5m])[5m]', '1:12: parse error: ranges only allowed for vector selectors'],
    [
      'a[5m][5m:]',
      '1:1: parse error: subquery is only allowed on instant vector, got matrix instead',
    ],
    ['clamp(a, 1)', '1:1: parse error: expected 3 argument(s) in call to "clamp", got 2'],
    ['round()', '1:1: parse error: expected at least 1 argument(s) in call to "round", got 0'],
    [
      'round(a, 1, 2)',
      '1:1: parse error: expected at most 2 argument(s) in call to "round", got 3',
    ],
    ['info(a, b)', '1:9: parse error: expected label selectors only, got vector selector instead'],
    ['RATE(a[5m])', '1:1: parse error: unknown function with name "RATE"'],
    [
      'count_values(1, a)',
      '1:14: parse error: expected type string in aggregation parameter, got scalar',
    ],
  ])('refuses %s', (query, message) => {
    expect(() => parseExpr(query)).toThrow(
      expect.objectContaining({ name: 'PromqlSyntaxError', message }),
    );
  });

  it.each([
    ['nested parentheses', '('.repeat(10_000) + '1' + ')'.repeat(10_000)],
    ['parentheses that never close', '('.repeat(100_000)],
    ['a chain of operators', `1${'+1'.repeat(100_000)}`],
    ['signs', `${'-'.repeat(100_000)}a`],
    ['subqueries of subqueries', `a${'[5m:1m]'.repeat(30_000)}`],
    ['calls', 'abs('.repeat(50_000)],
    ['aggregations', 'sum('.repeat(50_000)],
    ['durations', `a[${'('.repeat(50_000)}`],
    ['a chain of durations', `a[1${'+1'.repeat(50_000)}]`],
    ['signs of durations', `a[${'-'.repeat(50_000)}1]`],
    [
      'thousands of regular expressions',
      `a{${Array.from({ length: 8_000 }, (_, i) => `b=~"(x${i}|y)+"`).join()}}`,
    ],
    ['a megabyte of text', 'a'.repeat(1_048_576)],
    ['a megabyte of string', `"${'\\n'.repeat(524_288)}"`],
  ])('refuses %s at once', (_, query) => {
    // The best of some tries, as others may want the machine as well.
    const times = [1, 2, 3, 4].map(() => {
      const began = performance.now();
      expect(() => parseExpr(query)).toThrow(PromqlSyntaxError);
      return performance.now() - began;
    });
    expect(Math.min(...times)).toBeLessThan(2_000);
  });

  it('never fails in any other way', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        ...'( ) { } [ ] , : = =~ !~ != == < > <= >= </ >/ + - * / % ^ @ # \n " \' ` \\ . _ 1 1m 0x1 1e5 NaN Inf'.split(
          ' ',
        ),
        ...'sum by without on ignoring group_left fill bool offset and or unless atan2 anchored start end step'.split(
          ' ',
        ),
        ...'a rate( abs( topk( min_of( {b="c"} [5m] [5m:1m] offset 1m @ 1 @ start()'.split(' '),
      ),
      fc.string({ unit: 'binary', maxLength: 3 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 15 }), fc.constantFrom('', ' '), (pieces, glue) => {
        let failure: unknown = null;
        try {
          parseExpr(pieces.join(glue));
        } catch (error) {
          failure = error;
        }
        expect(failure === null || failure instanceof PromqlSyntaxError).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['labels', `a + on (${list(15_000, 'x')}) group_left (${list(15_000, 'y')}) b`],
    ['matchers', `a{${Array.from({ length: 15_000 }, (_, i) => `b="${i}"`).join()}}`],
    ['arguments', `label_join(a, "b", "c", ${Array.from({ length: 50_000 }, () => '"d"').join()})`],
    ['escapes', `"${'\\xff'.repeat(50_000)}"`],
    ['comments', '#\n'.repeat(100_000) + '1'],
  ])('takes many %s in good time', (_, query) => {
    const times = [1, 2, 3].map(() => {
      const began = performance.now();
      expect(() => parseExpr(query)).not.toThrow();
      return performance.now() - began;
    });
    expect(Math.min(...times)).toBeLessThan(5_000);
  });

  it.each([
    ['selectors', (i: number) => `x{a=~"(.{1,60}y){2}${i}"}`],
    ['label_replace', (i: number) => `label_replace(x, "a", "$1", "b", "(.{1,60}y){2}${i}")`],
  ])('bounds what the regular expressions of a query cost together: %s', (_, part) => {
    const many = (count: number): string =>
      Array.from({ length: count }, (__, i) => part(i)).join(' or ');
    expect(() => parseExpr(many(5))).not.toThrow();
    expect(() => parseExpr(many(120))).toThrow(
      /the regular expressions of the query come to about \d+ characters/,
    );
    // The same one again costs nothing.
    expect(() => parseExpr(Array(120).fill(part(1)).join(' or '))).not.toThrow();
  });
  it('does not count lists of values, which are looked up', () => {
    const values = Array.from({ length: 6_000 }, (_, i) => `host-${i}`).join('|');
    expect(() => parseExpr(`x{a=~"${values}"} or y{a=~"${values}|z"}`)).not.toThrow();
  });
  it('takes what is just within its limits', () => {
    const levels = MAX_QUERY_NESTING - 1;
    expect(() => parseExpr('('.repeat(levels) + '1' + ')'.repeat(levels))).not.toThrow();
    expect(() => parseExpr('sum('.repeat(levels) + 'a' + ')'.repeat(levels))).not.toThrow();
    expect(() => parseExpr(`1${'+1'.repeat(MAX_QUERY_DEPTH - 1)}`)).not.toThrow();
    expect(() => parseExpr(`"${'a'.repeat(MAX_QUERY_LENGTH - 2)}"`)).not.toThrow();
  });

  it.each([
    ['info(a)', 'experimentalFunctions'],
    ['limitk(1, a)', 'experimentalFunctions'],
    ['a[5m * 2]', 'durationExpressions'],
    ['a[5m] anchored', 'extendedRangeSelectors'],
    ['a + fill (0) b', 'fillModifiers'],
  ])('can do without the feature of %s', (query, feature) => {
    expect(() => parseExpr(query)).not.toThrow();
    expect(() => parseExpr(query, { features: { [feature]: false } })).toThrow('parse error');
  });
});

describe('parseMetricSelector', () => {
  it('gives the matchers', () => {
    expect(parseMetricSelector('up{job=~"a|b"}').map(String)).toEqual([
      'job=~"a|b"',
      '__name__="up"',
    ]);
    expect(parseMetricSelector('{}')).toEqual([]);
  });

  it.each(['up[5m]', 'sum(up)', 'up offset 5m', '', '1', 'up{'])('refuses %s', (query) => {
    expect(() => parseMetricSelector(query)).toThrow('parse error');
  });
});

function list(count: number, prefix: string): string {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`).join();
}

/** The expression with every binary operation in parentheses and without modifiers. */
function groups(expr: Expr): string {
  if (expr.kind === 'binary') {
    return `(${groups(expr.left)} ${expr.operator} ${groups(expr.right)})`;
  }
  if (expr.kind === 'unary') return `${expr.operator}${groups(expr.operand)}`;
  if (expr.kind === 'number') return String(expr.value);
  return expr.kind === 'vector-selector' ? expr.metricName : expr.kind;
}
