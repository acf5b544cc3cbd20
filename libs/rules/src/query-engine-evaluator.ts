import { InvariantError } from '#libs/invariant';
import { Labels } from '#libs/labels';
import {
  EvaluationCache,
  type Expr,
  parseExpr,
  type Plan,
  type QueryEngine,
  QueryError,
  type QueryValue,
} from '#libs/promql';
import {
  type EvaluatedVector,
  EvaluationError,
  type Evaluator,
  type PreparedExpression,
  type SharedReads,
} from './ports.ts';

/** Evaluates rules with the embedded query engine. */
export class QueryEngineEvaluator implements Evaluator {
  readonly #engine: QueryEngine;

  constructor(engine: QueryEngine) {
    this.#engine = engine;
  }

  prepare(expr: Expr, text: string): PreparedExpression {
    return new PlannedExpression(this.#engine, expr, text);
  }

  share(expressions: readonly PreparedExpression[]): SharedReads | null {
    const plans: Plan[] = [];
    for (const expression of expressions) {
      const plan = expression instanceof PlannedExpression ? expression.planOrNull() : null;
      if (plan !== null) plans.push(plan);
    }
    const cache = new EvaluationCache(plans);
    return cache.isEmpty ? null : new CachedReads(cache);
  }

  async query(text: string, timeMs: number): Promise<EvaluatedVector> {
    try {
      const plan = this.#engine.prepare(parseExpr(text), text);
      return toVector((await plan.instant(timeMs)).value);
    } catch (error) {
      throw asEvaluationError(error);
    }
  }
}

/** An expression whose plan is made when it is first needed. */
class PlannedExpression implements PreparedExpression {
  readonly #engine: QueryEngine;
  readonly #expr: Expr;
  readonly #text: string;
  #plan: Plan | null = null;

  constructor(engine: QueryEngine, expr: Expr, text: string) {
    this.#engine = engine;
    this.#expr = expr;
    this.#text = text;
  }

  async evaluate(timeMs: number, shared: SharedReads | null): Promise<EvaluatedVector> {
    try {
      const options = shared instanceof CachedReads ? { cache: shared.cache } : {};
      return toVector((await this.#planned().instant(timeMs, options)).value);
    } catch (error) {
      throw asEvaluationError(error);
    }
  }

  /** Null where there can be none; the reason comes with the evaluation. */
  planOrNull(): Plan | null {
    try {
      return this.#planned();
    } catch (error) {
      if (error instanceof QueryError) return null;
      throw error;
    }
  }

  #planned(): Plan {
    this.#plan ??= this.#engine.prepare(this.#expr, this.#text);
    return this.#plan;
  }
}

class CachedReads implements SharedReads {
  readonly cache: EvaluationCache;

  constructor(cache: EvaluationCache) {
    this.cache = cache;
  }

  wrote(metricNames: Iterable<string>): void {
    this.cache.forget(metricNames);
  }
}

function asEvaluationError(error: unknown): unknown {
  if (error instanceof InvariantError || error instanceof EvaluationError) return error;
  if (!(error instanceof Error)) return error;
  return new EvaluationError(error.message, { cause: error });
}

function toVector(value: QueryValue): EvaluatedVector {
  switch (value.kind) {
    case 'vector':
      return value;
    case 'scalar':
      return {
        labels: [Labels.EMPTY],
        values: new Float64Array([value.value]),
        histograms: null,
      };
    case 'string':
    case 'matrix':
      throw new EvaluationError('rule result is not a vector or scalar');
  }
}
