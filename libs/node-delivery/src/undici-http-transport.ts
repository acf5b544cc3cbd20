import { Agent, buildConnector, type Dispatcher, ProxyAgent, request } from 'undici';
import type { HttpConnectionConfig } from '#libs/dispatch';
import { DeliveryError, type HttpAnswer, type HttpRequest, type HttpTransport } from '#libs/notify';
import { Secret } from '#libs/yaml-config';
import { AddressPolicy, DEFAULT_DENIED_NETWORKS } from './address-policy.ts';
import { toDeliveryError } from './connection-error.ts';
import type { FileSecretReader } from './file-secret-reader.ts';
import { chooseProxy } from './proxy-choice.ts';
import { readTlsOptions, type TlsOptions } from './tls-options.ts';

/** Of an answer's body no more is read. */
const MAX_BODY_BYTES = 64 * 1024;
/** Certificates and keys are read again after so long. */
const TLS_KEEP_MS = 60_000;
const MAX_HEADER_BYTES = 16 * 1024;

export interface UndiciHttpTransportOptions {
  /** Whom requests may reach without a proxy. Default: anybody but link-local addresses. */
  readonly policy?: AddressPolicy;
  /** For `proxy_from_environment`. Default: empty. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

interface CachedAgent {
  readonly agent: Dispatcher;
  readonly createdAtMs: number;
}

/**
 * HTTP over undici: one deadline for everything, redirects handed back as answers, a bounded body. Connections are kept
 * for a while, apart for each
 * configuration of a client. Nothing it throws holds the address.
 */
export class UndiciHttpTransport implements HttpTransport {
  readonly #files: FileSecretReader;
  readonly #policy: AddressPolicy;
  readonly #environment: Readonly<Record<string, string | undefined>>;
  /** By configuration, then by proxy; '' for none. */
  readonly #agents = new Map<HttpConnectionConfig, Map<string, CachedAgent>>();

  constructor(files: FileSecretReader, options: UndiciHttpTransportOptions = {}) {
    this.#files = files;
    this.#policy =
      options.policy ?? new AddressPolicy({ denied: DEFAULT_DENIED_NETWORKS, allowed: [] });
    this.#environment = options.environment ?? {};
  }

