import {
  alignHistograms,
  combinedResetHint,
  reduceResolution,
  withCustomBounds,
} from './arithmetic.ts';
import {
  exponentialBound,
  filterBuckets,
  type IndexedBuckets,
  negativeBucketsOf,
  positiveBucketsOf,
  usesCustomBuckets,
  withBuckets,
} from './buckets.ts';
import { createFloatHistogram, type FloatHistogram } from './float-histogram.ts';

/**
 * A sum of histograms that carries what rounding took away from each of its numbers (Neumaier's algorithm), or their mean,
 * computed incrementally from where the sum would overflow.
 */
export class HistogramSum {
  /** Whether custom bounds differed and those in common were taken. */
  hasReconciledBounds = false;
  /** Whether one was marked as a counter reset and another as none. */
  hasResetCollision = false;
  #hasReset = false;
  #hasNoReset = false;
  #sum: FloatHistogram;
  #compensation: FloatHistogram;
  #count = 1;
  /** For means: whether `#sum` has become the mean of `#count` histograms. */
  #isMean = false;

  constructor(first: FloatHistogram) {
    this.#sum = first;
    this.#compensation = nothingLike(first);
    this.#noteHint(first);
  }

  #noteHint({ counterResetHint }: FloatHistogram): void {
    this.#hasReset ||= counterResetHint === 'reset';
    this.#hasNoReset ||= counterResetHint === 'not_reset';
    this.hasResetCollision = this.#hasReset && this.#hasNoReset;
  }

  /** Adds one more to the sum. @returns false where the kinds of buckets don't go together, after which it is of no use */
  add(next: FloatHistogram): boolean {
    this.#count++;
    return this.#addScaled(next, 1);
  }

  /** As {@link add}, for a sum that {@link mean} will be asked of. */
  addToMean(next: FloatHistogram): boolean {
    const sum = this.#sum;
    const compensation = this.#compensation;
    this.#count++;
    if (!this.#isMean) {
      if (!this.#addScaled(next, 1)) return false;
      if (!isOverflowing(this.#sum)) return true;
      this.#isMean = true;
      this.#sum = scaled(sum, 1 / (this.#count - 1));
      this.#compensation = scaled(compensation, 1 / (this.#count - 1));
    }
    const share = (this.#count - 1) / this.#count;
    this.#sum = scaled(this.#sum, share);
    this.#compensation = scaled(this.#compensation, share);
    return this.#addScaled(next, this.#count);
  }

  /** The sum of all that were added. */
  get value(): FloatHistogram {
    return addUp(this.#sum, this.#compensation, 1);
  }

  /** Their mean. */
  get mean(): FloatHistogram {
    return addUp(this.#sum, this.#compensation, this.#isMean ? 1 : this.#count);
  }

  #addScaled(next: FloatHistogram, divisor: number): boolean {
    const aligned = alignHistograms(this.#sum, next);
    if (aligned === null) return false;
    this.hasReconciledBounds ||= aligned.hasReconciledBounds;
    this.#noteHint(next);
    const hint = combinedResetHint(this.#sum.counterResetHint, next.counterResetHint);
    const { left, right } = aligned;
    const lost = laidOutLike(this.#compensation, left);
    const positive = addSide(
      positiveBucketsOf(left),
      positiveBucketsOf(right),
      positiveBucketsOf(lost),
      divisor,
    );
    const negative = addSide(
      negativeBucketsOf(left),
      negativeBucketsOf(right),
      negativeBucketsOf(lost),
      divisor,
    );
    const zero = addOne(left.zeroCount, right.zeroCount / divisor, lost.zeroCount);
    const count = addOne(left.count, right.count / divisor, lost.count);
    const sum = addOne(left.sum, right.sum / divisor, lost.sum);
    this.#sum = {
      ...withBuckets(left, positive.sums, negative.sums),
      zeroCount: zero.sum,
      count: count.sum,
      sum: sum.sum,
      counterResetHint: hint ?? 'unknown',
    };
    this.#compensation = {
      ...withBuckets(left, positive.lost, negative.lost),
      zeroCount: zero.lost,
      count: count.lost,
      sum: sum.lost,
    };
    return true;
  }
}

function nothingLike(histogram: FloatHistogram): FloatHistogram {
  const { schema, zeroThreshold, customValues } = histogram;
  return createFloatHistogram({ schema, zeroThreshold, customValues });
}

function isOverflowing(histogram: FloatHistogram): boolean {
  const { zeroCount, count, sum, positiveBuckets, negativeBuckets } = histogram;
  return (
    isInfinite(zeroCount) ||
    isInfinite(count) ||
    isInfinite(sum) ||
    positiveBuckets.some(isInfinite) ||
    negativeBuckets.some(isInfinite)
  );
}

function isInfinite(value: number): boolean {
  return value === Infinity || value === -Infinity;
}

function scaled(histogram: FloatHistogram, factor: number): FloatHistogram {
  return {
    ...histogram,
    zeroCount: histogram.zeroCount * factor,
    count: histogram.count * factor,
    sum: histogram.sum * factor,
    positiveBuckets: histogram.positiveBuckets.map((count) => count * factor),
    negativeBuckets: histogram.negativeBuckets.map((count) => count * factor),
  };
}

/** Brings the compensation to the schema, bounds and zero bucket that the sum has got. */
function laidOutLike(compensation: FloatHistogram, like: FloatHistogram): FloatHistogram {
  if (usesCustomBuckets(like)) {
    return like.customValues === compensation.customValues
      ? compensation
      : withCustomBounds(compensation, like.customValues);
  }
  let { zeroCount } = compensation;
  const staysOut = (index: number, count: number): boolean => {
    if (exponentialBound(index - 1, compensation.schema) >= like.zeroThreshold) return true;
    zeroCount += count;
    return false;
  };
  const absorbed =
    compensation.zeroThreshold === like.zeroThreshold
      ? compensation
      : withBuckets(
          compensation,
          filterBuckets(positiveBucketsOf(compensation), staysOut),
          filterBuckets(negativeBucketsOf(compensation), staysOut),
        );
  return {
    ...reduceResolution(absorbed, like.schema),
    zeroCount,
    zeroThreshold: like.zeroThreshold,
  };
}

interface Compensated {
  readonly sum: number;
  readonly lost: number;
}

function addOne(sum: number, increment: number, lost: number): Compensated {
  const total = sum + increment;
  if (isInfinite(total)) return { sum: total, lost: 0 };
  if (Math.abs(sum) >= Math.abs(increment)) {
    return { sum: total, lost: lost + (sum - total + increment) };
  }
  return { sum: total, lost: lost + (increment - total + sum) };
}

function addSide(
  sums: IndexedBuckets,
  increments: IndexedBuckets,
  lost: IndexedBuckets,
  divisor: number,
): { readonly sums: IndexedBuckets; readonly lost: IndexedBuckets } {
  const indices: number[] = [];
  const totals: number[] = [];
  const losses: number[] = [];
  let i = 0;
  let j = 0;
  let k = 0;
  while (i < sums.indices.length || j < increments.indices.length) {
    const left = i < sums.indices.length ? sums.indices[i]! : Infinity;
    const right = j < increments.indices.length ? increments.indices[j]! : Infinity;
    const index = Math.min(left, right);
    while (k < lost.indices.length && lost.indices[k]! < index) k++;
    const before = k < lost.indices.length && lost.indices[k] === index ? lost.counts[k]! : 0;
    const sum = left <= right ? sums.counts[i++]! : 0;
    const increment = right <= left ? increments.counts[j++]! / divisor : 0;
    const added = addOne(sum, increment, before);
    indices.push(index);
    totals.push(added.sum);
    losses.push(added.lost);
  }
  return { sums: { indices, counts: totals }, lost: { indices, counts: losses } };
}

function addUp(sum: FloatHistogram, lost: FloatHistogram, divisor: number): FloatHistogram {
  const both = (a: number, b: number): number =>
    isInfinite(a) ? a / divisor : a / divisor + b / divisor;
  const side = (sums: readonly number[], losses: readonly number[]): number[] =>
    sums.map((count, i) => both(count, losses[i] ?? 0));
  const hasSameLayout =
    sum.positiveBuckets.length === lost.positiveBuckets.length &&
    sum.negativeBuckets.length === lost.negativeBuckets.length;
  return {
    ...sum,
    zeroCount: both(sum.zeroCount, lost.zeroCount),
    count: both(sum.count, lost.count),
    sum: both(sum.sum, lost.sum),
    positiveBuckets: side(sum.positiveBuckets, hasSameLayout ? lost.positiveBuckets : []),
    negativeBuckets: side(sum.negativeBuckets, hasSameLayout ? lost.negativeBuckets : []),
  };
}
