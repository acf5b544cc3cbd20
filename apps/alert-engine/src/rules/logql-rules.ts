import { Labels } from '#libs/labels';
import { LogqlSyntaxError, parseLogql } from '#libs/logql';
import {
  type EvaluatedVector,
  EvaluationError,
  type Evaluator,
  type OtherLanguage,
  type PreparedExpression,
} from '#libs/rules';
import type { LogQueryService } from '../logs/query/log-query-service.ts';
import { LokiApiError } from '../logs/query/loki-api-error.ts';

/** LogQL, of which only what counts lines can be a rule. */
export const LOGQL: OtherLanguage = {
  name: 'LogQL',
  check: (text) => {
    try {
      if (parseLogql(text).kind !== 'log') return null;
      return 'a rule takes numbers of lines, such as count_over_time({app="x"} |= "error" [5m]) > 10, not the lines';
    } catch (error) {
      if (!(error instanceof LogqlSyntaxError)) throw error;
      return error.message;
    }
  },
};

/** Evaluates rules in LogQL over the engine's own log lines. */
export class LogRuleEvaluator implements Evaluator {
  readonly #service: Pick<LogQueryService, 'evaluate'>;

  constructor(service: Pick<LogQueryService, 'evaluate'>) {
    this.#service = service;
  }

  prepare(_expr: unknown, text: string): PreparedExpression {
    return { evaluate: (timeMs) => this.query(text, timeMs) };
  }

  share(): null {
    return null;
  }

  async query(text: string, timeMs: number): Promise<EvaluatedVector> {
    try {
      const value = await this.#service.evaluate(text, timeMs);
      switch (value.kind) {
        case 'vector':
          return { labels: value.labels, values: value.values, histograms: null };
        case 'scalar':
          return {
            labels: [Labels.EMPTY],
            values: Float64Array.of(value.value),
            histograms: null,
          };
        case 'string':
        case 'matrix':
          throw new EvaluationError('rule result is not a vector or scalar');
      }
    } catch (error) {
      if (!(error instanceof LokiApiError)) throw error;
      throw new EvaluationError(error.message, { cause: error });
    }
  }
}
