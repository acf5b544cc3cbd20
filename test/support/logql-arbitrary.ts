import fc from 'fast-check';
import { Matcher } from '#libs/labels';
import type {
  BinaryExpr,
  BinaryOperator,
  ComparisonOperator,
  Grouping,
  LabelFilter,
  LogExpr,
  LogqlExpr,
  MetricExpr,
  RangeAggregation,
  Stage,
} from '#libs/logql';

const label = fc.constantFrom('app', 'level', 'json', 'or', 'by', 'ip', '_x1', 'unwrap', 'on');
const text = fc.oneof(
  fc.string({ maxLength: 8 }),
  fc.constantFrom('a"b', '`', '\\d+', 'ä\n', '{{'),
);
const pattern = fc.constantFrom('a.*', 'x|y', '', '(?i)err', '[0-9]+');

const matcher = fc.oneof(
  fc
    .tuple(label, fc.constantFrom('=' as const, '!=' as const), text)
    .map(([name, kind, value]) => new Matcher(name, kind, value)),
  fc
    .tuple(label, fc.constantFrom('=~' as const, '!~' as const), pattern)
    .map(([name, kind, value]) => new Matcher(name, kind, value)),
);

const comparison = fc.constantFrom<ComparisonOperator>('==', '!=', '>', '>=', '<', '<=');

const filter: fc.Arbitrary<LabelFilter> = fc.letrec<{ filter: LabelFilter }>((tie) => ({
  filter: fc.oneof(
    { depthSize: 'small' },
    matcher.map((each): LabelFilter => ({ kind: 'matcher', matcher: each })),
    fc.record({
      kind: fc.constant('number' as const),
      label,
      operator: comparison,
      value: fc
        .double({ noNaN: true, noDefaultInfinity: true })
        .filter((value) => !Object.is(value, -0)),
    }),
    fc.record({
      kind: fc.constant('duration' as const),
      label,
      operator: comparison,
      value: fc.integer({ min: -1_000_000_000_000, max: 1_000_000_000_000 }),
    }),
    fc.record({
      kind: fc.constant('bytes' as const),
      label,
      operator: comparison,
      value: fc.maxSafeNat(),
    }),
    fc.record({
      kind: fc.constant('ip' as const),
      label,
      isNegated: fc.boolean(),
      value: fc.constantFrom('10.0.0.1', '10.0.0.0/8', '::1', '1.1.1.1-1.1.1.9'),
    }),
    fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const),
      left: tie('filter'),
      right: tie('filter'),
    }),
  ),
})).filter;

const extractions = fc
  .uniqueArray(label, { maxLength: 3 })
  .map((labels) => labels.map((each) => ({ label: each, expression: `${each}.a[0]["b c"]` })));

const choice = fc.oneof(
  label.map((name) => ({ kind: 'name' as const, name })),
  matcher.map((each) => ({ kind: 'matcher' as const, matcher: each })),
);

const stage: fc.Arbitrary<Stage> = fc.oneof(
  fc.record({
    kind: fc.constant('line-filter' as const),
    operator: fc.constantFrom('|=' as const, '!=' as const),
    texts: fc.array(
      fc.oneof(
        text.map((value) => ({ kind: 'text' as const, value })),
        fc.constant({ kind: 'ip' as const, value: '10.0.0.0/8' }),
      ),
      { minLength: 1, maxLength: 3 },
    ),
  }),
  fc.record({
    kind: fc.constant('line-filter' as const),
    operator: fc.constantFrom('|~' as const, '!~' as const),
    texts: fc.array(
      pattern.map((value) => ({ kind: 'text' as const, value })),
      {
        minLength: 1,
        maxLength: 3,
      },
    ),
  }),
  fc.constant<Stage>({
    kind: 'line-filter',
    operator: '|>',
    texts: [{ kind: 'text', value: '<_> a <_>' }],
  }),
  fc.record({ kind: fc.constant('json' as const), extractions }),
  fc.record({
    kind: fc.constant('logfmt' as const),
    isStrict: fc.boolean(),
    keepsEmpty: fc.boolean(),
    extractions: extractions.map((all) => all.map((each) => ({ ...each, expression: 'key' }))),
  }),
  fc.constant<Stage>({ kind: 'regexp', pattern: '(?P<name>\\w+)' }),
  fc.constant<Stage>({ kind: 'pattern', pattern: '<a> "<_>"' }),
  fc.record({ kind: fc.constantFrom('unpack' as const, 'decolorize' as const) }),
  filter.map((each): Stage => ({ kind: 'label-filter', filter: each })),
  fc.constant<Stage>({ kind: 'line-format', template: '{{.a | upper}}\n`' }),
  fc.uniqueArray(label, { minLength: 1, maxLength: 3 }).map((labels): Stage => ({
    kind: 'label-format',
    assignments: labels.map((target, i) => ({
      target,
      source: i % 2 === 0 ? { kind: 'label', value: 'x' } : { kind: 'template', value: '{{.a}}' },
    })),
  })),
  fc.record({
    kind: fc.constantFrom('drop' as const, 'keep' as const),
    choices: fc.array(choice, { minLength: 1, maxLength: 3 }),
  }),
);

