import type { Labels } from '#libs/labels';
import { type SampleBatch, SampleBatchBuilder, STALE_MARKER } from '#libs/samples';
import type { ProbeVerdict } from './probe-verdict.ts';

/**
 * The series of one probed target over time: each verdict becomes samples with the target's labels, and a series that a
 * verdict no longer has (TLS metrics of a target that stopped answering) gets a stale marker.
 */
export class ProbeSeries {
  readonly #targetLabels: Labels;
  #live = new Map<string, Labels>();
  #lastTimeMs = -Infinity;

  constructor(targetLabels: Labels) {
    this.#targetLabels = targetLabels;
  }

  /** @param timeMs when the probe began */
  accept(verdict: ProbeVerdict, timeMs: number): SampleBatch {
    const builder = new SampleBatchBuilder();
    const live = new Map<string, Labels>();
    for (const { labels, value } of verdict.metrics) {
      // What the target said about itself does not rename it.
      const merged = labels.merge(this.#targetLabels);
      if (live.has(merged.key)) continue;
      live.set(merged.key, merged);
      builder.addSeries(merged);
      builder.addSample(timeMs, value);
    }
    for (const [key, labels] of this.#live) if (!live.has(key)) addStale(builder, labels, timeMs);
    this.#live = live;
    this.#lastTimeMs = timeMs;
    return builder.take();
  }

  /** Ends every series; a second call gives an empty batch. */
  stop(nowMs: number): SampleBatch {
    const builder = new SampleBatchBuilder();
    const timeMs = Math.max(nowMs, this.#lastTimeMs + 1);
    for (const labels of this.#live.values()) addStale(builder, labels, timeMs);
    this.#live = new Map();
    return builder.take();
  }
}

function addStale(builder: SampleBatchBuilder, labels: Labels, timeMs: number): void {
  builder.addSeries(labels);
  builder.addSampleFrom(timeMs, STALE_MARKER, 0);
}
