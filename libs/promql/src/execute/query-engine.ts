import type { Expr, VectorSelector } from '../ast.ts';
import { ExpressionCompiler } from './compile-expression.ts';
import type { Plan, QueryEngineOptions } from './plan.ts';
import { QueryPlan } from './query-plan.ts';
import { RowResolver } from './row-resolver.ts';

export type { Plan, QueryEngineOptions, QueryOptions } from './plan.ts';

/** Selectors known at which those that are gone are first swept out. */
const MIN_SWEEP = 256;

/** Evaluates PromQL. Keeps nothing but what its plans resolved; every {@link Plan} it prepares may be kept. */
export class QueryEngine {
  readonly options: QueryEngineOptions;
  /** Held weakly, so that a selector no plan uses any more can go with its rows. */
  readonly #resolvers = new Map<string, WeakRef<RowResolver>>();
  #sweepAt = MIN_SWEEP;

  constructor(options: QueryEngineOptions) {
    this.options = options;
  }

  /**
   * Compiles a checked expression (`parseExpr`).
   * @param text the query as written, for the positions in annotations
   * @throws QueryError
   */
  prepare(expr: Expr, text = ''): Plan {
    const compiler = new ExpressionCompiler((selector) => this.#resolverOf(selector));
    const root = compiler.compile(expr);
    return new QueryPlan(expr, text, root, compiler, this.options);
  }

  /** Plans that select the same series share what was resolved for them. */
  #resolverOf(selector: VectorSelector): RowResolver {
    const key = selector.matchers
      .map((matcher) => matcher.key)
      .toSorted()
      .join('\n');
    const known = this.#resolvers.get(key)?.deref();
    if (known !== undefined) return known;
    const fresh = new RowResolver(selector.matchers);
    this.#resolvers.set(key, new WeakRef(fresh));
    if (this.#resolvers.size >= this.#sweepAt) this.#sweep();
    return fresh;
  }

  #sweep(): void {
    for (const [key, resolver] of this.#resolvers) {
      if (resolver.deref() === undefined) this.#resolvers.delete(key);
    }
    this.#sweepAt = Math.max(MIN_SWEEP, this.#resolvers.size * 2);
  }
}
