import type { Readable } from 'node:stream';
import { Agent } from 'undici';
import { credentialHeaders, SecretFileError, tlsConnectionOptions } from '#libs/node-http';
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
/** How long the files of a `tls_config` are trusted before they are looked at again. */
const TLS_REREAD_MS = 60_000;

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
  readonly #options: RemoteWriteClientOptions;
  #agent: { readonly agent: Agent; readonly tls: string; readonly readAtMs: number } | null = null;

  constructor(options: RemoteWriteClientOptions) {
    this.#options = options;
  }

  /**
   * Sends one message, compressing it. Never fails: what goes wrong is an outcome.
   * @param signal gives the request up
   */
  async send(message: Buffer, signal: AbortSignal): Promise<WriteOutcome> {
    const { config } = this.#options;
    const body = compressBlock(message);
    const deadline = AbortSignal.timeout(config.timeoutMs);
    try {
      const agent = await this.#connect();
      const url = new URL(config.url);
      const {
        statusCode,
        headers,
        body: answerBody,
      } = await agent.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: 'POST',
        headers: await this.#headers(),
        body,
        signal: AbortSignal.any([signal, deadline]),
        headersTimeout: 0,
        bodyTimeout: 0,
      });
      const text = await readAnswer(answerBody);
      const retryAfter = headers['retry-after'];
      const answer = answerOf(
        statusCode,
        typeof retryAfter === 'string' ? retryAfter : null,
        Date.now(),
      );
      const detail = answer.kind === 'accepted' ? '' : `status ${statusCode}: ${text}`;
      return { answer, detail, sentBytes: body.length };
    } catch (error) {
      const reason = deadline.aborted ? 'timeout' : 'unreachable';
      const detail = deadline.aborted
        ? `no complete answer within ${config.timeoutMs} ms`
        : describeFailure(error);
      return { answer: { kind: 'retry', reason, retryAfterMs: null }, detail, sentBytes: 0 };
    }
  }

  /** Drops the connections; a request under way fails. */
  async close(): Promise<void> {
    await this.#agent?.agent.destroy();
    this.#agent = null;
  }

  async #headers(): Promise<string[]> {
    const { config, baseDir, userAgent } = this.#options;
    const headers = ['content-type', WRITE_CONTENT_TYPES[config.message]];
    headers.push('content-encoding', 'snappy');
    headers.push('x-prometheus-remote-write-version', WRITE_VERSIONS[config.message]);
    headers.push('user-agent', userAgent);
    for (const [name, value] of config.headers) headers.push(name, value.reveal());
    for (const [name, value] of await credentialHeaders(config.http, baseDir)) {
      headers.push(name, value);
    }
    return headers;
  }

  /** The connections, made anew when the certificates have changed. */
  async #connect(): Promise<Agent> {
    const nowMs = performance.now();
    const known = this.#agent;
    if (known !== null && nowMs - known.readAtMs < TLS_REREAD_MS) return known.agent;
    const options = await tlsConnectionOptions(
      this.#options.config.http.tls,
      this.#options.baseDir,
    );
    const tls = JSON.stringify(options);
    if (known !== null && known.tls === tls) {
      this.#agent = { ...known, readAtMs: nowMs };
      return known.agent;
    }
    await known?.agent.close();
    const agent = new Agent({
      connections: 1,
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: 60_000,
      maxHeaderSize: 32 * 1024,
      connect: { ...options, timeout: 0 },
    });
    this.#agent = { agent, tls, readAtMs: nowMs };
    return agent;
  }
}

/** The beginning of an answer as one line; the rest is thrown away. */
async function readAnswer(body: Readable): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    const part: unknown = chunk;
    if (!Buffer.isBuffer(part)) continue;
    parts.push(part);
    size += part.length;
    // Leaving the loop destroys the stream, and with it a connection that would go on and on.
    if (size >= MAX_ANSWER_BYTES) break;
  }
  return oneLine(Buffer.concat(parts).toString('utf8', 0, Math.min(size, MAX_ANSWER_BYTES)));
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s+/g, ' ').slice(0, MAX_SHOWN);
}

function describeFailure(error: unknown): string {
  if (error instanceof SecretFileError) return error.message;
  const cause = error instanceof AggregateError ? error.errors.at(-1) : error;
  return oneLine(cause instanceof Error ? cause.message : String(cause)) || 'the request failed';
}
