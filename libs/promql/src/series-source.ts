import type { Labels, Matcher } from '#libs/labels';
import type { SampleWindow } from '#libs/samples';

/**
 * The series that fulfil a set of matchers. A source may hand the same selection out again and again; a plan may keep it
 * and what it resolved per row, and has to look again when `version` has changed.
 */
export interface SeriesSelection {
  /** Changes whenever `rows` does. */
  readonly version: number;
  /** Ascending row numbers. A row keeps its labels for as long as `version` stays. */
  readonly rows: Uint32Array;
  /** The labels of one of `rows`. */
  labelsOf(row: number): Labels;
  /**
   * Points `window` at the row's samples with `minMs <= t <= maxMs`, ascending, stale markers included. The view is valid
   * until the next read through the same window or the next write to the store, so a reader must be done with it before
   * it gives control away.
   */
  read(row: number, minMs: number, maxMs: number, window: SampleWindow): void;
}

/** What the query engine needs of a store. */
export interface SeriesSource {
  /**
   * Series that fulfil all matchers and may have samples in the given time range (milliseconds, both ends included). A
   * store that keeps its data in memory answers at once; one that has to fetch it, later.
   */
  select(
    matchers: readonly Matcher[],
    minMs: number,
    maxMs: number,
    signal?: AbortSignal,
  ): SeriesSelection | Promise<SeriesSelection>;
}
