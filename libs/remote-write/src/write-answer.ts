import { parseRetryAfterMs } from '#libs/calendar';

/** What an answer means for the samples that were sent. */
export type WriteAnswer =
  | { readonly kind: 'accepted' }
  /** To be sent again, not before `retryAfterMs` from now if the receiver said so. */
  | { readonly kind: 'retry'; readonly reason: RetryReason; readonly retryAfterMs: number | null }
  /** Refused for good: sending again would change nothing. */
  | { readonly kind: 'rejected' };

/** Why samples are sent again; the set is closed because it becomes a metric label. */
export type RetryReason = 'throttled' | 'server_error' | 'unreachable' | 'timeout';

/** All retry reasons. */
export const RETRY_REASONS: readonly RetryReason[] = [
  'throttled',
  'server_error',
  'unreachable',
  'timeout',
];

/** A receiver cannot silence a sender for longer than this. */
const MAX_RETRY_AFTER_MS = 10 * 60_000;

/**
 * What a status means: 2xx accepted; 429 and 5xx to be retried, after the time in `Retry-After` if there is one;
 * everything else, redirects included since they are not followed, rejected.
 * @param retryAfter the header's value, or null
 */
export function answerOf(status: number, retryAfter: string | null, nowMs: number): WriteAnswer {
  if (status >= 200 && status < 300) return { kind: 'accepted' };
  if (status !== 429 && status < 500) return { kind: 'rejected' };
  return {
    kind: 'retry',
    reason: status === 429 ? 'throttled' : 'server_error',
    retryAfterMs: parseRetryAfterMs(retryAfter, nowMs, MAX_RETRY_AFTER_MS),
  };
}
