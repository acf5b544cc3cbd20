import { randomBytes } from 'node:crypto';
import {
  encodeAcknowledgement,
  type ForwardArrival,
  ForwardError,
  ForwardServer,
} from '#libs/forward';
import {
  type BoundAddress,
  type ListenAt,
  type StreamConnection,
  type StreamHandler,
  StreamListener,
  type StreamListenerEvents,
  type StreamTls,
} from '#libs/node-listen';

/** What clients have to know. */
export interface ForwardListenerSecrets {
  readonly sharedKey: string | null;
  readonly users: ReadonlyMap<string, string>;
}

export interface ForwardListenerOptions extends ListenAt {
  /** How this server calls itself to clients. */
  readonly hostname: string;
  readonly secrets: ForwardListenerSecrets;
  readonly tls: (() => Promise<StreamTls>) | null;
  readonly maxMessageBytes: number;
  readonly maxConnections: number;
  readonly idleMs: number;
  /**
   * Takes the records of a message over, reading them before it returns. Once it resolves they are acknowledged; when it
   * rejects the connection ends without, and the client sends again what it has a chunk for.
   * @throws ForwardError when the records are none; then the connection ends
   */
  readonly take: (arrival: ForwardArrival, remoteAddress: string) => Promise<void>;
}

export interface ForwardListenerEvents extends StreamListenerEvents {
  /** A client did not show that it knows key or user. */
  denied(remoteAddress: string, reason: string): void;
}

const HELD_BYTES_EACH = 4 * 1024 * 1024;
const HELD_BYTES = 16 * 1024 * 1024;
/** How long the rest of a message, or an answer to HELO, may take. */
const MESSAGE_MS = 60_000;
const HANDSHAKE_MS = 10_000;

/** A server of the Fluentd forward protocol. It says what it was told to say, once records are safe and not before. */
export class ForwardListener {
  readonly #options: ForwardListenerOptions;
  readonly #events: ForwardListenerEvents;
  readonly #listener: StreamListener;

  constructor(options: ForwardListenerOptions, events: ForwardListenerEvents) {
    this.#options = options;
    this.#events = events;
    const { host, port, tls, maxConnections, idleMs, maxMessageBytes } = options;
    this.#listener = new StreamListener(
      {
        host,
        port,
        tls,
        maxConnections,
        idleMs,
        messageMs: MESSAGE_MS,
        maxHeldBytesEach: HELD_BYTES_EACH,
        maxHeldBytes: HELD_BYTES,
        maxPendingBytes: Math.max(64 * 1024 * 1024, maxMessageBytes * 2),
        accept: (connection) => this.#accept(connection),
      },
      events,
    );
  }

  /** @throws ListenError */
  listen(): Promise<BoundAddress> {
    return this.#listener.listen();
  }

  close(): Promise<void> {
    return this.#listener.close();
  }

  #accept(connection: StreamConnection): StreamHandler {
    const { hostname, secrets, maxMessageBytes } = this.#options;
    const server = new ForwardServer({
      hostname,
      ...secrets,
      nonce: randomBytes(16),
      authSalt: randomBytes(16),
      maxMessageBytes,
    });
    const deny = (reason: string): void => {
      this.#events.denied(connection.remoteAddress, reason);
      connection.end();
    };
    const greeting = server.greeting();
    if (greeting !== null) connection.send(greeting);
    const handshake = setTimeout(() => {
      if (!server.isReady) deny('no PING in time');
    }, HANDSHAKE_MS);
    handshake.unref();
    return {
      receive: (bytes) => {
        const events = server.receive(bytes);
        // A few bytes may unpack to very many: the next message is unpacked when there is room for it.
        while (!server.isReady || !connection.isHeldUp) {
          const { value: event, done } = events.next();
          if (done === true) break;
          if (event.kind === 'arrived') this.#take(connection, event.arrival);
          else connection.send(event.bytes);
          if (event.kind === 'refused') deny(event.reason);
        }
      },
      get pendingBytes() {
        return server.pendingBytes;
      },
      ended: () => clearTimeout(handshake),
    };
  }

  #take(connection: StreamConnection, arrival: ForwardArrival): void {
    const { chunk, byteCount } = arrival;
    const release = connection.hold(byteCount);
    this.#options.take(arrival, connection.remoteAddress).then(
      () => {
        release();
        if (chunk !== null) connection.send(encodeAcknowledgement(chunk));
      },
      (error: unknown) => {
        release();
        if (error instanceof ForwardError) {
          this.#events.refused('protocol', connection.remoteAddress, error.message);
        }
        connection.end();
      },
    );
  }
}
