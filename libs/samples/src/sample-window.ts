/**
 * Part of a series' samples as a view on columns, ascending in time: samples `start` up to `end` of `timesMs` and
 * `values`. A reader is handed one window again and again; whoever fills it may point it at its own storage, so it is
 * valid until the next fill or the next write to the store. Stale markers are still in it.
 */
export interface SampleWindow {
  timesMs: Float64Array;
  values: Float64Array;
  start: number;
  end: number;
}

const NO_SAMPLES = new Float64Array(0);

/** An empty window to be filled by a reader. */
export function createSampleWindow(): SampleWindow {
  return { timesMs: NO_SAMPLES, values: NO_SAMPLES, start: 0, end: 0 };
}
