import { createGunzip } from 'node:zlib';
import type { Readable } from 'node:stream';
import {
  type ApiStatus,
  type LeaseBody,
  parseApiStatus,
  parseListPage,
  parseResourceNames,
  type ListPage,
  RESOURCES,
  type Lease,
  KubeObjectError,
  ListFramer,
  WatchFramer,
} from '#libs/kube';
import { Agent, credentialHeaders, tlsConnectionOptions } from '#libs/node-http';
import type { Dispatcher } from 'undici';
import { KubeRequestError, toKubeRequestError } from './kube-request-error.ts';
import type { KubeEndpoint } from './kube-config.ts';

export interface KubeClientOptions {
  readonly endpoint: KubeEndpoint;
  /** What relative paths of token and CA files are relative to. */
  readonly baseDir: string;
  readonly userAgent: string;
  readonly nowMs: () => number;
  /** For a request that is no watch, from connecting to the last byte; for a watch, until it is answered. */
  readonly timeoutMs: number;
  /** Of one answer to a list, uncompressed; no more than one object of it is in memory at a time. */
  readonly maxListBytes: number;
  /** Of one event of a watch. */
  readonly maxEventBytes: number;
  /** A watch on which nothing comes for so long, not even a bookmark, is given up. */
  readonly silenceMs: number;
}

/** Bounds that fit a cluster of any size: 150,000 pods of 10 KB are the largest list, an object is at most 1.5 MiB in etcd. */
export const KUBE_CLIENT_DEFAULTS = {
  timeoutMs: 30_000,
  maxListBytes: 2 * 1024 * 1024 * 1024,
  maxEventBytes: 8 * 1024 * 1024,
  silenceMs: 180_000,
} as const;

/** What is asked for of one resource. */
export interface KubeSelection {
  /** The collection's path: `/api/v1/pods`. */
  readonly path: string;
  readonly fieldSelector: string;
  readonly labelSelector: string;
}

/** How long certificates and CA files are trusted before they are looked at again. */
const TLS_REREAD_MS = 60_000;
const MAX_REFUSAL_BYTES = 64 * 1024;
const MAX_RESOURCES_BYTES = 4 * 1024 * 1024;
const MAX_LEASE_BYTES = 1024 * 1024;

interface Connection {
  readonly agent: Agent;
  readonly tls: string;
  readonly readAtMs: number;
}

/**
 * Speaks to one API server: lists, watches, one lease, and which resources there are. The token is read again for every request, the CA every minute.
 * Redirects are never followed, and the token goes nowhere else.
 */
export class KubeClient {
  readonly #options: KubeClientOptions;
  #connection: Connection | null = null;
  #isClosed = false;

  constructor(options: KubeClientOptions) {
    this.#options = options;
  }

