import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  addHistograms,
  allBuckets,
  compactHistogram,
  createFloatHistogram,
  CUSTOM_BUCKETS_SCHEMA,
  detectedResetHint,
  divideHistogram,
  exponentialBound,
  type FloatHistogram,
  formatHistogram,
  HistogramSum,
  histogramsEqual,
  isCounterReset,
  multiplyHistogram,
  reduceResolution,
  storedResetHint,
  subtractHistograms,
  toIndexed,
  toSpans,
  trimHistogram,
} from './index.ts';

const side = fc
  .uniqueArray(fc.tuple(fc.integer({ min: -20, max: 20 }), fc.integer({ min: 1, max: 9 })), {
    maxLength: 6,
    selector: ([index]) => index,
  })
  .map((pairs) => {
    const sorted = pairs.toSorted((a, b) => a[0] - b[0]);
    return toSpans({
      indices: sorted.map(([index]) => index),
      counts: sorted.map(([, count]) => count),
    });
  });

/** Whole counts, so that sums are exact whatever their order. */
const exponential: fc.Arbitrary<FloatHistogram> = fc
  .record({
    schema: fc.integer({ min: -2, max: 3 }),
    zeroThreshold: fc.constantFrom(0, 0.001, 0.5, 3),
    zeroCount: fc.nat({ max: 5 }),
    sum: fc.integer({ min: -100, max: 100 }),
    positive: side,
    negative: side,
  })
  .map(({ positive, negative, ...rest }) => {
    const counts = [...positive.counts, ...negative.counts, rest.zeroCount];
    return withoutBucketsInZero(
      createFloatHistogram({
        ...rest,
        count: counts.reduce((a, b) => a + b, 0),
        positiveSpans: positive.spans,
        positiveBuckets: positive.counts,
        negativeSpans: negative.spans,
        negativeBuckets: negative.counts,
      }),
    );
  });

/** Adding a histogram to one without observations takes buckets that reach into the zero bucket into it. */
function withoutBucketsInZero(histogram: FloatHistogram): FloatHistogram {
  const { zeroThreshold, schema } = histogram;
  const empty = createFloatHistogram({ schema, zeroThreshold });
  return compactHistogram(addHistograms({ ...histogram, zeroThreshold: 0 }, empty)!.histogram);
}

const BOUNDS = [-4, -1, 0, 2, 5, 10];
const custom: fc.Arbitrary<FloatHistogram> = fc
  .tuple(fc.subarray(BOUNDS), fc.array(fc.nat({ max: 9 }), { minLength: 7, maxLength: 7 }))
  .map(([customValues, counts]) => {
    const kept = counts.slice(0, customValues.length + 1);
    return createFloatHistogram({
      schema: CUSTOM_BUCKETS_SCHEMA,
      customValues,
      count: kept.reduce((a, b) => a + b, 0),
      sum: 7,
      positiveSpans: [{ offset: 0, length: kept.length }],
      positiveBuckets: kept,
    });
  });
const pair = fc.oneof(fc.tuple(exponential, exponential), fc.tuple(custom, custom));
const any = fc.oneof(exponential, custom);

function ofCustom(customValues: number[], positiveBuckets: number[]): FloatHistogram {
  return createFloatHistogram({
    schema: CUSTOM_BUCKETS_SCHEMA,
    customValues,
    positiveBuckets,
    positiveSpans: [{ offset: 0, length: positiveBuckets.length }],
  });
}

function ofCount(count: number): FloatHistogram {
  return createFloatHistogram({
    count,
    sum: count,
    positiveSpans: [{ offset: 0, length: 1 }],
    positiveBuckets: [count],
  });
}

function bucketTotal(histogram: FloatHistogram): number {
  return allBuckets(histogram).reduce((total, { count }) => total + count, 0);
}

describe('spans', () => {
  it('come back from indices and counts', () => {
    fc.assert(
      fc.property(side, ({ spans, counts }) => {
        expect(toSpans(toIndexed(spans, counts))).toEqual({ spans, counts });
      }),
    );
  });
  it('that are empty or adjacent are read as any others', () => {
    const spans = [
      { offset: 1, length: 2 },
      { offset: 0, length: 1 },
      { offset: 3, length: 0 },
      { offset: 1, length: 1 },
    ];
    expect(toIndexed(spans, [1, 2, 3, 4])).toEqual({ indices: [1, 2, 3, 8], counts: [1, 2, 3, 4] });
  });
  it('longer than their counts end where the counts do', () => {
    expect(toIndexed([{ offset: 0, length: 1e9 }], [1]).indices).toEqual([0]);
  });
});

