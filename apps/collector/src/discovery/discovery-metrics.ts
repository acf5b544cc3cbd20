import { Counter, type Registry } from 'prom-client';

/** What went wrong while targets were looked for, under the names rules for Prometheus ask for. */
export class DiscoveryMetrics {
  readonly #fileErrors: Counter;
  readonly #httpFailures: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#fileErrors = new Counter({
      name: 'prometheus_sd_file_read_errors_total',
      help: 'Files of targets that could not be read; what they said before still holds.',
      registers,
    });
    this.#httpFailures = new Counter({
      name: 'prometheus_sd_http_failures_total',
      help: 'Requests for targets that failed; what was answered before still holds.',
      registers,
    });
  }

  fileFailed(): void {
    this.#fileErrors.inc();
  }

  httpFailed(): void {
    this.#httpFailures.inc();
  }
}
