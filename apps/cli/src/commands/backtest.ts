import { setImmediate as yieldToLoop } from 'node:timers/promises';
import { formatRfc3339 } from '#libs/calendar';
import { DurationSyntaxError, formatDurationMs, parseDurationMs } from '#libs/labels';
import { backtestRule, type RuleBacktest, RangeSourceError } from '#libs/rule-tools';
import {
  type AlertingRuleConfig,
  parseRuleFile,
  RuleFileError,
  type RuleGroupConfig,
} from '#libs/rules';
import { filesMatching, readNamedFile, UnreadableFileError } from '../command-files.ts';
import { type Command, type CommandIo, CommandUsageError } from '../command.ts';
import { shownEngine } from '../engine-address.ts';
import { parseEngineArguments } from '../engine-client.ts';
import { HttpRangeSource } from '../http-range-source.ts';

const DEFAULT_SINCE_MS = 7 * 24 * 3_600_000;
const DEFAULT_INTERVAL_MS = 60_000;
/** Periods printed for one rule; `--json` has more. */
const MAX_PRINTED = 20;
/** Below this the times of Prometheus's API are no longer exact. */
const MIN_STEP_MS = 1_000;

/** `binnacle backtest RULES…`: when alerts would have fired. */
export const backtestCommand: Command = {
  name: 'backtest',
  usage: 'RULES… [--since 7d] [--step D] [--flap-window 1h] [--engine URL] [--json]',
  summary: 'say when alerting rules would have fired, by the data of a running engine',
  async run(args, io) {
    const { engineUrl, isJson, values, positionals } = parseEngineArguments(args, io, [
      'since',
      'step',
      'flap-window',
    ]);
    if (positionals.length === 0) throw new CommandUsageError('takes at least one rule file');
    const endMs = Date.now();
    const sinceMs = durationOf('since', values.since, DEFAULT_SINCE_MS);
    const stepMs = values.step === undefined ? null : durationOf('step', values.step, 0);
    const flapWindowMs = durationOf('flap-window', values['flap-window'], 3_600_000);
    let rules: TestedRule[];
    try {
      rules = await readRules(positionals, io);
    } catch (error) {
      if (!(error instanceof UnreadableFileError || error instanceof RuleFileError)) throw error;
      io.err(`${error.message}\n`);
      return 1;
    }
    const source = new HttpRangeSource(engineUrl);
    const report = new BacktestReport(io, isJson, {
      engineUrl: shownEngine(engineUrl),
      startMs: endMs - sinceMs,
      endMs,
    });
    for (const { rule, group } of rules) {
      const ownStepMs = Math.max(stepMs ?? group.intervalMs ?? DEFAULT_INTERVAL_MS, MIN_STEP_MS);
      try {
        const result = await backtestRule(rule, group, {
          source,
          startMs: endMs - sinceMs,
          endMs,
          stepMs: ownStepMs,
          flapWindowMs,
          clockMs: () => performance.now(),
          yieldToLoop: () => yieldToLoop(),
        });
        report.add({ rule, group }, result, ownStepMs);
      } catch (error) {
        if (!(error instanceof RangeSourceError)) throw error;
        io.err(`binnacle backtest: ${rule.name}: ${error.message}\n`);
        return 1;
      }
    }
    report.end();
    return report.hasFailures ? 1 : 0;
  },
};

interface TestedRule {
  readonly rule: AlertingRuleConfig;
  readonly group: RuleGroupConfig;
}

/** @throws UnreadableFileError, RuleFileError */
async function readRules(patterns: readonly string[], io: CommandIo): Promise<TestedRule[]> {
  const rules: TestedRule[] = [];
  for (const pattern of patterns) {
    const matches = await filesMatching(pattern, io);
    for (const file of matches.length === 0 ? [pattern] : matches) {
      const { groups } = parseRuleFile(await readNamedFile(file, io), { file });
      for (const group of groups) {
        for (const rule of group.rules) if (rule.kind === 'alerting') rules.push({ rule, group });
      }
    }
  }
  return rules;
}

interface ReportHead {
  readonly engineUrl: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** Prints each rule as it comes, or everything at the end as JSON. */
class BacktestReport {
  readonly #io: CommandIo;
  readonly #isJson: boolean;
  readonly #head: ReportHead;
  readonly #json: object[] = [];
  #rules = 0;
  #fired = 0;
  #pagesPerWeek = 0;
  hasFailures = false;

