import { randomBytes } from 'node:crypto';
import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { encodeForwardMessage, ForwardClient } from '#libs/forward';

/** One server of several that hold the same. */
export interface ForwardServerAddress {
  readonly host: string;
  readonly port: number;
}

/** What proves who we are; read for each connection, so that rotated files count. */
export interface ForwardCredentials {
  readonly sharedKey: string | null;
  readonly user: { readonly name: string; readonly password: string } | null;
  /** Null for connections without TLS. */
  readonly tls: ConnectionOptions | null;
}

export interface ForwardSenderEvents {
  /** A server takes messages, after a connection and the handshake. */
  connected(server: ForwardServerAddress): void;
  /** A connection could not be made or was lost. */
  failed(server: ForwardServerAddress, reason: string): void;
}

export interface ForwardSenderOptions {
  /** In order of preference. */
  readonly servers: readonly ForwardServerAddress[];
  readonly hostname: string;
  readonly isCompressed: boolean;
  /** For connecting with the handshake, and for each acknowledgement. */
  readonly timeoutMs: number;
  /** How long another server than the first is used before the first is tried again. Default 60 s. */
  readonly recoverMs?: number;
  readonly credentials: () => Promise<ForwardCredentials>;
}

/** Entries of one tag. */
export interface ForwardDelivery {
  readonly tag: string;
  readonly entries: readonly Uint8Array[];
  readonly count: number;
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  readonly deadlineMs: number;
}

interface Connection {
  readonly socket: Socket;
  readonly serverIndex: number;
  readonly sinceMs: number;
  /** By chunk, in the order they were sent. */
  readonly waiting: Map<string, Waiting>;
  timer: NodeJS.Timeout | null;
}

/**
 * Sends entries to the first of several servers that can be reached, and resolves once they are acknowledged. Several
 * deliveries may be under way. When a connection fails, all of its deliveries do; whoever asked sends again.
 */
export class ForwardSender {
  readonly #options: ForwardSenderOptions;
  readonly #events: ForwardSenderEvents;
  readonly #session = randomBytes(10);
  #chunks = 0;
  /** Which server the next connection tries first. */
  #startIndex = 0;
  #connecting: Promise<Connection> | null = null;
  #connection: Connection | null = null;
  #isClosed = false;
  readonly #sockets = new Set<Socket>();

  constructor(options: ForwardSenderOptions, events: ForwardSenderEvents) {
    this.#options = options;
    this.#events = events;
  }

  /** Resolves when a server has acknowledged all entries. Rejects with a reason in words. */
  async send(delivery: ForwardDelivery): Promise<void> {
    const connection = await this.#connect();
    const chunk = this.#nextChunk();
    const pieces = encodeForwardMessage({
      ...delivery,
      chunk,
      isCompressed: this.#options.isCompressed,
    });
    await new Promise<void>((resolve, reject) => {
      if (this.#connection !== connection) {
        reject(new Error('the connection was lost'));
        return;
      }
      const deadlineMs = performance.now() + this.#options.timeoutMs;
      connection.waiting.set(chunk, { resolve, reject, deadlineMs });
      connection.socket.cork();
      for (const piece of pieces) connection.socket.write(piece);
      connection.socket.uncork();
      this.#watch(connection);
    });
  }