const log: fc.Arbitrary<LogExpr> = fc
  .tuple(fc.array(matcher, { maxLength: 2 }), fc.array(stage, { maxLength: 4 }))
  .map(([matchers, stages]) => ({
    kind: 'log',
    matchers: [new Matcher('app', '=', 'x'), ...matchers],
    stages: stages.filter((each, i) => !isTakenForMatcher(stages[i - 1], each)),
  }));

/** No text stands for this: behind the last label of `drop`, `!= "x"` is about the label's value. */
function isTakenForMatcher(before: Stage | undefined, each: Stage): boolean {
  return (
    (before?.kind === 'drop' || before?.kind === 'keep') &&
    each.kind === 'line-filter' &&
    (each.operator === '!=' || each.operator === '!~')
  );
}

const grouping: fc.Arbitrary<Grouping> = fc.record({
  isWithout: fc.boolean(),
  labels: fc.array(label, { maxLength: 3 }),
});

const rangeNs = fc.integer({ min: 1, max: 1_000_000_000_000_000 });

const range: fc.Arbitrary<RangeAggregation> = fc.oneof(
  fc.record({
    kind: fc.constant('range-aggregation' as const),
    operator: fc.constantFrom('rate' as const, 'count_over_time' as const, 'bytes_rate' as const),
    parameter: fc.constant(null),
    log,
    unwrap: fc.constant(null),
    rangeNs,
    offsetNs: fc.integer({ min: -1_000_000, max: 1_000_000 }),
    grouping: fc.constant(null),
  }),
  fc.record({
    kind: fc.constant('range-aggregation' as const),
    operator: fc.constant('quantile_over_time' as const),
    parameter: fc.double({ min: 0, max: 1, noNaN: true }).filter((value) => !Object.is(value, -0)),
    log,
    unwrap: fc.record({
      label,
      conversion: fc.constantFrom('number' as const, 'duration' as const, 'bytes' as const),
      filters: fc.array(filter, { maxLength: 2 }),
    }),
    rangeNs,
    offsetNs: fc.constant(0),
    grouping: fc.option(grouping),
  }),
);

const metric: fc.Arbitrary<MetricExpr> = fc.letrec<{ metric: MetricExpr }>((tie) => ({
  metric: fc.oneof(
    { depthSize: 'small' },
    range,
    fc.record({
      kind: fc.constant('vector' as const),
      value: fc.integer({ min: -100, max: 100 }).filter((value) => !Object.is(value, -0)),
    }),
    fc.record({
      kind: fc.constant('vector-aggregation' as const),
      operator: fc.constantFrom('sum' as const, 'max' as const, 'count' as const),
      parameter: fc.constant(null),
      expr: tie('metric'),
      grouping: fc.option(grouping),
    }),
    fc.record({
      kind: fc.constant('vector-aggregation' as const),
      operator: fc.constantFrom('topk' as const, 'bottomk' as const),
      parameter: fc.integer({ min: 1, max: 100 }),
      expr: tie('metric'),
      grouping: fc.option(grouping),
    }),
    fc.record({
      kind: fc.constant('label-replace' as const),
      expr: tie('metric'),
      target: label,
      replacement: text,
      source: label,
      pattern,
    }),
    fc
      .record({
        kind: fc.constant('binary' as const),
        operator: fc.constantFrom<BinaryOperator>(
          '+',
          '-',
          '*',
          '/',
          '^',
          '==',
          '>',
          'and',
          'or',
          'unless',
        ),
        left: tie('metric'),
        right: tie('metric'),
        bool: fc.boolean(),
        matching: fc.option(
          fc.record({
            isOn: fc.boolean(),
            labels: fc.array(label, { maxLength: 2 }),
            group: fc.constantFrom('left' as const, 'right' as const, null),
          }),
        ),
      })
      // oxlint-disable-next-line oxc/no-map-spread -- a few small trees
      .map(({ operator, bool, matching, ...rest }): BinaryExpr => {
        const isComparison = operator === '==' || operator === '>';
        const isSet = /^[a-z]/.test(operator);
        return {
          ...rest,
          operator,
          returnsBool: bool && isComparison,
          matching:
            matching === null
              ? null
              : { ...matching, group: isSet ? null : matching.group, include: [] },
        };
      }),
  ),
})).metric;

/** Queries of every construct that the printer and the parser know. */
export const logqlArbitrary: fc.Arbitrary<LogqlExpr> = fc.oneof(log, metric);
