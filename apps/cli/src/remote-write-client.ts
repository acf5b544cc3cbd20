import { setTimeout as sleep } from 'node:timers/promises';
import { parseRetryAfterMs } from '#libs/calendar';
import {
  compressBlock,
  wholeBatch,
  WRITE_CONTENT_TYPES,
  WRITE_VERSIONS,
  WriteEncoder,
  type WriteMessage,
} from '#libs/remote-write';
import type { SampleBatch } from '#libs/samples';
import { EngineRequestError } from './engine-client.ts';
import { engineAddress } from './engine-address.ts';

const TIMEOUT_MS = 60_000;
/** Given up after so long without an answer that says more than "later". */
const MAX_WAIT_MS = 120_000;
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 10_000;
const MAX_SHOWN = 500;

/** What became of a batch. */
export interface WriteOutcome {
  /** Samples that were not taken; 0 where the receiver does not say how many. */
  readonly rejected: number;
  /** What the receiver says of those it did not take, or null. */
  readonly problem: string | null;
}

/**
 * Writes batches to a remote-write receiver, one after the other: version 2.0, which says what was written, and 1.0 to one
 * that does not know it. While the receiver asks to wait, it waits.
 */
export class RemoteWriteClient {
  readonly #url: URL;
  /** Who asks. */
  readonly #headers: Readonly<Record<string, string>>;
  #message: WriteMessage = 'io.prometheus.write.v2.Request';
  #encoder = new WriteEncoder(this.#message);
  #hasAnswered = false;

  constructor(engineUrl: string) {
    ({ url: this.#url, headers: this.#headers } = engineAddress(engineUrl, 'api/v1/write'));
  }

  /** @throws EngineRequestError when nothing more can be sent */
  async send(batch: SampleBatch): Promise<WriteOutcome> {
    const startedMs = performance.now();
    let delayMs = FIRST_DELAY_MS;
    for (;;) {
      const answer = await this.#post(batch);
      // One that never was there will hardly come; one that goes away may be restarting.
      if (typeof answer === 'string' && !this.#hasAnswered) throw new EngineRequestError(answer);
      this.#hasAnswered = true;
      if (typeof answer !== 'string') {
        const written = answer.headers.get('x-prometheus-remote-write-samples-written');
        const isTooOld = this.#message !== 'prometheus.WriteRequest' && written === null;
        if (isTooOld && (answer.status < 300 || answer.status === 400 || answer.status === 415)) {
          this.#message = 'prometheus.WriteRequest';
          this.#encoder = new WriteEncoder(this.#message);
          continue;
        }
        if (answer.status < 300) return { rejected: 0, problem: null };
        if (answer.status === 400) {
          const rejected = written === null ? 0 : batch.sampleCount - Number(written);
          return { rejected, problem: answer.text };
        }
        if (answer.status < 500 && answer.status !== 429) {
          throw new EngineRequestError(`the engine answered ${answer.status}: ${answer.text}`);
        }
      }
      const waitedMs = performance.now() - startedMs;
      if (waitedMs > MAX_WAIT_MS) {
        const reason =
          typeof answer === 'string' ? answer : `it answers ${answer.status}: ${answer.text}`;
        throw new EngineRequestError(`the engine takes no samples: ${reason}`);
      }
      const asked = typeof answer === 'string' ? null : answer.retryAfterMs;
      await sleep(asked ?? delayMs);
      delayMs = Math.min(2 * delayMs, MAX_DELAY_MS);
    }
  }

  /** @returns the answer, or why there is none */
  async #post(batch: SampleBatch): Promise<Answer | string> {
    const body = new Uint8Array(compressBlock(this.#encoder.encode([wholeBatch(batch)])));
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
        headers: {
          ...this.#headers,
          'content-type': WRITE_CONTENT_TYPES[this.#message],
          'content-encoding': 'snappy',
          'x-prometheus-remote-write-version': WRITE_VERSIONS[this.#message],
          'user-agent': 'binnacle',
        },
        body,
      });
      const retryAfter = response.headers.get('retry-after');
      return {
        status: response.status,
        headers: response.headers,
        text: (await response.text()).trim().slice(0, MAX_SHOWN),
        retryAfterMs: parseRetryAfterMs(retryAfter, Date.now(), MAX_DELAY_MS),
      };
    } catch (error) {
      return `no answer from ${this.#url.origin}: ${describe(error)}`;
    }
  }
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly retryAfterMs: number | null;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
