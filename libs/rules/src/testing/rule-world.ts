import { Labels } from '#libs/labels';
import {
  type MemorySample,
  MemorySeriesSource,
  parseExpr,
  parseSeriesNotation,
  QueryEngine,
} from '#libs/promql';
import { isStaleMarker, type SampleBatch } from '#libs/samples';
import { MemoryAlertStateStore } from '../memory-alert-state-store.ts';
import { parseRuleFile } from '../parse-rule-file.ts';
import type {
  AlertStateChange,
  AlertStateStore,
  Evaluator,
  OutgoingAlert,
  RuleSink,
} from '../ports.ts';
import { QueryEngineEvaluator } from '../query-engine-evaluator.ts';
import { DEFAULT_RULE_TIMING, type RuleTimingOptions } from '../rule-context.ts';
import { type LoadReport, RuleManager } from '../rule-manager.ts';

/** A series as the unit tests of rules write it. */
export interface InputSeries {
  readonly series: string;
  readonly values: string;
}

/** An alert handed to the dispatcher, as a test reads it best. */
export interface SentAlert {
  readonly atMs: number;
  readonly alert: OutgoingAlert;
}

/** What lasts when an engine is killed: the samples and the alert state on disk. */
export class Disk {
  readonly source = new MemorySeriesSource();
  readonly state = new MemoryAlertStateStore();
  /** Every change of state in the order in which it became durable. */
  readonly changes: AlertStateChange[] = [];
}

/**
 * An engine of rules over a store in memory, with a clock that only the test moves. Everything but the two disks is the
 * real thing.
 */
export class RuleWorld {
  readonly disk: Disk;
  readonly manager: RuleManager;
  readonly sent: SentAlert[] = [];
  /** Makes the sink fail with this message until it is null again. */
  sinkFailure: string | null = null;
  /** Called when alerts are handed on. */
  onSent: () => void = () => undefined;
  /** Makes saving state fail until it is null again. */
  stateFailure: string | null = null;
  #clockMs = 0;

  constructor(
    disk = new Disk(),
    timing: Partial<RuleTimingOptions> = {},
    externalLabels: Record<string, string> = {},
    evaluatorOf: (engine: QueryEngine) => Evaluator = (engine) => new QueryEngineEvaluator(engine),
  ) {
    this.disk = disk;
    const engine = new QueryEngine({
      nowMs: () => this.#clockMs,
      yieldToLoop: () => Promise.resolve(),
      source: disk.source,
    });
    const sink: RuleSink = { append: (batch) => this.#append(batch) };
    const stateStore: AlertStateStore = {
      load: () => disk.state.load(),
      save: async (changes) => {
        if (this.stateFailure !== null) throw new Error(this.stateFailure);
        disk.changes.push(...changes);
        await disk.state.save(changes);
      },
    };
    this.manager = new RuleManager({
      evaluator: evaluatorOf(engine),
      sink,
      stateStore,
      alertSink: {
        accept: (alerts, nowMs) => {
          for (const alert of alerts) this.sent.push({ atMs: nowMs, alert });
          this.onSent();
        },
      },
      externalLabels: Labels.fromRecord(externalLabels),
      externalUrl: 'http://engine.example',
      clockMs: () => this.#clockMs++,
      yieldToLoop: () => Promise.resolve(),
      timing: { ...DEFAULT_RULE_TIMING, defaultIntervalMs: 60_000, ...timing },
    });
  }

  /** Adds series in promtool's notation; sample `i` is at `startMs + i × stepMs`. */
  feed(input: readonly InputSeries[], stepMs = 60_000, startMs = 0): void {
    for (const { series, values } of input) {
      const noted = parseSeriesNotation(`${series} ${values}`);
      noted.values.forEach((value, i) => {
        if (value.kind === 'none') return;
        this.disk.source.add(noted.labels, startMs + i * stepMs, value);
      });
    }
  }

  /** Loads one file's text. */
  load(text: string, nowMs = 0, file = 'rules.yml'): Promise<LoadReport> {
    return this.manager.load([parseRuleFile(text, { file })], nowMs);
  }

  /** Evaluates every group once for this moment. */
  async round(nowMs: number): Promise<void> {
    for (const group of this.manager.groups) await group.evaluate(nowMs, nowMs);
  }

  /** Evaluates every group at each step from `fromMs` to `toMs`, both included. */
  async rounds(fromMs: number, toMs: number, stepMs = 60_000): Promise<void> {
    for (let nowMs = fromMs; nowMs <= toMs; nowMs += stepMs) await this.round(nowMs);
  }

  /** What an instant query gives: labels and value, one text each, sorted. */
  async query(text: string, timeMs: number): Promise<string[]> {
    const engine = new QueryEngine({
      nowMs: () => 0,
      yieldToLoop: () => Promise.resolve(),
      source: this.disk.source,
    });
    const { value } = await engine.prepare(parseExpr(text), text).instant(timeMs);
    if (value.kind !== 'vector') throw new Error(`${text} gives a ${value.kind}`);
    return value.labels
      .map((labels, i) => {
        const histogram = value.histograms?.[i] ?? null;
        const shown = histogram === null ? value.values[i] : `count ${histogram.count}`;
        return `${labels.toString()} ${shown}`;
      })
      .toSorted();
  }

  /** State and labels of every alert that is kept, one text each, sorted. */
  alertStates(): string[] {
    const states: string[] = [];
    for (const group of this.manager.groups) {
      for (const { rule } of group.rules) {
        if (rule.kind !== 'alerting') continue;
        for (const { labels, state } of rule.alerts.values()) {
          states.push(`${state.kind} ${labels.toString()}`);
        }
      }
    }
    return states.toSorted();
  }

  #append(batch: SampleBatch): Promise<void> {
    if (this.sinkFailure !== null) return Promise.reject(new Error(this.sinkFailure));
    batch.labels.forEach((labels, s) => {
      for (let i = batch.firstSample[s]!; i < batch.firstSample[s + 1]!; i++) {
        this.disk.source.add(labels, batch.timesMs[i]!, memorySampleOf(batch, i));
      }
    });
    return Promise.resolve();
  }
}

function memorySampleOf(batch: SampleBatch, i: number): MemorySample {
  const histogram = batch.histograms?.[i] ?? null;
  if (histogram !== null) return { kind: 'histogram', histogram };
  return isStaleMarker(batch.values, i)
    ? { kind: 'stale' }
    : { kind: 'float', value: batch.values[i]! };
}
