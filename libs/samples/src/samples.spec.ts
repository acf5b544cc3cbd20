import { describe, expect, it } from '@jest/globals';
import { Labels } from '#libs/labels';
import {
  isStaleMarker,
  type SampleBatch,
  SampleBatchBuilder,
  type SeriesMetadata,
  STALE_MARKER,
  writeStaleMarker,
} from './index.ts';

const up = Labels.fromRecord({ __name__: 'up' });
const down = Labels.fromRecord({ __name__: 'down' });

function batchOf(
  series: readonly (readonly [Labels, SeriesMetadata | null])[],
  like?: SampleBatch,
): SampleBatch {
  const builder = new SampleBatchBuilder();
  if (like !== undefined) builder.expectLike(like);
  for (const [labels, metadata] of series) {
    builder.addSeries(labels, metadata);
    builder.addSample(1, 1);
  }
  return builder.take();
}

describe('the stale marker', () => {
  it('is recognised by its bits and told from other NaNs', () => {
    const values = new Float64Array([1, Number.NaN, 0]);
    writeStaleMarker(values, 2);
    expect([0, 1, 2].map((i) => isStaleMarker(values, i))).toEqual([false, false, true]);
    expect(Buffer.from(STALE_MARKER.buffer.slice(0)).readBigUInt64LE()).toBe(0x7ff0000000000002n);
  });
  it('survives the builder, growth and hot code', () => {
    const builder = new SampleBatchBuilder();
    builder.addSeries(up);
    for (let i = 0; i < 50_000; i++) builder.addSampleFrom(i, STALE_MARKER, 0);
    const batch = builder.take();
    let markers = 0;
    for (let i = 0; i < batch.sampleCount; i++) if (isStaleMarker(batch.values, i)) markers++;
    expect(markers).toBe(50_000);
  });
});

describe('SampleBatchBuilder', () => {
  it('keeps each series’ samples together and starts anew after take', () => {
    const builder = new SampleBatchBuilder();
    builder.addSeries(up);
    builder.addSample(1, 10);
    builder.addSample(2, 20);
    builder.addSeries(down);
    builder.addSample(1, 30);
    const batch = builder.take();
    expect([...batch.firstSample.subarray(0, 3)]).toEqual([0, 2, 3]);
    expect([...batch.values.subarray(0, 3)]).toEqual([10, 20, 30]);
    expect(batch.labels).toEqual([up, down]);
    expect(builder.take().sampleCount).toBe(0);
  });
  it('keeps every value while its columns grow', () => {
    const builder = new SampleBatchBuilder();
    builder.addSeries(up);
    for (let i = 0; i < 10_000; i++) builder.addSample(i, i + 0.5);
    const { timesMs, values } = builder.take();
    const changed = Array.from({ length: 10_000 }, (_, i) => i).filter(
      (i) => timesMs[i] !== i || values[i] !== i + 0.5,
    );
    expect(changed).toEqual([]);
  });
  it('rolls back to a number of series', () => {
    const builder = new SampleBatchBuilder();
    builder.addSeries(up);
    builder.addSample(1, 10);
    builder.addSeries(down);
    builder.addSample(1, 30);
    builder.truncate(1);
    const batch = builder.take();
    expect(batch.labels).toEqual([up]);
    expect(batch.sampleCount).toBe(1);
    expect(batch.firstSample[1]).toBe(1);
  });
  it('grows past its first size', () => {
    const builder = new SampleBatchBuilder();
    for (let i = 0; i < 1_000; i++) {
      builder.addSeries(up);
      builder.addSample(i, i);
    }
    const batch = builder.take();
    expect(batch.firstSample[1_000]).toBe(1_000);
    expect(batch.timesMs[999]).toBe(999);
  });
  describe('told of an earlier batch', () => {
    const note: SeriesMetadata = { family: 'up', type: 'gauge', help: '', unit: '' };
    const first = batchOf([
      [up, note],
      [down, null],
    ]);
    it('shares the columns of one that is alike, and takes its own samples', () => {
      const next = batchOf(
        [
          [up, note],
          [down, null],
        ],
        first,
      );
      expect([next.labels === first.labels, next.metadata === first.metadata]).toEqual([
        true,
        true,
      ]);
      expect(next.values).not.toBe(first.values);
      expect(next.sampleCount).toBe(2);
    });
    it.each([
      ['ends earlier', [[up, note]]],
      [
        'goes on',
        [
          [up, note],
          [down, null],
          [up, null],
        ],
      ],
      [
        'is of other series',
        [
          [up, note],
          [up, null],
        ],
      ],
      [
        'knows something else of one',
        [
          [up, null],
          [down, null],
        ],
      ],
      ['is empty', []],
    ] as const)('has its own where it %s', (_what, series) => {
      const next = batchOf(series, first);
      expect(next.labels).toEqual(series.map(([labels]) => labels));
      expect(series.map((_, i) => next.metadata?.[i] ?? null)).toEqual(series.map(([, m]) => m));
      expect(first.labels).toEqual([up, down]);
      expect(first.metadata).toEqual([note, null]);
    });
    it('takes back what was alike', () => {
      const builder = new SampleBatchBuilder();
      builder.expectLike(first);
      builder.addSeries(up, note);
      builder.addSample(1, 1);
      builder.addSeries(down);
      builder.addSample(1, 2);
      builder.truncate(0);
      builder.addSeries(down);
      builder.addSample(2, 3);
      const batch = builder.take();
      expect(batch.labels).toEqual([down]);
      expect([batch.sampleCount, batch.values[0], batch.firstSample[1]]).toEqual([1, 3, 1]);
      expect(first.labels).toEqual([up, down]);
    });
  });
  it.each([
    ['none', [0, 1, 1]],
    ['several', [1, 2, 1]],
    ['several at the end', [1, 1, 3]],
    ['none at the end', [1, 1, 0]],
    ['one each', [1, 1, 1]],
  ])('says where the samples of each series are, where one has %s', (_what, counts) => {
    const builder = new SampleBatchBuilder();
    const firsts = [0];
    for (const count of counts) {
      builder.addSeries(up);
      for (let i = 0; i < count; i++) builder.addSample(i, i);
      firsts.push(firsts.at(-1)! + count);
    }
    expect([...builder.take().firstSample.subarray(0, 4)]).toEqual(firsts);
  });
});
