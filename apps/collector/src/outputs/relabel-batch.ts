import type { Labels } from '#libs/labels';
import { type SampleBatch, SampleBatchBuilder } from '#libs/samples';

/** Changes a label set, or answers null to leave its series out. */
export type LabelChange = (labels: Labels) => Labels | null;

/**
 * Remembers what a change made of a label set for as long as that lives: scrapes hand on the same objects again and
 * again.
 */
export function rememberedChange(change: LabelChange): LabelChange {
  const known = new WeakMap<Labels, Labels | 'dropped'>();
  return (labels) => {
    const before = known.get(labels);
    if (before !== undefined) return before === 'dropped' ? null : before;
    const after = change(labels);
    known.set(labels, after ?? 'dropped');
    return after;
  };
}

/** A batch with changed label sets. Its columns are shared unless series were left out. */
export function relabelBatch(batch: SampleBatch, change: LabelChange): SampleBatch {
  const changed = batch.labels.map((labels) => change(labels));
  const kept = changed.filter((labels) => labels !== null);
  if (kept.length === changed.length) return { ...batch, labels: kept };
  return copyOf(batch, changed, () => true);
}

/** A batch without its native histograms, for receivers that know none. */
export function withoutHistograms(batch: SampleBatch): SampleBatch {
  const { histograms } = batch;
  if (histograms === null) return batch;
  return copyOf(batch, batch.labels, (sample) => (histograms[sample] ?? null) === null);
}

function copyOf(
  batch: SampleBatch,
  changed: readonly (Labels | null)[],
  isKept: (sample: number) => boolean,
): SampleBatch {
  const builder = new SampleBatchBuilder(batch.labels.length);
  changed.forEach((labels, series) => {
    if (labels === null) return;
    let hasBegun = false;
    for (let i = batch.firstSample[series]!; i < batch.firstSample[series + 1]!; i++) {
      if (!isKept(i)) continue;
      if (!hasBegun) builder.addSeries(labels, batch.metadata?.[series] ?? null);
      hasBegun = true;
      const histogram = batch.histograms?.[i] ?? null;
      if (histogram === null) builder.addSampleFrom(batch.timesMs[i]!, batch.values, i);
      else builder.addHistogram(batch.timesMs[i]!, histogram);
      const startMs = batch.startTimesMs?.[i] ?? 0;
      if (startMs !== 0) builder.setStartTime(startMs);
      const exemplars = batch.exemplars?.get(i);
      if (exemplars !== undefined) builder.setExemplars(exemplars);
    }
  });
  return builder.take();
}
