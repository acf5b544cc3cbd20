import {
  type BucketSpan,
  CUSTOM_BUCKETS_SCHEMA,
  type FloatHistogram,
  MAX_EXPONENTIAL_SCHEMA,
  MIN_EXPONENTIAL_SCHEMA,
} from './float-histogram.ts';

/**
 * Why a histogram from outside contradicts itself, or null (Prometheus, model/histogram, Validate).
 * @param isInteger whether its counts came as integers; then they have to add up exactly
 */
export function histogramProblem(histogram: FloatHistogram, isInteger: boolean): string | null {
  const { schema, zeroThreshold, zeroCount, count, sum, customValues } = histogram;
  const isCustom = schema === CUSTOM_BUCKETS_SCHEMA;
  const isExponential =
    Number.isInteger(schema) &&
    schema >= MIN_EXPONENTIAL_SCHEMA &&
    schema <= MAX_EXPONENTIAL_SCHEMA;
  if (!isCustom && !isExponential) return `schema ${schema} is not known`;
  if (isCustom) {
    if (histogram.negativeSpans.length > 0 || histogram.negativeBuckets.length > 0) {
      return 'custom buckets have no negative buckets';
    }
    if (zeroCount !== 0 || zeroThreshold !== 0) return 'custom buckets have no zero bucket';
    for (const [i, bound] of customValues.entries()) {
      if (Number.isNaN(bound) || bound === Infinity || (i > 0 && bound <= customValues[i - 1]!)) {
        return 'custom bounds have to ascend and to be finite';
      }
    }
  } else if (customValues.length > 0) {
    return `schema ${schema} has no custom bounds`;
  }
  const problem =
    spansProblem(histogram.positiveSpans, histogram.positiveBuckets) ??
    spansProblem(histogram.negativeSpans, histogram.negativeBuckets);
  if (problem !== null) return problem;
  if (isCustom && highestIndex(histogram.positiveSpans) > customValues.length) {
    return 'a bucket beyond the custom bounds';
  }
  if (!(zeroThreshold >= 0)) return 'the zero threshold is negative';
  if (zeroCount < 0) return 'the zero bucket has a negative count';
  if (count < 0) return 'the count is negative';
  if (!isInteger) return null;
  let inBuckets = zeroCount;
  for (const bucket of histogram.positiveBuckets) inBuckets += bucket;
  for (const bucket of histogram.negativeBuckets) inBuckets += bucket;
  // Observations of NaN are counted, but are in no bucket.
  const addsUp = Number.isNaN(sum) ? inBuckets <= count : inBuckets === count;
  return addsUp ? null : `${inBuckets} observations in buckets, but the count is ${count}`;
}

function spansProblem(spans: readonly BucketSpan[], buckets: readonly number[]): string | null {
  let length = 0;
  for (const [i, span] of spans.entries()) {
    if (i > 0 && span.offset < 0) return 'a span that goes back';
    length += span.length;
  }
  if (length !== buckets.length) {
    return `spans need ${length} buckets, but there are ${buckets.length}`;
  }
  return buckets.some((count) => !(count >= 0)) ? 'a bucket has a negative count' : null;
}

function highestIndex(spans: readonly BucketSpan[]): number {
  let index = 0;
  for (const { offset, length } of spans) index += offset + length;
  return index - 1;
}
