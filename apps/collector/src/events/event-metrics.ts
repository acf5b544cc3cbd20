import { Counter, Gauge, type Registry } from 'prom-client';

/** How counting the cluster's events fares. */
export class EventMetrics {
  readonly #events: Gauge;
  readonly #series: Gauge;
  readonly #overflow: Gauge;
  readonly #records: Counter;

  constructor(registry: Registry) {
    const gauge = (name: string, help: string): Gauge =>
      new Gauge({ name, help, registers: [registry] });
    this.#events = gauge('binnacle_kube_known_events', 'Events whose count is known.');
    this.#series = gauge('binnacle_kube_event_series', 'Series of counted events.');
    this.#overflow = gauge(
      'binnacle_kube_overflow_events',
      'Events counted as `reason="other"` because there were too many series, in this term.',
    );
    this.#records = new Counter({
      name: 'binnacle_kube_event_records_total',
      help: 'Events handed to the log outputs as records, by whether these took them.',
      labelNames: ['result'],
      registers: [registry],
    });
  }

  /** The outputs have taken so many records, to their spools at least. */
  recordsTaken(count: number): void {
    this.#records.inc({ result: 'taken' }, count);
  }

  recordsDropped(count: number): void {
    this.#records.inc({ result: 'dropped' }, count);
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
