import type { QueryValue } from '#libs/promql';
import type { LogExpr, MetricExpr } from '../ast.ts';
import type { LogSource } from '../log-source.ts';
import { LabelNeeds } from '../pipeline/label-needs.ts';
import { Pipeline } from '../pipeline/pipeline.ts';
import { type LogEntry, type LogQueryRange, readLogs } from './log-query.ts';
import { LogqlQueryError } from './logql-query-error.ts';
import { evaluateMetric } from './metric-query.ts';
import { type LogQueryLimits, type QueryRun, scanLines, type ScanStats } from './scan.ts';

export interface LogQueryEngineOptions {
  readonly source: LogSource;
  readonly limits: LogQueryLimits;
  /** The time of day, in milliseconds. */
  readonly nowMs: () => number;
  /**
   * Makes what a query asks now and then: it gives null, or after some milliseconds a turn of the event loop to wait for.
   */
  readonly createPause: () => () => Promise<void> | null;
}

/** An answer and what it took. */
export interface LogqlAnswer<T> {
  readonly value: T;
  readonly stats: Readonly<ScanStats>;
}

export interface LogqlRunOptions {
  /** Ends the query; one that is aborted by a timeout ends it as such. */
  readonly signal?: AbortSignal;
}

/** Most steps of a range query. */
const MAX_STEPS = 11_000;

/** Evaluates LogQL over a store of logs. It keeps nothing between queries. */
export class LogQueryEngine {
  readonly #options: LogQueryEngineOptions;

  constructor(options: LogQueryEngineOptions) {
    this.#options = options;
  }

  /**
   * The lines that a log query gives, the first of the range in its direction.
   * @throws LogqlQueryError
   */
  async logs(
    expr: LogExpr,
    range: LogQueryRange,
    options: LogqlRunOptions = {},
  ): Promise<LogqlAnswer<readonly LogEntry[]>> {
    const run = this.#begin(options);
    const value = await readLogs(run, expr, range);
    return { value, stats: run.stats };
  }

  /**
   * Shows the lines of a log query one by one, the oldest first within each stream.
   * @param visit is given the text by a function, since few of many lines may be wanted
   * @throws LogqlQueryError
   */
  async visit(
    expr: LogExpr,
    range: { readonly startNs: bigint; readonly endNs: bigint },
    visit: (timeNs: bigint, textOf: () => string) => void,
    options: LogqlRunOptions = {},
  ): Promise<Readonly<ScanStats>> {
    const run = this.#begin(options);
    const pipeline = new Pipeline(expr.stages, {
      needs: new LabelNeeds(new Set()),
      nowMs: run.nowMs,
    });
    const { line } = pipeline;
    const textOf = (): string => line.text();
    const { matchers } = expr;
    await scanLines(run, { matchers, ...range, direction: 'forward' }, pipeline, (_, batch, i) => {
      visit(batch.timesNs[i]!, textOf);
      return true;
    });
    return run.stats;
  }

  /**
   * The value of a metric query at one time, in milliseconds.
   * @throws LogqlQueryError
   */
  async instant(
    expr: MetricExpr,
    timeMs: number,
    options: LogqlRunOptions = {},
  ): Promise<LogqlAnswer<QueryValue>> {
    const run = this.#begin(options);
    const steps = { startMs: timeMs, stepMs: 1, count: 1 };
    const value = await evaluateMetric(run, expr, steps, true);
    return { value, stats: run.stats };
  }

  /**
   * The values of a metric query at `startMs`, `startMs + stepMs`, … up to and including `endMs`, as a matrix.
   * @throws LogqlQueryError
   */
  async range(
    expr: MetricExpr,
    range: { readonly startMs: number; readonly endMs: number; readonly stepMs: number },
    options: LogqlRunOptions = {},
  ): Promise<LogqlAnswer<QueryValue>> {
    const { startMs, endMs, stepMs } = range;
    if (!(stepMs > 0)) {
      throw new LogqlQueryError(
        'bad_query',
        'zero or negative query resolution step widths are not accepted. Try a positive integer',
      );
    }
    if (endMs < startMs) {
      throw new LogqlQueryError(
        'bad_query',
        'end timestamp must not be before or equal to start time',
      );
    }
    const count = Math.floor((endMs - startMs) / stepMs) + 1;
    if (count > MAX_STEPS) {
      throw new LogqlQueryError(
        'bad_query',
        'exceeded maximum resolution of 11,000 points per time series. Try increasing the value of the step parameter',
      );
    }
    const run = this.#begin(options);
    const value = await evaluateMetric(run, expr, { startMs, stepMs, count }, false);
    return { value, stats: run.stats };
  }

  #begin({ signal }: LogqlRunOptions): QueryRun {
    const { source, limits, nowMs, createPause } = this.#options;
    return {
      source,
      limits,
      signal,
      nowMs: nowMs(),
      pause: createPause(),
      stats: { bytes: 0, lines: 0, keptLines: 0, batches: 0 },
    };
  }
}
