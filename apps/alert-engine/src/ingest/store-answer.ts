import { LogWriteError } from '#libs/record-log';
import {
  type AppendResult,
  type RejectReason,
  StoreUnavailableError,
  type UnavailableReason,
} from '#libs/tsdb';

/** How Prometheus's users know the reasons. */
const REASONS: Readonly<Record<RejectReason, string>> = {
  out_of_order: 'out of order sample',
  duplicate: 'duplicate sample for timestamp',
  too_old: 'too old sample',
  too_far_in_future: 'sample too far in the future',
  invalid_time: 'sample with an invalid timestamp',
  series_limit: 'the store holds as many series as its limit allows',
  series_budget: 'the target or namespace has as many series as it may',
  out_of_order_limit: 'the store holds as many out-of-order samples as its limit allows',
  label_count_limit: 'too many labels',
  label_name_too_long: 'label name too long',
  label_value_too_long: 'label value too long',
  invalid_labels: 'invalid metric name or labels',
};

/** When a sender may try again, in seconds. */
const RETRY_AFTER: Readonly<Record<UnavailableReason, number>> = {
  replaying: 2,
  log_failing: 5,
  log_backlog: 1,
  handing_over: 1,
  disk_full: 10,
  closed: 5,
};

/** What a sender has to know of samples that were lost for good, in one line; empty where none were. */
export function describeRejected(report: AppendResult, sampleCount: number): string {
  const { firstRejection: first, rejectedTotal } = report;
  if (first === null) return '';
  return (
    `${rejectedTotal} of ${sampleCount} samples not stored, ` +
    `the first: ${REASONS[first.reason]}: ${first.series} at ${first.timeMs}`
  );
}

/** Why nothing of a request could be stored, and when to try again. */
export interface Unavailable {
  readonly text: string;
  readonly retryAfterSeconds: number;
}

/** What the store's refusal of a whole batch means to its sender. @throws any other error as it is */
export function unavailableOf(error: unknown): Unavailable {
  if (error instanceof StoreUnavailableError) {
    return { text: error.message, retryAfterSeconds: RETRY_AFTER[error.code] };
  }
  if (error instanceof LogWriteError) {
    return { text: error.message, retryAfterSeconds: RETRY_AFTER.log_failing };
  }
  throw error;
}
