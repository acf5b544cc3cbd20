import type { Labels, Matcher } from '#libs/labels';
import {
  type LogEntry,
  LinePatterns,
  type LogExpr,
  type LogqlExpr,
  LogQueryEngine,
  parseLogql,
  printLogql,
  type ScanStats,
} from '#libs/logql';
import type { QueryValue } from '#libs/promql';
import { createPause } from '../../turns/loop-turns.ts';
import type { QueryGate } from '../../query/query-gate.ts';
import type { EngineLogs } from '../store/engine-logs.ts';
import { type DetectedField, detectFields, fieldValues } from './detected-fields.ts';
import { LokiApiError, type LogQueryOutcome, outcomeOf, toLokiError } from './loki-api-error.ts';
import { type QuerySummary, sortedNames, writeMetricBody, writeStreamsBody } from './loki-body.ts';
import type { LokiParameters } from './loki-parameters.ts';
import type { LogQueryLimitsConfig } from './log-query-config.ts';
import { LogVolumes, MAX_VOLUMES } from './log-volumes.ts';

export interface LogQueryServiceOptions {
  readonly logs: EngineLogs;
  readonly gate: QueryGate;
  readonly limits: LogQueryLimitsConfig;
  /** The time of day. */
  readonly nowMs: () => number;
  /** Told of every query: how it ended, how long it took, and what it read. */
  readonly observer: (
    outcome: LogQueryOutcome,
    seconds: number,
    stats: Readonly<ScanStats> | null,
  ) => void;
}

const DEFAULT_ENTRIES = 100;
/** Of a stream's labels and of fields in lines. */
const DEFAULT_FIELDS = 1_000;
const SAMPLED_LINES = 1_000;
/** Version of Loki whose API this is; Grafana turns features on by it. */
export const LOKI_API_VERSION = '3.4.0';
/** Lines that are looked at for patterns, about. */
const PATTERN_LINES = 100_000;
const MAX_PATTERNS = 300;
/** Streams that `/series` lists. */
const MAX_SERIES = 50_000;
/** Numbers one query may hold. */
const MAX_CELLS = 20_000_000;
const MAX_RESULT_BYTES = 128 * 1024 * 1024;
/** Steps that a range query has unless it says how long they are. */
const DEFAULT_STEPS = 250;

/** What Loki's HTTP API answers, without its transport. */
export class LogQueryService {
  readonly #options: LogQueryServiceOptions;
  readonly #engine: LogQueryEngine;