  /** @throws DeliveryError */
  async send(sent: HttpRequest): Promise<HttpAnswer> {
    const deadline = new AbortController();
    const late = new DeliveryError('timeout', `no answer within ${sent.timeoutMs} ms`);
    const timer = setTimeout(() => deadline.abort(late), sent.timeoutMs);
    try {
      return await this.#send(sent, deadline.signal);
    } catch (error) {
      throw deadline.signal.aborted ? late : toDeliveryError(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Closes idle connections; requests on the way are cut off. */
  async close(): Promise<void> {
    const agents = [...this.#agents.values()].flatMap((byProxy) => Array.from(byProxy.values()));
    this.#agents.clear();
    await Promise.all(agents.map(({ agent }) => agent.destroy()));
  }

  async #send(sent: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const { address, credentials } = splitAddress(sent.url);
    const headers: Record<string, string> =
      credentials === null ? {} : { authorization: credentials };
    for (const [name, value] of sent.headers) {
      headers[name.toLowerCase()] = value instanceof Secret ? value.reveal() : value;
    }
    const {
      statusCode,
      headers: answered,
      body,
    } = await request(address, {
      method: sent.method,
      headers,
      body: sent.body,
      signal,
      dispatcher: await this.#agentFor(address, sent.connection),
    });
    // A later error of the body has been dealt with where it is read, or does not matter any more.
    body.on('error', () => {});
    const isTaken = statusCode >= 200 && statusCode < 300 && !sent.wantsBody;
    const beginning = isTaken ? '' : await readBeginning(body);
    // What is left of a body that is not wanted costs the connection, not us.
    if (isTaken) void body.dump({ limit: MAX_BODY_BYTES }).catch(() => {});
    else body.destroy();
    const retryAfter = answered['retry-after'];
    return {
      status: statusCode,
      retryAfter: (Array.isArray(retryAfter) ? retryAfter[0] : retryAfter) ?? null,
      body: beginning,
    };
  }

  async #agentFor(address: URL, connection: HttpConnectionConfig): Promise<Dispatcher> {
    const nowMs = Date.now();
    const proxy = chooseProxy(address, connection.proxy, this.#environment);
    const cached = this.#agents.get(connection)?.get(proxy ?? '');
    if (cached !== undefined && nowMs - cached.createdAtMs < TLS_KEEP_MS) return cached.agent;
    // Idle connections of an agent that is let go end by themselves within seconds.
    for (const [key, byProxy] of this.#agents) {
      for (const [uri, { createdAtMs }] of byProxy) {
        if (nowMs - createdAtMs >= TLS_KEEP_MS) byProxy.delete(uri);
      }
      if (byProxy.size === 0) this.#agents.delete(key);
    }
    const tls = await readTlsOptions(connection.tls, this.#files);
    const agent =
      proxy === null
        ? createAgent(tls, this.#policy)
        : createProxyAgent(proxy, tls, connection.proxy);
    const byProxy = this.#agents.get(connection) ?? new Map<string, CachedAgent>();
    byProxy.set(proxy ?? '', { agent, createdAtMs: nowMs });
    this.#agents.set(connection, byProxy);
    return agent;
  }
}

const AGENT_OPTIONS = { keepAliveTimeout: 4_000, maxHeaderSize: MAX_HEADER_BYTES, pipelining: 1 };

function createAgent(tls: TlsOptions, policy: AddressPolicy): Agent {
  const connector = buildConnector({ ...tls });
  return new Agent({
    ...AGENT_OPTIONS,
    connect: (options, callback) => {
      connector(options, (...outcome) => {
        const [error, socket] = outcome;
        if (error !== null || policy.allows(socket.remoteAddress)) {
          callback(...outcome);
          return;
        }
        socket.destroy();
        const reason = 'the address of the receiver is one that must not be connected to';
        callback(new DeliveryError('misconfigured', reason), null);
      });
    },
  });
}

function createProxyAgent(
  proxy: string,
  tls: TlsOptions,
  config: HttpConnectionConfig['proxy'],
): ProxyAgent {
  const uri = URL.parse(proxy);
  if (uri === null || !/^(https?|socks5):$/.test(uri.protocol)) {
    throw new DeliveryError('misconfigured', 'the address of the proxy is no URL');
  }
  const headers = config.kind === 'none' ? [] : config.connectHeaders;
  return new ProxyAgent({
    ...AGENT_OPTIONS,
    uri: proxy,
    requestTls: { ...tls },
    headers: Object.fromEntries(
      headers.map(([name, values]) => [
        name.toLowerCase(),
        values.map((each) => each.reveal()).join(', '),
      ]),
    ),
  });
}

/** User and password of a URL go into a header, as browsers and Go do it. */
function splitAddress(secret: Secret): { address: URL; credentials: string | null } {
  const address = URL.parse(secret.reveal());
  if (address === null || !/^https?:$/.test(address.protocol)) {
    throw new DeliveryError('misconfigured', 'the address is no http or https URL');
  }
  if (address.username === '' && address.password === '') return { address, credentials: null };
  const user = `${decodeURIComponent(address.username)}:${decodeURIComponent(address.password)}`;
  address.username = '';
  address.password = '';
  return { address, credentials: `Basic ${Buffer.from(user).toString('base64')}` };
}

/** The beginning of a body. Where it breaks off or takes too long, what has come so far. */
async function readBeginning(body: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      parts.push(chunk);
      size += chunk.length;
      if (size >= MAX_BODY_BYTES) break;
    }
  } catch {
    // The status says enough.
  }
  return Buffer.concat(parts).subarray(0, MAX_BODY_BYTES).toString('utf8');
}
