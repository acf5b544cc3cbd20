import type { FloatHistogram } from '#libs/histogram';

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
  /**
   * Null while the series holds floats only. Otherwise indexed like `values`: sample `i` is the histogram
   * `histograms[i]`, or the float `values[i]` where that is null. A stale marker is always a float.
   */
  histograms: readonly (FloatHistogram | null)[] | null;
  /**
   * When each sample's counting began, in milliseconds, indexed like `values`; 0 where it is not known. Null when the
   * store keeps none for the series.
   */
  startTimesMs: Float64Array | null;
}

const NO_SAMPLES = new Float64Array(0);

/** An empty window to be filled by a reader. */
export function createSampleWindow(): SampleWindow {
  return {
    timesMs: NO_SAMPLES,
    values: NO_SAMPLES,
    start: 0,
    end: 0,
    histograms: null,
    startTimesMs: null,
  };
}
