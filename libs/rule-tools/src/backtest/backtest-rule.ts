import { Labels } from '#libs/labels';
import {
  type AlertingRuleConfig,
  DEFAULT_RULE_TIMING,
  type RuleGroup,
  type RuleGroupConfig,
  RuleManager,
} from '#libs/rules';
import { selectorsOfRule } from '../lint/rule-lints.ts';
import { type FiringPeriod, FiringRecord } from './firing-record.ts';
import { RangedExpression, RangeEvaluator } from './range-evaluator.ts';
import type { RangeSource } from './range-source.ts';

export interface BacktestOptions {
  readonly source: RangeSource;
  /** From when the rule is judged. It is evaluated from a little before, so that what fired already is known. */
  readonly startMs: number;
  readonly endMs: number;
  /** Time between two evaluations; they are at its multiples. */
  readonly stepMs: number;
  /** An alert that fires again within this time of its end flaps; an hour by default. */
  readonly flapWindowMs?: number;
  /** Most periods listed for the rule; 1,000 by default. All are counted. */
  readonly maxPeriods?: number;
  /** Milliseconds from any origin; only time limits go by it. */
  readonly clockMs: () => number;
  /** Lets the event loop turn once. */
  readonly yieldToLoop: () => Promise<void>;
}

/** When and how an alerting rule would have fired. */
export interface RuleBacktest {
  readonly evaluations: number;
  /** Evaluations that failed. */
  readonly failures: number;
  /** What the last of them failed with; empty where none did. */
  readonly lastError: string;
  /** Where so many failed one after the other that the rule was given up, or null. */
  readonly givenUpAtMs: number | null;
  /** How often an alert fired, each set of labels for itself. */
  readonly firings: number;
  /** How long alerts fired, all of them added up, within the time that is judged. */
  readonly firingMs: number;
  readonly longestMs: number;
  /** Firings that began shortly after the last one of the same alert had ended. */
  readonly flaps: number;
  /** Moments at which at least one alert began to fire: what is sent where alerts are grouped by their name. */
  readonly pages: number;
  readonly pagesPerWeek: number;
  /** How often an alert waited for its `for` and then did not fire. */
  readonly unfired: number;
  readonly periods: readonly FiringPeriod[];
  /** Where the expression never gave anything: its selectors that match no series, without which it cannot. */
  readonly unmatched: readonly string[];
}

const HOUR_MS = 3_600_000;
const WEEK_MS = 7 * 24 * HOUR_MS;
const DEFAULT_MAX_PERIODS = 1_000;
/** So many failures in a row, and the rule is given up. */
const MAX_FAILURES_IN_A_ROW = 20;
const SLOTS_PER_TURN = 200;

/**
 * Runs the state machine of one alerting rule over the past, on what a Prometheus-compatible API says its expression gave.
 * Annotations are not rendered. A rule that reads what other rules record needs that to be recorded in the source.
 * @throws RangeSourceError when selectors cannot be looked up
 */
export async function backtestRule(
  rule: AlertingRuleConfig,
  group: RuleGroupConfig,
  options: BacktestOptions,
): Promise<RuleBacktest> {
  const { source, startMs, endMs, stepMs } = options;
  const { flapWindowMs = HOUR_MS, maxPeriods = DEFAULT_MAX_PERIODS } = options;
  const record = new FiringRecord({ startMs, endMs, flapWindowMs, maxPeriods });
  const loaded = await loadAlone(rule, group, record, options);
  const entry = loaded.rules[0]!;
  const expression = entry.rule.expression;
  const offsetMs = group.queryOffsetMs ?? 0;
  let evaluations = 0;
  let failures = 0;
  let failuresInARow = 0;
  let hasSeenSamples = false;
  let lastError = '';
  let givenUpAtMs: number | null = null;
  // With other answers to missing data, nothing may be what makes an alert.
  const mayBePassedOver = rule.extensions.noData.kind === 'resolve';
  // So early that what fires at the start, or is kept firing then, has got there.
  const warmMs = startMs - rule.holdMs - rule.keepFiringMs;
  const firstMs = (Math.floor(warmMs / stepMs) - 1) * stepMs;
  for (let slotMs = firstMs, turns = 0; slotMs <= endMs; slotMs += stepMs, turns++) {
    if (turns % SLOTS_PER_TURN === SLOTS_PER_TURN - 1) await options.yieldToLoop();
    record.nowMs = slotMs;
    evaluations++;
    let isQuiet = false;
    if (expression instanceof RangedExpression) {
      // An error is met again, and counted, when the rule is evaluated.
      const hasSamples = await expression.hasSamplesAt(slotMs - offsetMs).catch(() => true);
      isQuiet = !hasSamples;
      hasSeenSamples ||= hasSamples;
    }
    if (isQuiet && mayBePassedOver && !hasActiveAlerts(loaded)) continue;
    await loaded.evaluate(slotMs, slotMs);
    if (entry.health.lastError === '') {
      failuresInARow = 0;
      continue;
    }
    failures++;
    ({ lastError } = entry.health);
    if (++failuresInARow < MAX_FAILURES_IN_A_ROW) continue;
    givenUpAtMs = slotMs;
    break;
  }
  record.close();
  return {
    evaluations,
    failures,
    lastError,
    givenUpAtMs,
    firings: record.firings,
    firingMs: record.firingMs,
    longestMs: record.longestMs,
    flaps: record.flaps,
    pages: record.pages,
    pagesPerWeek: (record.pages * WEEK_MS) / (endMs - startMs),
    unfired: record.unfired,
    periods: record.periods,
    unmatched: hasSeenSamples ? [] : await unmatchedSelectors(rule, source, startMs, endMs),
  };
}

/** A group with this rule only, and without annotations. */
async function loadAlone(
  rule: AlertingRuleConfig,
  group: RuleGroupConfig,
  record: FiringRecord,
  { source, stepMs, endMs, clockMs, yieldToLoop }: BacktestOptions,
): Promise<RuleGroup> {
  const manager = new RuleManager({
    evaluator: new RangeEvaluator({ source, stepMs, endMs }),
    sink: { append: () => Promise.resolve() },
    stateStore: record,
    alertSink: { accept: () => undefined },
    externalLabels: Labels.EMPTY,
    externalUrl: '',
    clockMs,
    yieldToLoop,
    timing: { ...DEFAULT_RULE_TIMING, defaultIntervalMs: stepMs },
  });
  const alone = { ...group, rules: [{ ...rule, annotations: [] }] };
  await manager.load([{ file: group.file, groups: [alone], warnings: [] }], 0);
  return manager.groups[0]!;
}

function hasActiveAlerts(group: RuleGroup): boolean {
  for (const _ of group.activeAlerts()) return true;
  return false;
}

async function unmatchedSelectors(
  rule: AlertingRuleConfig,
  source: RangeSource,
  startMs: number,
  endMs: number,
): Promise<string[]> {
  const unmatched: string[] = [];
  for (const selector of selectorsOfRule(rule, new Set())) {
    if (!(await source.hasSeries(selector, startMs, endMs))) unmatched.push(selector);
  }
  return unmatched;
}
