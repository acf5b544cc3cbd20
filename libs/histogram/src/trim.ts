import {
  filterBuckets,
  type IndexedBuckets,
  isFilled,
  lowerBound,
  negativeBucketsOf,
  positiveBucketsOf,
  upperBound,
  usesCustomBuckets,
  withBuckets,
} from './buckets.ts';
import type { FloatHistogram } from './float-histogram.ts';

/** What is left of a bucket: a count, and the value that stands for each of its observations. */
interface Remainder {
  readonly count: number;
  readonly middle: number;
}

/**
 * The observations on one side of `cut`: `above` takes away those above it (`</`), `below` those below it (`>/`).
 * A bucket the cut goes through is divided, linearly where the bounds are custom or in the zero bucket, else
 * exponentially. Sum and count are estimated anew from what is left, unless nothing was taken away.
 */
export function trimHistogram(
  histogram: FloatHistogram,
  cut: number,
  takenAway: 'above' | 'below',
): FloatHistogram {
  const keepsBelow = takenAway === 'above';
  const custom = usesCustomBuckets(histogram);
  const positive = positiveBucketsOf(histogram);
  const negative = negativeBucketsOf(histogram);
  let count = 0;
  let sum = 0;
  let isChanged = false;
  const note = (before: number, left: Remainder): number => {
    if (left.count !== before) isChanged = true;
    count += left.count;
    if (left.count !== 0) sum += left.count * left.middle;
    return left.count;
  };
  const trimSide = (side: IndexedBuckets, sign: 1 | -1): IndexedBuckets => {
    const counts = side.indices.map((index, i) => {
      const before = side.counts[i]!;
      return note(before, trimBucket(histogram, index, sign, before, cut, keepsBelow));
    });
    return { indices: side.indices, counts };
  };
  const keptNegative = trimSide(negative, -1);
  const zeroCount = custom
    ? histogram.zeroCount
    : note(histogram.zeroCount, trimZero(histogram, positive, negative, cut, keepsBelow));
  const keptPositive = trimSide(positive, 1);
  if (!isChanged) return histogram;
  return {
    ...withBuckets(
      histogram,
      filterBuckets(keptPositive, isFilled),
      filterBuckets(keptNegative, isFilled),
    ),
    zeroCount,
    count,
    sum,
  };
}

const NOTHING: Remainder = { count: 0, middle: 0 };

function trimBucket(
  histogram: FloatHistogram,
  index: number,
  sign: 1 | -1,
  count: number,
  cut: number,
  keepsBelow: boolean,
): Remainder {
  const near = lowerBound(histogram, index);
  const far = upperBound(histogram, index);
  if (usesCustomBuckets(histogram)) return trimCustom(count, near, far, cut, keepsBelow);
  return sign === 1
    ? trimExponential(count, near, far, cut, keepsBelow)
    : trimExponential(count, -far, -near, cut, keepsBelow);
}

function trimLinear(
  count: number,
  lower: number,
  upper: number,
  cut: number,
  keepsBelow: boolean,
): Remainder {
  if (keepsBelow ? cut >= upper : cut <= lower) return { count, middle: (lower + upper) / 2 };
  if (keepsBelow ? cut <= lower : cut >= upper) return NOTHING;
  if (Number.isNaN(cut)) return { count, middle: (lower + upper) / 2 };
  const share = (cut - lower) / (upper - lower);
  return keepsBelow
    ? { count: count * share, middle: (lower + cut) / 2 }
    : { count: count * (1 - share), middle: (cut + upper) / 2 };
}

function trimZero(
  histogram: FloatHistogram,
  positive: IndexedBuckets,
  negative: IndexedBuckets,
  cut: number,
  keepsBelow: boolean,
): Remainder {
  const { zeroCount, zeroThreshold } = histogram;
  if (zeroCount === 0) return NOTHING;
  const hasPositive = positive.indices.length > 0;
  const hasNegative = negative.indices.length > 0;
  // With observations on one side only, those near zero are taken to be on that side as well.
  const lower = hasPositive && !hasNegative ? 0 : -zeroThreshold;
  const upper = hasNegative && !hasPositive ? 0 : zeroThreshold;
  return trimLinear(zeroCount, lower, upper, cut, keepsBelow);
}

function trimExponential(
  count: number,
  lower: number,
  upper: number,
  cut: number,
  keepsBelow: boolean,
): Remainder {
  if (keepsBelow ? cut >= upper : cut <= lower) {
    return { count, middle: geometricMiddle(lower, upper) };
  }
  if (keepsBelow ? cut <= lower : cut >= upper) return NOTHING;
  if (Number.isNaN(cut)) return { count, middle: geometricMiddle(lower, upper) };
  const logLower = Math.log2(Math.abs(lower));
  const logUpper = Math.log2(Math.abs(upper));
  const share = (Math.log2(Math.abs(cut)) - logLower) / (logUpper - logLower);
  return keepsBelow
    ? { count: count * share, middle: geometricMiddle(lower, cut) }
    : { count: count * (1 - share), middle: geometricMiddle(cut, upper) };
}

function geometricMiddle(lower: number, upper: number): number {
  const middle = Math.sqrt(lower * upper);
  return upper < 0 || lower < 0 ? -middle : middle;
}

/** Custom buckets may be open-ended; there is nothing to interpolate with there. */
function trimCustom(
  count: number,
  lower: number,
  upper: number,
  cut: number,
  keepsBelow: boolean,
): Remainder {
  if (lower === -Infinity && upper === Infinity) {
    const isKept = keepsBelow ? cut === Infinity : cut === -Infinity;
    return isKept ? { count, middle: 0 } : NOTHING;
  }
  if (upper === Infinity) {
    if (keepsBelow) return cut === Infinity ? { count, middle: lower } : NOTHING;
    return cut === Infinity ? NOTHING : { count, middle: Math.max(lower, cut) };
  }
  if (lower === -Infinity) {
    if (keepsBelow && cut === -Infinity) return NOTHING;
    if (!keepsBelow && cut === -Infinity) return { count, middle: Math.min(upper, 0) };
    // Without negative bounds the observations are taken to be positive.
    if (upper > 0) {
      if (!keepsBelow && cut < 0) return NOTHING;
      return trimLinear(count, 0, upper, cut, keepsBelow);
    }
    return keepsBelow ? { count, middle: Math.min(upper, cut) } : NOTHING;
  }
  return trimLinear(count, lower, upper, cut, keepsBelow);
}
