import {
  compactHistogram,
  exponentialBound,
  filterBuckets,
  type IndexedBuckets,
  negativeBucketsOf,
  positiveBucketsOf,
  regroupBuckets,
  usesCustomBuckets,
  withBuckets,
} from './buckets.ts';
import type { CounterResetHint, FloatHistogram } from './float-histogram.ts';

/** The sum or difference of two histograms and what had to be done for it. */
export interface CombinedHistogram {
  readonly histogram: FloatHistogram;
  /** One was marked as a counter reset and the other as none. */
  readonly hasResetCollision: boolean;
  /** The custom bounds differed; the result has those in common. */
  readonly hasReconciledBounds: boolean;
}

/** `a + b`, or null when one has custom buckets and the other exponential ones. */
export function addHistograms(a: FloatHistogram, b: FloatHistogram): CombinedHistogram | null {
  return combine(a, b, 1);
}

/** `a - b`, or null when one has custom buckets and the other exponential ones. */
export function subtractHistograms(a: FloatHistogram, b: FloatHistogram): CombinedHistogram | null {
  return combine(a, b, -1);
}

function combine(a: FloatHistogram, b: FloatHistogram, sign: 1 | -1): CombinedHistogram | null {
  const aligned = alignHistograms(a, b);
  if (aligned === null) return null;
  const { left, right, hasReconciledBounds } = aligned;
  const hint = combinedResetHint(a.counterResetHint, b.counterResetHint);
  const sum = withBuckets(
    left,
    mergeBuckets(positiveBucketsOf(left), positiveBucketsOf(right), sign),
    mergeBuckets(negativeBucketsOf(left), negativeBucketsOf(right), sign),
  );
  return {
    histogram: {
      ...sum,
      zeroCount: left.zeroCount + sign * right.zeroCount,
      count: left.count + sign * right.count,
      sum: left.sum + sign * right.sum,
      counterResetHint: hint ?? 'unknown',
    },
    hasResetCollision: hint === null,
    hasReconciledBounds,
  };
}

/** What is known of a combination's resets, or null where the two contradict each other. */
export function combinedResetHint(
  a: CounterResetHint,
  b: CounterResetHint,
): CounterResetHint | null {
  if (a === b) return a;
  if (a === 'gauge' || b === 'gauge') return 'gauge';
  return a === 'unknown' || b === 'unknown' ? 'unknown' : null;
}

/** Two histograms brought to the same schema, zero bucket and bounds. */
export interface AlignedHistograms {
  readonly left: FloatHistogram;
  readonly right: FloatHistogram;
  readonly hasReconciledBounds: boolean;
}

/** Null when one has custom buckets and the other exponential ones. */
export function alignHistograms(a: FloatHistogram, b: FloatHistogram): AlignedHistograms | null {
  if (usesCustomBuckets(a) !== usesCustomBuckets(b)) return null;
  if (usesCustomBuckets(a)) {
    if (sameBounds(a.customValues, b.customValues)) {
      return { left: a, right: b, hasReconciledBounds: false };
    }
    const bounds = commonBounds(a.customValues, b.customValues);
    return {
      left: withCustomBounds(a, bounds),
      right: withCustomBounds(b, bounds),
      hasReconciledBounds: true,
    };
  }
  const schema = Math.min(a.schema, b.schema);
  // The zero bucket is widened in the finer resolution, in which more of the buckets stay out of it.
  const [left, right] = alignZeroBuckets(a, b);
  return {
    left: reduceResolution(left, schema),
    right: reduceResolution(right, schema),
    hasReconciledBounds: false,
  };
}

function alignZeroBuckets(a: FloatHistogram, b: FloatHistogram): [FloatHistogram, FloatHistogram] {
  let left = a;
  let right = b;
  // Widening one may have to go beyond the other's threshold, to the end of a bucket that has a count.
  while (left.zeroThreshold !== right.zeroThreshold) {
    if (left.zeroThreshold > right.zeroThreshold) {
      right = widenZeroBucket(right, left.zeroThreshold);
    } else {
      left = widenZeroBucket(left, right.zeroThreshold);
    }
  }
  return [left, right];
}

