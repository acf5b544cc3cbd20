import type { SendQueueOptions } from '#libs/remote-write';
import type { MetricSpool } from './metric-spool.ts';
import type { PackedSamples, WriteOutcome } from './metric-transport.ts';

/** Why samples on disk were given up. */
type SpoolDropReason = 'rejected' | 'spool_old';

export interface SpoolSenderOptions {
  post(packed: PackedSamples): Promise<WriteOutcome>;
  readonly queue: Pick<SendQueueOptions, 'minBackoffMs' | 'maxBackoffMs'>;
  readonly maxAgeMs: number;
  arrived(samples: number, timeMs: number): void;
  dropped(samples: number, reason: SpoolDropReason): void;
  failed(error: unknown): void;
  /** Something was taken out. */
  changed(): void;
  /** Nothing waits on disk any more. */
  emptied(): void;
}

/** Sends what waits on disk, one request after the other and each until it is accepted or given up. */
export class SpoolSender {
  readonly #spool: MetricSpool;
  readonly #options: SpoolSenderOptions;
  #running: Promise<void> | null = null;
  #isClosed = false;
  #endPause: () => void = () => {};

  constructor(spool: MetricSpool, options: SpoolSenderOptions) {
    this.#spool = spool;
    this.#options = options;
  }

  /** There may be something to send. */
  wake(): void {
    if (this.#isClosed || this.#spool.isEmpty) return;
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
      if (this.#spool.isEmpty) this.#options.emptied();
      // Something may have come while the last turn ended.
      else this.wake();
    });
  }

  /** Stops; what was not acknowledged stays on disk. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#endPause();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { minBackoffMs, maxBackoffMs } = this.#options.queue;
    let backoffMs = minBackoffMs;
    while (!this.#isClosed) {
      let pauseMs = 0;
      try {
        const retryAfterMs = await this.#sendNext();
        if (retryAfterMs === null) return;
        if (retryAfterMs >= 0) pauseMs = Math.max(retryAfterMs, backoffMs);
      } catch (error) {
        this.#options.failed(error);
        pauseMs = maxBackoffMs;
      }
      if (pauseMs === 0) {
        backoffMs = minBackoffMs;
        continue;
      }
      await this.#pause(pauseMs * (0.5 + Math.random() / 2));
      backoffMs = Math.min(backoffMs * 2, maxBackoffMs);
    }
  }

  /** @returns null where nothing is left, -1 where a request is done with, else how long the receiver wants to be left alone */
  async #sendNext(): Promise<number | null> {
    const request = await this.#spool.next();
    if (request === null) return null;
    const { samples, timeMs } = request;
    if (Date.now() - timeMs > this.#options.maxAgeMs) {
      await this.#spool.done(request);
      this.#options.dropped(samples, 'spool_old');
      this.#options.changed();
      return -1;
    }
    const { answer } = await this.#options.post(request);
    if (answer.kind === 'retry') return answer.retryAfterMs ?? 0;
    await this.#spool.done(request);
    if (answer.kind === 'accepted') this.#options.arrived(samples, timeMs);
    else this.#options.dropped(samples, 'rejected');
    this.#options.changed();
    return -1;
  }

  #pause(pauseMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, pauseMs);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
