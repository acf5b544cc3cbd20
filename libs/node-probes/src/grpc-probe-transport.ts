import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { TlsClientConfig } from '#libs/discovery';
import { tlsConnectionOptions } from '#libs/node-http';
import {
  type GrpcCall,
  type GrpcCallRequest,
  type GrpcProbeTransport,
  ProbeFailureError,
} from '#libs/probes';
import {
  nowMonotonicMs,
  observeTls,
  openSocket,
  openTls,
  type ProbeTransportOptions,
  resolveAddress,
  toProbeFailure,
  untilAborted,
} from './probe-socket.ts';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Makes each call of a gRPC probe on an HTTP/2 connection of its own. */
export class NodeGrpcProbeTransport implements GrpcProbeTransport {
  readonly #tls: TlsClientConfig;
  readonly #options: ProbeTransportOptions;

  constructor(tls: TlsClientConfig, options: ProbeTransportOptions) {
    this.#tls = tls;
    this.#options = options;
  }

  async call(request: GrpcCallRequest): Promise<GrpcCall> {
    const call: Writable<GrpcCall> = {
      address: null,
      resolveSeconds: 0,
      checkSeconds: 0,
      tls: null,
      answer: null,
      failure: null,
    };
    const startMs = nowMonotonicMs();
    let resolvedMs = Number.NaN;
    try {
      call.address = await resolveAddress(request, request, this.#options.guard).finally(() => {
        resolvedMs = nowMonotonicMs();
        call.resolveSeconds = (resolvedMs - startMs) / 1_000;
      });
      const socket = await openSocket(call.address, request.port, request);
      try {
        const secured = request.isTls ? await this.#secure(socket, request) : null;
        if (secured !== null) call.tls = observeTls(secured);
        call.answer = await ask(secured ?? socket, request);
      } finally {
        socket.destroy();
      }
    } catch (error) {
      call.failure = toProbeFailure(error, 'protocol', 'calling', request.signal).failure;
    }
    if (call.address !== null) call.checkSeconds = (nowMonotonicMs() - resolvedMs) / 1_000;
    return call;
  }

  async #secure(socket: Socket, { host, signal }: GrpcCallRequest): Promise<TLSSocket> {
    const tls = await tlsConnectionOptions(this.#tls, this.#options.baseDir);
    const secured = await openTls(socket, host, { ...tls, ALPNProtocols: ['h2'] }, signal);
    if (secured.alpnProtocol === 'h2') return secured;
    throw new ProbeFailureError({ code: 'tls', message: 'the server does not offer HTTP/2' });
  }
}

async function ask(socket: Socket, request: GrpcCallRequest): Promise<GrpcCall['answer']> {
  const scheme = request.isTls ? 'https' : 'http';
  const host = request.host.includes(':') ? `[${request.host}]` : request.host;
  const authority = `${host}:${request.port}`;
  const session = connect(`${scheme}://${authority}`, { createConnection: () => socket });
  try {
    return await untilAborted(exchange(session, request, authority), request.signal);
  } finally {
    session.destroy();
  }
}

function exchange(
  session: ClientHttp2Session,
  request: GrpcCallRequest,
  authority: string,
): Promise<NonNullable<GrpcCall['answer']>> {
  return new Promise((resolve, reject) => {
    session.on('error', reject);
    session.once('close', () => reject(new Error('the server closed the connection')));
    const stream = session.request({
      ':method': 'POST',
      ':path': request.path,
      ':authority': authority,
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': request.userAgent,
    });
    let headers: IncomingHttpHeaders = {};
    let status = 0;
    const parts: Buffer[] = [];
    let size = 0;
    stream.on('response', (received) => {
      status = received[':status'] ?? 0;
      headers = { ...received };
    });
    stream.on('trailers', (received) => {
      headers = { ...headers, ...received };
    });
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= request.maxBodyBytes) parts.push(chunk);
      else {
        const message = `the body is larger than ${request.maxBodyBytes} bytes`;
        reject(new ProbeFailureError({ code: 'body-too-large', message }));
      }
    });
    stream.on('error', reject);
    // Trailers come before the end of the stream is told.
    stream.on('end', () => {
      const told = String(headers['grpc-status'] ?? '');
      resolve({
        status,
        grpcStatus: /^\d{1,2}$/.test(told) ? Number(told) : null,
        grpcMessage: String(headers['grpc-message'] ?? '').slice(0, 1_000),
        body: Buffer.concat(parts),
      });
    });
    stream.end(request.body);
  });
}
