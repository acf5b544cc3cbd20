import type { Socket } from 'node:net';
import type { TlsClientConfig } from '#libs/discovery';
import { tlsConnectionOptions } from '#libs/node-http';
import {
  type ProbedAddress,
  ProbeFailureError,
  type TcpConnectResult,
  type TcpProbeConnection,
  type TcpProbeRequest,
  type TcpProbeTransport,
  type TlsObservation,
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

/** Opens the connections of TCP probes. */
export class NodeTcpProbeTransport implements TcpProbeTransport {
  readonly #tls: TlsClientConfig;
  readonly #options: ProbeTransportOptions;

  constructor(tls: TlsClientConfig, options: ProbeTransportOptions) {
    this.#tls = tls;
    this.#options = options;
  }

  async connect(request: TcpProbeRequest): Promise<TcpConnectResult> {
    let address: ProbedAddress | null = null;
    const startMs = nowMonotonicMs();
    let resolveSeconds = 0;
    try {
      address = await resolveAddress(request, request, this.#options.guard).finally(() => {
        resolveSeconds = (nowMonotonicMs() - startMs) / 1_000;
      });
      const socket = await openSocket(address, request.port, request);
      const connection = new NodeTcpProbeConnection(socket, request, () =>
        tlsConnectionOptions(this.#tls, this.#options.baseDir),
      );
      if (request.isTls) await connection.startTls();
      return { address, resolveSeconds, connection, failure: null };
    } catch (error) {
      const { failure } = toProbeFailure(error, 'connect', 'connecting', request.signal);
      return { address, resolveSeconds, connection: null, failure };
    }
  }
}

/** A line may be this long, in bytes; what has come unread is never much more. */
const MAX_LINE_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

class NodeTcpProbeConnection implements TcpProbeConnection {
  readonly #request: TcpProbeRequest;
  readonly #loadTls: () => ReturnType<typeof tlsConnectionOptions>;
  #socket: Socket;
  #unread: Buffer = Buffer.alloc(0);
  #hasEnded = false;
  #error: unknown = null;
  #wake: () => void = () => {};
  tls: TlsObservation | null = null;

  constructor(
    socket: Socket,
    request: TcpProbeRequest,
    loadTls: () => ReturnType<typeof tlsConnectionOptions>,
  ) {
    this.#socket = socket;
    this.#request = request;
    this.#loadTls = loadTls;
    this.#listen();
  }

  async readLine(): Promise<string | null> {
    for (;;) {
      const end = this.#unread.indexOf(NEWLINE);
      if (end >= 0) return this.#takeLine(end, end + 1);
      if (this.#unread.length > MAX_LINE_BYTES) {
        const message = `a line is longer than ${MAX_LINE_BYTES} bytes`;
        throw new ProbeFailureError({ code: 'response', message });
      }
      if (this.#error !== null)
        throw toProbeFailure(this.#error, 'response', 'reading', this.#request.signal);
      if (this.#hasEnded) {
        return this.#unread.length === 0 ? null : this.#takeLine(this.#unread.length, Infinity);
      }
      await this.#more();
    }
  }

  async write(text: string): Promise<void> {
    const written = new Promise<void>((resolve, reject) => {
      this.#socket.write(text, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
    await untilAborted(written, this.#request.signal).catch((error: unknown) => {
      throw toProbeFailure(error, 'response', 'sending', this.#request.signal);
    });
  }

  async startTls(): Promise<TlsObservation> {
    const { host, signal } = this.#request;
    const options = await this.#loadTls();
    this.#socket.removeAllListeners('data');
    this.#socket.removeAllListeners('end');
    this.#socket.pause();
    // What came in clear before the handshake must not count as said under TLS (CVE-2011-0411).
    this.#unread = Buffer.alloc(0);
    const secured = await openTls(this.#socket, host, options, signal);
    this.#socket = secured;
    this.#listen();
    this.tls = observeTls(secured);
    return this.tls;
  }

  close(): void {
    this.#socket.destroy();
  }

  #listen(): void {
    this.#socket.on('data', (chunk: Buffer) => {
      this.#unread = Buffer.concat([this.#unread, chunk]);
      if (this.#unread.length > MAX_LINE_BYTES) this.#socket.pause();
      this.#wake();
    });
    this.#socket.on('end', () => {
      this.#hasEnded = true;
      this.#wake();
    });
    this.#socket.on('close', () => {
      this.#hasEnded = true;
      this.#wake();
    });
    this.#socket.on('error', (error) => {
      this.#error = error;
      this.#wake();
    });
  }

  async #more(): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#socket.resume();
    await untilAborted(woken, this.#request.signal).catch((error: unknown) => {
      throw toProbeFailure(error, 'response', 'waiting for a line', this.#request.signal);
    });
  }

  #takeLine(end: number, next: number): string {
    const hasReturn = end > 0 && this.#unread[end - 1] === 0x0d;
    const line = this.#unread.toString('utf8', 0, hasReturn ? end - 1 : end);
    this.#unread = this.#unread.subarray(next);
    return line;
  }
}
