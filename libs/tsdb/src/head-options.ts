/** How many series may share a value of a label; series without the label have no such bound. */
export interface SeriesBudget {
  readonly label: string;
  readonly maxSeries: number;
}

/** What a head holds and for how long. */
export interface HeadOptions {
  /** Samples older than this are dropped and not taken. */
  readonly retentionMs: number;
  /** A sample may be so much older than its series' youngest; 0 takes none out of order. */
  readonly outOfOrderWindowMs: number;
  /** A sample may be so far ahead of the clock. */
  readonly futureToleranceMs: number;
  readonly maxSeries: number;
  /** Of one value of a label, such as of one namespace, there may be so many series. */
  readonly seriesBudgets: readonly SeriesBudget[];
  readonly maxOutOfOrderSamples: number;
  readonly maxLabelsPerSeries: number;
  /** In UTF-8 bytes. */
  readonly maxLabelNameBytes: number;
  /** In UTF-8 bytes. */
  readonly maxLabelValueBytes: number;
}

const MINUTE_MS = 60_000;

/** Limits that are on unless an operator changes them. */
export const DEFAULT_HEAD_OPTIONS: HeadOptions = {
  retentionMs: 15 * 24 * 60 * MINUTE_MS,
  outOfOrderWindowMs: 5 * MINUTE_MS,
  futureToleranceMs: 10 * MINUTE_MS,
  maxSeries: 1_000_000,
  seriesBudgets: [],
  maxOutOfOrderSamples: 5_000_000,
  maxLabelsPerSeries: 64,
  maxLabelNameBytes: 1_024,
  maxLabelValueBytes: 4_096,
};
