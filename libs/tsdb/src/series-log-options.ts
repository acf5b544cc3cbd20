/** How a log groups what it writes, and its bounds. */
export interface SeriesLogOptions {
  /** A segment that has reached this size is closed and another begun. */
  readonly segmentBytes: number;
  /**
   * Not before it has so many times the size of its definitions, though: with a million series these alone would fill a
   * segment, and the next one again.
   */
  readonly segmentPerDefinitions: number;
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
export const DEFAULT_LOG_OPTIONS: SeriesLogOptions = {
  segmentBytes: 32 * 1_024 * 1_024,
  segmentPerDefinitions: 4,
  groupDelayMs: 5,
  groupBytes: 1_024 * 1_024,
  maxPendingBytes: 64 * 1_024 * 1_024,
  retryDelayMs: 1_000,
};
