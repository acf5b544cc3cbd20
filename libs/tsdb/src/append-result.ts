import type { ExtrasResult } from './batch-extras.ts';

/** Why a sample was not stored; the set is closed because it becomes a metric label. */
export type RejectReason =
  /** Older than the series' youngest sample while no out-of-order window is configured. */
  | 'out_of_order'
  /** The series has a sample of that time with another value. */
  | 'duplicate'
  /** Beyond the out-of-order window or the retention. */
  | 'too_old'
  | 'too_far_in_future'
  /** Not a whole number of milliseconds. */
  | 'invalid_time'
  /** The store holds as many series as it may. */
  | 'series_limit'
  /** A target, a namespace or whatever else has a budget holds as many series as it may. */
  | 'series_budget'
  /** The store holds as many out-of-order samples as it may. */
  | 'out_of_order_limit'
  | 'label_count_limit'
  | 'label_name_too_long'
  | 'label_value_too_long'
  /** An empty or ill-formed name, an ill-formed value, or no labels at all. */
  | 'invalid_labels';

/** All reasons, in the order of {@link AppendResult.rejected}. */
export const REJECT_REASONS: readonly RejectReason[] = [
  'out_of_order',
  'duplicate',
  'too_old',
  'too_far_in_future',
  'invalid_time',
  'series_limit',
  'series_budget',
  'out_of_order_limit',
  'label_count_limit',
  'label_name_too_long',
  'label_value_too_long',
  'invalid_labels',
];

/** The first sample a batch lost, to name in an answer. */
export interface Rejection {
  readonly reason: RejectReason;
  /** The series as PromQL writes it, cut to a bounded length. */
  readonly series: string;
  readonly timeMs: number;
}

/** What became of the samples of one batch. */
export interface AppendResult {
  /** Samples stored. */
  readonly accepted: number;
  /** Samples that were there already with the same time and the same bits; as good as accepted. */
  readonly repeated: number;
  /** How many of the accepted and the repeated ones are native histograms. */
  readonly histograms: number;
  readonly rejected: Readonly<Record<RejectReason, number>>;
  readonly rejectedTotal: number;
  readonly firstRejection: Rejection | null;
  readonly extras: ExtrasResult;
  /** To be handed to `committed()`: when that resolves, the samples are on disk. */
  readonly position: number;
}

/** A record with a zero for every reason. */
export function noRejections(): Record<RejectReason, number> {
  return {
    out_of_order: 0,
    duplicate: 0,
    too_old: 0,
    too_far_in_future: 0,
    invalid_time: 0,
    series_limit: 0,
    series_budget: 0,
    out_of_order_limit: 0,
    label_count_limit: 0,
    label_name_too_long: 0,
    label_value_too_long: 0,
    invalid_labels: 0,
  };
}
