import type { SampleBatch } from '#libs/samples';

/** Where everything that gathers samples hands them on to; see {@link METRIC_SINK}. */
export interface MetricSink {
  /**
   * Takes a batch, which must not change afterwards. Never blocks: what does not fit the outputs' queues pushes out the
   * oldest samples there, and is counted.
   */
  push(batch: SampleBatch): void;
}

/** The outputs of this collector as one {@link MetricSink}. */
export const METRIC_SINK = Symbol('MetricSink');