/** Takes all buckets that begin below `threshold` into the zero bucket; the threshold grows to the end of the last. */
function widenZeroBucket(histogram: FloatHistogram, threshold: number): FloatHistogram {
  const { schema } = histogram;
  const positive = positiveBucketsOf(histogram);
  const negative = negativeBucketsOf(histogram);
  let wide = threshold;
  for (let isSettled = false; !isSettled;) {
    isSettled = true;
    for (const side of [positive, negative]) {
      for (let i = 0; i < side.indices.length; i++) {
        const index = side.indices[i]!;
        if (side.counts[i] === 0 || exponentialBound(index - 1, schema) >= wide) continue;
        const upper = exponentialBound(index, schema);
        if (upper > wide) {
          wide = upper;
          isSettled = false;
        }
      }
    }
  }
  let { zeroCount } = histogram;
  const staysOut = (index: number, count: number): boolean => {
    if (exponentialBound(index - 1, schema) >= wide) return true;
    zeroCount += count;
    return false;
  };
  const kept = withBuckets(
    histogram,
    filterBuckets(positive, staysOut),
    filterBuckets(negative, staysOut),
  );
  return { ...kept, zeroCount, zeroThreshold: wide };
}

/** The same observations in a coarser exponential schema. */
export function reduceResolution(histogram: FloatHistogram, schema: number): FloatHistogram {
  if (histogram.schema <= schema) return histogram;
  const perTarget = 2 ** (histogram.schema - schema);
  const targetOf = (index: number): number => Math.ceil(index / perTarget);
  return {
    ...withBuckets(
      histogram,
      regroupBuckets(positiveBucketsOf(histogram), targetOf),
      regroupBuckets(negativeBucketsOf(histogram), targetOf),
    ),
    schema,
  };
}

function sameBounds(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((bound, i) => bound === b[i]);
}

function commonBounds(a: readonly number[], b: readonly number[]): number[] {
  const wanted = new Set(b);
  return a.filter((bound) => wanted.has(bound));
}

/** The same observations with fewer custom bounds; each bucket goes to the first new one that contains it. */
export function withCustomBounds(
  histogram: FloatHistogram,
  bounds: readonly number[],
): FloatHistogram {
  const { customValues } = histogram;
  const targetOf = (index: number): number => {
    if (index >= customValues.length) return bounds.length;
    const upper = customValues[index]!;
    const target = bounds.findIndex((bound) => bound >= upper);
    return target === -1 ? bounds.length : target;
  };
  return {
    ...withBuckets(histogram, regroupBuckets(positiveBucketsOf(histogram), targetOf), NO_BUCKETS),
    customValues: bounds,
  };
}

const NO_BUCKETS: IndexedBuckets = { indices: [], counts: [] };

function mergeBuckets(a: IndexedBuckets, b: IndexedBuckets, sign: 1 | -1): IndexedBuckets {
  const indices: number[] = [];
  const counts: number[] = [];
  let i = 0;
  let j = 0;
  while (i < a.indices.length || j < b.indices.length) {
    const left = i < a.indices.length ? a.indices[i]! : Infinity;
    const right = j < b.indices.length ? b.indices[j]! : Infinity;
    indices.push(Math.min(left, right));
    let count = 0;
    if (left <= right) count += a.counts[i++]!;
    if (right <= left) count += sign * b.counts[j++]!;
    counts.push(count);
  }
  return { indices, counts };
}

/** Everything but the bounds times `factor`. A negative factor makes a gauge of it. */
export function multiplyHistogram(histogram: FloatHistogram, factor: number): FloatHistogram {
  return {
    ...histogram,
    zeroCount: histogram.zeroCount * factor,
    count: histogram.count * factor,
    sum: histogram.sum * factor,
    positiveBuckets: histogram.positiveBuckets.map((count) => count * factor),
    negativeBuckets: histogram.negativeBuckets.map((count) => count * factor),
    counterResetHint: factor < 0 ? 'gauge' : histogram.counterResetHint,
  };
}

