import type { FloatHistogram } from '#libs/histogram';
import type { Labels } from '#libs/labels';

/** One series of a matrix in columns: point `i` is at `timesMs[i]`, ascending. */
export interface MatrixSeries {
  readonly labels: Labels;
  readonly timesMs: Float64Array;
  /** Meaningless where `histograms` has an entry. */
  readonly values: Float64Array;
  /** Null when every point is a float. */
  readonly histograms: readonly (FloatHistogram | null)[] | null;
}

export interface ScalarResult {
  readonly kind: 'scalar';
  readonly timeMs: number;
  readonly value: number;
}

export interface StringResult {
  readonly kind: 'string';
  readonly timeMs: number;
  readonly value: string;
}

/** An instant vector: element `i` has `labels[i]` and `values[i]`, or `histograms[i]` where that is not null. */
export interface VectorResult {
  readonly kind: 'vector';
  readonly timeMs: number;
  readonly labels: readonly Labels[];
  readonly values: Float64Array;
  readonly histograms: readonly (FloatHistogram | null)[] | null;
}

/** Series sorted by their labels; none of them empty. */
export interface MatrixResult {
  readonly kind: 'matrix';
  readonly series: readonly MatrixSeries[];
}

export type QueryValue = ScalarResult | StringResult | VectorResult | MatrixResult;

/** Remarks on an answer, as the HTTP API shows them, each once, in the order they first came up. */
export interface Annotations {
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
}

export interface QueryStats {
  /** Samples read from the source; a histogram counts as one. */
  readonly samplesRead: number;
  /** The most samples held in memory at a time. */
  readonly peakSamples: number;
}

export interface QueryResult<V extends QueryValue = QueryValue> {
  readonly value: V;
  readonly annotations: Annotations;
  readonly stats: QueryStats;
}