  constructor(io: CommandIo, isJson: boolean, head: ReportHead) {
    this.#io = io;
    this.#isJson = isJson;
    this.#head = head;
    if (isJson) return;
    const span = formatDurationMs(head.endMs - head.startMs);
    io.out(`${span} up to ${formatRfc3339(head.endMs)}, by ${head.engineUrl}\n\n`);
  }

  add(tested: TestedRule, result: RuleBacktest, stepMs: number): void {
    this.#rules++;
    if (result.firings > 0) this.#fired++;
    if (result.failures > 0) this.hasFailures = true;
    this.#pagesPerWeek += result.pagesPerWeek;
    if (this.#isJson) this.#json.push(toJson(tested, result, stepMs));
    else this.#print(tested, result);
  }

  end(): void {
    const { engineUrl, startMs, endMs } = this.#head;
    if (!this.#isJson) {
      const pages = this.#pagesPerWeek.toFixed(1);
      this.#io.out(
        `\n${this.#fired} of ${this.#rules} alerts fired, ${pages} pages a week in all\n`,
      );
      return;
    }
    const json = {
      engine: engineUrl,
      start: formatRfc3339(startMs),
      end: formatRfc3339(endMs),
      pagesPerWeek: this.#pagesPerWeek,
      rules: this.#json,
    };
    this.#io.out(`${JSON.stringify(json)}\n`);
  }

  #print({ rule, group }: TestedRule, result: RuleBacktest): void {
    const out = (text: string): void => this.#io.out(text);
    const { firings, flaps, periods, unfired } = result;
    out(`${group.file}:${rule.line}: ${group.name}/${rule.name}: ${summaryOf(result)}\n`);
    if (firings > 0) {
      out(
        `    ${result.pagesPerWeek.toFixed(1)} pages a week, ${flaps} of ${firings} flapped, longest ${duration(result.longestMs)}\n`,
      );
    }
    if (unfired > 0) out(`    pending ${unfired} times without firing\n`);
    for (const { labels, firedAtMs, endedAtMs } of periods.slice(0, MAX_PRINTED)) {
      const lasted =
        endedAtMs === null
          ? `${duration(this.#head.endMs - firedAtMs)} and still firing`
          : duration(endedAtMs - firedAtMs);
      out(`    ${formatRfc3339(firedAtMs)}  ${lasted}  ${labels.toString()}\n`);
    }
    if (firings > MAX_PRINTED) out(`    and ${firings - MAX_PRINTED} more\n`);
    if (result.failures > 0) {
      const end =
        result.givenUpAtMs === null ? '' : `; given up at ${formatRfc3339(result.givenUpAtMs)}`;
      out(`    ${result.failures} evaluations failed${end}: ${result.lastError}\n`);
    }
    for (const selector of result.unmatched) out(`    there are no series ${selector}\n`);
  }
}

function summaryOf({ firings, firingMs, failures, evaluations }: RuleBacktest): string {
  if (firings > 0) {
    return `fired ${firings} ${firings === 1 ? 'time' : 'times'} for ${duration(firingMs)}`;
  }
  return failures === evaluations ? 'could not be evaluated' : 'never fired';
}

function duration(durationMs: number): string {
  return formatDurationMs(Math.round(durationMs / 1_000) * 1_000);
}

function toJson({ rule, group }: TestedRule, result: RuleBacktest, stepMs: number): object {
  const { periods, firingMs, longestMs, givenUpAtMs, ...counts } = result;
  return {
    file: group.file,
    line: rule.line,
    group: group.name,
    alert: rule.name,
    stepSeconds: stepMs / 1_000,
    firingSeconds: firingMs / 1_000,
    longestSeconds: longestMs / 1_000,
    ...counts,
    givenUpAt: givenUpAtMs === null ? null : formatRfc3339(givenUpAtMs),
    periods: periods.map(({ labels, activeAtMs, firedAtMs, endedAtMs }) => ({
      labels: labels.toRecord(),
      activeAt: formatRfc3339(activeAtMs),
      firedAt: formatRfc3339(firedAtMs),
      endedAt: endedAtMs === null ? null : formatRfc3339(endedAtMs),
    })),
  };
}

function durationOf(option: string, text: string | undefined, defaultMs: number): number {
  if (text === undefined) return defaultMs;
  try {
    const durationMs = parseDurationMs(text);
    if (durationMs > 0) return durationMs;
  } catch (error) {
    if (!(error instanceof DurationSyntaxError)) throw error;
  }
  throw new CommandUsageError(`--${option} takes a duration such as 7d or 30s`);
}
