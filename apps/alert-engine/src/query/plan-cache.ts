import { parseExpr, type Plan, type QueryEngine } from '#libs/promql';

/** Longer queries are not kept; they are written by programs, and rarely twice. */
const MAX_KEPT_LENGTH = 8 * 1024;

/**
 * The plans of the queries that were asked last. A dashboard asks the same again and again, and a plan that is kept has
 * what it resolved: the rows of its selectors, their groups and matches.
 */
export class PlanCache {
  readonly #engine: QueryEngine;
  readonly #limit: number;
  readonly #plans = new Map<string, Plan>();

  /** @param limit most plans that are kept */
  constructor(engine: QueryEngine, limit: number) {
    this.#engine = engine;
    this.#limit = limit;
  }

  get size(): number {
    return this.#plans.size;
  }

  /** @throws PromqlSyntaxError, QueryError */
  planOf(query: string): Plan {
    const known = this.#plans.get(query);
    if (known !== undefined) {
      // Maps keep their order, so the plan that was used longest ago is the first.
      this.#plans.delete(query);
      this.#plans.set(query, known);
      return known;
    }
    const plan = this.#engine.prepare(parseExpr(query), query);
    if (query.length > MAX_KEPT_LENGTH) return plan;
    if (this.#plans.size >= this.#limit) {
      for (const oldest of this.#plans.keys()) {
        this.#plans.delete(oldest);
        break;
      }
    }
    this.#plans.set(query, plan);
    return plan;
  }
}
