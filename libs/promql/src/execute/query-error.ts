/**
 * Why a query gave no answer; the set is closed because it becomes the API's `errorType` and a metric label.
 * `execution` and `too_many_samples` are both "execution" to Prometheus's API.
 */
export type QueryErrorCode =
  'timeout' | 'canceled' | 'execution' | 'too_many_samples' | 'bad_data' | 'storage';

/** A query that could not be answered; the message is Prometheus's where Prometheus has one. */
export class QueryError extends Error {
  override readonly name = 'QueryError';
  readonly code: QueryErrorCode;
  constructor(code: QueryErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
