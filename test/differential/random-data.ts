import { Labels } from '#libs/labels';
import { type SampleBatch, SampleBatchBuilder, STALE_MARKER } from '#libs/samples';
import { Random } from '../fuzz/random.ts';

/** Every time that expressions are asked for is this and 3, 8, 13… seconds, see {@link randomData}. */
export const BASE_MS = 1_700_000_000_000;
export const DATA_MS = 40 * 60_000;

/** The metrics of a data set; `#` stands for its number. */
export const METRICS = {
  /** Values that no other series has at any time, so that nothing is tied. */
  gauges: ['gauge#', 'level#'],
  /** NaN and infinities among the values. */
  odd: ['odd#'],
  counters: ['requests#_total', 'errors#_total'],
  buckets: 'latency#_bucket',
  info: 'version#_info',
} as const;

const BOUNDS = ['0.1', '0.5', '1', '2.5', '10', '+Inf'];
const SCRAPE_MS = 15_000;

type ValueAt = (sample: number) => number;

/**
 * One data set: gauges, counters with resets, classic histograms, gaps, stale markers, series that come and go. No sample
 * lies on a full second, so none lies on the edge of a window: windows of Prometheus 2 are closed on the left, those of
 * Prometheus 3 are open.
 */
export function randomData(set: number, seed: number): SampleBatch {
  const random = new Random(seed, set);
  const builder = new SampleBatchBuilder();
  const series: [Record<string, string>, ValueAt][] = [];
  let unique = 0;
  for (const metric of METRICS.gauges) {
    for (const job of ['a', 'b', 'c']) {
      for (const instance of ['1', '2', '3', '4']) {
        if (random.oneIn(4)) continue;
        const labels = { __name__: metric, job, instance, ...(random.oneIn(2) && { zone: 'z' }) };
        series.push([labels, gauge(random, ++unique / 4_096)]);
      }
    }
  }
  for (const instance of ['1', '2', '3', '5']) {
    series.push([{ __name__: METRICS.odd[0], job: 'a', instance }, oddValues(random)]);
  }
  for (const metric of METRICS.counters) {
    for (const job of ['a', 'b']) {
      for (const instance of ['1', '2', '3']) {
        for (const code of ['200', '500']) {
          if (random.oneIn(4)) continue;
          series.push([{ __name__: metric, job, instance, code }, counter(random)]);
        }
      }
    }
  }
  for (const job of ['a', 'b']) {
    for (const instance of ['1', '2']) {
      const counts = BOUNDS.map(() => counter(random));
      BOUNDS.forEach((le, i) => {
        // A bound that is missing is nothing unusual; +Inf is, and there is no quantile without.
        if (random.oneIn(12)) return;
        const cumulative: ValueAt = (sample) =>
          counts.slice(0, i + 1).reduce((sum, count) => sum + count(sample), 0);
        series.push([{ __name__: METRICS.buckets, job, instance, le }, cumulative]);
      });
    }
    for (const instance of ['1', '2', '3']) {
      const version = `v${random.below(3)}`;
      series.push([{ __name__: METRICS.info, job, instance, version }, () => 1]);
    }
  }
  for (const [labels, valueAt] of series) {
    const named = { ...labels, __name__: labels['__name__']!.replace('#', String(set)) };
    builder.addSeries(Labels.fromRecord(named));
    addSamples(builder, random, valueAt);
  }
  return builder.take();
}

function addSamples(builder: SampleBatchBuilder, random: Random, valueAt: ValueAt): void {
  const jitterMs = 1 + random.below(998) + 1_000 * random.below(14);
  const count = DATA_MS / SCRAPE_MS;
  const first = random.oneIn(4) ? random.below(count / 2) : 0;
  const last = random.oneIn(4) ? first + random.below(count - first) : count;
  const isSparse = random.oneIn(4);
  let gapUntil = 0;
  for (let i = first; i < last; i++) {
    const timeMs = BASE_MS + i * SCRAPE_MS + jitterMs;
    if (i < gapUntil || (isSparse && !random.oneIn(3))) continue;
    if (random.oneIn(50)) {
      gapUntil = i + random.below(30);
      // A target that is gone leaves a marker, one that could not be stored does not.
      if (random.oneIn(2)) builder.addSampleFrom(timeMs, STALE_MARKER, 0);
      continue;
    }
    builder.addSample(timeMs, valueAt(i));
  }
  if (last < count && random.oneIn(2)) {
    builder.addSampleFrom(BASE_MS + last * SCRAPE_MS + jitterMs, STALE_MARKER, 0);
  }
}

/** A walk in quarters, exact in any order of summing up; `own` is a fraction that tells the series from all others. */
function gauge(random: Random, own: number): ValueAt {
  const values: number[] = [];
  let value = random.below(200) / 4 - 20;
  for (let i = 0; i < DATA_MS / SCRAPE_MS; i++) {
    if (!random.oneIn(3)) value += (random.below(41) - 20) / 4;
    values.push(value + own);
  }
  return (sample) => values[sample]!;
}

function oddValues(random: Random): ValueAt {
  const choices = [Number.NaN, Infinity, -Infinity, 0, -0, 1, 2.5, -3];
  const values = Array.from({ length: DATA_MS / SCRAPE_MS }, () =>
    random.oneIn(3) ? random.pick(choices) : random.below(100) / 8,
  );
  return (sample) => values[sample]!;
}

/**
 * A counter that is reset at most once in ten minutes, and never to anything near zero: how far `rate` goes towards a
 * zero that lies in a gap is one of the things that have changed since Prometheus 2.
 */
function counter(random: Random): ValueAt {
  const values: number[] = [];
  let value = 1_000_000 + random.below(100_000);
  let resetAfter = 40 + random.below(100);
  for (let i = 0; i < DATA_MS / SCRAPE_MS; i++) {
    value += random.below(40) / 4;
    if (--resetAfter === 0) {
      value = 100_000 + random.below(1_000);
      resetAfter = 1_000;
    }
    values.push(value);
  }
  return (sample) => values[sample]!;
}
