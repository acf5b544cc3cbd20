import type { FluentdConfig } from './logs-config.ts';
import { type FluentEvent, FluentSession } from '#libs/node-fluent';

/** What an output tells about itself. */
export interface FluentOutputEvents {
  sent(events: number): void;
  /** Events that have to be sent again. */
  failed(events: number, reason: string): void;
  /** The number of events not acknowledged. */
  queued(events: number): void;
  /** Reachable or not, at changes only. */
  stateChanged(isUp: boolean, detail: string): void;
}

interface Pending {
  readonly label: string;
  readonly events: readonly FluentEvent[];
  readonly acknowledged: () => void;
}

/**
 * Sends to one Fluentd server until it has acknowledged: events that were under way when a connection failed are sent
 * again over the next, with growing pauses between attempts. How much waits here is bounded by whoever sends, who is told
 * by `acknowledged` and must not send on without bounds.
 */
export class FluentOutput {
  readonly #config: FluentdConfig;
  readonly #events: FluentOutputEvents;
  readonly #pending: Pending[] = [];
  #session: FluentSession | null = null;
  #timer: NodeJS.Timeout | null = null;
  #stallTimer: NodeJS.Timeout | null = null;
  #backoffMs: number;
  #queuedEvents = 0;
  #isUp: boolean | null = null;
  #isClosed = false;
  #drained: (() => void) | null = null;

  constructor(config: FluentdConfig, events: FluentOutputEvents) {
    this.#config = config;
    this.#events = events;
    this.#backoffMs = config.min_backoff;
  }

  get queuedEvents(): number {
    return this.#queuedEvents;
  }

  /** Takes events over; `acknowledged` is called once, when the server has them. */
  send(label: string, events: readonly FluentEvent[], acknowledged: () => void): void {
    if (this.#isClosed) return;
    if (events.length === 0) {
      acknowledged();
      return;
    }
    const pending = { label, events, acknowledged };
    this.#pending.push(pending);
    this.#count(events.length);
    if (this.#session !== null) this.#dispatch(this.#session, pending);
    else if (this.#timer === null) this.#connect();
  }

  /** Resolves when everything has been acknowledged, or after the given time. */
  async drain(timeoutMs: number): Promise<void> {
    if (this.#pending.length === 0 || this.#isClosed) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#drained = (): void => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Stops; what was not acknowledged never will be. */
  close(): void {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#stallTimer !== null) clearTimeout(this.#stallTimer);
    this.#timer = null;
    this.#stallTimer = null;
    this.#session?.close();
    this.#session = null;
  }

  #connect(): void {
    this.#timer = null;
    const session: FluentSession = new FluentSession(this.#config, {
      connected: () => this.#setUp(true, 'connected'),
      failed: (reason) => this.#onFailure(session, reason),
    });
    this.#session = session;
    for (const pending of this.#pending) this.#dispatch(session, pending);
  }

  #dispatch(session: FluentSession, pending: Pending): void {
    session.send(pending.label, pending.events, () => {
      const at = this.#pending.indexOf(pending);
      if (at < 0 || session !== this.#session) return;
      this.#pending.splice(at, 1);
      this.#backoffMs = this.#config.min_backoff;
      this.#watchForStall();
      this.#count(-pending.events.length);
      this.#events.sent(pending.events.length);
      pending.acknowledged();
      if (this.#pending.length === 0) this.#drained?.();
    });
    if (this.#stallTimer === null) this.#watchForStall();
  }

  /** Neither connecting nor a handshake nor an acknowledgement may take longer than the timeout. */
  #watchForStall(): void {
    if (this.#stallTimer !== null) clearTimeout(this.#stallTimer);
    this.#stallTimer = null;
    if (this.#pending.length === 0 || this.#isClosed) return;
    this.#stallTimer = setTimeout(() => {
      this.#stallTimer = null;
      this.#session?.fail('no acknowledgement in time');
    }, this.#config.ack_timeout);
  }

  #onFailure(session: FluentSession, reason: string): void {
    if (session !== this.#session || this.#isClosed) return;
    this.#session = null;
    if (this.#stallTimer !== null) clearTimeout(this.#stallTimer);
    this.#stallTimer = null;
    // A server may close an idle connection; the next events open another.
    if (this.#pending.length === 0) return;
    this.#events.failed(this.#queuedEvents, reason);
    this.#setUp(false, reason);
    this.#timer = setTimeout(() => this.#connect(), this.#backoffMs);
    this.#backoffMs = Math.min(this.#backoffMs * 2, this.#config.max_backoff);
  }

  #setUp(isUp: boolean, detail: string): void {
    if (this.#isUp === isUp) return;
    this.#isUp = isUp;
    this.#events.stateChanged(isUp, detail);
  }

  #count(change: number): void {
    this.#queuedEvents += change;
    this.#events.queued(this.#queuedEvents);
  }
}
