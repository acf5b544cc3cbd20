import { createServer as createPlainServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, Server as TlsServer } from 'node:tls';
import type { BoundAddress, ListenAt } from './listen-at.ts';
import { ListenError } from './listen-error.ts';
import { type StreamTls, tlsOptions } from './stream-tls.ts';

/** Why a connection was ended by this side; the set is closed because it becomes a metric label. */
export type StreamRefusal =
  'too_many_connections' | 'out_of_memory' | 'too_slow' | 'idle' | 'tls' | 'protocol';

/** What one connection's bytes mean to whoever listens. */
export interface StreamHandler {
  /**
   * Takes bytes, or none when the connection is held up no more. What it throws ends the connection, as `protocol`.
   */
  receive(bytes: Buffer): void;
  /** Bytes that are kept because what they belong to is not complete. */
  readonly pendingBytes: number;
  /** The connection has ended; nothing can be sent any more. */
  ended(): void;
}

/** A connection, to those who handle its bytes. */
export interface StreamConnection {
  readonly remoteAddress: string;
  send(bytes: Uint8Array): void;
  /** So much is held that nothing more is to be begun; {@link StreamHandler.receive} is called when that is over. */
  readonly isHeldUp: boolean;
  /** Sends what there is to be sent, and ends. */
  end(): void;
  /**
   * Counts bytes that were received and are not yet done with; while there are too many, nothing more is read.
   * @returns what ends that
   */
  hold(bytes: number): () => void;
}

export interface StreamListenerOptions extends ListenAt {
  /** Null for connections without TLS. Asked again once a minute, so that renewed certificates count. */
  readonly tls: (() => Promise<StreamTls>) | null;
  readonly maxConnections: number;
  /** Of one connection and of all together: received and not done with. */
  readonly maxHeldBytesEach: number;
  readonly maxHeldBytes: number;
  /** Of incomplete messages of all connections together; beyond it the connection with the most is ended. */
  readonly maxPendingBytes: number;
  /** How long a connection may be silent. */
  readonly idleMs: number;
  /** How long the rest of an incomplete message may take. */
  readonly messageMs: number;
  /** What handles a new connection. */
  readonly accept: (connection: StreamConnection) => StreamHandler;
}

export interface StreamListenerEvents {
  /** A connection was ended by this side. */
  refused(why: StreamRefusal, remoteAddress: string, detail: string): void;
  /** The number of connections has changed. */
  connections(count: number): void;
  failed(error: unknown): void;
}

interface Connection {
  readonly socket: Socket;
  readonly remoteAddress: string;
  handler: StreamHandler;
  heldBytes: number;
  pendingBytes: number;
  pendingSinceMs: number;
  lastMs: number;
  isPaused: boolean;
  /** The peer sends nothing more. What it has sent may not be done with. */
  hasEnded: boolean;
}

const TLS_REFRESH_MS = 60_000;
const SWEEP_MS = 1_000;
/** Peers get this long to take an answer that ends their connection. */
const LINGER_MS = 1_000;

/** A TCP or TLS server whose connections, memory and waits are bounded, whoever connects. */
export class StreamListener {
  readonly #options: StreamListenerOptions;
  readonly #events: StreamListenerEvents;
  readonly #connections = new Set<Connection>();
  /** Those in a handshake included. */
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;
  #timers: NodeJS.Timeout[] = [];
  #heldBytes = 0;
  #pendingBytes = 0;

  constructor(options: StreamListenerOptions, events: StreamListenerEvents) {
    this.#options = options;
    this.#events = events;
  }

