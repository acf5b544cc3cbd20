import fc from 'fast-check';
import { Matcher } from '#libs/labels';
import type {
  AggregationOperator,
  BinaryOperator,
  DurationExpr,
  Expr,
  VectorMatching,
  VectorSelector,
} from '#libs/promql';

/*
 * Random expressions for property tests: well typed, and with parentheses where printing needs them, as the tree of a
 * query that was read has them.
 */

const span = { start: 0, end: 0 };
const PRECEDENCE: Readonly<Record<string, number>> = {
  or: 1,
  and: 2,
  unless: 2,
  '==': 3,
  '!=': 3,
  '<': 3,
  '<=': 3,
  '>': 3,
  '>=': 3,
  '</': 3,
  '>/': 3,
  '+': 4,
  '-': 4,
  '*': 5,
  '/': 5,
  '%': 5,
  atan2: 5,
  '^': 6,
};
const DURATION_OPERATORS = ['+', '-', '*', '/', '%', '^'] as const;
const COMPARISONS: readonly BinaryOperator[] = ['==', '!=', '<', '<=', '>', '>='];
const ARITHMETIC: readonly BinaryOperator[] = ['+', '-', '*', '/', '%', '^', 'atan2'];
const SETS: readonly BinaryOperator[] = ['and', 'or', 'unless'];

const name = fc.constantFrom('up', 'http_requests_total', 'job:rate:5m', 'sum', 'by', 'fill');
const label = fc.constantFrom(
  'job',
  'instance',
  'le',
  'on',
  'my label',
  'with.dot',
  '__type__',
  'ä',
);
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom('', 'a|b', '\\', '"', '`', '\n'),
);
const regexp = fc.constantFrom('', '.*', '.+', 'a|b', 'x.*y', '[^"]\\d+', '(?i)a');

const matcher = fc
  .oneof(
    fc.tuple(label, fc.constantFrom('=' as const, '!=' as const), text),
    fc.tuple(label, fc.constantFrom('=~' as const, '!~' as const), regexp),
  )
  .map(([key, kind, value]) => new Matcher(key, kind, value));

const milliseconds = fc.integer({ min: 1, max: 400 * 86_400_000 });
const durationLiteral = milliseconds.map((value): DurationExpr => ({
  kind: 'literal',
  seconds: value / 1000,
  isDuration: true,
  span,
}));

const durationTree = fc.letrec<{ tree: DurationExpr }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    durationLiteral,
    fc
      .integer({ min: 1, max: 1000 })
      .map((seconds): DurationExpr => ({ kind: 'literal', seconds, isDuration: false, span })),
    fc.constantFrom<DurationExpr>({ kind: 'step', span }, { kind: 'range', span }),
    fc
      .tuple(fc.constantFrom('min' as const, 'max' as const), tie('tree'), tie('tree'))
      .map(([kind, left, right]): DurationExpr => ({ kind, left, right, span })),
    fc
      .tuple(fc.constantFrom(...DURATION_OPERATORS), tie('tree'), tie('tree'))
      .map(([operator, left, right]): DurationExpr => ({
        kind: 'arithmetic',
        operator,
        left: wrapDuration(left, PRECEDENCE[operator]!, operator === '^'),
        right: wrapDuration(right, PRECEDENCE[operator]!, operator !== '^'),
        span,
      })),
    tie('tree').map((operand): DurationExpr => ({
      kind: 'negate',
      operand: { kind: 'paren', operand, span },
      span,
    })),
    tie('tree').map((operand): DurationExpr => ({ kind: 'paren', operand, span })),
  ),
})).tree;

function wrapDuration(
  operand: DurationExpr,
  precedence: number,
  wrapsEqual: boolean,
): DurationExpr {
  const own =
    operand.kind === 'arithmetic'
      ? PRECEDENCE[operand.operator]!
      : operand.kind === 'negate'
        ? 5
        : 9;
  return own < precedence || (own === precedence && wrapsEqual)
    ? { kind: 'paren', operand, span }
    : operand;
}

