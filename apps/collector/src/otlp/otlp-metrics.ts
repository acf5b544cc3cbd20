import { Counter, type Registry } from 'prom-client';

/** Requests that came by OTLP, and what they held. */
export class OtlpMetrics {
  readonly #requests: Counter;
  readonly #points: Counter;
  readonly #rejected: Counter;
  readonly #unknown: Counter;
  readonly #contradicted: Counter;

  constructor(registry: Registry) {
    const counter = (name: string, help: string, labelNames: string[]): Counter =>
      new Counter({ name, help, labelNames, registers: [registry] });
    this.#requests = counter(
      'binnacle_otlp_requests_total',
      'Requests by OTLP, by signal and the status they were answered with.',
      ['signal', 'code'],
    );
    this.#points = counter(
      'binnacle_otlp_points_total',
      'Data points of metrics that were taken.',
      [],
    );
    this.#rejected = counter(
      'binnacle_otlp_rejected_total',
      'Data points and log records of requests that were otherwise taken.',
      ['signal'],
    );
    this.#contradicted = counter(
      'binnacle_otlp_contradicted_total',
      'Resources that name a pod which their sender is not, by its address; its word does not count.',
      ['signal'],
    );
    this.#unknown = counter('binnacle_otlp_unenriched_total', 'Resources whose pod is not known.', [
      'signal',
    ]);
  }

  answered(signal: string, code: number): void {
    this.#requests.inc({ signal, code: String(code) });
  }

  points(count: number): void {
    this.#points.inc(count);
  }

  rejected(signal: string, count: number): void {
    this.#rejected.inc({ signal }, count);
  }

  contradicted(signal: string): void {
    this.#contradicted.inc({ signal });
  }

  unenriched(signal: string): void {
    this.#unknown.inc({ signal });
  }
}
