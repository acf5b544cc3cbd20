import { InvariantError } from '#libs/invariant';
import { METRIC_NAME } from '#libs/labels';
import type { SampleBatch } from '#libs/samples';
import {
  type ActiveAlert,
  AlertingRule,
  type AlertingOutcome,
  AlertLimitError,
} from './alerting-rule.ts';
import { groupKeyOf, type GroupSchedule, scheduleOf } from './group-schedule.ts';
import type { AlertStateChange, StoredAlerts } from './ports.ts';
import { RecordingRule } from './recording-rule.ts';
import { batchesOf } from './rule-batches.ts';
import type { Round, RuleContext, RuleOutput } from './rule-context.ts';
import type { RuleConfig, RuleGroupConfig } from './rule-file.ts';
import {
  AlertSeries,
  NOTHING_WRITTEN,
  RecordedSeries,
  type WrittenSeries,
} from './written-series.ts';

export type Rule = AlertingRule | RecordingRule;

/** How a rule's last evaluation went. */
export interface RuleHealth {
  readonly health: 'unknown' | 'ok' | 'err';
  readonly lastError: string;
  /** Milliseconds since the epoch, null before the first. */
  readonly lastEvaluationMs: number | null;
  readonly durationMs: number;
  /** How many series it gave. */
  readonly sampleCount: number;
}

const UNKNOWN: RuleHealth = {
  health: 'unknown',
  lastError: '',
  lastEvaluationMs: null,
  durationMs: 0,
  sampleCount: 0,
};

/** A rule with what its group knows of it. */
export interface RuleEntry {
  readonly rule: Rule;
  /** Identifies the rule in what is kept on disk. */
  readonly key: string;
  health: RuleHealth;
  /** The series the last successful evaluation wrote. */
  written: WrittenSeries;
  /** The moment of the last evaluation outside the interval, or null. */
  reactedMs: number | null;
}

/** An alerting rule with what its group knows of it. */
export type AlertingEntry = RuleEntry & { readonly rule: AlertingRule };

/** Counters of a group since it was loaded; a reload that keeps the group keeps them. */
export interface GroupCounters {
  iterations: number;
  missed: number;
  evaluations: number;
  failures: number;
  /** Evaluations of single rules outside the interval, because their data changed or an alert's `for` was over. */
  reactions: number;
}

/**
 * A group of rules and what lasts from round to round. A round evaluates the rules one after the other, each result
 * written before the next rule runs.
 */
export class RuleGroup {
  readonly config: RuleGroupConfig;
  readonly key: string;
  readonly intervalMs: number;
  readonly schedule: GroupSchedule;
  readonly rules: readonly RuleEntry[];
  readonly counters: GroupCounters;
  readonly context: RuleContext;
  #lastSlotMs: number | null = null;
  #lastDurationMs = 0;
  #lastEvaluationMs: number | null = null;
  #running: Promise<void> | null = null;
  #reacting: Promise<void> | null = null;
  #isStopped = false;
  /** Changes that could not be saved yet, the latest of each alert. */
  readonly #unsaved = new Map<string, AlertStateChange>();

  /** @throws TemplateParseError */
  constructor(config: RuleGroupConfig, context: RuleContext) {
    this.config = config;
    this.context = context;
    this.key = groupKeyOf(config);
    this.intervalMs = config.intervalMs ?? context.timing.defaultIntervalMs;
    this.schedule = scheduleOf(this.key, this.intervalMs);
    this.counters = { iterations: 0, missed: 0, evaluations: 0, failures: 0, reactions: 0 };
    const keys = ruleKeys(config.rules);
    this.rules = config.rules.map((rule, i) => ({
      rule:
        rule.kind === 'alerting'
          ? new AlertingRule(rule, context)
          : new RecordingRule(rule, context),
      key: `${this.key};${keys[i]!}`,
      health: UNKNOWN,
      written: NOTHING_WRITTEN,
      reactedMs: null,
    }));
  }

  /** The slot of the last round that began, or null. */
  get lastSlotMs(): number | null {
    return this.#lastSlotMs;
  }

  get lastDurationMs(): number {
    return this.#lastDurationMs;
  }

  /** When the last round began, by the wall clock, or null. */
  get lastEvaluationMs(): number | null {
    return this.#lastEvaluationMs;
  }

  get isRunning(): boolean {
    return this.#running !== null;
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.#running?.catch(() => undefined);
    await this.#reacting?.catch(() => undefined);
  }

  /**
   * Whether rules may be evaluated outside the interval. Samples of another source are not told, and with a query offset they may not: the interval's rounds look at an
   * earlier moment and would take back what was found out.
   */
  get canReact(): boolean {
    const { isWatched, defaultQueryOffsetMs } = this.context.source;
    return isWatched && (this.config.queryOffsetMs ?? defaultQueryOffsetMs) === 0;
  }

  *alertingEntries(): Generator<AlertingEntry> {
    for (const entry of this.rules) if (isAlerting(entry)) yield entry;
  }

  /** No rule begins any more; a round under way ends after its present rule. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Slots went by without a round. */
  countMissed(missed: number): void {
    this.counters.missed += missed;
    this.counters.iterations += missed;
  }

