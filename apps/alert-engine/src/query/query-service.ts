import { compareUtf8, isValidUtf8Name, type Labels, type Matcher } from '#libs/labels';
import { sortInTurns } from '#libs/pace';
import {
  compareLabels,
  exprToJson,
  type ExprJson,
  parseExpr,
  type Plan,
  prettyExpr,
  type QueryResult,
  selectorsOf,
  type VectorSelector,
} from '#libs/promql';
import type { ExemplarRing, MetadataCatalogue } from '#libs/tsdb';
import { unescapeLabelName } from './escaped-label-name.ts';
import { QueryApiError, invalidParameter, toApiError } from './query-api-error.ts';
import { formatSampleValue, type QueryTimings, TRUNCATED, writeQueryBody } from './query-body.ts';
import { createPace } from '../turns/loop-turns.ts';
import type { PlanCache } from './plan-cache.ts';
import type { QueryGate } from './query-gate.ts';
import { MAX_TIME_MS, type QueryParameters } from './query-parameters.ts';
import type { Store } from '../store/store.ts';

/** Most points a range query may ask of each series. */
const MAX_POINTS_PER_SERIES = 11_000;

const DOCUMENTED_TYPES: Readonly<Record<string, string>> = {
  string: 'string',
  matrix: 'range vector',
};

export interface QueryServiceOptions {
  readonly plans: PlanCache;
  readonly store: Store;
  readonly exemplars: ExemplarRing;
  readonly metadata: MetadataCatalogue;
  readonly gate: QueryGate;
  /** Longest that a query may take, its wait included. */
  readonly timeoutMs: number;
  /** The time of day. */
  readonly nowMs: () => number;
  /** Told of every query: `success` or the type of its error, and how long it took. */
  readonly observer: (outcome: string, seconds: number) => void;
}

/** A list that may have been cut short, and what is to be said of it. */
export interface ListAnswer<T> {
  readonly data: readonly T[];
  readonly warnings: readonly string[];
}

/** What Prometheus's HTTP API answers to queries, without its transport. */
export class QueryService {
  readonly #plans: PlanCache;
  readonly #store: Store;
  readonly #exemplars: ExemplarRing;
  readonly #metadata: MetadataCatalogue;
  readonly #gate: QueryGate;
  readonly #timeoutMs: number;
  readonly #nowMs: () => number;
  readonly #observer: (outcome: string, seconds: number) => void;

  constructor(options: QueryServiceOptions) {
    const { plans, store, gate, timeoutMs, nowMs, observer } = options;
    this.#plans = plans;
    this.#store = store;
    this.#exemplars = options.exemplars;
    this.#metadata = options.metadata;
    this.#gate = gate;
    this.#timeoutMs = timeoutMs;
    this.#nowMs = nowMs;
    this.#observer = observer;
  }

  /**
   * `/api/v1/query`.
   * @returns the body in chunks
   * @throws QueryApiError
   */
  async instant(parameters: QueryParameters, signal: AbortSignal): Promise<Iterable<string>> {
    const limit = parameters.limit();
    const timeMs = parameters.timeMsOr('time', this.#nowMs());
    return this.#evaluate(parameters, limit, signal, (plan, options) =>
      plan.instant(timeMs, options),
    );
  }