describe('bounds', () => {
  it.each([
    [0, 0, 1],
    [3, 0, 8],
    [-2, 0, 0.25],
    [1, -2, 16],
    [2, 1, 2],
    [1, 1, Math.SQRT2],
    [-1, 1, Math.SQRT1_2],
    [256, 8, 2],
  ])('of bucket %d in schema %d: %d', (index, schema, bound) => {
    expect(exponentialBound(index, schema)).toBeCloseTo(bound, 14);
  });
});

describe('a sum of two histograms', () => {
  it('is the same either way', () => {
    fc.assert(
      fc.property(pair, ([a, b]) => {
        const ab = addHistograms(a, b)!.histogram;
        const ba = addHistograms(b, a)!.histogram;
        expect(histogramsEqual(ab, ba)).toBe(true);
      }),
    );
  });
  it('has all observations of both', () => {
    fc.assert(
      fc.property(pair, ([a, b]) => {
        const { histogram } = addHistograms(a, b)!;
        expect(histogram.count).toBe(a.count + b.count);
        expect(bucketTotal(histogram)).toBe(bucketTotal(a) + bucketTotal(b));
      }),
    );
  });
  it('less one of them is the other, where they are laid out alike', () => {
    fc.assert(
      fc.property(any, fc.integer({ min: 2, max: 5 }), (a, factor) => {
        const b = multiplyHistogram(a, factor);
        const { histogram } = addHistograms(a, b)!;
        expect(histogramsEqual(subtractHistograms(histogram, b)!.histogram, a)).toBe(true);
      }),
    );
  });
  it('is not there where one has custom buckets and the other has not', () => {
    const nhcb = createFloatHistogram({ schema: CUSTOM_BUCKETS_SCHEMA });
    expect(addHistograms(nhcb, createFloatHistogram())).toBeNull();
  });
  it('with other custom bounds has those in common', () => {
    const left = ofCustom([1, 2, 5], [1, 2, 3, 4]);
    const right = ofCustom([2, 3, 5], [10, 20, 30, 40]);
    const sum = addHistograms(left, right)!;
    expect(sum.hasReconciledBounds).toBe(true);
    expect(sum.histogram.customValues).toEqual([2, 5]);
    expect(sum.histogram.positiveBuckets).toEqual([13, 53, 44]);
  });
  it.each([
    ['gauge', 'not_reset', 'gauge', false],
    ['unknown', 'reset', 'unknown', false],
    ['not_reset', 'not_reset', 'not_reset', false],
    ['reset', 'not_reset', 'unknown', true],
  ] as const)('of %s and %s is %s', (left, right, hint, collides) => {
    const sum = addHistograms(
      createFloatHistogram({ counterResetHint: left }),
      createFloatHistogram({ counterResetHint: right }),
    )!;
    expect([sum.histogram.counterResetHint, sum.hasResetCollision]).toEqual([hint, collides]);
  });
});

describe('a sum of many histograms', () => {
  it('is that of adding one after the other', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(exponential, { minLength: 1, maxLength: 6 }),
          fc.array(custom, { minLength: 1, maxLength: 6 }),
        ),
        (all) => {
          const sum = new HistogramSum(all[0]!);
          const mean = new HistogramSum(all[0]!);
          let plain = all[0]!;
          for (const next of all.slice(1)) {
            expect(sum.add(next)).toBe(true);
            expect(mean.addToMean(next)).toBe(true);
            plain = addHistograms(plain, next)!.histogram;
          }
          expect(histogramsEqual(sum.value, plain)).toBe(true);
          expect(mean.mean.count).toBeCloseTo(plain.count / all.length, 9);
          expect(bucketTotal(mean.mean)).toBeCloseTo(bucketTotal(plain) / all.length, 9);
        },
      ),
    );
  });
  it('keeps what rounding takes away from a plain sum', () => {
    const sum = new HistogramSum(ofCount(1));
    for (const count of [1e100, 1, -1e100]) sum.add(ofCount(count));
    expect(sum.value.sum).toBe(2);
  });
  it('has a mean where it would overflow itself', () => {
    const mean = new HistogramSum(ofCount(1.5e308));
    mean.addToMean(ofCount(1.7e308));
    expect(mean.mean.count).toBeCloseTo(1.6e308, -300);
    expect(mean.mean.positiveBuckets[0]! / 1.6e308).toBeCloseTo(1, 12);
  });
});

describe('a coarser resolution', () => {
  it('keeps every observation and only widens buckets', () => {
    fc.assert(
      fc.property(exponential, fc.integer({ min: -4, max: 3 }), (histogram, schema) => {
        const coarse = reduceResolution(histogram, schema);
        expect(bucketTotal(coarse)).toBe(bucketTotal(histogram));
        expect(coarse.schema).toBe(Math.min(schema, histogram.schema));
        const widest = Math.max(0, ...allBuckets(histogram).map(({ upper }) => upper));
        expect(Math.max(0, ...allBuckets(coarse).map(({ upper }) => upper))).toBeGreaterThanOrEqual(
          widest * (1 - 1e-12),
        );
      }),
    );
  });
});

