/** A run of `length` consecutive buckets, `offset` buckets after the end of the run before it (or from index 0). */
export interface BucketSpan {
  readonly offset: number;
  readonly length: number;
}

/** What is known of a histogram's relation to the one before it in its series. */
export type CounterResetHint = 'unknown' | 'reset' | 'not_reset' | 'gauge';

/** The schema of histograms whose bucket boundaries are listed in `customValues`. */
export const CUSTOM_BUCKETS_SCHEMA = -53;
/** The coarsest exponential schema. */
export const MIN_EXPONENTIAL_SCHEMA = -4;
/** The finest exponential schema. */
export const MAX_EXPONENTIAL_SCHEMA = 8;

/**
 * A native histogram with float counts (Prometheus, model/histogram). Immutable: every operation gives a new one.
 *
 * With an exponential schema `s`, bucket `i` holds observations in `(2^((i-1)·2^-s), 2^(i·2^-s)]`, negative ones mirrored.
 * With {@link CUSTOM_BUCKETS_SCHEMA}, positive bucket `i` ends at `customValues[i]`, the last one at `+Inf`, and there
 * are neither negative buckets nor a zero bucket.
 */
export interface FloatHistogram {
  readonly schema: number;
  /** Half the width of the zero bucket, 0 with custom buckets. */
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  readonly count: number;
  readonly sum: number;
  readonly positiveSpans: readonly BucketSpan[];
  /** Absolute counts, one for each bucket the spans cover. */
  readonly positiveBuckets: readonly number[];
  readonly negativeSpans: readonly BucketSpan[];
  readonly negativeBuckets: readonly number[];
  /** Ascending upper bounds without `+Inf`; empty with an exponential schema. */
  readonly customValues: readonly number[];
  readonly counterResetHint: CounterResetHint;
}

const NOTHING: readonly never[] = [];

/** A histogram of schema 0 without observations, with `fields` in place of its own. */
export function createFloatHistogram(fields: Partial<FloatHistogram> = {}): FloatHistogram {
  return {
    schema: fields.schema ?? 0,
    zeroThreshold: fields.zeroThreshold ?? 0,
    zeroCount: fields.zeroCount ?? 0,
    count: fields.count ?? 0,
    sum: fields.sum ?? 0,
    positiveSpans: fields.positiveSpans ?? NOTHING,
    positiveBuckets: fields.positiveBuckets ?? NOTHING,
    negativeSpans: fields.negativeSpans ?? NOTHING,
    negativeBuckets: fields.negativeBuckets ?? NOTHING,
    customValues: fields.customValues ?? NOTHING,
    counterResetHint: fields.counterResetHint ?? 'unknown',
  };
}
