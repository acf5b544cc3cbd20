import { InvariantError } from '#libs/invariant';
import { Labels } from '#libs/labels';
import { type Expr, parseExpr, type Plan, type QueryEngine, type QueryValue } from '#libs/promql';
import {
  type EvaluatedVector,
  EvaluationError,
  type Evaluator,
  type PreparedExpression,
} from './ports.ts';

/** Evaluates rules with the embedded query engine. */
export class QueryEngineEvaluator implements Evaluator {
  readonly #engine: QueryEngine;

  constructor(engine: QueryEngine) {
    this.#engine = engine;
  }

  prepare(expr: Expr, text: string): PreparedExpression {
    let plan: Plan | null = null;
    return {
      evaluate: async (timeMs) => {
        try {
          plan ??= this.#engine.prepare(expr, text);
          return toVector((await plan.instant(timeMs)).value);
        } catch (error) {
          throw asEvaluationError(error);
        }
      },
    };
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
