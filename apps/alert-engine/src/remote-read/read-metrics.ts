import { Counter, Gauge, type Registry } from 'prom-client';

/** What remote read was asked and answered. */
export class ReadMetrics {
  readonly #requests: Counter;
  readonly #bytes: Counter;
  readonly #inFlight: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#requests = new Counter({
      name: 'binnacle_remote_read_requests_total',
      help: 'Remote-read requests answered, by type of the answer and status.',
      labelNames: ['type', 'code'],
      registers,
    });
    this.#bytes = new Counter({
      name: 'binnacle_remote_read_bytes_total',
      help: 'Bytes of answers to remote-read requests.',
      registers,
    });
    this.#inFlight = new Gauge({
      name: 'binnacle_remote_read_requests_in_flight',
      help: 'Remote-read requests being answered or waiting for it.',
      registers,
    });
  }

  /** Books a request that begins. @returns what to call when it has been answered, in full or not */
  begin(): (type: string, code: number) => void {
    this.#inFlight.inc();
    return (type, code) => {
      this.#inFlight.dec();
      this.#requests.inc({ type, code: String(code) });
    };
  }

  sent(bytes: number): void {
    this.#bytes.inc(bytes);
  }
}
