import { type BucketSpan, CUSTOM_BUCKETS_SCHEMA, type FloatHistogram } from './float-histogram.ts';

/** The buckets of one side as index and count, ascending by index; the form in which histograms are computed with. */
export interface IndexedBuckets {
  readonly indices: readonly number[];
  readonly counts: readonly number[];
}

export function usesCustomBuckets(histogram: FloatHistogram): boolean {
  return histogram.schema === CUSTOM_BUCKETS_SCHEMA;
}

/** Unfolds spans and counts. Counts beyond the spans, and spans beyond the counts, are left out. */
export function toIndexed(
  spans: readonly BucketSpan[],
  buckets: readonly number[],
): IndexedBuckets {
  const indices: number[] = [];
  const counts: number[] = [];
  let index = 0;
  let at = 0;
  for (const span of spans) {
    index += span.offset;
    for (let i = 0; i < span.length && at < buckets.length; i++) {
      indices.push(index++);
      counts.push(buckets[at++]!);
    }
  }
  return { indices, counts };
}

/** Folds buckets back into spans, one for each run of consecutive indices. */
export function toSpans(buckets: IndexedBuckets): { spans: BucketSpan[]; counts: number[] } {
  const spans: BucketSpan[] = [];
  let spanStart = 0;
  let spanEnd = 0;
  let previousEnd = 0;
  const { indices } = buckets;
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i]!;
    if (i === 0) {
      spanStart = index;
    } else if (index !== spanEnd) {
      spans.push({ offset: spanStart - previousEnd, length: spanEnd - spanStart });
      previousEnd = spanEnd;
      spanStart = index;
    }
    spanEnd = index + 1;
  }
  if (indices.length > 0) {
    spans.push({ offset: spanStart - previousEnd, length: spanEnd - spanStart });
  }
  return { spans, counts: [...buckets.counts] };
}

export function positiveBucketsOf(histogram: FloatHistogram): IndexedBuckets {
  return toIndexed(histogram.positiveSpans, histogram.positiveBuckets);
}

export function negativeBucketsOf(histogram: FloatHistogram): IndexedBuckets {
  return toIndexed(histogram.negativeSpans, histogram.negativeBuckets);
}

/** The histogram with other buckets. */
export function withBuckets(
  histogram: FloatHistogram,
  positive: IndexedBuckets,
  negative: IndexedBuckets,
): FloatHistogram {
  const up = toSpans(positive);
  const down = toSpans(negative);
  return {
    ...histogram,
    positiveSpans: up.spans,
    positiveBuckets: up.counts,
    negativeSpans: down.spans,
    negativeBuckets: down.counts,
  };
}

/** Only the buckets for which `keeps` answers true. */
export function filterBuckets(
  buckets: IndexedBuckets,
  keeps: (index: number, count: number) => boolean,
): IndexedBuckets {
  const indices: number[] = [];
  const counts: number[] = [];
  for (let i = 0; i < buckets.indices.length; i++) {
    const index = buckets.indices[i]!;
    const count = buckets.counts[i]!;
    if (!keeps(index, count)) continue;
    indices.push(index);
    counts.push(count);
  }
  return { indices, counts };
}

/** Moves each bucket to another index, which must not descend, and adds up those that meet. */
export function regroupBuckets(
  buckets: IndexedBuckets,
  targetOf: (index: number) => number,
): IndexedBuckets {
  const indices: number[] = [];
  const counts: number[] = [];
  for (let i = 0; i < buckets.indices.length; i++) {
    const target = targetOf(buckets.indices[i]!);
    const last = indices.length - 1;
    if (last >= 0 && indices[last] === target) counts[last] = counts[last]! + buckets.counts[i]!;
    else {
      indices.push(target);
      counts.push(buckets.counts[i]!);
    }
  }
  return { indices, counts };
}

/** The upper bound of bucket `index` of an exponential schema. */
export function exponentialBound(index: number, schema: number): number {
  // 2^(index·2^-schema) in two factors, so that powers of two come out exact.
  if (schema <= 0) return 2 ** (index * 2 ** -schema);
  const perOctave = 2 ** schema;
  const octave = Math.floor(index / perOctave);
  return 2 ** ((index - octave * perOctave) / perOctave) * 2 ** octave;
}

/** One bucket with its bounds. Both are closed only where they have to be; see {@link allBuckets}. */
export interface Bucket {
  readonly lower: number;
  readonly upper: number;
  readonly count: number;
  readonly lowerInclusive: boolean;
  readonly upperInclusive: boolean;
}

/** The upper bound of a positive bucket of whatever schema. */
export function upperBound(histogram: FloatHistogram, index: number): number {
  if (!usesCustomBuckets(histogram)) return exponentialBound(index, histogram.schema);
  return index < histogram.customValues.length ? histogram.customValues[index]! : Infinity;
}

/** The lower bound of a positive bucket of whatever schema. */
export function lowerBound(histogram: FloatHistogram, index: number): number {
  if (!usesCustomBuckets(histogram)) return exponentialBound(index - 1, histogram.schema);
  return index === 0 ? -Infinity : histogram.customValues[index - 1]!;
}

/** All buckets in ascending order: negative ones, the zero bucket if it has a count, positive ones. */
export function allBuckets(histogram: FloatHistogram): Bucket[] {
  const buckets: Bucket[] = [];
  const negative = negativeBucketsOf(histogram);
  for (let i = negative.indices.length - 1; i >= 0; i--) {
    const index = negative.indices[i]!;
    buckets.push({
      lower: -exponentialBound(index, histogram.schema),
      upper: -exponentialBound(index - 1, histogram.schema),
      count: negative.counts[i]!,
      lowerInclusive: true,
      upperInclusive: false,
    });
  }
  if (histogram.zeroCount !== 0) {
    buckets.push({
      lower: -histogram.zeroThreshold,
      upper: histogram.zeroThreshold,
      count: histogram.zeroCount,
      lowerInclusive: true,
      upperInclusive: true,
    });
  }
  const positive = positiveBucketsOf(histogram);
  for (let i = 0; i < positive.indices.length; i++) {
    const index = positive.indices[i]!;
    buckets.push({
      lower: lowerBound(histogram, index),
      upper: upperBound(histogram, index),
      count: positive.counts[i]!,
      lowerInclusive: false,
      upperInclusive: true,
    });
  }
  return buckets;
}

/** Whether a bucket holds anything. */
export function isFilled(_: number, count: number): boolean {
  return count !== 0;
}

/** The histogram without its empty buckets. */
export function compactHistogram(histogram: FloatHistogram): FloatHistogram {
  return withBuckets(
    histogram,
    filterBuckets(positiveBucketsOf(histogram), isFilled),
    filterBuckets(negativeBucketsOf(histogram), isFilled),
  );
}

/** Counts of buckets from their differences, as the wire formats have those of integers. */
export function runningSums(deltas: readonly number[]): number[] {
  let sum = 0;
  return deltas.map((delta) => (sum += delta));
}