describe('a counter reset', () => {
  it('is not there between a histogram and one with more observations', () => {
    fc.assert(
      fc.property(any, fc.integer({ min: 1, max: 4 }), (histogram, factor) => {
        expect(isCounterReset(histogram, multiplyHistogram(histogram, factor))).toBe(false);
      }),
    );
  });
  it('is there where any bucket went down', () => {
    fc.assert(
      fc.property(any, (histogram) => {
        fc.pre(bucketTotal(histogram) > 0);
        const larger = multiplyHistogram(histogram, 2);
        expect(isCounterReset({ ...larger, count: 0 }, { ...histogram, count: 1e9 })).toBe(true);
      }),
    );
  });
  it('is there or not by its hint before anything else', () => {
    const more = createFloatHistogram({ count: 5 });
    const less = createFloatHistogram({ count: 1 });
    expect(isCounterReset(less, { ...more, counterResetHint: 'reset' })).toBe(true);
    expect(isCounterReset(more, { ...less, counterResetHint: 'not_reset' })).toBe(false);
  });
  it('is there where the resolution became finer or the zero bucket narrower', () => {
    const wide = createFloatHistogram({ zeroThreshold: 1 });
    expect(isCounterReset(wide, { ...wide, schema: 1 })).toBe(true);
    expect(isCounterReset(wide, { ...wide, zeroThreshold: 0.5 })).toBe(true);
  });
  it.each([
    [5, 6, 'not_reset', 'not_reset'],
    [5, 4, 'unknown', 'reset'],
    [null, 4, 'unknown', 'unknown'],
  ] as const)(
    'from %s to %d is stored as %s and detected as %s',
    (before, after, stored, found) => {
      const previous = before === null ? null : createFloatHistogram({ count: before });
      const current = createFloatHistogram({ count: after });
      expect(storedResetHint(previous, current)).toBe(stored);
      expect(detectedResetHint(previous, current)).toBe(found);
    },
  );
});

describe('division', () => {
  it('by zero leaves no buckets', () => {
    const histogram = createFloatHistogram({
      count: 3,
      sum: -2,
      positiveSpans: [{ offset: 0, length: 1 }],
      positiveBuckets: [3],
    });
    const divided = divideHistogram(histogram, 0);
    expect([divided.count, divided.sum, divided.positiveBuckets]).toEqual([
      Infinity,
      -Infinity,
      [],
    ]);
  });
  it('undoes multiplication', () => {
    fc.assert(
      fc.property(any, fc.constantFrom(2, 4, -8), (histogram, factor) => {
        const there = divideHistogram(multiplyHistogram(histogram, factor), factor);
        expect(histogramsEqual(there, histogram)).toBe(true);
      }),
    );
  });
});

describe('trimming', () => {
  it('at the same value from both sides leaves all observations with one of the two', () => {
    fc.assert(
      fc.property(exponential, fc.double({ min: -20, max: 20, noNaN: true }), (histogram, cut) => {
        // What is exactly zero is neither above nor below it.
        fc.pre(cut !== 0 || histogram.zeroThreshold > 0);
        const below = trimHistogram(histogram, cut, 'above');
        const above = trimHistogram(histogram, cut, 'below');
        expect(below.count + above.count).toBeCloseTo(histogram.count, 8);
        expect(bucketTotal(below) + bucketTotal(above)).toBeCloseTo(bucketTotal(histogram), 8);
      }),
    );
  });
  it('beyond all buckets changes nothing', () => {
    fc.assert(
      fc.property(any, (histogram) => {
        expect(trimHistogram(histogram, Infinity, 'above')).toBe(histogram);
        expect(trimHistogram(histogram, -Infinity, 'below')).toBe(histogram);
      }),
    );
  });
});

describe('the text of a histogram', () => {
  it('has count, sum and every bucket that is not empty', () => {
    const histogram = createFloatHistogram({
      schema: 0,
      count: 10,
      sum: -1.5,
      zeroThreshold: 0.001,
      zeroCount: 2,
      positiveSpans: [{ offset: 0, length: 3 }],
      positiveBuckets: [1, 0, 3],
      negativeSpans: [{ offset: 1, length: 1 }],
      negativeBuckets: [4],
    });
    expect(formatHistogram(histogram)).toBe(
      '{count:10, sum:-1.5, [-2,-1):4, [-0.001,0.001]:2, (0.5,1]:1, (2,4]:3}',
    );
  });
});