/** In brackets and after `offset`, a number that stands alone is printed as a duration. */
const range = fc.oneof(
  durationLiteral,
  durationTree.filter((tree) => tree.kind !== 'literal'),
);
const offset = fc.oneof(
  fc.constant(null),
  durationLiteral,
  milliseconds.map((value): DurationExpr => ({
    kind: 'literal',
    seconds: -value / 1000,
    isDuration: true,
    span,
  })),
  durationTree.filter((tree) => tree.kind !== 'literal' && tree.kind !== 'arithmetic'),
);
const at = fc.oneof(
  fc.constant(null),
  fc.integer({ min: -1e12, max: 1e13 }).map((timeMs) => ({ kind: 'time' as const, timeMs })),
  fc.constantFrom({ kind: 'start' as const }, { kind: 'end' as const }),
);
const extension = fc.constantFrom(null, null, 'anchored' as const, 'smoothed' as const);

const selector = fc
  .record({ metricName: name, others: fc.array(matcher, { maxLength: 3 }), offset, at, extension })
  .map((parts): VectorSelector => ({
    kind: 'vector-selector',
    metricName: parts.metricName,
    matchers: [...parts.others, new Matcher('__name__', '=', parts.metricName)],
    offset: parts.offset,
    at: parts.at,
    extension: parts.extension,
    span,
  }));

const numberLiteral = fc.oneof(
  fc.double().map((value): Expr => ({ kind: 'number', value, isDuration: false, span })),
  fc
    .integer({ min: -1e9, max: 1e9 })
    .map((value): Expr => ({ kind: 'number', value: value / 1000, isDuration: true, span }))
    .filter((literal) => literal.kind === 'number' && literal.value !== 0),
);
const stringLiteral = text.map((value): Expr => ({
  kind: 'string',
  value: value.toWellFormed(),
  span,
}));

const labels = fc.uniqueArray(label, { maxLength: 3 });
const fill = fc.oneof(fc.constant(null), fc.constantFrom(0, 1.5, -2, NaN, Infinity));
const matching = fc
  .record({
    cardinality: fc.constantFrom(
      'one-to-one' as const,
      'many-to-one' as const,
      'one-to-many' as const,
    ),
    isOn: fc.boolean(),
    labels,
    include: labels,
    fillLeft: fill,
    fillRight: fill,
  })
  .map(({ cardinality, isOn, labels: own, include, fillLeft, fillRight }): VectorMatching => {
    const copied = include.filter((copy) => !isOn || !own.includes(copy));
    const isGrouped = cardinality !== 'one-to-one';
    return {
      cardinality,
      isOn,
      labels: own,
      include: isGrouped ? copied : [],
      fillLeft,
      fillRight,
    };
  });

function binary(
  operator: BinaryOperator,
  left: Expr,
  right: Expr,
  returnsBool: boolean,
  how: VectorMatching | null,
): Expr {
  const precedence = PRECEDENCE[operator]!;
  return {
    kind: 'binary',
    operator,
    left: wrap(left, precedence, operator === '^', true),
    right: wrap(right, precedence, operator !== '^', false),
    returnsBool,
    matching: how,
    span,
  };
}

function wrap(operand: Expr, precedence: number, wrapsEqual: boolean, isLeft: boolean): Expr {
  const isSigned =
    operand.kind === 'unary' ||
    (operand.kind === 'number' &&
      (operand.value < 0 || Object.is(operand.value, -0) || operand.value === Infinity));
  const own =
    operand.kind === 'binary' ? PRECEDENCE[operand.operator]! : isSigned ? (isLeft ? 5 : 9) : 9;
  return own < precedence || (own === precedence && wrapsEqual && operand.kind === 'binary')
    ? { kind: 'paren', expr: operand, span }
    : operand;
}

const many = { depthSize: 'small', withCrossShrink: true } as const;

function call(functionName: string, ...args: Expr[]): Expr {
  return { kind: 'call', functionName, args, span };
}

