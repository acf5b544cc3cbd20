import { LogqlQueryError, type LogqlQueryErrorCode, LogqlSyntaxError } from '#libs/logql';
import { QueryApiError } from '../../query/query-api-error.ts';

/** A request to Loki's API that is answered with an error: a status and a text. */
export class LokiApiError extends Error {
  override readonly name = 'LokiApiError';
  readonly status: number;

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/** What the outcome of a query is counted as. */
export type LogQueryOutcome = 'success' | 'refused' | 'limit' | 'canceled' | 'timeout' | 'internal';

const STATUS: Readonly<Record<LogqlQueryErrorCode, number>> = {
  bad_query: 400,
  limit: 400,
  pipeline: 400,
  canceled: 499,
  timeout: 504,
};

/** Loki's status for what goes wrong in a query; others are passed on as they are. */
export function toLokiError(error: unknown): unknown {
  if (error instanceof LogqlSyntaxError) {
    return new LokiApiError(400, error.message, { cause: error });
  }
  if (error instanceof LogqlQueryError) {
    return new LokiApiError(STATUS[error.code], error.message, { cause: error });
  }
  if (error instanceof QueryApiError) {
    // What the gate says: too many wait, or nobody does any more.
    const status =
      error.errorType === 'unavailable' ? 429 : error.errorType === 'timeout' ? 504 : 499;
    return new LokiApiError(status, error.message, { cause: error });
  }
  return error;
}

export function outcomeOf(error: unknown): LogQueryOutcome {
  if (!(error instanceof LokiApiError)) return 'internal';
  if (error.cause instanceof LogqlQueryError && error.cause.code === 'limit') return 'limit';
  switch (error.status) {
    case 429:
      return 'limit';
    case 499:
      return 'canceled';
    case 504:
      return 'timeout';
    default:
      return error.status < 500 ? 'refused' : 'internal';
  }
}
