import { Labels } from '#libs/labels';
import type { AlertStateChange, AlertStateStore, StoredAlerts } from '#libs/rules';

/** A time during which one alert fired. */
export interface FiringPeriod {
  readonly labels: Labels;
  /** Since when the expression had held. */
  readonly activeAtMs: number;
  readonly firedAtMs: number;
  /** Null where it still fired at the end. */
  readonly endedAtMs: number | null;
}

export interface FiringRecordOptions {
  /** What ended before is left out, and what began before is no page. */
  readonly startMs: number;
  readonly endMs: number;
  /** An alert that fires again within this time of its end flaps. */
  readonly flapWindowMs: number;
  /** Most periods that are listed; all are counted. */
  readonly maxPeriods: number;
}

interface Underway {
  readonly labels: Labels;
  readonly activeAtMs: number;
  readonly firedAtMs: number;
}

/** Ends of periods that are remembered, to know whether an alert flaps. */
const MAX_REMEMBERED_ENDS = 10_000;
const NOTHING: StoredAlerts = { alerts: new Map(), evaluatedAtMs: new Map() };

/**
 * What becomes of the alerts of one rule, taken from the changes that the rule would have kept on disk. Memory is bounded
 * by the alerts that fire at a time.
 */
export class FiringRecord implements AlertStateStore {
  readonly #options: FiringRecordOptions;
  readonly #underway = new Map<string, Underway>();
  readonly #pending = new Set<string>();
  readonly #lastEnds = new Map<string, number>();
  readonly #periods: FiringPeriod[] = [];
  #lastPageMs = -Infinity;
  /** The moment that is being evaluated. */
  nowMs = 0;
  firings = 0;
  firingMs = 0;
  longestMs = 0;
  flaps = 0;
  /** Moments at which at least one alert began to fire. */
  pages = 0;
  /** How often an alert waited for its `for` and did not fire. */
  unfired = 0;

  constructor(options: FiringRecordOptions) {
    this.#options = options;
  }

  /** In the order in which they ended; those that still fire come last. */
  get periods(): readonly FiringPeriod[] {
    return this.#periods;
  }

  load(): Promise<StoredAlerts> {
    return Promise.resolve(NOTHING);
  }

  save(changes: readonly AlertStateChange[]): Promise<void> {
    for (const change of changes) this.#note(change);
    return Promise.resolve();
  }

  /** Nothing comes any more: what still fires is counted up to the end. */
  close(): void {
    for (const period of this.#underway.values()) this.#finish(period, null);
    this.#underway.clear();
  }

  #note(change: AlertStateChange): void {
    if (change.kind === 'evaluated') return;
    const key = change.alert;
    const state = change.kind === 'put' ? change.stored.state : null;
    const wasPending = this.#pending.delete(key);
    if (state?.kind === 'pending') this.#pending.add(key);
    else if (state?.kind !== 'firing' && wasPending && this.nowMs >= this.#options.startMs) {
      this.unfired++;
    }
    const underway = this.#underway.get(key);
    if (state?.kind === 'firing') {
      if (underway !== undefined || change.kind !== 'put') return;
      const { activeAtMs, firedAtMs } = state;
      const labels = Labels.fromSortedFlat(change.stored.labels);
      this.#underway.set(key, { labels, activeAtMs, firedAtMs });
      this.#began(key, firedAtMs);
    } else if (underway !== undefined) {
      this.#underway.delete(key);
      this.#finish(underway, this.nowMs);
      this.#remember(key, this.nowMs);
    }
  }

  #began(key: string, firedAtMs: number): void {
    const { startMs, flapWindowMs } = this.#options;
    if (firedAtMs < startMs) return;
    const lastEndMs = this.#lastEnds.get(key);
    if (lastEndMs !== undefined && firedAtMs - lastEndMs <= flapWindowMs) this.flaps++;
    if (firedAtMs > this.#lastPageMs) this.pages++;
    this.#lastPageMs = firedAtMs;
  }

  #finish(period: Underway, endedAtMs: number | null): void {
    const { startMs, endMs, maxPeriods } = this.#options;
    const lastMs = endedAtMs ?? endMs;
    if (lastMs < startMs) return;
    const lengthMs = lastMs - Math.max(period.firedAtMs, startMs);
    this.firings++;
    this.firingMs += lengthMs;
    this.longestMs = Math.max(this.longestMs, lengthMs);
    if (this.#periods.length < maxPeriods) this.#periods.push({ ...period, endedAtMs });
  }

  #remember(key: string, endedAtMs: number): void {
    this.#lastEnds.delete(key);
    this.#lastEnds.set(key, endedAtMs);
    if (this.#lastEnds.size <= MAX_REMEMBERED_ENDS) return;
    for (const oldest of this.#lastEnds.keys()) {
      this.#lastEnds.delete(oldest);
      return;
    }
  }
}
