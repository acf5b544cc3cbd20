// The package keeps what a session has to look after under names with a dash below, and its types leave it out.
/* oxlint-disable no-underscore-dangle, typescript/no-unsafe-type-assertion */
import { hostname } from 'node:os';
import type { Socket } from 'node:net';
import fluentLogger from 'fluent-logger';
import type { Secret } from '#libs/yaml-config';

/** Where a session leads, by the keys of a configuration. */
export interface FluentServer {
  readonly host: string;
  readonly port: number;
  /** What tags begin with. */
  readonly tag: string;
  /** Milliseconds to wait for an acknowledgement. */
  readonly ack_timeout: number;
  readonly shared_key?: Secret | undefined;
}

/** A record on its way to Fluentd: when it happened, to the nanosecond, and what it says. */
export interface FluentEvent {
  readonly timeSeconds: number;
  readonly timeNanos: number;
  readonly record: Readonly<Record<string, unknown>>;
}

export interface FluentSessionEvents {
  connected(): void;
  /** The session is over, once, for whatever reason; what was not acknowledged must be sent again in another. */
  failed(reason: string): void;
}

const MAX_TIME_SECONDS = 0xffff_ffff;

/** What the package has and its types do not say; its version is pinned, and a spec goes through all of it. */
interface FluentSender {
  emit(label: string, data: object, time: object, callback?: (error?: Error) => void): void;
  on(event: string, listener: (...args: unknown[]) => void): void;
  readonly _socket: Socket | null;
  _connecting: boolean;
  _disconnect: () => void;
  _waitToWrite: () => void;
}

const { EventTime } = fluentLogger as unknown as {
  EventTime: new (seconds: number, nanos: number) => object;
};

const SILENT = { info: (): void => {}, error: (): void => {} };

/**
 * One connection to a Fluentd server through `fluent-logger`, from connecting until the first failure. The package
 * forgets what is under way when a connection breaks, spins without end when the server has closed it, and lets an
 * exception escape when an answer is not what it expects. So a session is used until anything goes wrong and then thrown
 * away as a whole, together with its socket; what the package would do afterwards is cut off, and not listened to.
 */
export class FluentSession {
  readonly #sender: FluentSender;
  readonly #events: FluentSessionEvents;
  #socket: Socket | null = null;
  #isOver = false;

  constructor(config: FluentServer, events: FluentSessionEvents) {
    this.#events = events;
    const { shared_key: sharedKey } = config;
    this.#sender = fluentLogger.createFluentSender(config.tag, {
      host: config.host,
      port: config.port,
      eventMode: 'PackedForward',
      requireAckResponse: true,
      ackResponseTimeout: config.ack_timeout,
      flushInterval: 20,
      internalLogger: SILENT,
      ...({ enableReconnect: false } as object),
      ...(sharedKey !== undefined && {
        security: { clientHostname: hostname(), sharedKey: sharedKey.reveal() },
      }),
    }) as unknown as FluentSender;
    this.#sender.on('error', (error) => {
      this.fail(error instanceof Error || isErrorLike(error) ? error.message : 'unknown error');
    });
    this.#sender.on('connect', () => this.#adoptSocket());
    const sender = this.#sender;
    // It forgets its socket here, and stumbles over that in the callback of a write that is still under way.
    sender._disconnect = (): void => {
      sender._connecting = true;
      this.fail('the connection was lost');
    };
    // It looks again at the next tick, for ever, while the socket can't be written to.
    const waitToWrite = sender._waitToWrite.bind(sender);
    sender._waitToWrite = (): void => {
      if (this.#isOver) return;
      if (sender._socket?.writable === false) this.fail('the connection was closed');
      else waitToWrite();
    };
  }

  /**
   * Hands events over; they leave in one message with one acknowledgement.
   * @param label the last part of their tag
   */
  send(label: string, events: readonly FluentEvent[], acknowledged: () => void): void {
    if (this.#isOver) return;
    for (const [index, { timeSeconds, timeNanos, record }] of events.entries()) {
      if (this.#isOver) return;
      const seconds = Math.min(Math.max(0, timeSeconds), MAX_TIME_SECONDS);
      const time = new EventTime(seconds, timeNanos);
      if (index < events.length - 1) {
        this.#sender.emit(label, record, time);
        continue;
      }
      // The callbacks of one message come all together, so the last event's will do.
      this.#sender.emit(label, record, time, (error) => {
        if (this.#isOver) return;
        if (error === undefined) acknowledged();
        else this.fail(error.message);
      });
    }
    this.#adoptSocket();
  }

  /** Ends the session and, unless it was over, says so. */
  fail(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#adoptSocket();
    // The package may still wait for it, and must not find it gone; a destroyed one does no harm.
    this.#socket?.destroy();
    this.#events.failed(reason);
  }

  /** Ends the session without a word. */
  close(): void {
    this.#isOver = true;
    this.#adoptSocket();
    this.#socket?.destroy();
  }

  /** Watches over the socket that the package keeps to itself. */
  #adoptSocket(): void {
    const socket = this.#sender._socket;
    if (socket === null || socket === this.#socket) return;
    this.#socket = socket;
    socket.on('connect', () => {
      if (!this.#isOver) this.#events.connected();
    });
    socket.on('error', () => {});
    socket.on('close', () => this.fail('the connection was closed'));
    socket.setTimeout(0);
    const once = socket.once.bind(socket);
    // Answers are decoded in a listener that throws when they are garbage or come in pieces.
    socket.once = ((event: string, listener: (...args: unknown[]) => void) =>
      once(event, event === 'data' ? this.#guarded(listener) : listener)) as typeof socket.once;
  }

  #guarded(listener: (...args: unknown[]) => void): (...args: unknown[]) => void {
    return (...args) => {
      if (this.#isOver) return;
      try {
        listener(...args);
      } catch {
        this.fail('the server’s answer is not of the forward protocol');
      }
    };
  }
}

function isErrorLike(error: unknown): error is { message: string } {
  return typeof error === 'object' && error !== null && 'message' in error;
}
