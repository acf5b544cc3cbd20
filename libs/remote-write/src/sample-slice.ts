import type { SampleBatch } from '#libs/samples';

/** Samples `start` up to `end` of a batch, and the series they belong to, `firstSeries` being that of `start`. */
export interface SampleSlice {
  readonly batch: SampleBatch;
  readonly firstSeries: number;
  readonly start: number;
  readonly end: number;
}

/** All of a batch. */
export function wholeBatch(batch: SampleBatch): SampleSlice {
  return { batch, firstSeries: 0, start: 0, end: batch.sampleCount };
}
