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
  const builder = new SampleBatchBuilder();
  changed.forEach((labels, series) => {
    if (labels === null) return;
    builder.addSeries(labels);
    for (let i = batch.firstSample[series]!; i < batch.firstSample[series + 1]!; i++) {
      builder.addSampleFrom(batch.timesMs[i]!, batch.values, i);
    }
  });
  return builder.take();
}
