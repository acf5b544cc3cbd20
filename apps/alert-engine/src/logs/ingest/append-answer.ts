import {
  type LineAppendReport,
  type LineRejectReason,
  LogsUnavailableError,
  type LogsUnavailableReason,
} from '#libs/log-store';
import { LogWriteError } from '#libs/record-log';

const REASONS: Readonly<Record<LineRejectReason, string>> = {
  stream_limit: 'the store has as many active streams as its limit allows',
  stream_rate_limit: 'the stream has more bytes a second than its limit allows',
  invalid_labels: 'invalid labels; a stream has at least one, and names of letters, digits and _',
  label_count_limit: 'the stream has more labels than the limit allows',
  label_name_too_long: 'label name too long',
  label_value_too_long: 'label value too long',
  line_too_long: 'line longer than the limit allows',
  metadata_too_large: 'structured metadata larger than the limit allows',
  too_old: 'line older than the retention',
  out_of_order: 'line too far behind the youngest of its stream',
  too_far_in_future: 'line too far in the future',
};

/** When a sender may try again, in seconds. */
const RETRY_AFTER: Readonly<Record<LogsUnavailableReason, number>> = {
  replaying: 2,
  log_failing: 5,
  log_backlog: 1,
  memory_full: 2,
  disk_full: 10,
  rate_limited: 1,
  closed: 5,
};

/** What a sender has to know of lines that were not stored, in one line; empty where all were. */
export function describeRejectedLines(report: LineAppendReport, lines: number): string {
  const { firstRejection: first, rejectedTotal } = report;
  if (first === null) return '';
  return `${rejectedTotal} of ${lines} lines not stored, the first: ${REASONS[first.reason]}: ${first.stream} at ${first.timeNs}`;
}

/** Whether lines were refused that the sender may send again later, as Loki has it: those over a rate. */
export function isRetryable(report: LineAppendReport): boolean {
  return report.rejected.stream_rate_limit > 0;
}

/** Why nothing of a request could be stored, and when to try again. */
export interface LogsUnavailable {
  readonly status: 429 | 503;
  readonly text: string;
  readonly retryAfterSeconds: number;
}

/** What the store's refusal of a whole batch means to its sender. @throws any other error as it is */
export function logsUnavailableOf(error: unknown): LogsUnavailable {
  if (error instanceof LogsUnavailableError) {
    return {
      status: error.code === 'rate_limited' ? 429 : 503,
      text: error.message,
      retryAfterSeconds: RETRY_AFTER[error.code],
    };
  }
  if (error instanceof LogWriteError) {
    return { status: 503, text: error.message, retryAfterSeconds: RETRY_AFTER.log_failing };
  }
  throw error;
}
