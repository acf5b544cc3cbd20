import { DEFAULT_RECORD_LOG_OPTIONS, type RecordLogOptions } from '#libs/record-log';

/** How the log groups what it writes, and its bounds. */
export interface SeriesLogOptions extends RecordLogOptions {
  /** A segment that has reached this size is closed and another begun. */
  readonly segmentBytes: number;
  /**
   * Not before it has so many times the size of its definitions, though: with a million series these alone would fill a
   * segment, and the next one again.
   */
  readonly segmentPerDefinitions: number;
}

/** Options that fit a disk whose sync takes some milliseconds. */
export const DEFAULT_LOG_OPTIONS: SeriesLogOptions = {
  ...DEFAULT_RECORD_LOG_OPTIONS,
  segmentBytes: 32 * 1_024 * 1_024,
  segmentPerDefinitions: 4,
};
