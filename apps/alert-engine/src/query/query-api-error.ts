import { PromqlSyntaxError, QueryError, type QueryErrorCode } from '#libs/promql';

/** The kinds of errors of Prometheus's HTTP API; closed because clients branch on them. */
export type ApiErrorType =
  | 'bad_data'
  | 'canceled'
  | 'execution'
  | 'internal'
  | 'not_found'
  | 'not_implemented'
  | 'timeout'
  | 'unavailable';

const STATUS: Readonly<Record<ApiErrorType, number>> = {
  bad_data: 400,
  // nginx's code for a client that went away, as Prometheus uses it.
  canceled: 499,
  execution: 422,
  internal: 500,
  not_found: 404,
  not_implemented: 501,
  timeout: 503,
  unavailable: 503,
};

/** A request that the query API answers with an error. */
export class QueryApiError extends Error {
  override readonly name = 'QueryApiError';
  readonly errorType: ApiErrorType;
  readonly status: number;

  constructor(errorType: ApiErrorType, message: string, options?: ErrorOptions) {
    super(message, options);
    this.errorType = errorType;
    this.status = STATUS[errorType];
  }
}

const ERROR_TYPES: Readonly<Record<QueryErrorCode, ApiErrorType>> = {
  timeout: 'timeout',
  canceled: 'canceled',
  execution: 'execution',
  too_many_samples: 'execution',
  bad_data: 'bad_data',
  storage: 'internal',
};

/** A parameter that is not what it should be. */
export function invalidParameter(name: string, reason: string, cause?: unknown): QueryApiError {
  return new QueryApiError('bad_data', `invalid parameter "${name}": ${reason}`, { cause });
}

/** What the API says of an error of the query language or its engine; others are passed on as they are. */
export function toApiError(error: unknown): unknown {
  if (error instanceof PromqlSyntaxError) return invalidParameter('query', error.message, error);
  if (error instanceof QueryError) {
    return new QueryApiError(ERROR_TYPES[error.code], error.message, { cause: error });
  }
  return error;
}
