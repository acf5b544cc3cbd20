import type { Labels } from '#libs/labels';

/** One series of what an aggregation over lines gives, in columns ascending in time. */
export interface EvaluatedSeries {
  readonly labels: Labels;
  readonly timesMs: Float64Array;
  readonly values: Float64Array;
}
