import { type IncomingMessage, request as requestHttp } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflateRaw } from 'node:zlib';
import type { HttpClientConfig } from '#libs/discovery';
import { errorCode } from '#libs/node-files';
import { credentialHeaders, tlsConnectionOptions } from '#libs/node-http';
import {
  type HttpAnswer,
  type HttpExchange,
  type HttpProbeRequest,
  type HttpProbeTransport,
  type ProbedAddress,
  type ProbeFailure,
  ProbeFailureError,
  type TlsObservation,
} from '#libs/probes';
import { type AnswerHead, sendHttp2 } from './http2-exchange.ts';
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

/**
 * Makes each request of an HTTP probe on a connection of its own and takes the time of every phase.
 */
export class NodeHttpProbeTransport implements HttpProbeTransport {
  readonly #config: HttpClientConfig;
  readonly #options: ProbeTransportOptions;

  constructor(config: HttpClientConfig, options: ProbeTransportOptions) {
    this.#config = config;
    this.#options = options;
  }

  async exchange(request: HttpProbeRequest): Promise<HttpExchange> {
    const attempt = new Attempt();
    try {
      await this.#run(request, attempt);
    } catch (error) {
      attempt.failure = toProbeFailure(error, 'protocol', 'probing', request.signal).failure;
    } finally {
      attempt.socket?.destroy();
    }
    const { address, phases, answer, failure } = attempt;
    return { address, phases, answer, failure };
  }

  async #run(request: HttpProbeRequest, attempt: Attempt): Promise<void> {
    const { signal, isTrusted } = request;
    const url = new URL(request.url);
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    const isTls = url.protocol === 'https:';
    const credentials = isTrusted
      ? await credentialHeaders(this.#config, this.#options.baseDir)
      : [];
    const ALPNProtocols = request.takesHttp2 ? ['h2', 'http/1.1'] : ['http/1.1'];
    const tls = isTls ? { ...(await this.#tls(isTrusted)), ALPNProtocols } : {};
    const port = Number(url.port) || (isTls ? 443 : 80);

    attempt.address = await attempt.time('resolve', () =>
      resolveAddress({ host, port }, request, this.#options.guard),
    );
    const { address } = attempt;
    const plain = await attempt.time('connect', () => openSocket(address, port, request));
    attempt.socket = plain;
    let seen: TlsObservation | null = null;
    if (isTls) {
      const secured = await attempt.time('tls', () => openTls(plain, host, tls, signal));
      attempt.socket = secured;
      seen = observeTls(secured);
    }
    const { socket } = attempt;
    const isHttp2 = socket instanceof TLSSocket && socket.alpnProtocol === 'h2';
    const response = await attempt.time('processing', () =>
      isHttp2
        ? sendHttp2(socket, url, request, [...request.headers, ...credentials])
        : send(socket, url, request, credentials),
    );
    attempt.answer = toAnswer(response, Buffer.alloc(0), seen);
    await attempt.time('transfer', async () => {
      const body = await readBody(response.body, request);
      attempt.answer = toAnswer(response, body, seen);
    });
  }

  async #tls(isTrusted: boolean) {
    const own = await tlsConnectionOptions(this.#config.tls, this.#options.baseDir);
    if (isTrusted) return own;
    const { cert: _cert, key: _key, servername: _servername, ...anonymous } = own;
    return anonymous;
  }
}

type Phase = keyof HttpExchange['phases'];

/** What is known so far of one exchange. */
class Attempt {
  address: ProbedAddress | null = null;
  socket: Socket | null = null;
  answer: HttpAnswer | null = null;
  failure: ProbeFailure | null = null;
  readonly phases = { resolve: 0, connect: 0, tls: 0, processing: 0, transfer: 0 };

  /** Runs one phase and takes its time, whether or not it succeeds. */
  async time<T>(phase: Phase, run: () => Promise<T>): Promise<T> {
    const startMs = nowMonotonicMs();
    try {
      return await run();
    } finally {
      this.phases[phase] = (nowMonotonicMs() - startMs) / 1_000;
    }
  }
}

function send(
  socket: Socket,
  url: URL,
  request: HttpProbeRequest,
  credentials: readonly (readonly [string, string])[],
): Promise<AnswerHead> {
  const headers: string[] = [];
  const given = [...request.headers, ...credentials];
  if (!given.some(([name]) => name.toLowerCase() === 'host')) headers.push('Host', url.host);
  for (const [name, value] of given) headers.push(name, value);
  if (request.body !== '') headers.push('Content-Length', String(Buffer.byteLength(request.body)));
  headers.push('Connection', 'close');
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = requestHttp({
      createConnection: () => socket,
      method: request.method,
      path: url.pathname + url.search,
      headers,
    });
    outgoing.once('response', resolve);
    outgoing.on('error', reject);
    outgoing.once('upgrade', () => reject(new Error('the server wants another protocol')));
    outgoing.end(request.body);
  });
  return untilAborted(response, request.signal).then(headOf, (error: unknown) => {
    throw toProbeFailure(error, 'protocol', 'waiting for the answer', request.signal);
  });
}

async function readBody(response: Readable, request: HttpProbeRequest): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  const reading = new Promise<void>((resolve, reject) => {
    response.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= request.maxBodyBytes) parts.push(chunk);
      else reject(tooLarge(request.maxBodyBytes));
    });
    response.once('end', () => resolve());
    response.once('error', reject);
    response.once('close', () => reject(new Error('the answer was cut off')));
  });
  try {
    await untilAborted(reading, request.signal);
    const body = Buffer.concat(parts);
    return await decompress(body, request);
  } catch (error) {
    throw toProbeFailure(error, 'protocol', 'reading the body', request.signal);
  }
}

const DECODERS = {
  gzip: promisify(gunzip),
  br: promisify(brotliDecompress),
  deflate: promisify(inflateRaw),
} as const;

async function decompress(body: Buffer, request: HttpProbeRequest): Promise<Buffer> {
  const { compression, maxBodyBytes } = request;
  if (compression === 'none' || compression === 'identity') return body;
  try {
    return await DECODERS[compression](body, { maxOutputLength: maxBodyBytes });
  } catch (error) {
    if (errorCode(error) === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxBodyBytes);
    const message = `the body is not what ${compression} makes: ${errorCode(error)}`;
    throw new ProbeFailureError({ code: 'protocol', message });
  }
}

function tooLarge(maxBytes: number): ProbeFailureError {
  const message = `the body is larger than ${maxBytes} bytes`;
  return new ProbeFailureError({ code: 'body-too-large', message });
}

function headOf(response: IncomingMessage): AnswerHead {
  const headers: [string, string][] = [];
  for (let i = 0; i + 1 < response.rawHeaders.length; i += 2) {
    headers.push([response.rawHeaders[i]!, response.rawHeaders[i + 1]!]);
  }
  return {
    status: response.statusCode ?? 0,
    statusText: response.statusMessage ?? '',
    httpVersion: response.httpVersion,
    headers,
    body: response,
  };
}

function toAnswer(head: AnswerHead, body: Buffer, tls: TlsObservation | null): HttpAnswer {
  return { ...head, body, tls };
}
