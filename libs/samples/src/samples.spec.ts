import { describe, expect, it } from '@jest/globals';
import { Labels } from '#libs/labels';
import { isStaleMarker, SampleBatchBuilder, STALE_MARKER, writeStaleMarker } from './index.ts';

const up = Labels.fromRecord({ __name__: 'up' });
const down = Labels.fromRecord({ __name__: 'down' });

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
});
