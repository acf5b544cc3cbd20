/** Why a query could not be answered; the set is closed because it becomes a metric label. */
export type LogqlQueryErrorCode = 'bad_query' | 'limit' | 'pipeline' | 'canceled' | 'timeout';

/** A query that parses and yet cannot be answered. */
export class LogqlQueryError extends Error {
  override readonly name = 'LogqlQueryError';
  readonly code: LogqlQueryErrorCode;
  constructor(code: LogqlQueryErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
