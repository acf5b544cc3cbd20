import { HttpPoster, type HttpPosterOptions } from '#libs/node-http';
import { answerOf } from '#libs/remote-write';
import type { LogBody } from './log-bodies.ts';
import type { LogChunk } from './log-chunk.ts';
import type { LogDelivery, LogTransport } from './log-transport.ts';

const MAX_ANSWER_BYTES = 64 * 1024;
const MAX_SHOWN = 300;

export interface HttpLogTransportOptions {
  readonly poster: HttpPosterOptions;
  readonly timeoutMs: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly bodyOf: (chunks: readonly LogChunk[]) => LogBody;
}

/** Chunks in the bodies of POST requests, one at a time. Redirects are not followed. */
export class HttpLogTransport implements LogTransport {
  readonly concurrency = 1;
  readonly #options: HttpLogTransportOptions;
  readonly #poster: HttpPoster;
  readonly #closing = new AbortController();

  constructor(options: HttpLogTransportOptions) {
    this.#options = options;
    this.#poster = new HttpPoster(options.poster);
  }

  async deliver(chunks: readonly LogChunk[]): Promise<LogDelivery> {
    const { bodyOf, headers: own, timeoutMs } = this.#options;
    try {
      const { headers, body } = bodyOf(chunks);
      const answer = await this.#poster.post({
        headers: [...headers, ...own],
        body,
        timeoutMs,
        maxAnswerBytes: MAX_ANSWER_BYTES,
        cutsAnswer: true,
        signal: this.#closing.signal,
      });
      const meaning = answerOf(
        answer.status,
        answer.headers.get('retry-after') ?? null,
        Date.now(),
      );
      if (meaning.kind === 'accepted') return { kind: 'delivered' };
      const detail = `status ${answer.status}: ${oneLine(answer.body.toString('utf8'))}`;
      // Wrong credentials are a mistake of an operator, which the records are not to pay for.
      const isOperators = answer.status === 401 || answer.status === 403 || answer.status === 404;
      if (meaning.kind === 'retry') {
        return { kind: 'retry', detail, afterMs: meaning.retryAfterMs };
      }
      return isOperators ? { kind: 'retry', detail, afterMs: null } : { kind: 'rejected', detail };
    } catch (error) {
      const detail = oneLine(error instanceof Error ? error.message : String(error));
      return { kind: 'retry', detail, afterMs: null };
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#poster.close();
  }
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s+/g, ' ').slice(0, MAX_SHOWN);
}
