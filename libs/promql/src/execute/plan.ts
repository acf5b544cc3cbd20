import type { Expr, ValueType, VectorSelector } from '../ast.ts';
import type { SeriesSource } from '../series-source.ts';
import type { EvaluationCache, SharablePart } from './evaluation-cache.ts';
import type { MatrixResult, QueryResult } from './query-result.ts';

/** What an engine is made of. Only the two ports are required. */
export interface QueryEngineOptions {
  /** The clock behind `timeoutMs` and the pauses; milliseconds, from any origin. */
  readonly nowMs: () => number;
  /** Lets the event loop turn once. */
  readonly yieldToLoop: () => Promise<void>;
  /** Where queries read from unless told otherwise. */
  readonly source?: SeriesSource;
  /** How far back a selector looks for its newest sample; 5 minutes by default. */
  readonly lookbackMs?: number;
  /** Most samples one query may hold at a time; 10 million by default. */
  readonly maxSamples?: number;
  /** 30 seconds by default. */
  readonly timeoutMs?: number;
  /**
   * Most cells (series × steps) of one intermediate result; a range query that needs more is evaluated in pieces. 1 million
   * by default, about 9 MB.
   */
  readonly pieceCells?: number;
  /** Step of a subquery that names none; 1 minute by default. */
  readonly subqueryStepMs?: number;
  /** Whether `__name__` is dropped at the end of a query instead of by each function; off by default. */
  readonly delayedNameRemoval?: boolean;
  /** Whether `rate` and its kin use the start timestamps of samples; off by default. */
  readonly startTimestamps?: boolean;
  /** Whether `__type__` and `__unit__` are dropped along with the metric name; off by default. */
  readonly typeAndUnitLabels?: boolean;
}

/** What may differ from query to query. */
export interface QueryOptions {
  readonly source?: SeriesSource;
  readonly signal?: AbortSignal;
  readonly lookbackMs?: number;
  readonly maxSamples?: number;
  readonly timeoutMs?: number;
  /** Shared by queries that are evaluated over the same data, such as the rules of one round. */
  readonly cache?: EvaluationCache;
}

/**
 * A query compiled once and evaluated often. It keeps what it resolved (the rows of its selectors, groups and matches),
 * as long as the selections it is given keep their version.
 */
export interface Plan {
  readonly expr: Expr;
  readonly valueType: ValueType;
  /** The parts whose value is an instant vector, for an {@link EvaluationCache}. */
  readonly sharableParts: readonly SharablePart[];
  /** Every selector, those that `info()` adds included. */
  readonly selectors: readonly VectorSelector[];
  /**
   * The value at one time. A range vector selector gives a matrix.
   * @throws QueryError
   */
  instant(timeMs: number, options?: QueryOptions): Promise<QueryResult>;
  /**
   * The value at `startMs`, `startMs + stepMs`, … up to and including `endMs`, as a matrix. The expression has to be a
   * scalar or an instant vector.
   * @throws QueryError
   */
  range(
    startMs: number,
    endMs: number,
    stepMs: number,
    options?: QueryOptions,
  ): Promise<QueryResult<MatrixResult>>;
}
