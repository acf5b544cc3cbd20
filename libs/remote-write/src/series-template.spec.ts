import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { Labels } from '#libs/labels';
import { type SampleBatch, SampleBatchBuilder, STALE_MARKER } from '#libs/samples';
import { type SampleSlice, wholeBatch, WriteEncoder } from './index.ts';

const SERIES = 6_000;
/** Short and long series, of one byte and of two for their length, and one that is not ASCII. */
const SETS = Array.from({ length: SERIES }, (_, i) =>
  Labels.fromRecord({
    __name__: `metric_${i % 50}`,
    number: String(i),
    more: i === 17 ? 'Grüße' : 'x'.repeat((i % 7) * 40),
  }),
);

function encoder(): WriteEncoder {
  return new WriteEncoder('prometheus.WriteRequest');
}

function batchOf(
  timeOf: (series: number) => number,
  valueOf: (series: number) => number,
  like?: SampleBatch,
): SampleBatch {
  const builder = new SampleBatchBuilder();
  if (like !== undefined) builder.expectLike(like);
  SETS.forEach((labels, i) => {
    builder.addSeries(labels);
    if (i % 1_000 === 999) builder.addSampleFrom(timeOf(i), STALE_MARKER, 0);
    else builder.addSample(timeOf(i), valueOf(i));
  });
  return builder.take();
}

const first = batchOf(
  () => 1_700_000_000_000,
  (i) => i,
);

/** An encoder that has seen these series often enough to have a template of them. */
function primed(): WriteEncoder {
  const ready = encoder();
  for (let i = 0; i < 3; i++) ready.encode([wholeBatch(first)]);
  return ready;
}

/** Without a template, since such an encoder has never seen anything. */
function plainly(slices: readonly SampleSlice[]): Buffer {
  return Buffer.from(encoder().encode(slices));
}

const usualTimes = fc.integer({ min: 2 ** 35, max: 2 ** 42 - 1 });

describe('an encoder that knows the series of a batch', () => {
  it('writes the same bytes as one that does not', () => {
    const known = primed();
    fc.assert(
      fc.property(usualTimes, usualTimes, fc.double(), fc.double(), (early, late, a, b) => {
        const batch = batchOf(
          (i) => (i % 3 === 0 ? early : late),
          (i) => (i % 2 === 0 ? a : b),
          first,
        );
        const slices = [wholeBatch(batch)];
        expect(plainly(slices).equals(known.encode(slices))).toBe(true);
      }),
      { numRuns: 20 },
    );
  });
  it('writes any part of it', () => {
    const known = primed();
    const batch = batchOf(() => 1_700_000_015_000, Math.sqrt, first);
    fc.assert(
      fc.property(fc.nat(SERIES), (cut) => {
        const slices = [
          { batch, firstSeries: cut, start: cut, end: SERIES },
          { batch, firstSeries: 0, start: 0, end: cut },
        ];
        expect(plainly(slices).equals(known.encode(slices))).toBe(true);
      }),
      { numRuns: 20 },
    );
  });
  it('writes several of the same series in one message', () => {
    const known = primed();
    const slices = [1, 2, 3].map((n) =>
      wholeBatch(
        batchOf(
          () => 1_700_000_000_000 + n,
          (i) => i * n,
          first,
        ),
      ),
    );
    expect(plainly(slices).equals(known.encode(slices))).toBe(true);
  });
  it.each([
    ['before 1971', 2 ** 35 - 1],
    ['after 2109', 2 ** 42],
    ['before 1970', -1],
  ])('writes a time %s, which takes other room', (_what, timeMs) => {
    const known = primed();
    const slices = [
      wholeBatch(
        batchOf(
          (i) => (i === 3 ? timeMs : 1_700_000_000_000),
          (i) => i,
          first,
        ),
      ),
    ];
    expect(plainly(slices).equals(known.encode(slices))).toBe(true);
    // What could not be filled was not half filled either.
    const usual = [wholeBatch(first)];
    expect(plainly(usual).equals(known.encode(usual))).toBe(true);
  });
  it('writes more than a sample of a series, and exemplars', () => {
    const builder = new SampleBatchBuilder();
    builder.expectLike(first);
    SETS.forEach((labels, i) => {
      builder.addSeries(labels);
      builder.addSample(1_700_000_000_000, i);
      if (i === 5) builder.addSample(1_700_000_000_001, i);
    });
    const several = builder.take();
    builder.expectLike(first);
    SETS.forEach((labels, i) => {
      builder.addSeries(labels);
      builder.addSample(1_700_000_000_000, i);
      if (i === 5) builder.setExemplars([{ labels: Labels.EMPTY, value: 1, timeMs: 1 }]);
    });
    const exemplified = builder.take();
    const known = primed();
    for (const batch of [several, exemplified]) {
      const slices = [wholeBatch(batch)];
      expect(batch.labels).toBe(first.labels);
      expect(plainly(slices).equals(known.encode(slices))).toBe(true);
    }
  });
});
