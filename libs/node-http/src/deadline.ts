import { HttpGetError, toHttpGetError } from './http-get-error.ts';

/** What may end a request before its end. */
export interface Deadline {
  readonly timeoutMs: number;
  /** Whoever asked may give the request up. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs a request with a signal for all of it. `AbortSignal.timeout` would not do: what has such a signal is kept, the body of
 * the request with it, until the time is over, however soon the answer came.
 * @throws HttpGetError `timeout`, `aborted`, or what the request failed with
 */
export async function withDeadline<T>(
  { timeoutMs, signal }: Deadline,
  request: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new AbortController();
  const timer = setTimeout(() => {
    deadline.abort(new HttpGetError('timeout', `no complete answer within ${timeoutMs} ms`));
  }, timeoutMs);
  const giveUp = () => deadline.abort(new HttpGetError('aborted', 'the request was given up'));
  if (signal?.aborted === true) giveUp();
  signal?.addEventListener('abort', giveUp, { once: true });
  try {
    return await request(deadline.signal);
  } catch (error) {
    // An abort may surface as whatever the stream or socket made of it.
    if (deadline.signal.aborted) throw deadline.signal.reason;
    throw toHttpGetError(error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', giveUp);
  }
}
