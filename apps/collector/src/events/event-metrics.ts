import { Gauge, type Registry } from 'prom-client';

/** How counting the cluster's events fares. */
export class EventMetrics {
  readonly #events: Gauge;
  readonly #series: Gauge;
  readonly #overflow: Gauge;

  constructor(registry: Registry) {
    const gauge = (name: string, help: string): Gauge =>
      new Gauge({ name, help, registers: [registry] });
    this.#events = gauge('binnacle_kube_known_events', 'Events whose count is known.');
    this.#series = gauge('binnacle_kube_event_series', 'Series of counted events.');
    this.#overflow = gauge(
      'binnacle_kube_overflow_events',
      'Events counted as `reason="other"` because there were too many series, in this term.',
    );
  }

  set(counts: {
    readonly events: number;
    readonly series: number;
    readonly overflow: number;
  }): void {
    this.#events.set(counts.events);
    this.#series.set(counts.series);
    this.#overflow.set(counts.overflow);
  }
}
