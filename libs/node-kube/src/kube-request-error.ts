import { KubeObjectError, WatchLineTooLongError } from '#libs/kube';
import { SecretFileError } from '#libs/node-http';

/** A request to the API server that brought nothing usable. */
export class KubeRequestError extends Error {
  override readonly name = 'KubeRequestError';
  /** The HTTP status, 0 where there was no answer. */
  readonly status: number;
  readonly retryAfterMs: number | null;

  constructor(message: string, status: number, retryAfterMs: number | null, cause?: unknown) {
    super(message, { cause });
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** What went wrong on the way, as one kind of error; a bug stays what it is. */
export function toKubeRequestError(error: unknown): Error {
  if (error instanceof KubeRequestError) return error;
  if (error instanceof KubeObjectError || error instanceof WatchLineTooLongError) return error;
  if (error instanceof SecretFileError) return new KubeRequestError(error.message, 0, null, error);
  const code = codeOf(error);
  if (code !== null) {
    return new KubeRequestError(`no answer from the API server: ${code}`, 0, null, error);
  }
  return error instanceof Error ? error : new Error(String(error));
}

/** What the system or a connection calls its failure, null where it is none of theirs. */
function codeOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null) return null;
  if ('code' in error) return String(error.code);
  return 'name' in error && error.name === 'AbortError' ? error.name : null;
}
