/** How long to wait between attempts. */
export interface RetryPolicy {
  /** The most that is waited after the first failure. */
  readonly firstMs: number;
  /** What waits grow to. */
  readonly maxMs: number;
}

export const DEFAULT_RETRY_POLICY: RetryPolicy = { firstMs: 2_000, maxMs: 5 * 60_000 };

/**
 * The wait before the next attempt: doubling from one to the next, and of that a random part between half and all, so
 * that messages that failed together do not come back together. Never shorter than the receiver asked for.
 * @param failures attempts made so far, at least 1
 * @param random from 0 up to 1
 */
export function nextRetryMs(
  { firstMs, maxMs }: RetryPolicy,
  failures: number,
  retryAfterMs: number | null,
  random: number,
): number {
  const ceilingMs = Math.min(firstMs * 2 ** Math.min(failures - 1, 30), maxMs);
  const waitMs = Math.round(ceilingMs * (0.5 + random / 2));
  return Math.max(waitMs, retryAfterMs ?? 0);
}
