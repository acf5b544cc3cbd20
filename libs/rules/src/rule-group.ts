import { InvariantError } from '#libs/invariant';
import { type Labels, METRIC_NAME } from '#libs/labels';
import { type SampleBatch, SampleBatchBuilder, STALE_MARKER } from '#libs/samples';
import { type ActiveAlert, AlertingRule, AlertLimitError } from './alerting-rule.ts';
import { groupKeyOf, type GroupSchedule, scheduleOf } from './group-schedule.ts';
import type { AlertStateChange, StoredAlerts } from './ports.ts';
import { RecordingRule } from './recording-rule.ts';
import type { Round, RuleContext, RuleOutput } from './rule-context.ts';
import type { RuleConfig, RuleGroupConfig } from './rule-file.ts';

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
  /** The series the last successful evaluation wrote, by their key. */
  lastSeries: ReadonlyMap<string, Labels>;
}

/** Counters of a group since it was loaded; a reload that keeps the group keeps them. */
export interface GroupCounters {
  iterations: number;
  missed: number;
  evaluations: number;
  failures: number;
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
    this.counters = { iterations: 0, missed: 0, evaluations: 0, failures: 0 };
    const keys = ruleKeys(config.rules);
    this.rules = config.rules.map((rule, i) => ({
      rule:
        rule.kind === 'alerting'
          ? new AlertingRule(rule, context)
          : new RecordingRule(rule, context),
      key: `${this.key};${keys[i]!}`,
      health: UNKNOWN,
      lastSeries: new Map(),
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

  /** Resolves when no round is under way. */
  async idle(): Promise<void> {
    await this.#running?.catch(() => undefined);
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

  async #evaluateAll(slotMs: number, nowMs: number): Promise<void> {
    const { clockMs, timing } = this.context;
    const startedMs = clockMs();
    this.#lastSlotMs = slotMs;
    this.#lastEvaluationMs = nowMs;
    this.counters.iterations++;
    const round: Round = {
      slotMs,
      evaluationMs: slotMs - (this.config.queryOffsetMs ?? timing.defaultQueryOffsetMs),
      intervalMs: this.intervalMs,
      limit: this.config.limit,
      shared: this.context.evaluator.share(this.rules.map(({ rule }) => rule.expression)),
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
    const { clockMs } = this.context;
    const startedMs = clockMs();
    this.counters.evaluations++;
    let lastError = '';
    let sampleCount = 0;
    try {
      let output: RuleOutput;
      if (entry.rule.kind === 'recording') output = await entry.rule.evaluate(round);
      else {
        const outcome = await entry.rule.evaluate(round, entry.key);
        const problem = await this.#save(outcome.changes);
        entry.rule.commit(outcome);
        this.#announce(entry.rule, round);
        if (problem !== null) lastError = `the state of alerts could not be kept: ${problem}`;
        ({ output } = outcome);
      }
      sampleCount = output.labels.length;
      const series = new Map(output.labels.map((labels) => [labels.key, labels]));
      const batch = toBatch(output, vanished(entry.lastSeries, series), round.evaluationMs);
      await this.#write(batch, round);
      entry.lastSeries = series;
    } catch (error) {
      if (error instanceof InvariantError || !(error instanceof Error)) throw error;
      lastError = error.message;
      if (entry.rule.kind === 'alerting') {
        if (error instanceof AlertLimitError) await this.#save(entry.rule.dropAll(entry.key));
        // Firing alerts are told again although this round failed: otherwise a few failures in a row would pass for
        // their end.
        this.#announce(entry.rule, round);
      }
    }
    if (lastError !== '') this.counters.failures++;
    entry.health = {
      health: lastError === '' ? 'ok' : 'err',
      lastError,
      lastEvaluationMs: nowMs,
      durationMs: clockMs() - startedMs,
      sampleCount,
    };
  }

  async #write(batch: SampleBatch, { shared }: Round): Promise<void> {
    try {
      await this.context.sink.append(batch);
    } finally {
      // A write that failed may have got some of it in.
      shared?.wrote(new Set(batch.labels.map((labels) => labels.get(METRIC_NAME))));
    }
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

  #announce(rule: AlertingRule, round: Round): void {
    const outgoing = rule.takeOutgoing(round);
    if (outgoing.length > 0) this.context.alertSink.accept(outgoing, round.slotMs);
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
      entry.lastSeries = old.lastSeries;
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

function vanished(before: ReadonlyMap<string, Labels>, now: ReadonlyMap<string, Labels>): Labels[] {
  const gone: Labels[] = [];
  for (const [key, labels] of before) if (!now.has(key)) gone.push(labels);
  return gone;
}

/** Samples of one moment, and stale markers for series that are no more. */
function toBatch(output: RuleOutput, gone: readonly Labels[], timeMs: number): SampleBatch {
  const builder = new SampleBatchBuilder();
  output.labels.forEach((labels, i) => {
    builder.addSeries(labels);
    builder.addSampleFrom(timeMs, output.values, i);
  });
  for (const labels of gone) {
    builder.addSeries(labels);
    builder.addSampleFrom(timeMs, STALE_MARKER, 0);
  }
  return builder.take();
}

/** Stale markers for everything these rules wrote last, or null where they wrote nothing. */
export function staleBatchOf(entries: readonly RuleEntry[], timeMs: number): SampleBatch | null {
  const gone = entries.flatMap(({ lastSeries }) => [...lastSeries.values()]);
  if (gone.length === 0) return null;
  return toBatch({ labels: [], values: new Float64Array(0) }, gone, timeMs);
}
