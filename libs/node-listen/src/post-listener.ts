import {
  createServer as createPlainServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import type { BoundAddress, ListenAt } from './listen-at.ts';
import { ListenError } from './listen-error.ts';
import { type StreamTls, tlsOptions } from './stream-tls.ts';

/** A request whose body is there. */
export interface PostRequest {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly remoteAddress: string;
  readonly body: Buffer;
}

export interface PostAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | string;
}

export interface PostListenerOptions extends ListenAt {
  /** Null for connections without TLS. Asked again once a minute, so that renewed certificates count. */
  readonly tls: (() => Promise<StreamTls>) | null;
  readonly maxConnections: number;
  /** Of one body, and of all that are under way. */
  readonly maxBodyBytes: number;
  readonly maxBodiesBytes: number;
  /** What to answer by the head of a request alone; null to read its body. */
  readonly gate: (path: string, headers: IncomingMessage['headers']) => PostAnswer | null;
  /** The answer where there is no room for a body, and where it is too large. */
  readonly refuse: (why: 'busy' | 'too_large', headers: IncomingMessage['headers']) => PostAnswer;
  readonly handle: (request: PostRequest) => Promise<PostAnswer>;
  readonly failed: (error: unknown) => void;
}

const TLS_REFRESH_MS = 60_000;
/** For the head, and for a request as a whole. */
const HEAD_MS = 10_000;
const REQUEST_MS = 60_000;
const KEEP_ALIVE_MS = 65_000;

/** An HTTP server that takes posted bodies, within bounds, and nothing else. */
export class PostListener {
  readonly #options: PostListenerOptions;
  #server: Server | TlsServer | null = null;
  #timer: NodeJS.Timeout | null = null;
  #bytes = 0;

  constructor(options: PostListenerOptions) {
    this.#options = options;
  }

  /** @throws ListenError, and whatever reading the certificates threw */
  async listen(): Promise<BoundAddress> {
    const { host, port, tls, maxConnections, failed } = this.#options;
    const limits = {
      headersTimeout: HEAD_MS,
      requestTimeout: REQUEST_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: 16 * 1024,
    };
    const serve = (request: IncomingMessage, response: ServerResponse): void =>
      void this.#serve(request, response).catch((error: unknown) => {
        failed(error);
        response.destroy();
      });
    const server =
      tls === null
        ? createPlainServer(limits, serve)
        : createTlsServer({ ...limits, ...tlsOptions(await tls()) }, serve);
    server.maxConnections = maxConnections;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(new ListenError({ host, port }, error)));
      server.listen({ host, port, exclusive: true }, resolve);
    });
    server.removeAllListeners('error');
    server.on('error', failed);
    this.#server = server;
    if (server instanceof TlsServer && tls !== null) {
      this.#timer = setInterval(() => {
        // A certificate that can't be read leaves the one that is in use.
        tls().then((read) => server.setSecureContext(tlsOptions(read)), failed);
      }, TLS_REFRESH_MS);
      this.#timer.unref();
    }
    const address = server.address();
    return { host, port: address !== null && typeof address === 'object' ? address.port : port };
  }

  /** Requests under way may end within the time; then their connections are cut. */
  async close(drainMs: number): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    await new Promise<void>((resolve) => {
      const cut = setTimeout(() => server.closeAllConnections(), drainMs);
      server.close(() => {
        clearTimeout(cut);
        resolve();
      });
      server.closeIdleConnections();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { gate, refuse, handle, maxBodyBytes, maxBodiesBytes } = this.#options;
    const { headers } = request;
    const [path = '/'] = (request.url ?? '/').split('?', 1);
    request.on('error', () => {});
    if (request.method !== 'POST') {
      const text = 'only POST is answered here\n';
      end(response, {
        status: 405,
        headers: { allow: 'POST', 'content-type': 'text/plain' },
        body: text,
      });
      return;
    }
    const refusal = gate(path, headers);
    if (refusal !== null) return end(response, refusal);
    const told =
      headers['content-length'] === undefined ? maxBodyBytes : Number(headers['content-length']);
    if (!(told <= maxBodyBytes)) return end(response, refuse('too_large', headers));
    if (this.#bytes > 0 && this.#bytes + told > maxBodiesBytes) {
      return end(response, refuse('busy', headers));
    }
    this.#bytes += told;
    try {
      const body = await readBody(request, maxBodyBytes);
      if (body === null) return end(response, refuse('too_large', headers));
      const remoteAddress = (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
      const answer = await handle({ path, headers, remoteAddress, body });
      response.writeHead(answer.status, answer.headers).end(answer.body);
    } finally {
      this.#bytes -= told;
    }
  }
}

/** Answers a request whose body is not read, and ends its connection. */
function end(response: ServerResponse, { status, headers, body }: PostAnswer): void {
  response.writeHead(status, { ...headers, connection: 'close' }).end(body);
}

/** @returns null for one that is too large */
async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | null> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of request) {
    const bytes: Buffer = piece;
    length += bytes.length;
    if (length > maxBytes) return null;
    pieces.push(bytes);
  }
  return Buffer.concat(pieces, length);
}
