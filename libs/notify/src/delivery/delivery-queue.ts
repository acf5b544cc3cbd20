import { integrationKey, type Notification } from '#libs/dispatch';
import { DeliveryError } from './delivery-error.ts';
import { nextRetryMs, type RetryPolicy } from './retry-policy.ts';

export interface DeliveryQueueOptions {
  readonly retry: RetryPolicy;
  /** How many messages to one integration are on the wire at a time. */
  readonly concurrencyPerIntegration: number;
  /** How long a message is owed before it is given up. */
  readonly keepMs: number;
  /** A number from 0 up to 1, for the jitter of retries. */
  readonly random: () => number;
}

/** One attempt to make. */
export interface DeliveryAttempt {
  readonly notification: Notification;
  /** From 1. */
  readonly attempt: number;
}

/** A message that is not owed any more. `error` says why it was given up; null means that something newer replaced it. */
export interface EndedDelivery {
  readonly notification: Notification;
  readonly outcome: 'delivered' | 'abandoned';
  readonly error: DeliveryError | null;
}

export interface DeliveryPlan {
  readonly attempts: readonly DeliveryAttempt[];
  readonly ended: readonly EndedDelivery[];
  /** When to ask again, at the latest; null for not before something happens. */
  readonly wakeUpMs: number | null;
}

/** A message and how it fares. */
interface Job {
  readonly notification: Notification;
  attempts: number;
  dueMs: number;
}

/** All that goes to one integration. A lane never waits for another. */
interface Lane {
  /** By group: what is to be sent next. */
  readonly waiting: Map<string, Job>;
  /** By group: what is on the wire. A group has at most one message there, so that they arrive in order. */
  readonly inFlight: Map<string, Job>;
  readonly withdrawn: Set<string>;
  /** The receiver asked us to stay away until then. */
  pausedUntilMs: number;
}

/**
 * Decides which messages go out when: one lane per integration, one message at a time per group in it, retries with
 * backoff, the newest message of a group in place of older ones. It sends nothing by itself and reads no clock.
 */
export class DeliveryQueue {
  readonly #options: DeliveryQueueOptions;
  readonly #lanes = new Map<string, Lane>();
  #ended: EndedDelivery[] = [];

  constructor(options: DeliveryQueueOptions) {
    this.#options = options;
  }

  /** How many messages are owed, those on the wire included. */
  get size(): number {
    let size = 0;
    for (const { waiting, inFlight } of this.#lanes.values()) size += waiting.size + inFlight.size;
    return size;
  }

  get inFlightCount(): number {
    let count = 0;
    for (const { inFlight } of this.#lanes.values()) count += inFlight.size;
    return count;
  }

  /** Takes a message; one about the same group that still waits is replaced. Ask for a plan afterwards. */
  add(notification: Notification, nowMs: number): void {
    const lane = this.#laneOf(notification);
    const replaced = lane.waiting.get(notification.groupKey);
    if (replaced !== undefined) this.#end(replaced, 'abandoned', null);
    lane.waiting.set(notification.groupKey, { notification, attempts: 0, dueMs: nowMs });
  }

  /** Stops a message that should not be sent any more. One on the wire is only not tried again. */
  withdraw(id: string): void {
    for (const lane of this.#lanes.values()) {
      for (const [groupKey, job] of lane.waiting) {
        if (job.notification.id !== id) continue;
        lane.waiting.delete(groupKey);
        this.#end(job, 'abandoned', null);
      }
      for (const job of lane.inFlight.values()) {
        if (job.notification.id === id) lane.withdrawn.add(id);
      }
    }
  }

  /** Takes the outcome of an attempt: null for success. Ask for a plan afterwards. */
  report(notification: Notification, error: DeliveryError | null, nowMs: number): void {
    const lane = this.#laneOf(notification);
    const { groupKey } = notification;
    const job = lane.inFlight.get(groupKey);
    if (job === undefined || job.notification.id !== notification.id) return;
    lane.inFlight.delete(groupKey);
    const isWithdrawn = lane.withdrawn.delete(notification.id);
    if (error === null) {
      this.#end(job, 'delivered', null);
      return;
    }
    if (error.retryAfterMs !== null) {
      lane.pausedUntilMs = Math.max(lane.pausedUntilMs, nowMs + error.retryAfterMs);
    }
    if (isWithdrawn || lane.waiting.has(groupKey)) {
      this.#end(job, 'abandoned', null);
    } else if (!error.isRetryable) {
      this.#end(job, 'abandoned', error);
    } else {
      const { retry, random } = this.#options;
      job.dueMs = nowMs + nextRetryMs(retry, job.attempts, error.retryAfterMs, random());
      lane.waiting.set(groupKey, job);
    }
  }

  /** What to send now, and which messages have ended since the last call. */
  plan(nowMs: number): DeliveryPlan {
    const attempts: DeliveryAttempt[] = [];
    let wakeUpMs: number | null = null;
    for (const [key, lane] of this.#lanes) {
      const laneMs = this.#planLane(lane, nowMs, attempts);
      if (laneMs !== null && (wakeUpMs === null || laneMs < wakeUpMs)) wakeUpMs = laneMs;
      const isIdle = lane.waiting.size === 0 && lane.inFlight.size === 0;
      if (isIdle && lane.pausedUntilMs <= nowMs) this.#lanes.delete(key);
    }
    return { attempts, ended: this.takeEnded(), wakeUpMs };
  }

  /** Which messages have ended since the last call, for whoever starts nothing more. */
  takeEnded(): readonly EndedDelivery[] {
    const ended = this.#ended;
    this.#ended = [];
    return ended;
  }

  #planLane(lane: Lane, nowMs: number, attempts: DeliveryAttempt[]): number | null {
    const free = this.#options.concurrencyPerIntegration - lane.inFlight.size;
    // With no place free, the report of an attempt asks for the next plan.
    if (free <= 0) return null;
    const isPaused = lane.pausedUntilMs > nowMs;
    const due: Job[] = [];
    let wakeUpMs: number | null = null;
    for (const [groupKey, job] of lane.waiting) {
      if (nowMs - job.notification.createdAtMs >= this.#options.keepMs) {
        lane.waiting.delete(groupKey);
        this.#end(job, 'abandoned', new DeliveryError('expired', 'it was owed for too long'));
        continue;
      }
      if (lane.inFlight.has(groupKey)) continue;
      const dueMs = isPaused ? Math.max(job.dueMs, lane.pausedUntilMs) : job.dueMs;
      if (dueMs <= nowMs) due.push(job);
      else if (wakeUpMs === null || dueMs < wakeUpMs) wakeUpMs = dueMs;
    }
    const started = due.toSorted((a, b) => a.dueMs - b.dueMs).slice(0, free);
    for (const job of started) {
      const { groupKey } = job.notification;
      lane.waiting.delete(groupKey);
      lane.inFlight.set(groupKey, job);
      job.attempts++;
      attempts.push({ notification: job.notification, attempt: job.attempts });
    }
    return wakeUpMs;
  }

  #laneOf({ integration }: Notification): Lane {
    const key = integrationKey(integration);
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = {
        waiting: new Map(),
        inFlight: new Map(),
        withdrawn: new Set(),
        pausedUntilMs: Number.NEGATIVE_INFINITY,
      };
      this.#lanes.set(key, lane);
    }
    return lane;
  }

  #end(job: Job, outcome: EndedDelivery['outcome'], error: DeliveryError | null): void {
    this.#ended.push({ notification: job.notification, outcome, error });
  }
}