  /**
   * One page of a list, which an API server that answers from its cache makes as long as the list.
   * @param onItem handed each object as it comes, before it is known whether the page is complete
   * @throws KubeRequestError, KubeObjectError, and what `onItem` throws
   */
  async list(
    selection: KubeSelection,
    page: {
      readonly limit: number;
      readonly continueToken: string;
      readonly resourceVersion: string;
      /** What there was at that version, and not something newer. Default: whatever is not older. */
      readonly isExact?: boolean;
    },
    onItem: (item: unknown) => void,
    signal: AbortSignal,
  ): Promise<Omit<ListPage, 'items'>> {
    const query = selectionQuery(selection);
    query.set('limit', String(page.limit));
    if (page.continueToken !== '') query.set('continue', page.continueToken);
    if (page.resourceVersion !== '') query.set('resourceVersion', page.resourceVersion);
    if (page.isExact === true) query.set('resourceVersionMatch', 'Exact');
    const { maxListBytes, maxEventBytes } = this.#options;
    const path = `${selection.path}?${query.toString()}`;
    const framer = new ListFramer(maxEventBytes, (json) => onItem(parseJson(json)));
    // A long list takes its time; it is given up when nothing comes.
    const deadline = new Deadline(signal, this.#options.timeoutMs, 'no complete answer');
    try {
      const body = await this.#open('GET', path, null, deadline.signal);
      let bytes = 0;
      for await (const chunk of body) {
        deadline.extend();
        bytes += chunk.length;
        if (bytes > maxListBytes) {
          body.destroy();
          throw new KubeRequestError(`a list of more than ${maxListBytes} bytes`, 413, null);
        }
        framer.push(chunk);
      }
      if (deadline.signal.aborted) throw deadline.signal.reason;
      return parseListPage(framer.end());
    } catch (error) {
      throw deadline.signal.aborted ? deadline.signal.reason : toKubeRequestError(error);
    } finally {
      deadline.end();
    }
  }

  /**
   * Watches until the server ends it, in lines.
   * @param onLines handed the lines of a chunk; what it throws ends the watch
   * @returns when the server has ended the watch in good order
   * @throws KubeRequestError, WatchLineTooLongError
   */
  async watch(
    selection: KubeSelection,
    from: { readonly resourceVersion: string; readonly timeoutSeconds: number },
    onLines: (lines: readonly string[]) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const query = selectionQuery(selection);
    query.set('watch', 'true');
    query.set('allowWatchBookmarks', 'true');
    query.set('resourceVersion', from.resourceVersion);
    query.set('timeoutSeconds', String(from.timeoutSeconds));
    const { timeoutMs, silenceMs } = this.#options;
    const silence = new Deadline(signal, timeoutMs, 'no answer to a watch');
    try {
      const path = `${selection.path}?${query.toString()}`;
      const body = await this.#open('GET', path, null, silence.signal);
      silence.restart(silenceMs, 'the watch fell silent');
      const framer = new WatchFramer(this.#options.maxEventBytes);
      for await (const chunk of body) {
        silence.extend();
        const lines = framer.push(chunk);
        if (lines.length > 0) onLines(lines);
      }
      if (silence.signal.aborted) throw silence.signal.reason;
    } catch (error) {
      throw silence.signal.aborted ? silence.signal.reason : toKubeRequestError(error);
    } finally {
      silence.end();
    }
  }

  /**
   * @returns the lease, or null where there is none
   * @throws KubeRequestError, KubeObjectError
   */
  async getLease(namespace: string, name: string, signal: AbortSignal): Promise<Lease | null> {
    try {
      const path = `${leasesPath(namespace)}/${encodeURIComponent(name)}`;
      const body = await this.#exchange('GET', path, null, MAX_LEASE_BYTES, signal);
      return RESOURCES.leases.decode(JSON.parse(body));
    } catch (error) {
      if (error instanceof KubeRequestError && error.status === 404) return null;
      throw error;
    }
  }

  /**
   * Creates a lease, or updates it where the body has a version.
   * @throws KubeRequestError (409 where somebody else was quicker), KubeObjectError
   */
  async writeLease(
    namespace: string,
    name: string,
    lease: { readonly kind: 'create' | 'update'; readonly body: LeaseBody },
    signal: AbortSignal,
  ): Promise<Lease> {
    const path = leasesPath(namespace);
    const body = JSON.stringify(lease.body);
    const answer =
      lease.kind === 'create'
        ? await this.#exchange('POST', path, body, MAX_LEASE_BYTES, signal)
        : await this.#exchange(
            'PUT',
            `${path}/${encodeURIComponent(name)}`,
            body,
            MAX_LEASE_BYTES,
            signal,
          );
    return RESOURCES.leases.decode(JSON.parse(answer));
  }

  /**
   * The plurals that the server has of a group's version.
   * @param api such as `/apis/monitoring.coreos.com/v1`
   * @returns none where the server knows no such group
   * @throws KubeRequestError, KubeObjectError
   */
  async servedResources(api: string, signal: AbortSignal): Promise<readonly string[]> {
    try {
      return parseResourceNames(
        await this.#exchange('GET', api, null, MAX_RESOURCES_BYTES, signal),
      );
    } catch (error) {
      if (error instanceof KubeRequestError && error.status === 404) return [];
      throw error;
    }
  }

  /** Drops all connections; requests under way fail. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#connection?.agent.destroy();
    this.#connection = null;
  }

  async #exchange(
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    body: string | null,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<string> {
    const { timeoutMs } = this.#options;
    const deadline = new Deadline(signal, timeoutMs, 'no complete answer');
    try {
      return await readText(await this.#open(method, path, body, deadline.signal), maxBytes);
    } catch (error) {
      throw deadline.signal.aborted ? deadline.signal.reason : toKubeRequestError(error);
    } finally {
      deadline.end();
    }
  }

  /** @returns the body of an answer that says yes, uncompressed */
  async #open(
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    body: string | null,
    signal: AbortSignal,
  ): Promise<Readable> {
    const { endpoint, baseDir, userAgent, nowMs } = this.#options;
    const agent = await this.#agent(nowMs());
    const credentials = await credentialHeaders(endpoint.http, baseDir);
    const url = new URL(endpoint.url);
    const headers: Record<string, string> = {
      accept: 'application/json',
      'accept-encoding': 'gzip',
      'user-agent': userAgent,
      ...(body !== null && { 'content-type': 'application/json' }),
      ...Object.fromEntries(credentials),
    };
    const response = await agent.request({
      origin: url.origin,
      path: url.pathname.replace(/\/$/, '') + path,
      method,
      headers,
      body,
      signal,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    const content = uncompressed(response);
    if (response.statusCode >= 200 && response.statusCode < 300) return content;
    throw await refusal(response, content);
  }

  /** The connections, made anew when the certificates have changed. */
  async #agent(nowMs: number): Promise<Agent> {
    const known = this.#connection;
    if (known !== null && nowMs - known.readAtMs < TLS_REREAD_MS) return known.agent;
    const { endpoint, baseDir } = this.#options;
    const options = await tlsConnectionOptions(endpoint.http.tls, baseDir);
    if (this.#isClosed) throw new KubeRequestError('the client is closed', 0, null);
    const tls = JSON.stringify(options);
    const current = this.#connection;
    if (current !== null && current.tls === tls) {
      this.#connection = { ...current, readAtMs: nowMs };
      return current.agent;
    }
    const agent = new Agent({
      // A watch keeps a connection to itself: one for each resource, and some for lists and the lease.
      connections: 64,
      pipelining: 1,
      allowH2: false,
      maxHeaderSize: 32 * 1024,
      connect: { ...options, timeout: 0 },
    });
    this.#connection = { agent, tls, readAtMs: nowMs };
    // Watches under way end of themselves, within minutes.
    void current?.agent.close();
    return agent;
  }
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new KubeObjectError('expected JSON');
  }
}

function leasesPath(namespace: string): string {
  return `${RESOURCES.leases.api}/namespaces/${encodeURIComponent(namespace)}/leases`;
}

function selectionQuery({ fieldSelector, labelSelector }: KubeSelection): URLSearchParams {
  const query = new URLSearchParams();
  if (fieldSelector !== '') query.set('fieldSelector', fieldSelector);
  if (labelSelector !== '') query.set('labelSelector', labelSelector);
  return query;
}

function uncompressed({ headers, body }: Dispatcher.ResponseData): Readable {
  if (headers['content-encoding'] !== 'gzip') return body;
  const gunzip = createGunzip();
  body.on('error', (error) => gunzip.destroy(error));
  return body.pipe(gunzip);
}

async function refusal(
  { statusCode, headers }: Dispatcher.ResponseData,
  body: Readable,
): Promise<KubeRequestError> {
  let status: ApiStatus | null = null;
  try {
    status = parseApiStatus(await readText(body, MAX_REFUSAL_BYTES));
  } catch {
    // What cannot be read of a refusal does not change that it is one.
    body.destroy();
  }
  const header = headers['retry-after'];
  const seconds = /^\d{1,6}$/.test(String(header)) ? Number(header) : null;
  const retryAfterMs = seconds === null ? (status?.retryAfterMs ?? null) : seconds * 1_000;
  const said = status === null ? '' : `: ${status.message.slice(0, 500)}`;
  return new KubeRequestError(
    `the API server answered ${statusCode}${said}`,
    statusCode,
    retryAfterMs,
  );
}

async function readText(body: Readable, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      body.destroy();
      throw new KubeRequestError(`an answer of more than ${maxBytes} bytes`, 0, null);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes).toString('utf8');
}

