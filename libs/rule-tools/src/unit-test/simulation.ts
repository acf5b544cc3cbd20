import { formatFloat } from '#libs/go-template';
import { Labels, METRIC_NAME } from '#libs/labels';
import {
  type MemorySample,
  MemorySeriesSource,
  NotationError,
  type NotedSeries,
  parseExpr,
  parseSeriesNotation,
  PromqlSyntaxError,
  QueryEngine,
  QueryError,
  type QueryResult,
} from '#libs/promql';
import {
  DEFAULT_RULE_TIMING,
  MemoryAlertStateStore,
  QueryEngineEvaluator,
  type RuleFile,
  type RuleGroup,
  RuleManager,
  type RuleSink,
} from '#libs/rules';
import { isStaleMarker, type SampleBatch } from '#libs/samples';
import { describeHistogram } from './describe-outcome.ts';
import type { ComparableSample, InputSeries, RuleTest } from './rule-test-file.ts';

/** What the tests need of the machine, and how PromQL behaves in them. */
export interface SimulationOptions {
  /** Milliseconds from any origin; only time limits go by it. */
  readonly clockMs: () => number;
  /** Lets the event loop turn once. */
  readonly yieldToLoop: () => Promise<void>;
  /** Prometheus's feature of that name. Off by default. */
  readonly delayedNameRemoval?: boolean;
}

const QUERY_TIMEOUT_MS = 100_000;

/** An input series that cannot be read, or an expression that cannot be evaluated; the message is for the test's report. */
export class SimulationError extends Error {
  override readonly name = 'SimulationError';
}

/** A store in memory, rules over it, and a clock that only the test moves. */
export class Simulation {
  readonly #test: RuleTest;
  readonly #source = new MemorySeriesSource();
  readonly #engine: QueryEngine;
  readonly #manager: RuleManager;
  readonly #input: readonly InputCursor[];

  /**
   * @param evaluationIntervalMs the step of subqueries that name none
   * @throws SimulationError
   */
  constructor(test: RuleTest, evaluationIntervalMs: number, options: SimulationOptions) {
    this.#test = test;
    this.#input = test.inputSeries.map((series) => new InputCursor(series));
    this.#engine = new QueryEngine({
      nowMs: options.clockMs,
      yieldToLoop: options.yieldToLoop,
      source: this.#source,
      subqueryStepMs: evaluationIntervalMs,
      timeoutMs: QUERY_TIMEOUT_MS,
      delayedNameRemoval: options.delayedNameRemoval ?? false,
    });
    const sink: RuleSink = { append: (batch) => Promise.resolve(this.#append(batch)) };
    this.#manager = new RuleManager({
      evaluator: new QueryEngineEvaluator(this.#engine),
      sink,
      stateStore: new MemoryAlertStateStore(),
      alertSink: { accept: () => undefined },
      externalLabels: test.externalLabels,
      externalUrl: test.externalUrl,
      clockMs: options.clockMs,
      yieldToLoop: options.yieldToLoop,
      timing: { ...DEFAULT_RULE_TIMING, defaultIntervalMs: test.intervalMs },
    });
  }

  /**
   * Loads the rules.
   * @returns their groups, in the order of the files
   */
  async load(files: readonly RuleFile[]): Promise<readonly RuleGroup[]> {
    await this.#manager.load(files, this.#test.startMs);
    const byConfig = new Map(this.#manager.groups.map((group) => [group.config, group]));
    return files.flatMap((file) => file.groups.flatMap((config) => byConfig.get(config) ?? []));
  }

  /** Adds the values of the input series up to and including `timeMs`. */
  feedUntil(timeMs: number): void {
    const { startMs, intervalMs } = this.#test;
    for (const input of this.#input) {
      const { labels, values } = input.series;
      while (input.next < values.length) {
        const sampleMs = startMs + input.next * intervalMs;
        if (sampleMs > timeMs) break;
        const value = values[input.next++]!;
        if (value.kind !== 'none') this.#source.add(labels, sampleMs, value);
      }
    }
  }

  /** The samples an expression gives. @throws SimulationError */
  async query(text: string, timeMs: number): Promise<readonly ComparableSample[]> {
    const { value } = await this.#run(text, timeMs);
    switch (value.kind) {
      case 'scalar':
        return [{ labels: Labels.EMPTY, value: value.value, histogram: null }];
      case 'vector':
        return value.labels.map((labels, i) => ({
          labels,
          value: value.values[i]!,
          histogram: value.histograms?.[i] ?? null,
        }));
      case 'matrix':
      case 'string':
        throw new SimulationError('rule result is not a vector or scalar');
    }
  }

  /** Everything that the store holds up to `timeMs`, a line for each sample. */
  async dump(timeMs: number): Promise<string> {
    const { value } = await this.#run(`{${METRIC_NAME}=~".+"}[100y]`, timeMs);
    if (value.kind !== 'matrix') throw new SimulationError('no range vector');
    const lines: string[] = [];
    for (const { labels, timesMs, values, histograms } of value.series) {
      lines.push(`${labels.toString()} =>`);
      values.forEach((each, i) => {
        const histogram = histograms?.[i] ?? null;
        const text = histogram === null ? formatFloat(each, 'g', -1) : describeHistogram(histogram);
        lines.push(`${text} @[${timesMs[i]! / 1_000}]`);
      });
    }
    return lines.join('\n');
  }

  async #run(text: string, timeMs: number): Promise<QueryResult> {
    try {
      return await this.#engine.prepare(parseExpr(text), text).instant(timeMs);
    } catch (error) {
      if (!(error instanceof QueryError || error instanceof PromqlSyntaxError)) throw error;
      throw new SimulationError(error.message, { cause: error });
    }
  }

  #append(batch: SampleBatch): void {
    batch.labels.forEach((labels, s) => {
      for (let i = batch.firstSample[s]!; i < batch.firstSample[s + 1]!; i++) {
        this.#source.add(labels, batch.timesMs[i]!, sampleOf(batch, i));
      }
    });
  }
}

function sampleOf({ values, histograms }: SampleBatch, i: number): MemorySample {
  const histogram = histograms?.[i] ?? null;
  if (histogram !== null) return { kind: 'histogram', histogram };
  return isStaleMarker(values, i) ? { kind: 'stale' } : { kind: 'float', value: values[i]! };
}

/** An input series and how far it has been fed. */
class InputCursor {
  readonly series: NotedSeries;
  /** The first value that is not in the store yet. */
  next = 0;

  constructor({ line, series, values }: InputSeries) {
    try {
      this.series = parseSeriesNotation(`${series} ${values}`);
    } catch (error) {
      if (!(error instanceof NotationError)) throw error;
      throw new SimulationError(`input series on line ${line}: ${error.message}`, { cause: error });
    }
  }
}
