import { dueSlot, nextSlotAfter, type RuleGroup, type RuleManager } from '#libs/rules';

/** Longest a timer sleeps; setTimeout takes no more than 24 days, and a clock may be set meanwhile. */
const MAX_SLEEP_MS = 60_000;

export interface RuleSchedulerOptions {
  readonly manager: RuleManager;
  readonly nowMs: () => number;
  /** Runs one round; what it rejects with is a bug. */
  readonly evaluate: (group: RuleGroup, slotMs: number) => Promise<void>;
}

/** Owns the timers of the groups: each is evaluated when its slot comes, and never twice at once. */
export class RuleScheduler {
  readonly #options: RuleSchedulerOptions;
  readonly #timers = new Map<RuleGroup, NodeJS.Timeout>();
  #isRunning = false;

  constructor(options: RuleSchedulerOptions) {
    this.#options = options;
  }

  /** Begins, or after a load of rules goes on with the groups that are there now. */
  sync(): void {
    this.#isRunning = true;
    const groups = new Set(this.#options.manager.groups);
    for (const [group, timer] of this.#timers) {
      if (groups.has(group)) continue;
      clearTimeout(timer);
      this.#timers.delete(group);
    }
    for (const group of groups) if (!this.#timers.has(group)) this.#sleep(group);
  }

  /** No round begins after this. */
  stop(): void {
    this.#isRunning = false;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  #sleep(group: RuleGroup): void {
    const nowMs = this.#options.nowMs();
    const sleepMs = Math.min(nextSlotAfter(group.schedule, nowMs) - nowMs, MAX_SLEEP_MS);
    const timer = setTimeout(() => void this.#wake(group), Math.max(sleepMs, 1));
    this.#timers.set(group, timer);
  }

  async #wake(group: RuleGroup): Promise<void> {
    const due = dueSlot(group.schedule, group.lastSlotMs, this.#options.nowMs());
    // Without a round before, a sleep that ended early finds the slot that passed before the start.
    const isFirst = group.lastSlotMs === null;
    const isEarly =
      isFirst && due !== null && this.#options.nowMs() - due.slotMs > MAX_SLEEP_MS / 2;
    if (due !== null && !isEarly) {
      group.countMissed(due.missed);
      await this.#options.evaluate(group, due.slotMs);
    }
    if (this.#isRunning && this.#timers.has(group)) this.#sleep(group);
  }
}
