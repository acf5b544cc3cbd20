/** Counts that differ by less than this (relatively) differ by rounding only. */
const SMALL_DELTA = 1e-12;
const SMALLEST_NORMAL = 2.2250738585072014e-308;

/** What {@link ClassicBuckets.forceMonotonic} had to raise. */
export interface RaisedBuckets {
  lowestBound: number;
  highestBound: number;
  /** By how much, at most. */
  most: number;
}

/** The cumulative buckets of one classic histogram in columns, to be filled and reused. */
export class ClassicBuckets {
  bounds = new Float64Array(16);
  counts = new Float64Array(16);
  length = 0;
  /** Whether counts that went down had to be raised. */
  wasForced = false;
  /** What had to be raised; means something where {@link wasForced}. */
  readonly raised: RaisedBuckets = { lowestBound: 0, highestBound: 0, most: 0 };

  clear(): void {
    this.length = 0;
    this.wasForced = false;
  }

  /** Adds a bucket; bounds must not descend. Equal ones are added up. */
  push(bound: number, count: number): void {
    const last = this.length - 1;
    if (last >= 0 && this.bounds[last] === bound) {
      this.counts[last] = this.counts[last]! + count;
      return;
    }
    if (this.length >= this.bounds.length) {
      const bounds = new Float64Array(this.length * 2);
      const counts = new Float64Array(this.length * 2);
      bounds.set(this.bounds);
      counts.set(this.counts);
      this.bounds = bounds;
      this.counts = counts;
    }
    this.bounds[this.length] = bound;
    this.counts[this.length++] = count;
  }

  /** Raises counts that are below the one before, as a scrape that caught an update half way leaves them. */
  forceMonotonic(): void {
    const { counts } = this;
    let previous = counts[0]!;
    for (let i = 1; i < this.length; i++) {
      const current = counts[i]!;
      if (current === previous) continue;
      if (isAlmostEqual(previous, current)) {
        counts[i] = previous;
      } else if (current < previous) {
        this.#noteRaised(this.bounds[i]!, previous - current);
        counts[i] = previous;
      } else {
        previous = current;
      }
    }
  }

  /** Bounds ascend. */
  #noteRaised(bound: number, difference: number): void {
    const { raised } = this;
    if (!this.wasForced) {
      this.wasForced = true;
      raised.lowestBound = bound;
      raised.most = 0;
    }
    raised.highestBound = bound;
    raised.most = Math.max(raised.most, difference);
  }
}

function isAlmostEqual(a: number, b: number): boolean {
  if (Number.isNaN(a) && Number.isNaN(b)) return true;
  const sum = Math.abs(a) + Math.abs(b);
  const difference = Math.abs(a - b);
  if (a === 0 || b === 0 || sum < SMALLEST_NORMAL)
    return difference < SMALL_DELTA * SMALLEST_NORMAL;
  return difference / Math.min(sum, Number.MAX_VALUE) < SMALL_DELTA;
}

/**
 * The φ-quantile of a classic histogram, interpolated linearly within its bucket; NaN without a bucket that ends at
 * `+Inf` or without observations.
 */
export function classicQuantile(phi: number, buckets: ClassicBuckets): number {
  if (Number.isNaN(phi)) return Number.NaN;
  if (phi < 0) return -Infinity;
  if (phi > 1) return Infinity;
  const last = buckets.length - 1;
  if (last < 0 || buckets.bounds[last] !== Infinity) return Number.NaN;
  buckets.forceMonotonic();
  if (last < 1) return Number.NaN;
  const { bounds, counts } = buckets;
  const observations = counts[last]!;
  if (observations === 0 || Number.isNaN(observations)) return Number.NaN;
  let rank = phi * observations;
  let at = 0;
  while (at < last && !(counts[at]! >= rank)) at++;
  if (at === last) return bounds[last - 1]!;
  if (at === 0 && bounds[0]! <= 0) return bounds[0]!;
  let start = 0;
  let count = counts[at]!;
  if (at > 0) {
    start = bounds[at - 1]!;
    count -= counts[at - 1]!;
    rank -= counts[at - 1]!;
  }
  return start + (bounds[at]! - start) * (rank / count);
}

/** The share of a classic histogram's observations between two values. */
export function classicFraction(lower: number, upper: number, buckets: ClassicBuckets): number {
  const last = buckets.length - 1;
  if (last < 0 || buckets.bounds[last] !== Infinity) return Number.NaN;
  const observations = buckets.counts[last]!;
  if (observations === 0 || Number.isNaN(lower) || Number.isNaN(upper)) return Number.NaN;
  if (lower >= upper) return 0;
  return (classicRank(upper, buckets) - classicRank(lower, buckets)) / observations;
}

/** How many observations are at or below `value`. */
function classicRank(value: number, buckets: ClassicBuckets): number {
  const { bounds, counts, length } = buckets;
  const observations = counts[length - 1]!;
  if (value === Infinity) return observations;
  let rank = 0;
  for (let i = 0; i < length; i++) {
    const upper = bounds[i]!;
    const lower = i === 0 ? Math.min(0, upper) : bounds[i - 1]!;
    if (value <= lower) return i === 0 && upper <= 0 && value >= upper ? counts[0]! : rank;
    if (value < upper) {
      // Nothing is known of where in the last bucket the observations are.
      if (upper === Infinity) return rank;
      return rank + ((counts[i]! - rank) * (value - lower)) / (upper - lower);
    }
    rank = counts[i]!;
  }
  return rank;
}
