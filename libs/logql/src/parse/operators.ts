import type { MatcherKind } from '#libs/labels';
import type {
  LineFilterOperator,
  RangeAggregation,
  RangeOperator,
  VectorOperator,
} from '../ast.ts';

/** Range aggregations, and whether they take lines, unwrapped values or both, and a grouping. */
const RANGE_SIGNATURES: ReadonlyMap<
  RangeOperator,
  { readonly takes: 'lines' | 'values' | 'both'; readonly groups: boolean }
> = new Map([
  ['rate', { takes: 'both', groups: false }],
  ['rate_counter', { takes: 'values', groups: false }],
  ['count_over_time', { takes: 'lines', groups: false }],
  ['bytes_rate', { takes: 'lines', groups: false }],
  ['bytes_over_time', { takes: 'lines', groups: false }],
  ['absent_over_time', { takes: 'both', groups: false }],
  ['sum_over_time', { takes: 'values', groups: false }],
  ['avg_over_time', { takes: 'values', groups: true }],
  ['min_over_time', { takes: 'values', groups: true }],
  ['max_over_time', { takes: 'values', groups: true }],
  ['first_over_time', { takes: 'values', groups: true }],
  ['last_over_time', { takes: 'values', groups: true }],
  ['stddev_over_time', { takes: 'values', groups: true }],
  ['stdvar_over_time', { takes: 'values', groups: true }],
  ['quantile_over_time', { takes: 'values', groups: true }],
]);

/** The words of a closed set, to be looked up as text. */
function words<T extends string>(all: Iterable<T>): ReadonlyMap<string, T> {
  return new Map(Array.from(all, (word): [string, T] => [word, word]));
}

export const RANGE_OPERATORS = words(RANGE_SIGNATURES.keys());

export const VECTOR_OPERATORS = words<VectorOperator>([
  'sum',
  'avg',
  'min',
  'max',
  'count',
  'stddev',
  'stdvar',
  'topk',
  'bottomk',
  'sort',
  'sort_desc',
]);

export const MATCHER_KINDS = words<MatcherKind>(['=', '!=', '=~', '!~']);

export const LINE_FILTERS = words<LineFilterOperator>(['|=', '!=', '|~', '!~', '|>', '!>']);

/** Why a range aggregation does not fit its operator, or null. */
export function checkRangeAggregation(aggregation: RangeAggregation): string | null {
  const { operator, unwrap, grouping } = aggregation;
  const { takes, groups } = RANGE_SIGNATURES.get(operator)!;
  if (takes === 'values' && unwrap === null) {
    return `invalid aggregation ${operator} without unwrap`;
  }
  if (takes === 'lines' && unwrap !== null) return `invalid aggregation ${operator} with unwrap`;
  if (grouping !== null && !groups) return `grouping not allowed for ${operator} aggregation`;
  return null;
}