  /**
   * Evaluates every rule once.
   * @param slotMs the moment the group was due
   * @param nowMs the wall clock
   * @throws InvariantError for a bug; whatever is wrong with a rule, its data or the store is in the rule's health
   */
  async evaluate(slotMs: number, nowMs: number): Promise<void> {
    if (this.#running !== null || this.#isStopped) return;
    this.#running = this.#evaluateAll(slotMs, nowMs);
    try {
      await this.#running;
    } finally {
      this.#running = null;
    }
  }

  /**
   * Evaluates some alerting rules outside the interval: their alerts are kept and handed on as ever, but nothing is written
   * to the store, whose series go on at the interval's pace.
   * @param momentMs the moment to evaluate for
   * @returns false, with nothing done, while a round is under way
   */
  async react(entries: Iterable<AlertingEntry>, momentMs: number, nowMs: number): Promise<boolean> {
    if (this.isRunning || this.#isStopped) return false;
    this.#reacting = this.#evaluateSome(entries, momentMs, nowMs);
    try {
      await this.#reacting;
    } finally {
      this.#reacting = null;
    }
    return true;
  }

  async #evaluateSome(
    entries: Iterable<AlertingEntry>,
    momentMs: number,
    nowMs: number,
  ): Promise<void> {
    const round: Round = { ...this.#roundAt(momentMs), shared: null };
    for (const entry of entries) {
      if (this.#isStopped) return;
      this.counters.reactions++;
      const startedMs = this.context.clockMs();
      let lastError: string;
      let sampleCount = 0;
      try {
        const { output, problem } = await this.#evaluateAlerts(entry.rule, entry.key, round);
        entry.reactedMs = momentMs;
        sampleCount = output.labels.length;
        lastError = problem;
      } catch (error) {
        lastError = await this.#failed(entry, round, error);
      }
      this.#finish(entry, { lastError, startedMs, nowMs, sampleCount });
    }
  }

  #roundAt(slotMs: number): Omit<Round, 'shared'> {
    const { source } = this.context;
    return {
      slotMs,
      evaluationMs: slotMs - (this.config.queryOffsetMs ?? source.defaultQueryOffsetMs),
      intervalMs: this.intervalMs,
      limit: this.config.limit,
    };
  }

  async #evaluateAll(slotMs: number, nowMs: number): Promise<void> {
    await this.#reacting?.catch(() => undefined);
    const { clockMs } = this.context;
    const startedMs = clockMs();
    this.#lastSlotMs = slotMs;
    this.#lastEvaluationMs = nowMs;
    this.counters.iterations++;
    const round: Round = {
      ...this.#roundAt(slotMs),
      shared: this.context.source.evaluator.share(this.rules.map(({ rule }) => rule.expression)),
    };
    for (const entry of this.rules) {
      if (this.#isStopped) return;
      await this.#evaluateRule(entry, round, nowMs + (clockMs() - startedMs));
    }
    if (this.rules.some(hasActive)) {
      await this.#save([{ kind: 'evaluated', group: this.key, timeMs: slotMs }]);
    }
    this.#lastDurationMs = clockMs() - startedMs;
  }

  async #evaluateRule(entry: RuleEntry, round: Round, nowMs: number): Promise<void> {
    const startedMs = this.context.clockMs();
    this.counters.evaluations++;
    let lastError = '';
    let sampleCount = 0;
    try {
      const { rule, key } = entry;
      let output: RuleOutput;
      let written: WrittenSeries;
      if (rule.kind === 'recording') {
        output = await rule.evaluate(round);
        written = new RecordedSeries(output.labels);
      } else {
        const ruleRound = roundNotBefore(round, entry.reactedMs);
        const outcome = await this.#evaluateAlerts(rule, key, ruleRound);
        ({ output, problem: lastError } = outcome);
        written = new AlertSeries(outcome.alerts);
      }
      sampleCount = output.labels.length;
      const gone = entry.written.missingFrom(written);
      for (const batch of batchesOf(output, gone, round.evaluationMs)) {
        await this.#write(batch, round);
      }
      entry.written = written;
    } catch (error) {
      lastError = await this.#failed(entry, round, error);
    }
    if (lastError !== '') this.counters.failures++;
    this.#finish(entry, { lastError, startedMs, nowMs, sampleCount });
  }

  /** Evaluates a rule, keeps what changed and hands on its alerts. */
  async #evaluateAlerts(
    rule: AlertingRule,
    key: string,
    round: Round,
  ): Promise<Pick<AlertingOutcome, 'alerts' | 'output'> & { readonly problem: string }> {
    const outcome = await rule.evaluate(round, key);
    const problem = await this.#save(outcome.changes);
    rule.commit(outcome);
    await rule.announce(round);
    return {
      alerts: outcome.alerts,
      output: outcome.output,
      problem: problem === null ? '' : `the state of alerts could not be kept: ${problem}`,
    };
  }