  constructor(options: LogQueryServiceOptions) {
    this.#options = options;
    this.#engine = new LogQueryEngine({
      source: options.logs,
      limits: {
        maxScannedBytes: options.limits.max_bytes_read,
        maxSeries: options.limits.max_series,
        maxCells: MAX_CELLS,
        maxResultBytes: MAX_RESULT_BYTES,
      },
      nowMs: options.nowMs,
      createPause,
    });
  }

  /** `/loki/api/v1/query`. @throws LokiApiError */
  async instant(parameters: LokiParameters, signal: AbortSignal): Promise<Iterable<string>> {
    const expr = parse(parameters.get('query'));
    if (expr.kind === 'log') {
      throw new LokiApiError(
        400,
        'log queries are not supported as an instant query type, please change your query to a range query type',
      );
    }
    const timeNs = parameters.timeNs('time', parameters.nowNs);
    return this.#run(signal, async (run, timed) => {
      const { value, stats } = await this.#engine.instant(expr, toMs(timeNs), { signal: timed });
      return writeMetricBody(value, run(stats, 0));
    });
  }

  /**
   * The value of a rule's expression. It does not wait behind the queries of people.
   * @throws LokiApiError
   */
  async evaluate(query: string, timeMs: number): Promise<QueryValue> {
    const expr = parse(query);
    if (expr.kind === 'log') throw new LokiApiError(400, 'a rule takes numbers of lines');
    this.#requireOpenStore();
    const signal = AbortSignal.timeout(this.#options.limits.timeout);
    try {
      return (await this.#engine.instant(expr, timeMs, { signal })).value;
    } catch (error) {
      throw toLokiError(error);
    }
  }

  /**
   * `/loki/api/v1/query_range`.
   * @param isCategorized whether the client takes labels by where they come from
   * @throws LokiApiError
   */
  async range(
    parameters: LokiParameters,
    signal: AbortSignal,
    isCategorized: boolean,
  ): Promise<Iterable<string>> {
    const expr = parse(parameters.get('query'));
    const { startNs, endNs } = parameters.range();
    if (expr.kind === 'log') {
      const entries = await this.#lines(parameters, expr, { startNs, endNs }, signal);
      return writeStreamsBody(entries.value, isCategorized, entries.summary);
    }
    const rangeMs = toMs(endNs) - toMs(startNs);
    const stepNs = parameters.durationNs('step');
    const stepMs =
      stepNs === 0n
        ? Math.max(1, Math.floor(rangeMs / 1000 / DEFAULT_STEPS)) * 1000
        : Math.max(1, Number(stepNs / 1_000_000n));
    const range = { startMs: toMs(startNs), endMs: toMs(endNs), stepMs };
    return this.#run(signal, async (run, timed) => {
      const { value, stats } = await this.#engine.range(expr, range, { signal: timed });
      return writeMetricBody(value, run(stats, 0));
    });
  }

  async #lines(
    parameters: LokiParameters,
    expr: LogExpr,
    range: { readonly startNs: bigint; readonly endNs: bigint },
    signal: AbortSignal,
  ): Promise<{ value: readonly LogEntry[]; summary: QuerySummary }> {
    const limit = parameters.count('limit', DEFAULT_ENTRIES, this.#options.limits.max_entries);
    const direction = parameters.direction();
    const intervalNs = parameters.durationNs('interval');
    return this.#run(signal, async (run, timed) => {
      const { value, stats } = await this.#engine.logs(
        expr,
        { ...range, limit, direction, intervalNs },
        { signal: timed },
      );
      return { value, summary: run(stats, value.length) };
    });
  }

  /** `/loki/api/v1/labels`. @throws LokiApiError */
  async labelNames(parameters: LokiParameters): Promise<readonly string[]> {
    const names = new Set<string>();
    for (const labels of await this.#streams(parameters, parameters.selector('query'))) {
      for (const [name] of labels) names.add(name);
    }
    return sortedNames(names);
  }

  /** `/loki/api/v1/label/<name>/values`. @throws LokiApiError */
  async labelValues(name: string, parameters: LokiParameters): Promise<readonly string[]> {
    const values = new Set<string>();
    for (const labels of await this.#streams(parameters, parameters.selector('query'))) {
      if (labels.has(name)) values.add(labels.get(name));
    }
    return sortedNames(values);
  }

  /** `/loki/api/v1/series`. @throws LokiApiError */
  async series(parameters: LokiParameters): Promise<readonly Labels[]> {
    const selectors = parameters.selectors('match[]');
    const found = new Map<string, Labels>();
    for (const matchers of selectors.length === 0 ? [[]] : selectors) {
      for (const labels of await this.#streams(parameters, matchers)) {
        found.set(labels.key, labels);
      }
    }
    if (found.size > MAX_SERIES) {
      throw new LokiApiError(
        400,
        `the range has ${found.size} streams, more than the ${MAX_SERIES} that are listed; ask for a shorter time, or with match[]`,
      );
    }
    return [...found.values()];
  }

  /** `/loki/api/v1/index/stats`. @throws LokiApiError */
  async stats(parameters: LokiParameters): Promise<object> {
    let [streams, chunks, entries, bytes] = [0, 0, 0, 0];
    for (const volume of await this.#volume(parameters.selector('query'), parameters.range())) {
      streams++;
      chunks += volume.chunks;
      entries += volume.lines;
      bytes += volume.bytes;
    }
    return { streams, chunks, entries, bytes };
  }

  /** `/loki/api/v1/index/volume`: the bytes of the largest groups of streams. @throws LokiApiError */
  async volume(parameters: LokiParameters): Promise<object> {
    this.#requireOpenStore();
    const range = parameters.range();
    const time = Math.floor(toMs(range.endNs) / 1000);
    const volumes = new LogVolumes(this.#options.logs, parameters, range);
    const result = volumes.largest().map(({ labels, bytes }) => ({
      metric: labels,
      value: [time, String(bytes)],
    }));
    return { resultType: 'vector', result };
  }

  /** `/loki/api/v1/index/volume_range`. @throws LokiApiError */
  async volumeRange(parameters: LokiParameters): Promise<object> {
    this.#requireOpenStore();
    const range = parameters.range();
    const asked = parameters.durationNs('step');
    const least = (range.endNs - range.startNs) / BigInt(DEFAULT_STEPS) + 1n;
    const volumes = new LogVolumes(this.#options.logs, parameters, range);
    const result = volumes
      .largestBySteps(asked > least ? asked : least)
      .map(({ labels, values }) => ({ metric: labels, values }));
    return { resultType: 'matrix', result };
  }

  /** `/loki/api/v1/detected_labels`. @throws LokiApiError */
  async detectedLabels(parameters: LokiParameters): Promise<object> {
    const values = new Map<string, Set<string>>();
    for (const labels of await this.#streams(parameters, parameters.selector('query'))) {
      for (const [name, value] of labels) {
        const known = values.get(name) ?? new Set();
        values.set(name, known.add(value));
      }
    }
    const detectedLabels = sortedNames(values.keys()).map((label) => ({
      label,
      cardinality: values.get(label)!.size,
    }));
    return { detectedLabels };
  }

  /** `/loki/api/v1/detected_fields`: what JSON and logfmt lines of a sample hold. @throws LokiApiError */
  async detectedFields(parameters: LokiParameters, signal: AbortSignal): Promise<object> {
    const limit = parameters.count('limit', DEFAULT_FIELDS, DEFAULT_FIELDS);
    const fields = await this.#fields(parameters, signal);
    const shown = fields
      .slice(0, limit)
      .map(({ label, type, cardinality, parsers }) => ({ label, type, cardinality, parsers }));
    return { fields: shown, limit };
  }

  /** `/loki/api/v1/detected_field/<name>/values`. @throws LokiApiError */
  async detectedValues(
    name: string,
    parameters: LokiParameters,
    signal: AbortSignal,
  ): Promise<object> {
    const limit = parameters.count('limit', DEFAULT_FIELDS, DEFAULT_FIELDS);
    return { values: fieldValues(await this.#fields(parameters, signal), name, limit), limit };
  }

  async #fields(
    parameters: LokiParameters,
    signal: AbortSignal,
  ): Promise<readonly DetectedField[]> {
    const expr = parse(parameters.get('query'));
    if (expr.kind !== 'log') throw new LokiApiError(400, 'only log queries have fields');
    const limit = parameters.count('line_limit', SAMPLED_LINES, this.#options.limits.max_entries);
    const range = parameters.range();
    const { value } = await this.#run(signal, (_, timed) =>
      this.#engine.logs(
        expr,
        { ...range, limit, direction: 'backward', intervalNs: 0n },
        { signal: timed },
      ),
    );
    return detectFields(value);
  }

  /**
   * `/loki/api/v1/patterns`: what the lines of a query have in common, with counts by steps. Of many lines every so manieth
   * is looked at, and counts for those between.
   * @throws LokiApiError
   */
  async patterns(parameters: LokiParameters, signal: AbortSignal): Promise<readonly object[]> {
    const expr = parse(parameters.get('query'));
    if (expr.kind !== 'log') throw new LokiApiError(400, 'only log queries have patterns');
    const range = parameters.range();
    const asked = parameters.durationNs('step');
    const least = (range.endNs - range.startNs) / BigInt(DEFAULT_STEPS) + 1n;
    const stepNs = Number(asked > least ? asked : least);
    let lines = 0;
    for (const volume of await this.#volume(expr.matchers, range)) lines += volume.lines;
    const stride = Math.max(1, Math.ceil(lines / PATTERN_LINES));
    const patterns = new LinePatterns();
    let seen = 0;
    await this.#run(signal, async (run, timed) => {
      const visit = (timeNs: bigint, textOf: () => string): void => {
        if (seen++ % stride !== 0) return;
        patterns.add(textOf(), Math.floor(Number(timeNs - range.startNs) / stepNs), stride);
      };
      run(await this.#engine.visit(expr, range, visit, { signal: timed }), 0);
    });
    const seconds = (step: number): number =>
      Math.floor((Number(range.startNs) + step * stepNs) / 1e9);
    return patterns.found(MAX_PATTERNS).map(({ pattern, steps }) => ({
      pattern,
      samples: steps.map(([step, count]) => [seconds(step), count]),
    }));
  }

  /** `/loki/api/v1/drilldown-limits`: what Grafana's Logs Drilldown asks for first. */
  drilldownLimits(): object {
    const { max_entries, max_bytes_read, max_series, timeout } = this.#options.limits;
    return {
      limits: {
        discover_log_levels: false,
        max_entries_limit_per_query: max_entries,
        max_query_bytes_read: `${max_bytes_read}B`,
        max_query_series: max_series,
        query_timeout: `${Math.round(timeout / 1_000)}s`,
        volume_enabled: true,
        volume_max_series: MAX_VOLUMES,
      },
      pattern_ingester_enabled: true,
      version: LOKI_API_VERSION,
    };
  }

  /** `/loki/api/v1/format_query`. @throws LokiApiError */
  format(parameters: LokiParameters): string {
    return printLogql(parse(parameters.get('query')));
  }

  /**
   * The newest lines of a query, oldest first, that following begins with.
   * @throws LokiApiError
   */
  async newest(
    parameters: LokiParameters,
    expr: LogExpr,
    signal: AbortSignal,
  ): Promise<readonly LogEntry[]> {
    const range = { startNs: parameters.range().startNs, endNs: parameters.nowNs };
    const limit = parameters.count('limit', DEFAULT_ENTRIES, this.#options.limits.max_entries);
    const { value } = await this.#run(signal, (_, timed) =>
      this.#engine.logs(
        expr,
        { ...range, limit, direction: 'backward', intervalNs: 0n },
        { signal: timed },
      ),
    );
    return value.toReversed();
  }

  /** The query of a request to follow lines. @throws LokiApiError */
  tailedQuery(parameters: LokiParameters): LogExpr {
    const expr = parse(parameters.get('query'));
    if (expr.kind === 'log') return expr;
    throw new LokiApiError(400, 'only log queries can be followed');
  }

  async #streams(
    parameters: LokiParameters,
    matchers: readonly Matcher[],
  ): Promise<readonly Labels[]> {
    this.#requireOpenStore();
    const { startNs, endNs } = parameters.range();
    const streams = await this.#options.logs.streams(matchers, startNs, endNs);
    return streams.map(({ labels }) => labels);
  }

  #volume(
    matchers: readonly Matcher[],
    { startNs, endNs }: { readonly startNs: bigint; readonly endNs: bigint },
  ): ReturnType<EngineLogs['volume']> {
    this.#requireOpenStore();
    return this.#options.logs.volume(matchers, startNs, endNs);
  }

  /** Runs a query behind the gate, within its time. @throws LokiApiError */
  async #run<T>(
    signal: AbortSignal,
    body: (
      summarize: (stats: Readonly<ScanStats>, entries: number) => QuerySummary,
      signal: AbortSignal,
    ) => Promise<T>,
  ): Promise<T> {
    const { gate, limits, observer } = this.#options;
    const began = performance.now();
    let outcome: LogQueryOutcome = 'success';
    let read: Readonly<ScanStats> | null = null;
    try {
      this.#requireOpenStore();
      const timed = AbortSignal.any([signal, AbortSignal.timeout(limits.timeout)]);
      return await gate.run(timed, () => {
        const entered = performance.now();
        return body((stats, entries) => {
          read = stats;
          return {
            stats,
            entries,
            queueSeconds: (entered - began) / 1000,
            execSeconds: (performance.now() - entered) / 1000,
          };
        }, timed);
      });
    } catch (error) {
      const apiError = toLokiError(error);
      outcome = outcomeOf(apiError);
      throw apiError;
    } finally {
      observer(outcome, (performance.now() - began) / 1000, read);
    }
  }

  /** @throws LokiApiError while the store is still reading its log */
  #requireOpenStore(): void {
    const reason = this.#options.logs.unavailability();
    if (reason === null || (reason.code !== 'replaying' && reason.code !== 'closed')) return;
    throw new LokiApiError(503, reason.message, { cause: reason });
  }
}

/** @throws LokiApiError */
function parse(query: string): LogqlExpr {
  try {
    return parseLogql(query);
  } catch (error) {
    throw toLokiError(error);
  }
}

function toMs(timeNs: bigint): number {
  return Number(timeNs / 1_000_000n);
}