  /**
   * `/api/v1/query_range`.
   * @returns the body in chunks
   * @throws QueryApiError
   */
  async range(parameters: QueryParameters, signal: AbortSignal): Promise<Iterable<string>> {
    const limit = parameters.limit();
    const startMs = parameters.timeMs('start');
    const endMs = parameters.timeMs('end');
    if (endMs < startMs) {
      throw invalidParameter('end', 'end timestamp must not be before start time');
    }
    const stepMs = Math.trunc(parameters.durationMs('step'));
    if (stepMs <= 0) {
      throw invalidParameter(
        'step',
        'zero or negative query resolution step widths are not accepted. Try a positive integer',
      );
    }
    if ((endMs - startMs) / stepMs > MAX_POINTS_PER_SERIES) {
      throw new QueryApiError(
        'bad_data',
        'exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)',
      );
    }
    return this.#evaluate(parameters, limit, signal, (plan, options) => {
      if (plan.valueType !== 'scalar' && plan.valueType !== 'vector') {
        const type = DOCUMENTED_TYPES[plan.valueType] ?? plan.valueType;
        throw invalidParameter(
          'query',
          `invalid expression type "${type}" for range query, must be Scalar or instant Vector`,
        );
      }
      return plan.range(startMs, endMs, stepMs, options);
    });
  }

  /** `/api/v1/format_query`. */
  format(parameters: QueryParameters): string {
    return prettyExpr(parseQuery(parameters));
  }

  /** `/api/v1/parse_query`. */
  parse(parameters: QueryParameters): ExprJson {
    return exprToJson(parseQuery(parameters));
  }

  /** `/api/v1/query_exemplars`: those of the series that the query's selectors name. */
  exemplars(parameters: QueryParameters): readonly object[] {
    const startMs = parameters.timeMsOr('start', -MAX_TIME_MS);
    const endMs = parameters.timeMsOr('end', MAX_TIME_MS);
    if (endMs < startMs) {
      throw new QueryApiError('bad_data', 'end timestamp must not be before start timestamp');
    }
    let selectors: readonly VectorSelector[];
    try {
      selectors = selectorsOf(parseExpr(parameters.get('query')));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      throw new QueryApiError('bad_data', error.message, { cause: error });
    }
    const matcherSets = selectors.map(({ matchers }) => matchers);
    return this.#exemplars
      .select(matcherSets, startMs, endMs)
      .toSorted((a, b) => compareLabels(a.series, b.series))
      .map(({ series, exemplars }) => ({
        seriesLabels: series.toRecord(),
        exemplars: exemplars.map(({ labels, value, timeMs }) => ({
          labels: labels.toRecord(),
          value: formatSampleValue(value),
          timestamp: timeMs / 1_000,
        })),
      }));
  }

  /** `/api/v1/metadata`: by family. */
  metadata(parameters: QueryParameters): object {
    const limit = parameters.limit();
    const perMetric = parameters.limit('limit_per_metric');
    const metric = parameters.get('metric');
    const families: [string, object][] = [];
    for (const [family, known] of this.#metadata.entries(metric === '' ? null : metric)) {
      if (families.length >= limit) break;
      families.push([family, known.slice(0, perMetric)]);
    }
    return Object.fromEntries(families);
  }

  /** `/api/v1/series`. */
  async series(parameters: QueryParameters): Promise<ListAnswer<Labels>> {
    if (parameters.all('match[]').length === 0) {
      throw new QueryApiError('bad_data', 'no match[] parameter provided');
    }
    this.#requireOpenStore();
    const { limit, startMs, endMs } = listParameters(parameters);
    const sets = parameters.matcherSets(true);
    const [only] = sets;
    if (sets.length === 1 && only !== undefined) {
      return cut(await this.#store.series(only, startMs, endMs, limit + 1), limit);
    }
    const found = new Map<string, Labels>();
    for (const matchers of sets) {
      for (const labels of await this.#store.series(matchers, startMs, endMs)) {
        found.set(labels.key, labels);
      }
    }
    const sorted = [...found.values()];
    await sortInTurns(sorted, compareLabels, createPace());
    return cut(sorted, limit);
  }

  /** `/api/v1/labels`. */
  async labelNames(parameters: QueryParameters): Promise<ListAnswer<string>> {
    this.#requireOpenStore();
    const { limit, startMs, endMs } = listParameters(parameters);
    return cut(
      await union(parameters.matcherSets(false), (matchers) =>
        this.#store.labelNames(matchers, startMs, endMs),
      ),
      limit,
    );
  }

  /** `/api/v1/label/<name>/values`. */
  async labelValues(name: string, parameters: QueryParameters): Promise<ListAnswer<string>> {
    const label = unescapeLabelName(name);
    if (!isValidUtf8Name(label)) {
      throw new QueryApiError('bad_data', `invalid label name: ${JSON.stringify(label)}`);
    }
    this.#requireOpenStore();
    const { limit, startMs, endMs } = listParameters(parameters);
    return cut(
      await union(parameters.matcherSets(false), (matchers) =>
        this.#store.labelValues(label, matchers, startMs, endMs),
      ),
      limit,
    );
  }

  async #evaluate(
    parameters: QueryParameters,
    limit: number,
    signal: AbortSignal,
    evaluate: (plan: Plan, options: EvaluateOptions) => Promise<QueryResult>,
  ): Promise<Iterable<string>> {
    const timeoutMs = Math.min(
      this.#timeoutMs,
      parameters.durationMsOr('timeout', this.#timeoutMs),
    );
    const lookbackMs = parameters.lookbackMs();
    const began = performance.now();
    let outcome = 'success';
    try {
      this.#requireOpenStore();
      const plan = this.#plans.planOf(parameters.get('query'));
      const prepared = performance.now();
      const timed = AbortSignal.any([signal, AbortSignal.timeout(Math.max(0, timeoutMs))]);
      let entered = prepared;
      const result = await this.#gate.run(timed, () => {
        entered = performance.now();
        return evaluate(plan, {
          signal,
          timeoutMs: Math.max(0, timeoutMs - (entered - prepared)),
          source: this.#store,
          ...(lookbackMs === undefined ? {} : { lookbackMs }),
        });
      });
      const timings: QueryTimings = {
        prepareSeconds: (prepared - began) / 1000,
        queueSeconds: (entered - prepared) / 1000,
        evaluateSeconds: (performance.now() - entered) / 1000,
      };
      return writeQueryBody(result, limit, parameters.get('stats') === '' ? null : timings);
    } catch (error) {
      const apiError = toApiError(error);
      outcome = apiError instanceof QueryApiError ? apiError.errorType : 'internal';
      throw apiError;
    } finally {
      this.#observer(outcome, (performance.now() - began) / 1000);
    }
  }

  /** @throws QueryApiError while the store is still reading its log */
  #requireOpenStore(): void {
    const reason = this.#store.unavailability();
    if (reason === null || (reason.code !== 'replaying' && reason.code !== 'closed')) return;
    throw new QueryApiError('unavailable', reason.message, { cause: reason });
  }
}

