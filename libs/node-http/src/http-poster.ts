import type { Readable } from 'node:stream';
import { Agent } from './agent.ts';
import type { HttpClientConfig } from '#libs/discovery';
import { credentialHeaders, tlsConnectionOptions } from './http-credentials.ts';
import { withDeadline } from './deadline.ts';
import { HttpGetError } from './http-get-error.ts';
import { decodeBody } from './read-bounded.ts';

/** How long the files of a `tls_config` are trusted before they are looked at again. */
const TLS_REREAD_MS = 60_000;

export interface HttpPosterOptions {
  /** Http or https, with its query, without user and password. */
  readonly url: string;
  readonly http: HttpClientConfig;
  /** What relative paths of secret files are relative to. */
  readonly baseDir: string;
  readonly userAgent: string;
  /** Requests under way at a time; more wait within their deadline. Default 1. */
  readonly connections?: number;
}

/** One POST. */
export interface HttpPost {
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer | string;
  /** For everything together, to the last byte of the answer. */
  readonly timeoutMs: number;
  /** Of the answer, both as it comes and uncompressed. */
  readonly maxAnswerBytes: number;
  /** Whether the beginning of a longer answer will do; otherwise it is an error. */
  readonly cutsAnswer: boolean;
  readonly signal?: AbortSignal;
}

/** An answer, whatever its status. Of a repeated header the first value; names in lower case. */
export interface HttpPostAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/**
 * Posts to one URL over kept connections. Redirects are not followed: they could lead the body and its credentials
 * anywhere. Secrets and certificates are read again where they are used, so that rotated ones count.
 */
export class HttpPoster {
  readonly #options: HttpPosterOptions;
  readonly #url: URL;
  #agent: { readonly agent: Agent; readonly tls: string; readonly readAtMs: number } | null = null;

  constructor(options: HttpPosterOptions) {
    this.#options = options;
    this.#url = new URL(options.url);
  }

  /** @throws HttpGetError, SecretFileError */
  async post(request: HttpPost): Promise<HttpPostAnswer> {
    const { baseDir, http, userAgent } = this.#options;
    const credentials = await credentialHeaders(http, baseDir);
    const agent = await this.#connect();
    return withDeadline(request, async (signal) => {
      const response = await agent.request({
        origin: this.#url.origin,
        path: this.#url.pathname + this.#url.search,
        method: 'POST',
        headers: [['user-agent', userAgent], ...request.headers, ...credentials].flat(),
        body: request.body,
        signal,
        headersTimeout: 0,
        bodyTimeout: 0,
      });
      const headers = new Map<string, string>();
      for (const [name, value] of Object.entries(response.headers)) {
        const first = Array.isArray(value) ? value[0] : value;
        if (first !== undefined) headers.set(name, first);
      }
      const body = await readAnswer(response.body, request, headers.get('content-encoding') ?? '');
      return { status: response.statusCode, headers, body };
    });
  }

  /** Drops the connections; requests under way fail. */
  async close(): Promise<void> {
    await this.#agent?.agent.destroy();
    this.#agent = null;
  }

  /** The connections, made anew when the certificates have changed. */
  async #connect(): Promise<Agent> {
    const nowMs = performance.now();
    const known = this.#agent;
    if (known !== null && nowMs - known.readAtMs < TLS_REREAD_MS) return known.agent;
    const { http, baseDir, connections = 1 } = this.#options;
    const options = await tlsConnectionOptions(http.tls, baseDir);
    const tls = JSON.stringify(options);
    if (known !== null && known.tls === tls) {
      this.#agent = { ...known, readAtMs: nowMs };
      return known.agent;
    }
    const agent = new Agent({
      connections,
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: 60_000,
      maxHeaderSize: 32 * 1024,
      connect: { ...options, timeout: 0 },
    });
    this.#agent = { agent, tls, readAtMs: nowMs };
    // Requests under way end first; nobody waits for them.
    void known?.agent.close();
    return agent;
  }
}

async function readAnswer(
  stream: Readable,
  { maxAnswerBytes, cutsAnswer }: HttpPost,
  encoding: string,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    parts.push(chunk);
    size += chunk.length;
    // Leaving the loop destroys the stream, and with it a connection that would go on and on.
    if (size > maxAnswerBytes) break;
  }
  const body = Buffer.concat(parts);
  if (cutsAnswer) return body.subarray(0, maxAnswerBytes);
  if (size > maxAnswerBytes) {
    throw new HttpGetError('body-too-large', `an answer of more than ${maxAnswerBytes} bytes`);
  }
  return decodeBody(body, encoding, maxAnswerBytes);
}
