import { HttpPoster, type HttpPosterOptions } from '#libs/node-http';
import { answerOf } from '#libs/remote-write';
import type { LogBody } from './log-bodies.ts';
import type { LogChunk } from './log-chunk.ts';
import type { LogDelivery, LogTransport } from './log-transport.ts';

const MAX_ANSWER_BYTES = 64 * 1024;
const MAX_SHOWN = 300;
/**
 * What is said of the body: it makes no sense, is too large, or means what can't be. Anything else, such as wrong
 * credentials, a redirect or a path that takes no POST, is a mistake of an operator, which the records are not to pay for.
 */
const REJECTING: ReadonlySet<number> = new Set([400, 413, 422]);

/** The headers of a request at the moment it is sent. */
export type RequestSigner = (
  body: LogBody,
  nowMs: number,
) => Promise<readonly (readonly [string, string])[]>;

export interface HttpLogTransportOptions {
  readonly poster: HttpPosterOptions;
  readonly timeoutMs: number;
  readonly headers: readonly (readonly [string, string])[];
  /** Instead of the body's own headers of the same names. */
  readonly sign?: RequestSigner | undefined;
  readonly bodyOf: (chunks: readonly LogChunk[]) => LogBody;
  /** What an accepting answer says of each record, for receivers that say so. @throws Error for an answer that makes no sense */
  readonly judge?: (answer: Buffer, chunks: readonly LogChunk[]) => LogDelivery;
  /** Default 64 KiB. A longer answer is cut, unless it is judged. */
  readonly maxAnswerBytes?: number;
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
      const made = bodyOf(chunks);
      const { body } = made;
      const signed = (await this.#options.sign?.(made, Date.now())) ?? [];
      const isReplaced = new Set(signed.map(([name]) => name.toLowerCase()));
      const headers = made.headers.filter(([name]) => !isReplaced.has(name.toLowerCase()));
      const answer = await this.#poster.post({
        headers: [...headers, ...own, ...signed],
        body,
        timeoutMs,
        maxAnswerBytes: this.#options.maxAnswerBytes ?? MAX_ANSWER_BYTES,
        cutsAnswer: this.#options.judge === undefined,
        signal: this.#closing.signal,
      });
      const { status } = answer;
      const meaning = answerOf(status, answer.headers.get('retry-after') ?? null, Date.now());
      const judged =
        meaning.kind === 'accepted' ? this.#options.judge?.(answer.body, chunks) : null;
      if (judged !== null && judged !== undefined) return judged;
      if (meaning.kind === 'accepted') return { kind: 'delivered' };
      const detail = `status ${status}: ${oneLine(answer.body.toString('utf8'))}`;
      if (REJECTING.has(status)) return { kind: 'rejected', detail };
      const afterMs = meaning.kind === 'retry' ? meaning.retryAfterMs : null;
      return { kind: 'retry', detail, afterMs };
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
