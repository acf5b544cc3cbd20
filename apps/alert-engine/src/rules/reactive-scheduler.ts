import type { AlertingEntry, ReactiveRules, RuleGroup } from '#libs/rules';
import type { SampleBatch } from '#libs/samples';

/** Between two evaluations of a group outside its interval there is at least this much. */
const MIN_GAP_MS = 1_000;
/** A round is under way; it is tried again after this long. */
const RETRY_MS = 20;
/** Samples from a clock that is ahead are waited for no longer than this. */
const MAX_AHEAD_MS = 5_000;

export interface ReactiveSchedulerOptions {
  readonly rules: ReactiveRules;
  readonly nowMs: () => number;
  /** Evaluates rules of a group; false while a round of it is under way. What it rejects with is a bug. */
  readonly react: (
    group: RuleGroup,
    entries: ReadonlySet<AlertingEntry>,
    momentMs: number,
  ) => Promise<boolean>;
}

interface GroupTimer {
  lastMs: number;
  timer: NodeJS.Timeout | null;
  /** When the timer is due, milliseconds since the epoch. */
  dueMs: number;
  isReacting: boolean;
}

/**
 * Evaluates alerting rules at once when their data has changed and when the `for` of an alert is over, each group once in
 * a second at most: the first change at once, what comes within the second at its end.
 */
export class ReactiveScheduler {
  readonly #options: ReactiveSchedulerOptions;
  readonly #timers = new Map<RuleGroup, GroupTimer>();
  #isRunning = false;

  constructor(options: ReactiveSchedulerOptions) {
    this.#options = options;
  }

  /** Begins, or after a load of rules goes on with the groups that are there now. */
  sync(groups: readonly RuleGroup[]): void {
    this.#isRunning = true;
    this.#options.rules.sync(groups);
    const present = new Set(groups);
    for (const [group, { timer }] of this.#timers) {
      if (present.has(group)) continue;
      if (timer !== null) clearTimeout(timer);
      this.#timers.delete(group);
    }
    for (const group of groups) this.evaluated(group);
  }

  /** Nothing begins after this. */
  stop(): void {
    this.#isRunning = false;
    for (const { timer } of this.#timers.values()) if (timer !== null) clearTimeout(timer);
    this.#timers.clear();
  }

  /** Samples are in the store. */
  stored(batch: SampleBatch): void {
    if (!this.#isRunning) return;
    for (const group of this.#options.rules.note(batch)) this.#soon(group);
  }

  /** A round of the group has ended: alerts may be waiting for their time. */
  evaluated(group: RuleGroup): void {
    if (!this.#isRunning) return;
    let nextMs = Infinity;
    for (const entry of this.#options.rules.entriesOf(group)) {
      nextMs = Math.min(nextMs, deadlineOf(group, entry) ?? Infinity);
    }
    if (nextMs !== Infinity) this.#at(group, this.#timerOf(group), nextMs);
  }

  #timerOf(group: RuleGroup): GroupTimer {
    let timer = this.#timers.get(group);
    if (timer === undefined) {
      timer = { lastMs: -Infinity, timer: null, dueMs: Infinity, isReacting: false };
      this.#timers.set(group, timer);
    }
    return timer;
  }

  #soon(group: RuleGroup): void {
    const timer = this.#timerOf(group);
    if (timer.isReacting) return;
    const nowMs = this.#options.nowMs();
    // A clock that was set back does not make anybody wait.
    const waitMs = Math.min(Math.max(timer.lastMs + MIN_GAP_MS - nowMs, 0), MIN_GAP_MS);
    this.#at(group, timer, nowMs + waitMs);
  }

  #at(group: RuleGroup, timer: GroupTimer, dueMs: number): void {
    if (timer.timer !== null) {
      if (timer.dueMs <= dueMs) return;
      clearTimeout(timer.timer);
    }
    timer.dueMs = dueMs;
    const waitMs = Math.min(Math.max(dueMs - this.#options.nowMs(), 1), 2 ** 31 - 1);
    timer.timer = setTimeout(() => {
      timer.timer = null;
      void this.#react(group, timer);
    }, waitMs);
  }

  async #react(group: RuleGroup, timer: GroupTimer): Promise<void> {
    if (timer.isReacting) return;
    const { rules, nowMs, react } = this.#options;
    const startedMs = nowMs();
    const due = [...rules.entriesOf(group)].filter((entry) => {
      const deadlineMs = deadlineOf(group, entry);
      return deadlineMs !== null && deadlineMs <= startedMs;
    });
    if (due.length > 0) rules.touch(group, due, startedMs);
    const touched = rules.take(group);
    if (touched === null) {
      // The timer was early.
      this.evaluated(group);
      return;
    }
    timer.isReacting = true;
    const aheadMs = Math.min(Math.max(touched.newestMs - startedMs, 0), MAX_AHEAD_MS);
    const isDone = await react(group, touched.entries, startedMs + aheadMs);
    timer.isReacting = false;
    if (!this.#isRunning || !this.#timers.has(group)) return;
    if (!isDone) {
      rules.touch(group, touched.entries, touched.newestMs);
      this.#at(group, timer, nowMs() + RETRY_MS);
      return;
    }
    timer.lastMs = startedMs;
    if (rules.has(group)) this.#soon(group);
    this.evaluated(group);
  }
}

/** When time alone changes an alert of the rule next; null where no time is ahead that was not looked at already. */
function deadlineOf(group: RuleGroup, entry: AlertingEntry): number | null {
  const deadlineMs = entry.rule.nextDeadlineMs();
  const lookedAtMs = Math.max(entry.reactedMs ?? 0, group.lastSlotMs ?? 0);
  return deadlineMs !== null && deadlineMs > lookedAtMs ? deadlineMs : null;
}