/** Aborts when `parent` does or when nothing has extended it for `timeoutMs`. */
class Deadline {
  readonly #abort = new AbortController();
  readonly #parent: AbortSignal;
  #timer: NodeJS.Timeout;

  constructor(parent: AbortSignal, timeoutMs: number, what: string) {
    this.#parent = parent;
    this.#timer = this.#startTimer(timeoutMs, what);
    if (parent.aborted) this.#giveUp();
    parent.addEventListener('abort', this.#giveUp, { once: true });
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  extend(): void {
    this.#timer.refresh();
  }

  /** From now on, another one. */
  restart(timeoutMs: number, what: string): void {
    clearTimeout(this.#timer);
    this.#timer = this.#startTimer(timeoutMs, what);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#parent.removeEventListener('abort', this.#giveUp);
    // Whatever is still open of the exchange is of no use any more.
    this.#abort.abort(new KubeRequestError('the request was given up', 0, null));
  }

  #startTimer(timeoutMs: number, what: string): NodeJS.Timeout {
    return setTimeout(() => {
      this.#abort.abort(new KubeRequestError(`${what} within ${timeoutMs} ms`, 0, null));
    }, timeoutMs);
  }

  readonly #giveUp = (): void => {
    this.#abort.abort(new KubeRequestError('the request was given up', 0, null));
  };
}