  /** @throws ListenError, and whatever reading the certificates threw */
  async listen(): Promise<BoundAddress> {
    const { host, port, tls, idleMs } = this.#options;
    const server =
      tls === null
        ? createPlainServer({ allowHalfOpen: true }, (socket) => this.#accept(socket))
        : createTlsServer(
            {
              ...tlsOptions(await tls()),
              allowHalfOpen: true,
              handshakeTimeout: Math.min(10_000, idleMs),
            },
            (socket) => this.#accept(socket),
          );
    server.on('connection', (socket: Socket) => this.#connected(socket));
    server.on('tlsClientError', (error: Error, socket: Socket) => {
      this.#events.refused('tls', socket.remoteAddress ?? '', error.message);
      socket.destroy();
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(new ListenError({ host, port }, error)));
      server.listen({ host, port, exclusive: true }, resolve);
    });
    server.removeAllListeners('error');
    server.on('error', (error) => this.#events.failed(error));
    this.#server = server;
    this.#every(SWEEP_MS, () => this.#sweep());
    if (server instanceof TlsServer) this.#every(TLS_REFRESH_MS, () => void this.#refresh(server));
    const address = server.address();
    return { host, port: address !== null && typeof address === 'object' ? address.port : port };
  }

  /** Takes no more connections; those there are stay. */
  stopAccepting(): void {
    this.#server?.close();
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
    const server = this.#server;
    this.#server = null;
    for (const socket of this.#sockets) socket.destroy();
    if (server === null) return;
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #every(ms: number, body: () => void): void {
    const timer = setInterval(body, ms);
    timer.unref();
    this.#timers.push(timer);
  }

  /** Before a handshake, if there is one. */
  #connected(socket: Socket): void {
    if (this.#sockets.size >= this.#options.maxConnections) {
      this.#events.refused('too_many_connections', socket.remoteAddress ?? '', '');
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#sockets.delete(socket));
  }

  #accept(socket: Socket): void {
    if (socket.destroyed) return;
    const nowMs = performance.now();
    const remoteAddress = plainAddress(socket.remoteAddress ?? '');
    const connection: Connection = {
      socket,
      remoteAddress,
      handler: NO_HANDLER,
      heldBytes: 0,
      pendingBytes: 0,
      pendingSinceMs: nowMs,
      lastMs: nowMs,
      isPaused: false,
      hasEnded: false,
    };
    socket.on('error', () => socket.destroy());
    socket.setNoDelay(true);
    this.#connections.add(connection);
    this.#events.connections(this.#connections.size);
    const isHeldUp = (): boolean => this.#isOver(connection);
    connection.handler = this.#options.accept({
      remoteAddress,
      get isHeldUp() {
        return isHeldUp();
      },
      send: (bytes) => {
        if (!socket.destroyed && socket.writable) socket.write(bytes);
      },
      end: () => {
        socket.end();
        setTimeout(() => socket.destroy(), LINGER_MS).unref();
      },
      hold: (bytes) => this.#hold(connection, bytes),
    });
    socket.on('data', (bytes: Buffer) => this.#receive(connection, bytes));
    socket.on('end', () => {
      connection.hasEnded = true;
      if (!connection.isPaused) socket.end();
    });
    socket.on('close', () => this.#closed(connection));
  }

  #receive(connection: Connection, bytes: Buffer): void {
    connection.lastMs = performance.now();
    try {
      connection.handler.receive(bytes);
    } catch (error) {
      this.#end(connection, 'protocol', error instanceof Error ? error.message : String(error));
      return;
    }
    const pending = connection.handler.pendingBytes;
    // A new message has begun, or the one under way has ended.
    if (pending <= connection.pendingBytes || connection.pendingBytes === 0) {
      connection.pendingSinceMs = connection.lastMs;
    }
    this.#pendingBytes += pending - connection.pendingBytes;
    connection.pendingBytes = pending;
    this.#updateFlow(connection);
    if (this.#pendingBytes <= this.#options.maxPendingBytes) return;
    const largest = [...this.#connections].reduce((a, b) =>
      b.pendingBytes > a.pendingBytes ? b : a,
    );
    this.#end(largest, 'out_of_memory', `${largest.pendingBytes} bytes of an incomplete message`);
  }

  #hold(connection: Connection, bytes: number): () => void {
    connection.heldBytes += bytes;
    this.#heldBytes += bytes;
    this.#updateFlow(connection);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      const wasFull = this.#isFull;
      connection.heldBytes -= bytes;
      this.#heldBytes -= bytes;
      if (wasFull && !this.#isFull) for (const each of this.#connections) this.#updateFlow(each);
      else this.#updateFlow(connection);
    };
  }

  get #isFull(): boolean {
    return this.#heldBytes > this.#options.maxHeldBytes;
  }

  #isOver({ heldBytes }: Connection): boolean {
    return this.#isFull || heldBytes > this.#options.maxHeldBytesEach;
  }

  #updateFlow(connection: Connection): void {
    const isOver = this.#isOver(connection);
    if (isOver === connection.isPaused || connection.socket.destroyed) return;
    connection.isPaused = isOver;
    // Whoever waited for us was not silent.
    connection.lastMs = connection.pendingSinceMs = performance.now();
    if (isOver) connection.socket.pause();
    else {
      connection.socket.resume();
      this.#receive(connection, NO_BYTES);
      if (connection.hasEnded && !connection.isPaused) connection.socket.end();
    }
  }

  #sweep(): void {
    const nowMs = performance.now();
    const { idleMs, messageMs } = this.#options;
    for (const connection of this.#connections) {
      if (connection.isPaused || connection.heldBytes > 0) continue;
      if (connection.pendingBytes > 0 && nowMs - connection.pendingSinceMs > messageMs) {
        this.#end(connection, 'too_slow', 'the rest of a message did not come');
      } else if (nowMs - connection.lastMs > idleMs) this.#end(connection, 'idle', '');
    }
  }

  #end(connection: Connection, why: StreamRefusal, detail: string): void {
    if (connection.socket.destroyed) return;
    this.#events.refused(why, connection.remoteAddress, detail);
    connection.socket.destroy();
  }

  #closed(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    this.#pendingBytes -= connection.pendingBytes;
    connection.pendingBytes = 0;
    connection.handler.ended();
    this.#events.connections(this.#connections.size);
  }

  async #refresh(server: TlsServer): Promise<void> {
    try {
      server.setSecureContext(tlsOptions(await this.#options.tls!()));
    } catch (error) {
      // The certificate that is in use stays.
      this.#events.failed(error);
    }
  }
}

const NO_BYTES = Buffer.alloc(0);
const NO_HANDLER: StreamHandler = { receive: () => {}, pendingBytes: 0, ended: () => {} };

/** IPv4 addresses as such, where the socket is of both kinds. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}
