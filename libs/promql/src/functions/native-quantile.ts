import { allBuckets, type Bucket, type FloatHistogram, usesCustomBuckets } from '#libs/histogram';

/** A quantile and what NaN observations, which are in the count but in no bucket, do to it. */
export interface NativeQuantile {
  readonly value: number;
  readonly remark: 'nan-result' | 'nan-skew' | null;
}

/** The φ-quantile of a native histogram (Prometheus, promql/quantile.go). */
export function nativeQuantile(phi: number, histogram: FloatHistogram): NativeQuantile {
  if (phi < 0) return plain(-Infinity);
  if (phi > 1) return plain(Infinity);
  if (histogram.count === 0 || Number.isNaN(phi)) return plain(Number.NaN);
  const hasNaN = Number.isNaN(histogram.sum);
  const buckets = allBuckets(histogram);
  // From whichever end is nearer; but NaN observations would falsify a rank counted from the upper one.
  const isForward = hasNaN || phi < 0.5;
  let rank = (isForward ? phi : 1 - phi) * histogram.count;
  if (!isForward) buckets.reverse();
  let bucket: Bucket | null = null;
  let count = 0;
  for (const candidate of buckets) {
    if (candidate.count === 0) continue;
    bucket = candidate;
    count += candidate.count;
    if (count >= rank) break;
  }
  if (bucket === null) return { value: Number.NaN, remark: hasNaN ? 'nan-result' : null };
  const [lower, upper] = boundsForQuantile(histogram, bucket);
  if (usesCustomBuckets(histogram)) {
    if (bucket.lower === -Infinity && bucket.upper <= 0) return plain(bucket.upper);
    if (upper === Infinity) return skewed(lower, hasNaN && count >= rank, hasNaN);
  }
  if (count > histogram.count) count = histogram.count;
  if (count < rank) {
    // All buckets are used up: the rank falls among the NaN observations.
    if (hasNaN) return { value: Number.NaN, remark: 'nan-result' };
    return plain(isForward ? upper : lower);
  }
  rank = isForward ? rank - (count - bucket.count) : count - rank;
  const fraction = rank / bucket.count;
  return {
    value: interpolate(histogram, lower, upper, fraction),
    remark: hasNaN ? 'nan-skew' : null,
  };
}

function plain(value: number): NativeQuantile {
  return { value, remark: null };
}

function skewed(value: number, isReached: boolean, hasNaN: boolean): NativeQuantile {
  if (hasNaN && !isReached) return { value: Number.NaN, remark: 'nan-result' };
  return { value, remark: hasNaN ? 'nan-skew' : null };
}

/** The bucket's bounds, the zero bucket cut to the side that has observations and the first custom one to zero. */
function boundsForQuantile(histogram: FloatHistogram, bucket: Bucket): [number, number] {
  let { lower, upper } = bucket;
  if (usesCustomBuckets(histogram)) {
    if (lower === -Infinity) lower = 0;
  } else if (lower < 0 && upper > 0) {
    const hasNegative = histogram.negativeBuckets.length > 0;
    const hasPositive = histogram.positiveBuckets.length > 0;
    if (!hasNegative && hasPositive) lower = 0;
    else if (hasNegative && !hasPositive) upper = 0;
  }
  return [lower, upper];
}

function interpolate(
  histogram: FloatHistogram,
  lower: number,
  upper: number,
  fraction: number,
): number {
  if (usesCustomBuckets(histogram) || (lower <= 0 && upper >= 0)) {
    return lower + (upper - lower) * fraction;
  }
  const logLower = Math.log2(Math.abs(lower));
  const logUpper = Math.log2(Math.abs(upper));
  if (lower > 0) return 2 ** (logLower + (logUpper - logLower) * fraction);
  return -(2 ** (logUpper + (logLower - logUpper) * (1 - fraction)));
}

/** The share of a native histogram's observations between two values. */
export function nativeFraction(lower: number, upper: number, histogram: FloatHistogram): number {
  if (histogram.count === 0 || Number.isNaN(lower) || Number.isNaN(upper)) return Number.NaN;
  if (lower >= upper) return 0;
  const buckets = allBuckets(histogram);
  let observations = histogram.count;
  if (Number.isNaN(histogram.sum)) {
    // NaN observations are in no bucket, and so between no two values.
    observations = 0;
    for (const bucket of buckets) observations += bucket.count;
  }
  const above = rankOf(upper, histogram, buckets, observations);
  const below = rankOf(lower, histogram, buckets, observations);
  return (above - below) / histogram.count;
}

function rankOf(
  value: number,
  histogram: FloatHistogram,
  buckets: readonly Bucket[],
  observations: number,
): number {
  let rank = 0;
  for (const bucket of buckets) {
    let { lower, upper } = bucket;
    const isCustom = usesCustomBuckets(histogram);
    const isZero = !isCustom && lower <= 0 && upper >= 0;
    if (isZero) [lower, upper] = boundsForQuantile(histogram, bucket);
    else if (isCustom && lower === -Infinity && upper > 0) lower = 0;
    if (lower >= value) return Math.min(rank, observations);
    if (upper > value) {
      if (lower === -Infinity || upper === Infinity) return Math.min(rank, observations);
      const share =
        isCustom || isZero
          ? (value - lower) / (upper - lower)
          : exponentialShare(value, lower, upper);
      return Math.min(rank + bucket.count * share, observations);
    }
    rank += bucket.count;
  }
  return value === Infinity ? observations : Math.min(rank, observations);
}

function exponentialShare(value: number, lower: number, upper: number): number {
  const logLower = Math.log2(Math.abs(lower));
  const logUpper = Math.log2(Math.abs(upper));
  const logValue = Math.log2(Math.abs(value));
  return (logValue - logLower) / (logUpper - logLower);
}
