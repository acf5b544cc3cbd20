import { STATUS_CODES } from 'node:http';
import { Agent, originDispatcher } from './agent.ts';
import { type ConnectGuard, guardedConnector } from './connect-guard.ts';
import { type Answer, AnswerReader } from './answer-reader.ts';
import { withDeadline } from './deadline.ts';
import { HttpGetError, toHttpGetError } from './http-get-error.ts';
import type { TlsOptions } from './http-credentials.ts';
import { isText, LineCounter } from './line-counter.ts';
import { decodeBody } from './read-bounded.ts';

/** One GET. */
export interface HttpGetRequest {
  readonly url: string;
  readonly headers: readonly (readonly [string, string])[];
  /** Headers that prove who we are: sent to the URL's own origin, never to where a redirect leads away from it. */
  readonly credentials?: readonly (readonly [string, string])[];
  /** For everything together: connecting, redirects, the last byte of the body. */
  readonly timeoutMs: number;
  /** Of the body, both as it comes and uncompressed. */
  readonly maxBodyBytes: number;
  readonly followsRedirects: boolean;
  /** Of a text, lines that do not begin with `#`; one with more is refused while it is read. Default: any number. */
  readonly maxLines?: number;
  /** Why a redirect is not followed, as a sentence, or null where it may be. */
  readonly redirectRefusal?: (from: URL, to: URL) => string | null;
  /** Whether the body of an answer with this status is wanted; otherwise it is thrown away. Default: 200 only. */
  readonly wantsBody?: (status: number) => boolean;
  readonly signal?: AbortSignal;
}

/** An answer, whatever its status. */
export interface HttpGetResponse {
  readonly status: number;
  readonly statusText: string;
  /** Of a repeated header the first value; names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** Uncompressed; empty where it was not wanted. */
  readonly body: Buffer;
  /** Where the answer came from, after redirects. */
  readonly url: string;
}

export interface HttpGetterOptions {
  /** CA, client certificate, server name, verification. */
  readonly tls?: TlsOptions;
  /** How long a connection is kept for the next request. Default five minutes. */
  readonly keepAliveMs?: number;
  /** Connections to one origin at a time; requests beyond that wait, within their deadline. Default 8. */
  readonly connectionsPerOrigin?: number;
  /** What connections may be made where a URL has a name; by default all. */
  readonly guard?: ConnectGuard | null;
}

const MAX_REDIRECTS = 10;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * A GET client that is bounded in every direction: one deadline for all of it, a limit on the body before and after gzip,
 * redirects by hand, and credentials that never leave their origin. Connections are kept.
 */
export class HttpGetter {
  readonly #own: Agent;
  readonly #foreign: Agent;
  #hasConnected = false;

  constructor(options: HttpGetterOptions = {}) {
    const { tls = {}, keepAliveMs = 300_000, connectionsPerOrigin = 8, guard = null } = options;
    const agentWith = (some: TlsOptions): Agent =>
      createAgent(some, { keepAliveMs, connectionsPerOrigin, guard });
    this.#own = agentWith(tls);
    // Where a redirect leads away from the origin, the client certificate stays at home like every other credential.
    const { cert: _cert, key: _key, servername: _servername, ...anonymous } = tls;
    this.#foreign = agentWith(anonymous);
  }

  /** @throws HttpGetError */
  get(request: HttpGetRequest): Promise<HttpGetResponse> {
    return withDeadline(request, (signal) => this.#follow(request, signal));
  }

  /** Takes no more requests and drops each connection once its request is done. */
  async retire(): Promise<void> {
    await Promise.all([this.#own.close(), this.#foreign.close()]);
  }

  /** Drops all connections; requests under way fail. */
  async close(): Promise<void> {
    await Promise.all([this.#own.destroy(), this.#foreign.destroy()]);
  }

  async #follow(request: HttpGetRequest, signal: AbortSignal): Promise<HttpGetResponse> {
    const { origin } = new URL(request.url);
    let url = new URL(request.url);
    for (let hops = 0; ; hops++) {
      const answer = await this.#send(url, origin, request, signal);
      const { status, headers } = answer;
      const location = headers.get('location');
      const isRedirect = REDIRECTS.has(status) && location !== undefined;
      if (!isRedirect || !request.followsRedirects) {
        const encoding = headers.get('content-encoding') ?? '';
        const { maxBodyBytes, maxLines } = request;
        const counter = isText(headers) ? new LineCounter(maxLines ?? Infinity) : null;
        const body = await decodeBody(answer.body, encoding, maxBodyBytes, counter);
        const statusText = answer.statusText || (STATUS_CODES[status] ?? '');
        return { status, statusText, headers, body, url: url.href };
      }
      if (hops >= MAX_REDIRECTS) {
        throw new HttpGetError('redirect', `stopped after ${MAX_REDIRECTS} redirects`);
      }
      const next = nextUrl(location, url);
      const refusal = request.redirectRefusal?.(url, next) ?? null;
      if (refusal !== null) throw new HttpGetError('redirect', refusal);
      url = next;
    }
  }

  async #send(
    url: URL,
    origin: string,
    request: HttpGetRequest,
    signal: AbortSignal,
  ): Promise<Answer> {
    const isOwn = url.origin === origin;
    const headers = [...request.headers, ...((isOwn && request.credentials) || [])].flat();
    const agent = isOwn ? this.#own : this.#foreign;
    const wantsBody = request.wantsBody ?? isOk;
    const options = {
      origin: url.origin,
      path: url.pathname + url.search,
      method: 'GET',
      headers,
      headersTimeout: 0,
      bodyTimeout: 0,
    } as const;
    const send = (): Promise<Answer> => {
      const { followsRedirects, maxBodyBytes, maxLines = Infinity } = request;
      const reader = new AnswerReader({
        maxBodyBytes,
        maxLines,
        // Where it leads is in its head.
        wantsBody: (status) => wantsBody(status) && !(followsRedirects && REDIRECTS.has(status)),
        signal,
      });
      agent.dispatch(options, reader);
      return reader.answer;
    };
    try {
      const answer = await send();
      if (isOwn) this.#hasConnected = true;
      return answer;
    } catch (error) {
      // A server may close a kept connection at the very moment it is used again; that says nothing about the server.
      const isClosed = ['connection closed by peer', 'connection reset by peer'].includes(
        toHttpGetError(error).message,
      );
      if (!isClosed || !isOwn || !this.#hasConnected || signal.aborted) throw error;
      this.#hasConnected = false;
      return await send();
    }
  }
}

function isOk(status: number): boolean {
  return status === 200;
}

function createAgent(
  tls: TlsOptions,
  options: Required<Pick<HttpGetterOptions, 'keepAliveMs' | 'connectionsPerOrigin' | 'guard'>>,
): Agent {
  const { keepAliveMs, connectionsPerOrigin, guard } = options;
  // The request's own deadline decides.
  const connect = { ...tls, timeout: 0 };
  return new Agent({
    factory: originDispatcher,
    connections: connectionsPerOrigin,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: keepAliveMs,
    maxHeaderSize: 32 * 1024,
    connect: guard === null ? connect : guardedConnector(connect, guard),
  });
}

function nextUrl(location: string, from: URL): URL {
  const next = URL.parse(location, from.href);
  if (next === null || (next.protocol !== 'http:' && next.protocol !== 'https:')) {
    throw new HttpGetError('redirect', 'redirected to something that is no http or https URL');
  }
  next.username = '';
  next.password = '';
  return next;
}
