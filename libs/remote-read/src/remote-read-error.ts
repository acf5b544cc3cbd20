/** Why a read request or an answer cannot be used; closed, because it becomes an HTTP status and a metric's label. */
export type RemoteReadFailure =
  'malformed' | 'too_large' | 'bad_matcher' | 'unsupported_type' | 'too_many_samples';

/** A request that cannot be answered, or an answer that cannot be read; the message says where or how much. */
export class RemoteReadError extends Error {
  override readonly name = 'RemoteReadError';
  readonly code: RemoteReadFailure;
  constructor(code: RemoteReadFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
