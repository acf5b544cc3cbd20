import { type SampleBatch, SampleBatchBuilder, STALE_MARKER } from '#libs/samples';
import type { Labels } from '#libs/labels';
import type { RuleOutput } from './rule-context.ts';

/** Series in one write: the event loop gets a turn between two. */
const SERIES_PER_BATCH = 2_000;

/** What a rule wrote in one moment, and stale markers for series that are no more, in writes of a bounded size. */
export function* batchesOf(
  { labels, values, histograms }: RuleOutput,
  gone: readonly Labels[],
  timeMs: number,
): Generator<SampleBatch> {
  const builder = new SampleBatchBuilder();
  for (let i = 0; i < labels.length; i++) {
    const histogram = histograms?.[i] ?? null;
    builder.addSeries(labels[i]!);
    if (histogram === null) builder.addSampleFrom(timeMs, values, i);
    else builder.addHistogram(timeMs, histogram);
    if (builder.seriesCount === SERIES_PER_BATCH) yield builder.take();
  }
  for (const each of gone) {
    builder.addSeries(each);
    builder.addSampleFrom(timeMs, STALE_MARKER, 0);
    if (builder.seriesCount === SERIES_PER_BATCH) yield builder.take();
  }
  if (builder.seriesCount > 0) yield builder.take();
}

/** Stale markers for series that are no more. */
export function staleBatchesOf(gone: readonly Labels[], timeMs: number): Generator<SampleBatch> {
  return batchesOf({ labels: [], values: new Float64Array(0), histograms: null }, gone, timeMs);
}