  /** Drops the connection; deliveries under way fail. */
  close(): void {
    this.#isClosed = true;
    for (const socket of this.#sockets) socket.destroy();
    if (this.#connection !== null) this.#fail(this.#connection, 'the sender was closed');
  }

  /** 16 bytes, as Fluentd's own clients have them. */
  #nextChunk(): string {
    const id = Buffer.alloc(16);
    this.#session.copy(id);
    id.writeUIntBE(++this.#chunks, 10, 6);
    return id.toString('base64');
  }

  async #connect(): Promise<Connection> {
    const known = this.#connection;
    const recoverMs = this.#options.recoverMs ?? 60_000;
    if (known !== null) {
      const isDue = known.serverIndex > 0 && performance.now() - known.sinceMs >= recoverMs;
      if (!isDue || known.waiting.size > 0) return known;
      this.#fail(known, 'trying the first server again');
      this.#startIndex = 0;
    }
    this.#connecting ??= this.#connectToAny().finally(() => {
      this.#connecting = null;
    });
    return this.#connecting;
  }

  async #connectToAny(): Promise<Connection> {
    let last = new Error('no server is configured');
    const { servers } = this.#options;
    const first = this.#startIndex;
    for (let i = 0; i < servers.length; i++) {
      const index = (first + i) % servers.length;
      const server = servers[index]!;
      if (this.#isClosed) throw new Error('the sender is closed');
      try {
        const connection = await this.#open(server, index);
        this.#connection = connection;
        this.#events.connected(server);
        return connection;
      } catch (error) {
        last = error instanceof Error ? error : new Error(String(error));
        this.#events.failed(server, last.message);
      }
    }
    throw last;
  }

  async #open(server: ForwardServerAddress, serverIndex: number): Promise<Connection> {
    const { sharedKey, user, tls } = await this.#options.credentials();
    if (this.#isClosed) throw new Error('the sender is closed');
    const client = new ForwardClient({
      hostname: this.#options.hostname,
      sharedKey,
      user,
      salt: randomBytes(16),
    });
    const { host, port } = server;
    const socket =
      tls === null
        ? connectPlain({ host, port })
        : connectTls({ servername: host, ...tls, host, port });
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    const connection: Connection = {
      socket,
      serverIndex,
      sinceMs: performance.now(),
      waiting: new Map(),
      timer: null,
    };
    return new Promise<Connection>((resolve, reject) => {
      const timer = setTimeout(
        () => give(`${host}:${port}: no connection in time`),
        this.#options.timeoutMs,
      );
      const give = (reason: string): void => {
        clearTimeout(timer);
        this.#sockets.delete(socket);
        socket.destroy();
        reject(new Error(reason));
        this.#fail(connection, reason);
      };
      const ready = (): void => {
        clearTimeout(timer);
        resolve(connection);
      };
      socket.on(tls === null ? 'connect' : 'secureConnect', () => {
        if (client.isReady) ready();
      });
      socket.on('error', (error) => give(`${host}:${port}: ${error.message}`));
      socket.on('close', () => give(`${host}:${port}: the connection was closed`));
      socket.on('data', (bytes: Buffer) => {
        try {
          for (const event of client.receive(bytes)) {
            if (event.kind === 'send') socket.write(event.bytes);
            else if (event.kind === 'ready') ready();
            else this.#acknowledged(connection, event.chunk);
          }
        } catch (error) {
          give(`${host}:${port}: ${error instanceof Error ? error.message : String(error)}`);
        }
      });
    });
  }

  #acknowledged(connection: Connection, chunk: string): void {
    const waiting = connection.waiting.get(chunk);
    if (waiting === undefined) {
      this.#fail(connection, 'the server acknowledged what it was not sent');
      return;
    }
    connection.waiting.delete(chunk);
    waiting.resolve();
  }

  /** Looks at the oldest delivery when its time is over; one timer serves all. */
  #watch(connection: Connection): void {
    if (connection.timer !== null) return;
    const oldest = connection.waiting.values().next().value;
    if (oldest === undefined) return;
    const leftMs = Math.max(1, oldest.deadlineMs - performance.now());
    connection.timer = setTimeout(() => {
      connection.timer = null;
      const first = connection.waiting.values().next().value;
      if (first !== undefined && first.deadlineMs <= performance.now()) {
        this.#fail(connection, 'no acknowledgement in time');
      } else this.#watch(connection);
    }, leftMs);
    connection.timer.unref();
  }

  #fail(connection: Connection, reason: string): void {
    if (connection.timer !== null) clearTimeout(connection.timer);
    connection.timer = null;
    this.#sockets.delete(connection.socket);
    connection.socket.destroy();
    if (this.#connection === connection) {
      this.#connection = null;
      const server = this.#options.servers[connection.serverIndex]!;
      if (!this.#isClosed && connection.waiting.size > 0) {
        this.#events.failed(server, reason);
        // It may take connections and nothing else, so the next one is to try another.
        this.#startIndex = (connection.serverIndex + 1) % this.#options.servers.length;
      }
    }
    const error = new Error(reason);
    for (const { reject } of connection.waiting.values()) reject(error);
    connection.waiting.clear();
  }
}
