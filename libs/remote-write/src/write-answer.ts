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
    retryAfterMs: retryAfter === null ? null : parseRetryAfterMs(retryAfter, nowMs),
  };
}

/**
 * Reads a `Retry-After` header (RFC 9110, section 10.2.3): seconds, or a date in the form all senders must use.
 * @returns milliseconds from now, at most ten minutes, or null where it is neither
 */
export function parseRetryAfterMs(header: string, nowMs: number): number | null {
  const text = header.trim();
  const waitMs = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : dateMs(text) - nowMs;
  return Number.isNaN(waitMs) ? null : Math.min(Math.max(waitMs, 0), MAX_RETRY_AFTER_MS);
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const IMF_DATE =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d\d) ([A-Z][a-z][a-z]) (\d{4}) (\d\d):(\d\d):(\d\d) GMT$/;
const DAY_MS = 86_400_000;

/** An IMF-fixdate as milliseconds since the epoch, or NaN. */
function dateMs(text: string): number {
  const match = IMF_DATE.exec(text);
  if (match === null) return Number.NaN;
  const month = MONTHS.indexOf(match[2]!);
  if (month < 0) return Number.NaN;
  const [day, year, hours, minutes, seconds] = [1, 3, 4, 5, 6].map((group) => Number(match[group]));
  const timeMs = ((hours! * 60 + minutes!) * 60 + seconds!) * 1000;
  return daysSinceEpoch(year!, month, day!) * DAY_MS + timeMs;
}

/** Days from 1970-01-01 in the Gregorian calendar; `month` from 0. The year is begun in March, so that leap days come last. */
function daysSinceEpoch(year: number, month: number, day: number): number {
  const marchYear = month < 2 ? year - 1 : year;
  const marchMonth = (month + 10) % 12;
  const leapDays =
    Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  return marchYear * 365 + leapDays + Math.floor((153 * marchMonth + 2) / 5) + day - 719_469;
}
