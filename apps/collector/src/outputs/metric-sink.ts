import type { SampleBatch } from '#libs/samples';

/** When a batch has to leave: in its turn, or as soon as there is a request to put it in. */
export type Urgency = 'in-turn' | 'soon';

/** Where everything that gathers samples hands them on to; see {@link METRIC_SINK}. */
export interface MetricSink {
  /**
   * Takes a batch, which must not change afterwards. Never blocks: what does not fit the outputs' queues pushes out the
   * oldest samples there, and is counted.
   * @param urgency `soon` does not wait for company on its way out
   */
  push(batch: SampleBatch, urgency?: Urgency): void;
}

/** The outputs of this collector as one {@link MetricSink}. */
export const METRIC_SINK = Symbol('MetricSink');