  /** @returns what to show of a failed evaluation */
  async #failed(entry: RuleEntry, round: Round, error: unknown): Promise<string> {
    if (error instanceof InvariantError || !(error instanceof Error)) throw error;
    if (isAlerting(entry)) {
      if (error instanceof AlertLimitError) await this.#save(entry.rule.dropAll(entry.key));
      // Firing alerts are told again although this round failed: otherwise a few failures in a row would pass for
      // their end.
      await entry.rule.announce(round);
    }
    return error.message;
  }

  #finish(
    entry: RuleEntry,
    outcome: {
      readonly lastError: string;
      readonly startedMs: number;
      readonly nowMs: number;
      readonly sampleCount: number;
    },
  ): void {
    const { lastError, startedMs, nowMs, sampleCount } = outcome;
    entry.health = {
      health: lastError === '' ? 'ok' : 'err',
      lastError,
      lastEvaluationMs: nowMs,
      durationMs: this.context.clockMs() - startedMs,
      sampleCount,
    };
  }

  async #write(batch: SampleBatch, { shared }: Round): Promise<void> {
    try {
      await this.context.source.sink.append(batch);
    } finally {
      // A write that failed may have got some of it in.
      shared?.wrote(new Set(batch.labels.map((labels) => labels.get(METRIC_NAME))));
    }
    await this.context.yieldToLoop();
  }

  /**
   * Saves changes, and those that could not be saved before. A disk that takes nothing must not keep an alert from being
   * told (it may be the alert about that disk), so a failure is shown and made up for, not waited out.
   * @returns what went wrong, or null
   */
  async #save(changes: readonly AlertStateChange[]): Promise<string | null> {
    for (const change of changes) this.#unsaved.set(changeKeyOf(change), change);
    if (this.#unsaved.size === 0) return null;
    const all = [...this.#unsaved.values()];
    try {
      await this.context.stateStore.save(all);
    } catch (error) {
      if (error instanceof InvariantError || !(error instanceof Error)) throw error;
      return error.message;
    }
    this.#unsaved.clear();
    return null;
  }

  /** Goes on where the group it takes the place of had got to: rules of the same name and labels keep their state. */
  adopt(previous: RuleGroup): RuleEntry[] {
    Object.assign(this.counters, previous.counters);
    if (this.intervalMs === previous.intervalMs) this.#lastSlotMs = previous.#lastSlotMs;
    this.#lastDurationMs = previous.#lastDurationMs;
    this.#lastEvaluationMs = previous.#lastEvaluationMs;
    for (const [key, change] of previous.#unsaved) this.#unsaved.set(key, change);
    const left = new Map(previous.rules.map((entry) => [entry.key, entry]));
    for (const entry of this.rules) {
      const old = left.get(entry.key);
      if (old === undefined || old.rule.kind !== entry.rule.kind) continue;
      left.delete(entry.key);
      entry.written = old.written;
      entry.reactedMs = old.reactedMs;
      entry.health = old.health;
      if (entry.rule.kind === 'alerting' && old.rule.kind === 'alerting') {
        entry.rule.adopt(old.rule.alerts);
      }
    }
    return [...left.values()];
  }

  /** Goes on with what was kept over a restart. */
  restore(stored: StoredAlerts, nowMs: number): void {
    const downAtMs = stored.evaluatedAtMs.get(this.key);
    for (const { rule, key } of this.rules) {
      const alerts = stored.alerts.get(key);
      if (rule.kind !== 'alerting' || alerts === undefined) continue;
      rule.restore(alerts, Math.min(downAtMs ?? nowMs, nowMs), nowMs);
    }
  }

  /** The active alerts of all rules. */
  *activeAlerts(): Generator<ActiveAlert> {
    for (const { rule } of this.rules) {
      if (rule.kind !== 'alerting') continue;
      for (const alert of rule.alerts.values()) if (alert.state.kind !== 'inactive') yield alert;
    }
  }
}

function isAlerting(entry: RuleEntry): entry is AlertingEntry {
  return entry.rule.kind === 'alerting';
}

/** A rule that was evaluated for a later moment already does not go back to an earlier one. */
function roundNotBefore(round: Round, momentMs: number | null): Round {
  if (momentMs === null || momentMs <= round.slotMs) return round;
  return { ...round, slotMs: momentMs, evaluationMs: momentMs };
}

function hasActive({ rule }: RuleEntry): boolean {
  return rule.kind === 'alerting' && rule.state !== 'inactive';
}

/** What a later change of the same thing takes the place of. */
function changeKeyOf(change: AlertStateChange): string {
  return change.kind === 'evaluated' ? '' : `${change.rule}\0${change.alert}`;
}

/** Name, kind and labels of each rule, and its place among those that agree in them. */
function ruleKeys(rules: readonly RuleConfig[]): string[] {
  const counts = new Map<string, number>();
  return rules.map((rule) => {
    const labels = rule.labels.map(
      ([name, value]) => `${JSON.stringify(name)}=${JSON.stringify(value)}`,
    );
    const key = `${rule.kind};${rule.name};{${labels.join(',')}}`;
    const count = counts.get(key) ?? 0;
    counts.set(key, count + 1);
    return count === 0 ? key : `${key};${count}`;
  });
}
