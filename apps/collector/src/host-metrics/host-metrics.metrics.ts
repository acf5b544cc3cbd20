import { Counter, Gauge, type Registry } from 'prom-client';
import type { HostCollectorReport } from '#libs/host-metrics';

/** What collecting the host's metrics did. */
export class HostMetricsMetrics {
  readonly #collections: Counter;
  readonly #failures: Counter;
  readonly #dropped: Counter;
  readonly #lastSuccess: Gauge;
  #droppedBefore = 0;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#collections = new Counter({
      name: 'binnacle_host_metrics_collections_total',
      help: 'Collections of the metrics of this host.',
      registers,
    });
    this.#failures = new Counter({
      name: 'binnacle_host_metrics_collector_failures_total',
      help: 'Collectors that failed on a file that is unreadable or malformed.',
      labelNames: ['collector'],
      registers,
    });
    this.#dropped = new Counter({
      name: 'binnacle_host_metrics_dropped_samples_total',
      help: 'Samples left out because a collection held too many series.',
      registers,
    });
    this.#lastSuccess = new Gauge({
      name: 'binnacle_host_metrics_last_collection_timestamp_seconds',
      help: 'When the metrics of this host were last collected.',
      registers,
    });
  }

  collected(reports: readonly HostCollectorReport[], droppedSamples: number, nowMs: number): void {
    this.#collections.inc();
    this.#lastSuccess.set(nowMs / 1000);
    for (const { name, outcome } of reports) {
      if (outcome === 'failed') this.#failures.inc({ collector: name });
    }
    this.#dropped.inc(Math.max(0, droppedSamples - this.#droppedBefore));
    this.#droppedBefore = droppedSamples;
  }

  /** A new collector counts from zero. */
  restarted(): void {
    this.#droppedBefore = 0;
  }
}