/** A random instant vector or scalar expression. */
export const exprArbitrary: fc.Arbitrary<Expr> = fc.letrec<{
  vector: Expr;
  scalar: Expr;
  matrix: Expr;
}>((tie) => {
  const vector = tie('vector');
  const scalar = tie('scalar');
  const matrix = tie('matrix');
  return {
    vector: fc.oneof(
      many,
      selector,
      fc
        .tuple(
          fc.constantFrom('sum', 'avg', 'min', 'count', 'stddev', 'group'),
          vector,
          labels,
          fc.boolean(),
        )
        .map(([operator, expr, grouping, isWithout]): Expr => ({
          kind: 'aggregation',
          operator: operator as AggregationOperator,
          expr,
          parameter: null,
          grouping,
          isWithout,
          span,
        })),
      fc
        .tuple(fc.constantFrom('topk', 'quantile', 'limitk'), scalar, vector, labels)
        .map(([operator, parameter, expr, grouping]): Expr => ({
          kind: 'aggregation',
          operator: operator as AggregationOperator,
          expr,
          parameter,
          grouping,
          isWithout: false,
          span,
        })),
      fc.tuple(stringLiteral, vector).map(([parameter, expr]): Expr => ({
        kind: 'aggregation',
        operator: 'count_values',
        expr,
        parameter,
        grouping: [],
        isWithout: false,
        span,
      })),
      fc
        .tuple(fc.constantFrom('rate', 'increase', 'avg_over_time', 'absent_over_time'), matrix)
        .map(([functionName, arg]) => call(functionName, arg)),
      fc.tuple(vector, scalar).map(([first, second]) => call('clamp_max', first, second)),
      fc.tuple(scalar, vector).map(([first, second]) => call('histogram_quantile', first, second)),
      fc
        .tuple(vector, fc.array(stringLiteral, { minLength: 3, maxLength: 4 }))
        .map(([first, rest]) => call('label_join', first, ...rest)),
      scalar.map((arg) => call('vector', arg)),
      fc
        .tuple(
          fc.constantFrom(...ARITHMETIC, ...COMPARISONS),
          vector,
          vector,
          fc.boolean(),
          matching,
        )
        .map(([operator, left, right, flag, how]) =>
          binary(operator, left, right, flag && COMPARISONS.includes(operator), how),
        ),
      fc
        .tuple(fc.constantFrom(...SETS), vector, vector, labels, fc.boolean())
        .map(([operator, left, right, own, isOn]) =>
          binary(operator, left, right, false, {
            cardinality: 'many-to-many',
            isOn,
            labels: own,
            include: [],
            fillLeft: null,
            fillRight: null,
          }),
        ),
      fc
        .tuple(
          fc.constantFrom(...ARITHMETIC, ...COMPARISONS, '</' as const, '>/' as const),
          vector,
          scalar,
          fc.boolean(),
        )
        .map(([operator, left, right, flips]) =>
          flips
            ? binary(operator, right, left, false, null)
            : binary(operator, left, right, false, null),
        ),
      fc
        .tuple(fc.constantFrom('+' as const, '-' as const), vector)
        .map(([operator, operand]): Expr => ({
          kind: 'unary',
          operator,
          operand: wrap(operand, 6, false, false),
          span,
        })),
      vector.map((expr): Expr => ({ kind: 'paren', expr, span })),
    ),
    scalar: fc.oneof(
      many,
      numberLiteral,
      fc.constantFrom('time', 'pi', 'start', 'step').map((functionName) => call(functionName)),
      vector.map((arg) => call('scalar', arg)),
      fc
        .tuple(fc.constantFrom(...ARITHMETIC, ...COMPARISONS), scalar, scalar)
        .map(([operator, left, right]) =>
          binary(operator, left, right, COMPARISONS.includes(operator), null),
        ),
      scalar.map((expr): Expr => ({ kind: 'paren', expr, span })),
    ),
    matrix: fc.oneof(
      many,
      fc.tuple(selector, range).map(([own, length]): Expr => ({
        kind: 'matrix-selector',
        selector: own,
        range: length,
        span,
      })),
      fc
        .tuple(vector, range, fc.option(range), offset, at)
        .map(([expr, length, step, own, time]): Expr => ({
          kind: 'subquery',
          expr: wrapForBrackets(expr),
          range: length,
          step,
          offset: own,
          at: time,
          span,
        })),
    ),
  };
}).vector;

/** Brackets bind tighter than any operator. */
function wrapForBrackets(expr: Expr): Expr {
  return expr.kind === 'binary' || expr.kind === 'unary' ? { kind: 'paren', expr, span } : expr;
}

/** An expression without its positions and the order of its matchers, to compare trees by. */
export function withoutSpans(value: unknown): unknown {
  if (value instanceof Matcher) return value.key;
  if (Array.isArray(value)) {
    const items = value.map(withoutSpans);
    return value[0] instanceof Matcher
      ? items.toSorted((a, b) => (String(a) < String(b) ? -1 : 1))
      : items;
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== 'span')
      .map(([key, inner]) => [key, withoutSpans(inner)]),
  );
}
