import { HttpGetError, HttpPoster } from '#libs/node-http';
import {
  answerOf,
  compressBlock,
  WRITE_CONTENT_TYPES,
  WRITE_VERSIONS,
  type WriteAnswer,
} from '#libs/remote-write';
import type { RemoteWriteConfig } from './outputs-config.ts';

const MAX_ANSWER_BYTES = 64 * 1024;
const MAX_SHOWN = 300;

/** What came of one request: what it means for the queue, and in words for the log. */
export interface WriteOutcome {
  readonly answer: WriteAnswer;
  /** One line without secrets; empty where all went well. */
  readonly detail: string;
  /** Of the compressed body. */
  readonly sentBytes: number;
}

export interface RemoteWriteClientOptions {
  readonly config: RemoteWriteConfig;
  /** What relative paths of secret files are relative to. */
  readonly baseDir: string;
  readonly userAgent: string;
}

/** Posts messages to one receiver over kept connections. Redirects are not followed. */
export class RemoteWriteClient {
  readonly #config: RemoteWriteConfig;
  readonly #poster: HttpPoster;

  constructor({ config, baseDir, userAgent }: RemoteWriteClientOptions) {
    this.#config = config;
    this.#poster = new HttpPoster({ url: config.url, http: config.http, baseDir, userAgent });
  }

  /**
   * Sends one message, compressing it. Never fails: what goes wrong is an outcome.
   * @param signal gives the request up
   */
  async send(message: Buffer, signal: AbortSignal): Promise<WriteOutcome> {
    const body = compressBlock(message);
    try {
      const {
        status,
        headers,
        body: answerBody,
      } = await this.#poster.post({
        headers: this.#headers(),
        body,
        timeoutMs: this.#config.timeoutMs,
        maxAnswerBytes: MAX_ANSWER_BYTES,
        cutsAnswer: true,
        signal,
      });
      const answer = answerOf(status, headers.get('retry-after') ?? null, Date.now());
      const text = oneLine(answerBody.toString('utf8'));
      const detail = answer.kind === 'accepted' ? '' : `status ${status}: ${text}`;
      return { answer, detail, sentBytes: body.length };
    } catch (error) {
      const isLate = error instanceof HttpGetError && error.code === 'timeout';
      const reason = isLate ? 'timeout' : 'unreachable';
      const detail = oneLine(error instanceof Error ? error.message : String(error));
      return { answer: { kind: 'retry', reason, retryAfterMs: null }, detail, sentBytes: 0 };
    }
  }

  /** Drops the connections; a request under way fails. */
  close(): Promise<void> {
    return this.#poster.close();
  }

  #headers(): (readonly [string, string])[] {
    const { message, headers } = this.#config;
    return [
      ['content-type', WRITE_CONTENT_TYPES[message]],
      ['content-encoding', 'snappy'],
      ['x-prometheus-remote-write-version', WRITE_VERSIONS[message]],
      ...headers.map(([name, value]) => [name, value.reveal()] as const),
    ];
  }
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s+/g, ' ').slice(0, MAX_SHOWN);
}
