import { Agent, request } from 'undici';
import type { TlsConfig } from '#libs/dispatch';
import { DeliveryError, type HttpAnswer, type HttpPost, type HttpTransport } from '#libs/notify';
import { Secret } from '#libs/yaml-config';
import { toDeliveryError } from './connection-error.ts';
import type { FileSecretReader } from './file-secret-reader.ts';
import { readTlsOptions, type TlsOptions } from './tls-options.ts';

/** Of an answer's body no more is read. */
const MAX_BODY_BYTES = 64 * 1024;
/** Certificates and keys are read again after so long. */
const TLS_KEEP_MS = 60_000;
const MAX_HEADER_BYTES = 16 * 1024;

interface CachedAgent {
  readonly agent: Agent;
  readonly createdAtMs: number;
}

/**
 * POST over undici: one deadline for everything, redirects handed back as answers, a bounded body. Connections are kept
 * for a while, apart for each TLS configuration. Nothing it throws holds the address.
 */
export class UndiciHttpTransport implements HttpTransport {
  readonly #files: FileSecretReader;
  readonly #agents = new Map<TlsConfig, CachedAgent>();

  constructor(files: FileSecretReader) {
    this.#files = files;
  }

  /** @throws DeliveryError */
  async post(post: HttpPost): Promise<HttpAnswer> {
    const deadline = new AbortController();
    const late = new DeliveryError('timeout', `no answer within ${post.timeoutMs} ms`);
    const timer = setTimeout(() => deadline.abort(late), post.timeoutMs);
    try {
      return await this.#send(post, deadline.signal);
    } catch (error) {
      throw deadline.signal.aborted ? late : toDeliveryError(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Closes idle connections; requests on the way are cut off. */
  async close(): Promise<void> {
    const agents = [...this.#agents.values()];
    this.#agents.clear();
    await Promise.all(agents.map(({ agent }) => agent.destroy()));
  }

  async #send(post: HttpPost, signal: AbortSignal): Promise<HttpAnswer> {
    const { address, credentials } = splitAddress(post.url);
    const headers: Record<string, string> =
      credentials === null ? {} : { authorization: credentials };
    for (const [name, value] of post.headers) {
      headers[name.toLowerCase()] = value instanceof Secret ? value.reveal() : value;
    }
    const {
      statusCode,
      headers: answered,
      body,
    } = await request(address, {
      method: 'POST',
      headers,
      body: post.body,
      signal,
      dispatcher: await this.#agentFor(post.tls),
    });
    // A later error of the body has been dealt with where it is read, or does not matter any more.
    body.on('error', () => {});
    const isTaken = statusCode >= 200 && statusCode < 300;
    const excerpt = isTaken ? '' : await readExcerpt(body);
    // What is left of a body that is not wanted costs the connection, not us.
    if (isTaken) void body.dump({ limit: MAX_BODY_BYTES }).catch(() => {});
    else body.destroy();
    const retryAfter = answered['retry-after'];
    return {
      status: statusCode,
      retryAfter: (Array.isArray(retryAfter) ? retryAfter[0] : retryAfter) ?? null,
      excerpt,
    };
  }

  async #agentFor(tls: TlsConfig): Promise<Agent> {
    const nowMs = Date.now();
    const cached = this.#agents.get(tls);
    if (cached !== undefined && nowMs - cached.createdAtMs < TLS_KEEP_MS) return cached.agent;
    // Idle connections of an agent that is let go end by themselves within seconds.
    for (const [key, { createdAtMs }] of this.#agents) {
      if (nowMs - createdAtMs >= TLS_KEEP_MS) this.#agents.delete(key);
    }
    const agent = createAgent(await readTlsOptions(tls, this.#files));
    this.#agents.set(tls, { agent, createdAtMs: nowMs });
    return agent;
  }
}

function createAgent(connect: TlsOptions): Agent {
  return new Agent({
    connect,
    keepAliveTimeout: 4_000,
    maxHeaderSize: MAX_HEADER_BYTES,
    pipelining: 1,
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
async function readExcerpt(body: AsyncIterable<Buffer>): Promise<string> {
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
