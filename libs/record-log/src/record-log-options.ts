/** How a log groups what it writes, and its bounds. */
export interface RecordLogOptions {
  /** What was appended waits at most so long for more before it is written. */
  readonly groupDelayMs: number;
  /** So many bytes are written without waiting. */
  readonly groupBytes: number;
  /** Nothing more is taken while so many bytes wait to be written. */
  readonly maxPendingBytes: number;
  /** After a failed write the next attempt comes so much later. */
  readonly retryDelayMs: number;
}

/** Options that fit a disk whose sync takes some milliseconds. */
export const DEFAULT_RECORD_LOG_OPTIONS: RecordLogOptions = {
  groupDelayMs: 5,
  groupBytes: 1_024 * 1_024,
  maxPendingBytes: 64 * 1_024 * 1_024,
  retryDelayMs: 1_000,
};
