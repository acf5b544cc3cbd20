import { LOG_LEVELS } from '#libs/log-pipeline';
import type { StreamListenerEvents } from '#libs/node-listen';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { IntakeBatch } from '../logs/log-intake.ts';

/** What came in beside files, and what did not. */
export class InputMetrics {
  readonly #records: Counter;
  readonly #bytes: Counter;
  readonly #refused: Counter;
  readonly #dropped: Counter;
  readonly #truncated: Counter;
  readonly #connections: Gauge;
  readonly #ended: Counter;
  readonly #denied: Counter;
  readonly #up: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    const counter = (name: string, help: string, labelNames: string[]): Counter =>
      new Counter({ name, help, labelNames, registers });
    this.#records = counter(
      'binnacle_log_input_records_total',
      'Records that an input has taken and that are safe, by the level they tell.',
      ['input', 'level'],
    );
    this.#bytes = counter(
      'binnacle_log_input_bytes_total',
      'Bytes of records that an input has taken and that are safe.',
      ['input'],
    );
    this.#refused = counter(
      'binnacle_log_input_refused_total',
      'Records that were not taken and whose senders know, so that they can send them again.',
      ['input', 'reason'],
    );
    this.#dropped = counter(
      'binnacle_log_input_dropped_total',
      'Records that were not taken and that nobody will send again.',
      ['input', 'reason'],
    );
    this.#truncated = counter(
      'binnacle_log_input_truncated_total',
      'Messages that were longer than an input takes, or had too many fields, and were cut.',
      ['input'],
    );
    this.#connections = new Gauge({
      name: 'binnacle_log_input_connections',
      help: 'Connections that are open.',
      labelNames: ['input'],
      registers,
    });
    this.#ended = counter(
      'binnacle_log_input_ended_connections_total',
      'Connections that were ended because of what came over them, or did not.',
      ['input', 'reason'],
    );
    this.#denied = counter(
      'binnacle_log_input_denied_total',
      'Clients that did not show that they may send.',
      ['input'],
    );
    this.#up = new Gauge({
      name: 'binnacle_log_input_up',
      help: 'Whether an input takes records: 1 or 0.',
      labelNames: ['input'],
      registers,
    });
  }

  taken({ input, levels, byteCount }: IntakeBatch): void {
    for (const [i, count] of levels.entries()) {
      if (count > 0) this.#records.inc({ input, level: LOG_LEVELS[i]! }, count);
    }
    this.#bytes.inc({ input }, byteCount);
  }

  refused(input: string, reason: string, records: number): void {
    this.#refused.inc({ input, reason }, records);
  }

  dropped(input: string, reason: string, records: number): void {
    this.#dropped.inc({ input, reason }, records);
  }

  truncated(input: string, records: number): void {
    if (records > 0) this.#truncated.inc({ input }, records);
  }

  denied(input: string): void {
    this.#denied.inc({ input });
  }

  up(input: string, isUp: boolean): void {
    this.#up.set({ input }, isUp ? 1 : 0);
  }

  /** Of an input that is there no more. */
  forget(input: string): void {
    this.#up.remove({ input });
    this.#connections.remove({ input });
  }

  /** What a listener tells, as metrics. */
  listenerEvents(input: string, failed: (error: unknown) => void): StreamListenerEvents {
    return {
      refused: (reason) => this.#ended.inc({ input, reason }),
      connections: (count) => this.#connections.set({ input }, count),
      failed,
    };
  }
}
