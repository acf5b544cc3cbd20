/** Why a push could not be read; the set is closed because it becomes values of a label. */
export type PushFailure = 'malformed_snappy' | 'malformed_gzip' | 'malformed_push' | 'too_large';

/** A push that is no such message or too large; nothing of it is usable. */
export class PushError extends Error {
  override readonly name = 'PushError';
  readonly code: PushFailure;
  constructor(code: PushFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What one push may hold. */
export interface PushLimits {
  readonly maxLines: number;
  readonly maxStreams: number;
}

/** For a push of at most 32 MiB. */
export const DEFAULT_PUSH_LIMITS: PushLimits = { maxLines: 1_000_000, maxStreams: 20_000 };

export function tooMany(what: string, most: number): PushError {
  return new PushError('too_large', `the push has more than ${most} ${what}`);
}
