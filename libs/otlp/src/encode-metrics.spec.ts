import { describe, expect, it } from '@jest/globals';
import { createFloatHistogram, CUSTOM_BUCKETS_SCHEMA } from '#libs/histogram';
import { Labels } from '#libs/labels';
import { isStaleMarker, type SampleBatch, SampleBatchBuilder, STALE_MARKER } from '#libs/samples';
import { decodeOtlpProtobuf, encodeOtlpMetrics, mapMetrics, maySeparate } from './index.ts';

const of = (name: string, le = '') => Labels.fromRecord({ __name__: name, le });
const TARGET = { job: 'shop/api', instance: '10.0.0.1:80' };

/** What comes out at a receiver: series and samples, without `target_info`. */
function received(batch: SampleBatch, start = 0, firstSeries = 0, end = batch.sampleCount) {
  const request = decodeOtlpProtobuf(encodeOtlpMetrics([{ batch, firstSeries, start, end }]));
  const mapped = mapMetrics(request);
  const samples = mapped.batch.labels.flatMap((labels, series) => {
    if (labels.metricName === 'target_info') return [];
    const sample = mapped.batch.firstSample[series]!;
    return [{ labels: labels.toRecord(), sample }];
  });
  return { request, mapped, samples };
}

const classicOf = (parts: Readonly<Record<string, number>>): SampleBatch => {
  const builder = new SampleBatchBuilder();
  for (const [part, value] of Object.entries(parts)) {
    const [suffix, le] = part.split(' ');
    const bound = le === undefined ? {} : { le };
    builder.addSeries(Labels.fromRecord({ __name__: `h_${suffix}`, ...TARGET, ...bound }));
    builder.addSample(5_000, value);
  }
  return builder.take();
};
const kinds = (batch: SampleBatch) =>
  received(batch).request.resourceMetrics![0]!.scopeMetrics![0]!.metrics!.map(
    ({ name, ...data }) => `${name} ${Object.keys(data).find((key) => key !== 'description')}`,
  );