interface EvaluateOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly source: Store;
  readonly lookbackMs?: number;
}

function parseQuery(parameters: QueryParameters): ReturnType<typeof parseExpr> {
  try {
    return parseExpr(parameters.get('query'));
  } catch (error) {
    throw toApiError(error);
  }
}

function listParameters(parameters: QueryParameters): {
  limit: number;
  startMs: number;
  endMs: number;
} {
  const limit = parameters.limit();
  const startMs = parameters.timeMsOr('start', -MAX_TIME_MS);
  const endMs = parameters.timeMsOr('end', MAX_TIME_MS);
  return { limit, startMs, endMs };
}

/** What any of the matcher sets gives, or all there is where there are no sets, sorted. */
async function union(
  sets: readonly (readonly Matcher[])[],
  find: (matchers: readonly Matcher[]) => readonly string[] | Promise<readonly string[]>,
): Promise<readonly string[]> {
  const [only = []] = sets;
  if (sets.length <= 1) return find(only);
  const found = new Set<string>();
  for (const matchers of sets) for (const name of await find(matchers)) found.add(name);
  const sorted = [...found];
  await sortInTurns(sorted, compareUtf8, createPace());
  return sorted;
}

function cut<T>(list: readonly T[], limit: number): ListAnswer<T> {
  if (list.length <= limit) return { data: list, warnings: [] };
  return { data: list.slice(0, limit), warnings: [TRUNCATED] };
}