/** Everything but the bounds over `divisor`. Division by zero leaves no buckets but the zero bucket. */
export function divideHistogram(histogram: FloatHistogram, divisor: number): FloatHistogram {
  const divided = {
    ...histogram,
    zeroCount: histogram.zeroCount / divisor,
    count: histogram.count / divisor,
    sum: histogram.sum / divisor,
    counterResetHint: divisor < 0 ? ('gauge' as const) : histogram.counterResetHint,
  };
  if (divisor === 0) return withBuckets(divided, NO_BUCKETS, NO_BUCKETS);
  return {
    ...divided,
    positiveBuckets: histogram.positiveBuckets.map((count) => count / divisor),
    negativeBuckets: histogram.negativeBuckets.map((count) => count / divisor),
  };
}

/** Whether a counter was set back between `previous` and `current`, by the hint or by what is in the buckets. */
export function isCounterReset(previous: FloatHistogram, current: FloatHistogram): boolean {
  if (current.counterResetHint === 'reset') return true;
  if (current.counterResetHint === 'not_reset') return false;
  if (current.count < previous.count) return true;
  if (usesCustomBuckets(current) !== usesCustomBuckets(previous)) return true;
  if (usesCustomBuckets(current)) {
    const aligned = alignHistograms(previous, current)!;
    return anyLower(positiveBucketsOf(aligned.right), positiveBucketsOf(aligned.left));
  }
  if (current.schema > previous.schema) return true;
  if (current.zeroThreshold < previous.zeroThreshold) return true;
  const widened =
    previous.zeroThreshold === current.zeroThreshold
      ? previous
      : widenZeroBucket(previous, current.zeroThreshold);
  if (widened.zeroThreshold !== current.zeroThreshold) return true;
  if (current.zeroCount < widened.zeroCount) return true;
  const before = reduceResolution(widened, current.schema);
  return (
    anyLower(positiveBucketsOf(current), positiveBucketsOf(before)) ||
    anyLower(negativeBucketsOf(current), negativeBucketsOf(before))
  );
}

/** Whether any bucket of `current` is below the same one of `previous`. */
function anyLower(current: IndexedBuckets, previous: IndexedBuckets): boolean {
  let at = 0;
  for (let i = 0; i < previous.indices.length; i++) {
    const index = previous.indices[i]!;
    while (at < current.indices.length && current.indices[at]! < index) at++;
    const count =
      at < current.indices.length && current.indices[at] === index ? current.counts[at]! : 0;
    if (count < previous.counts[i]!) return true;
  }
  return false;
}

/** Whether two histograms hold the same observations in the same buckets; NaN equals NaN. The hint does not count. */
export function histogramsEqual(a: FloatHistogram, b: FloatHistogram): boolean {
  if (a.schema !== b.schema || !same(a.count, b.count) || !same(a.sum, b.sum)) return false;
  if (a.zeroThreshold !== b.zeroThreshold || !same(a.zeroCount, b.zeroCount)) return false;
  if (!sameBounds(a.customValues, b.customValues)) return false;
  const left = compactHistogram(a);
  const right = compactHistogram(b);
  return (
    sameBuckets(positiveBucketsOf(left), positiveBucketsOf(right)) &&
    sameBuckets(negativeBucketsOf(left), negativeBucketsOf(right))
  );
}

function sameBuckets(a: IndexedBuckets, b: IndexedBuckets): boolean {
  return (
    a.indices.length === b.indices.length &&
    a.indices.every((index, i) => index === b.indices[i] && same(a.counts[i]!, b.counts[i]!))
  );
}

function same(a: number, b: number): boolean {
  return a === b || (Number.isNaN(a) && Number.isNaN(b));
}
