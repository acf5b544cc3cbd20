import { QueryApiError } from './query-api-error.ts';

/** Lets a bounded number of queries run at a time; the others wait in the order they came. */
export class QueryGate {
  readonly #limit: number;
  readonly #maxWaiting: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number, maxWaiting: number) {
    this.#limit = limit;
    this.#maxWaiting = maxWaiting;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Runs `body` once there is room.
   * @throws QueryApiError when the signal ends the wait, or too many wait already
   */
  async run<T>(signal: AbortSignal, body: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#limit) await this.#wait(signal);
    this.#running++;
    try {
      return await body();
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  #wait(signal: AbortSignal): Promise<void> {
    if (this.#waiting.length >= this.#maxWaiting) {
      throw new QueryApiError('unavailable', 'too many queries are waiting to be run');
    }
    return new Promise((resolve, reject) => {
      const give = (): void => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(give), 1);
        reject(stopped(signal, 'query queue'));
      };
      if (signal.aborted) {
        reject(stopped(signal, 'query queue'));
        return;
      }
      this.#waiting.push(give);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }
}

function stopped(signal: AbortSignal, place: string): QueryApiError {
  const reason: unknown = signal.reason;
  const isTimeout =
    typeof reason === 'object' &&
    reason !== null &&
    'name' in reason &&
    reason.name === 'TimeoutError';
  return isTimeout
    ? new QueryApiError('timeout', `query timed out in ${place}`)
    : new QueryApiError('canceled', `query was canceled in ${place}`);
}
