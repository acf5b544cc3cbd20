/** Why a line was not stored; the set is closed because it becomes values of a label. */
export const LINE_REJECT_REASONS = [
  'stream_limit',
  'stream_rate_limit',
  'invalid_labels',
  'label_count_limit',
  'label_name_too_long',
  'label_value_too_long',
  'line_too_long',
  'metadata_too_large',
  'too_old',
  'out_of_order',
  'too_far_in_future',
] as const;
export type LineRejectReason = (typeof LINE_REJECT_REASONS)[number];

/** The first line of a batch that was not stored. */
export interface LineRejection {
  readonly reason: LineRejectReason;
  /** Its labels as LogQL writes them. */
  readonly stream: string;
  readonly timeNs: bigint;
}

/** What became of a batch. */
export interface LineAppendReport {
  readonly accepted: number;
  /** Bytes of the lines accepted. */
  readonly bytes: number;
  /** Lines that were there already. */
  readonly repeated: number;
  readonly rejected: Readonly<Record<LineRejectReason, number>>;
  readonly rejectedTotal: number;
  readonly firstRejection: LineRejection | null;
}

export function noLineRejections(): Record<LineRejectReason, number> {
  return {
    stream_limit: 0,
    stream_rate_limit: 0,
    invalid_labels: 0,
    label_count_limit: 0,
    label_name_too_long: 0,
    label_value_too_long: 0,
    line_too_long: 0,
    metadata_too_large: 0,
    too_old: 0,
    out_of_order: 0,
    too_far_in_future: 0,
  };
}

/** Why a log store takes nothing at present. */
export type LogsUnavailableReason =
  | 'replaying'
  | 'log_failing'
  | 'log_backlog'
  | 'memory_full'
  | 'disk_full'
  | 'rate_limited'
  | 'closed';

/** The store takes no lines at present; nothing of the batch was stored. To be tried again later. */
export class LogsUnavailableError extends Error {
  override readonly name = 'LogsUnavailableError';
  readonly code: LogsUnavailableReason;
  readonly isRetryable = true;
  constructor(code: LogsUnavailableReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
