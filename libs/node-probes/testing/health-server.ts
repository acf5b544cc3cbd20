import {
  createSecureServer,
  createServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';

/** What the server says of each service: a number of ServingStatus, or a gRPC status. */
export type Health = { readonly serving: number } | { readonly grpcStatus: number };

/** A server of grpc.health.v1; '' is the server as a whole, what is not named is not found. */
export class HealthServer {
  readonly #server: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();

  constructor(
    health: Readonly<Record<string, Health>>,
    tls?: { readonly key: Buffer; readonly cert: Buffer },
  ) {
    this.#server = tls === undefined ? createServer() : createSecureServer(tls);
    this.#server.on('session', (session) => this.#sessions.add(session));
    this.#server.on('stream', (stream, headers) => {
      const parts: Buffer[] = [];
      stream.on('error', () => {});
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('end', () => {
        const message = Buffer.concat(parts).subarray(5);
        const service = message.length === 0 ? '' : message.toString('utf8', 2);
        const isRight =
          headers[':path'] === '/grpc.health.v1.Health/Check' &&
          headers['content-type'] === 'application/grpc' &&
          headers['te'] === 'trailers';
        answer(stream, isRight ? (health[service] ?? { grpcStatus: 5 }) : { grpcStatus: 12 });
      });
    });
  }

  /** @returns the port */
  async listen(host = '127.0.0.1', port = 0): Promise<number> {
    await new Promise<void>((resolve) => {
      this.#server.listen(port, host, resolve);
    });
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return address.port;
  }

  close(): void {
    this.#server.close();
    for (const session of this.#sessions) session.destroy();
  }
}

function answer(stream: ServerHttp2Stream, health: Health): void {
  const headers = { ':status': 200, 'content-type': 'application/grpc' };
  if ('grpcStatus' in health) {
    stream.respond(
      { ...headers, 'grpc-status': String(health.grpcStatus), 'grpc-message': 'so it is' },
      { endStream: true },
    );
    return;
  }
  stream.respond(headers, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  // A status of 0 is left out.
  const message = health.serving === 0 ? [] : [0x08, health.serving];
  stream.end(Buffer.from([0, 0, 0, 0, message.length, ...message]));
}
