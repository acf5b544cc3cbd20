import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BlockError, ByteReader, ByteWriter } from '#libs/block-files';
import { createFloatHistogram, type FloatHistogram } from '#libs/histogram';
import { readHistogram, type TimedHistogram, writeHistogram } from './histogram-codec.ts';

const count = fc.oneof(
  fc.integer({ min: 0, max: 1_000_000 }),
  fc.double({ min: 0, noNaN: true }),
  fc.maxSafeInteger().map(Math.abs),
);
const spans = fc.array(
  fc.record({ offset: fc.integer({ min: 0, max: 9 }), length: fc.integer({ min: 0, max: 4 }) }),
  { maxLength: 3 },
);
const histogram: fc.Arbitrary<FloatHistogram> = fc
  .record({ positiveSpans: spans, negativeSpans: spans })
  .chain(({ positiveSpans, negativeSpans }) => {
    const buckets = (of: readonly { length: number }[]): fc.Arbitrary<number[]> => {
      const length = of.reduce((sum, span) => sum + span.length, 0);
      return fc.array(count, { minLength: length, maxLength: length });
    };
    return fc.record({
      schema: fc.constantFrom(-53, -4, 0, 8),
      zeroThreshold: fc.double({ noNaN: true }),
      zeroCount: count,
      count,
      sum: fc.double(),
      positiveSpans: fc.constant(positiveSpans),
      positiveBuckets: buckets(positiveSpans),
      negativeSpans: fc.constant(negativeSpans),
      negativeBuckets: buckets(negativeSpans),
      customValues: fc.array(fc.double({ noNaN: true }), { maxLength: 4 }),
      counterResetHint: fc.constantFrom('unknown', 'reset', 'not_reset', 'gauge'),
    });
  });

function written(histograms: readonly TimedHistogram[]): Buffer {
  const writer = new ByteWriter(16);
  for (const [i, one] of histograms.entries())
    writeHistogram(writer, histograms[i - 1] ?? null, one);
  return Buffer.from(writer.view());
}

function read(bytes: Buffer, howMany: number): TimedHistogram[] {
  const reader = new ByteReader(bytes);
  const found: TimedHistogram[] = [];
  for (let i = 0; i < howMany; i++) found.push(readHistogram(reader, found.at(-1) ?? null));
  expect(reader.at).toBe(bytes.length);
  return found;
}

describe('the encoding of histograms', () => {
  it('gives back what was written, whatever changes from one to the next', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ timeMs: fc.integer(), histogram }), { maxLength: 6 }),
        (histograms) => {
          expect(read(written(histograms), histograms.length)).toEqual(histograms);
        },
      ),
    );
  });
  it('takes few bytes where little changes', () => {
    const histograms = Array.from({ length: 100 }, (_, i) => ({
      timeMs: 1_700_000_000_000 + i * 15_000,
      histogram: createFloatHistogram({
        schema: 3,
        count: 100 + 3 * i,
        sum: i,
        positiveSpans: [{ offset: 0, length: 20 }],
        positiveBuckets: Array.from({ length: 20 }, (__, bucket) => bucket + (bucket < 3 ? i : 0)),
      }),
    }));
    expect(written(histograms).length / 100).toBeLessThan(40);
    expect(read(written(histograms), 100)).toEqual(histograms);
  });
  it.each([
    ['nothing', [], 'ends early'],
    ['an unknown kind', [0x08], 'unknown kind'],
    ['a difference to nothing', [0x01], 'without a layout'],
    [
      'more buckets than bytes',
      [
        0,
        ...Array(8).fill(0),
        0,
        ...Array(8).fill(0),
        0,
        1,
        0,
        0xff,
        0xff,
        0x7f,
        0,
        ...Array(10).fill(0),
      ],
      'more buckets than bytes',
    ],
  ])('refuses %s', (_, bytes, reason) => {
    const reader = new ByteReader(Buffer.from(bytes));
    expect(() => readHistogram(reader, null)).toThrow(BlockError);
    reader.at = 0;
    expect(() => readHistogram(reader, null)).toThrow(reason);
  });
});