describe('metrics on their way out', () => {
  it('keep names, labels, times and values for a receiver that maps them as ours does', () => {
    const builder = new SampleBatchBuilder();
    const counter = { family: 'c_total', type: 'counter', help: 'Things.', unit: '' } as const;
    builder.addSeries(Labels.fromRecord({ __name__: 'c_total', ...TARGET, a: 'é' }), counter);
    builder.addSample(5_000, 7);
    builder.setStartTime(1_000);
    builder.setExemplars([{ labels: Labels.fromRecord({ id: 'x' }), value: 0.5, timeMs: 4_000 }]);
    builder.addSeries(Labels.fromRecord({ __name__: 'odd_counter', ...TARGET }), {
      ...counter,
      family: 'odd_counter',
    });
    builder.addSample(5_000, 1);
    builder.addSeries(Labels.fromRecord({ __name__: 'h_bucket', ...TARGET, le: '+Inf' }));
    builder.addSample(5_000, 3);
    builder.addSeries(Labels.fromRecord({ __name__: 'gone', job: 'x', instance: 'y' }));
    builder.addSampleFrom(5_000, STALE_MARKER, 0);
    const { mapped, samples, request } = received(builder.take());
    expect(samples.map(({ labels }) => labels)).toEqual([
      { __name__: 'c_total', ...TARGET, a: 'é' },
      { __name__: 'odd_counter', ...TARGET },
      { __name__: 'h_bucket', ...TARGET, le: '+Inf' },
      { __name__: 'gone', job: 'x', instance: 'y' },
    ]);
    const { batch } = mapped;
    expect(samples.slice(0, 3).map(({ sample }) => batch.values[sample])).toEqual([7, 1, 3]);
    expect(samples.map(({ sample }) => batch.timesMs[sample])).toEqual(Array(4).fill(5_000));
    expect(isStaleMarker(batch.values, samples[3]!.sample)).toBe(true);
    expect(batch.startTimesMs?.[samples[0]!.sample]).toBe(1_000);
    expect(mapped.exemplars).toMatchObject([{ value: 0.5, timeMs: 4_000 }]);
    const [metric] = request.resourceMetrics![0]!.scopeMetrics![0]!.metrics!;
    expect(metric).toMatchObject({
      description: 'Things.',
      sum: { isMonotonic: true, aggregationTemporality: 2 },
    });
  });
  it('keep native histograms, bucket by bucket', () => {
    const histogram = createFloatHistogram({
      schema: 3,
      zeroThreshold: 0.001,
      zeroCount: 2,
      count: 9,
      sum: 12.5,
      positiveSpans: [
        { offset: -2, length: 2 },
        { offset: 3, length: 1 },
      ],
      positiveBuckets: [1, 2, 3],
      negativeSpans: [{ offset: 1, length: 1 }],
      negativeBuckets: [1],
    });
    const builder = new SampleBatchBuilder();
    builder.addSeries(Labels.fromRecord({ __name__: 'h', ...TARGET }));
    builder.addHistogram(5_000, histogram);
    const { mapped, samples } = received(builder.take());
    const { counterResetHint: _hint, ...same } = histogram;
    expect(mapped.batch.histograms?.[samples[0]!.sample]).toMatchObject(same);
  });
  it('keep custom buckets as explicit ones', () => {
    const builder = new SampleBatchBuilder();
    builder.addSeries(Labels.fromRecord({ __name__: 'h', ...TARGET }));
    builder.addHistogram(
      5_000,
      createFloatHistogram({
        schema: CUSTOM_BUCKETS_SCHEMA,
        count: 4,
        sum: 9,
        positiveSpans: [
          { offset: 0, length: 1 },
          { offset: 1, length: 1 },
        ],
        positiveBuckets: [1, 3],
        customValues: [1, 2.5],
      }),
    );
    const { request } = received(builder.take());
    const [metric] = request.resourceMetrics![0]!.scopeMetrics![0]!.metrics!;
    expect(metric?.histogram?.dataPoints).toMatchObject([
      { count: 4, sum: 9, bucketCounts: [1, 0, 3], explicitBounds: [1, 2.5] },
    ]);
  });
  it('are those of the slice', () => {
    const builder = new SampleBatchBuilder();
    for (const name of ['a', 'b', 'c']) {
      builder.addSeries(Labels.fromRecord({ __name__: name }));
      builder.addSample(1, 1);
    }
    const names = received(builder.take(), 1, 1, 2).samples.map(({ labels }) => labels['__name__']);
    expect(names).toEqual(['b']);
  });

  const WHOLE = { 'bucket 0.5': 1, 'bucket +Inf': 3, sum: 2, count: 3 };

  it('put a classic histogram together that is whole', () => {
    expect(kinds(classicOf(WHOLE))).toEqual(['h histogram']);
    const { sum: _sum, ...withoutSum } = WHOLE;
    expect(kinds(classicOf(withoutSum))).toEqual(['h histogram']);
    expect(received(classicOf(withoutSum)).samples.map(({ labels }) => labels['__name__'])).toEqual(
      ['h_count', 'h_bucket', 'h_bucket'],
    );
  });

  it.each([
    ['no infinite bucket', { 'bucket 0.5': 1, sum: 2, count: 3 }],
    ['no count', { 'bucket 0.5': 1, 'bucket +Inf': 3, sum: 2 }],
    ['a count that its buckets do not come to', { ...WHOLE, count: 4 }],
    ['buckets that do not grow', { ...WHOLE, 'bucket 0.5': 4 }],
    ['a part of an observation', { ...WHOLE, 'bucket 0.5': 0.5 }],
    ['a bound that is none', { ...WHOLE, 'bucket x': 1 }],
    ['a bound twice', { ...WHOLE, 'bucket 0.50': 1 }],
    ['a bucket that has ended', { ...WHOLE, 'bucket 0.5': Number.NaN }],
  ])('leave a histogram with %s in its series', (_what, parts) => {
    const batch = classicOf(parts);
    expect(new Set(kinds(batch).map((kind) => kind.split(' ')[1]))).toEqual(new Set(['gauge']));
    expect(received(batch).samples).toHaveLength(Object.keys(parts).length);
  });

  it('keep apart what has other labels or times, and count what is only called so', () => {
    const builder = new SampleBatchBuilder();
    for (const path of ['/a', '/b']) {
      for (const [name, le] of [
        ['h_bucket', '+Inf'],
        ['h_count', ''],
      ] as const) {
        builder.addSeries(Labels.fromRecord({ __name__: name, ...TARGET, path, le }));
        builder.addSample(5_000, 1);
        builder.addSample(6_000, 2);
      }
    }
    builder.addSeries(Labels.fromRecord({ __name__: 'files_count', ...TARGET }));
    builder.addSample(5_000, 1);
    const { request, samples } = received(builder.take());
    const [first, second] = request.resourceMetrics![0]!.scopeMetrics![0]!.metrics!;
    expect(first?.histogram?.dataPoints).toHaveLength(4);
    expect(second).toMatchObject({ name: 'files_count', gauge: {} });
    expect(samples).toHaveLength(9);
  });

  it('are not divided within a histogram', () => {
    expect(maySeparate(of('h_bucket', '1'), of('h_bucket', '+Inf'))).toBe(false);
    expect(maySeparate(of('h_bucket', '+Inf'), of('h_sum'))).toBe(false);
    expect(maySeparate(of('h_count'), of('other'))).toBe(true);
    expect(maySeparate(of('g_count'), of('h_bucket', '1'))).toBe(true);
  });
});
