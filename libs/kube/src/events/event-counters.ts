import { Labels, METRIC_NAME } from '#libs/labels';
import { type SampleBatch, SampleBatchBuilder, STALE_MARKER } from '#libs/samples';
import type { KubeEvent } from '../objects/event.ts';

interface Counter {
  readonly labels: Labels;
  value: number;
  isTold: boolean;
}

/** What stands for events of which there are too many kinds. */
const OTHER = 'other';

/**
 * `binnacle_k8s_events_total` by `namespace`, `kind`, `reason` and `type` of what events are about. A counter begins with a
 * sample of 0, so that `increase()` has its first event as well.
 */
export class EventCounters {
  readonly #commonLabels: Readonly<Record<string, string>>;
  readonly #maxSeries: number;
  readonly #counters = new Map<string, Counter>();
  readonly #changed = new Set<Counter>();
  #lastTimeMs = Number.NEGATIVE_INFINITY;
  #overflow = 0;

  constructor(options: {
    readonly commonLabels: Readonly<Record<string, string>>;
    /** Beyond them events count as `reason="other"`, without kind and namespace. */
    readonly maxSeries: number;
  }) {
    this.#commonLabels = options.commonLabels;
    this.#maxSeries = options.maxSeries;
  }

  get seriesCount(): number {
    return this.#counters.size;
  }

  /** Events that have no series of their own. */
  get overflow(): number {
    return this.#overflow;
  }

  add({ involvedObject, reason, type }: KubeEvent, times: number): void {
    const { namespace, kind } = involvedObject;
    const known = this.#counters.get(keyOf(namespace, kind, reason, type));
    let counter = known;
    if (counter === undefined && this.#counters.size >= this.#maxSeries) {
      this.#overflow += times;
      counter = this.#counter('', '', OTHER, type === 'Normal' ? type : 'Warning');
    }
    counter ??= this.#counter(namespace, kind, reason, type);
    counter.value += times;
    this.#changed.add(counter);
  }

  /** The counters that have changed since they were told. */
  takeChanges(nowMs: number): SampleBatch {
    return this.#tell(this.#changed, nowMs);
  }

  takeAll(nowMs: number): SampleBatch {
    return this.#tell(this.#counters.values(), nowMs);
  }

  /** Ends every series that was told. */
  end(nowMs: number): SampleBatch {
    const builder = new SampleBatchBuilder();
    const timeMs = this.#timeOf(nowMs);
    for (const { labels, isTold } of this.#counters.values()) {
      if (!isTold) continue;
      builder.addSeries(labels);
      builder.addSampleFrom(timeMs, STALE_MARKER, 0);
    }
    this.#counters.clear();
    this.#changed.clear();
    return builder.take();
  }

  #tell(counters: Iterable<Counter>, nowMs: number): SampleBatch {
    const builder = new SampleBatchBuilder();
    const timeMs = this.#timeOf(nowMs);
    for (const counter of counters) {
      builder.addSeries(counter.labels);
      if (!counter.isTold) builder.addSample(timeMs - 1, 0);
      builder.addSample(timeMs, counter.value);
      counter.isTold = true;
    }
    this.#changed.clear();
    return builder.take();
  }

  /** No series gets two samples at one time. */
  #timeOf(nowMs: number): number {
    this.#lastTimeMs = Math.max(nowMs, this.#lastTimeMs + 1);
    return this.#lastTimeMs;
  }

  #counter(namespace: string, kind: string, reason: string, type: string): Counter {
    const key = keyOf(namespace, kind, reason, type);
    let counter = this.#counters.get(key);
    if (counter === undefined) {
      const own = { namespace, kind, reason, type };
      const name = { [METRIC_NAME]: 'binnacle_k8s_events_total' };
      const labels = Labels.fromRecord({ ...this.#commonLabels, ...own, ...name });
      counter = { labels, value: 0, isTold: false };
      this.#counters.set(key, counter);
    }
    return counter;
  }
}

function keyOf(...parts: readonly string[]): string {
  return parts.join('\0');
}
