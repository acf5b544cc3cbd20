/** How many lines a container may write. */
export interface RateLimit {
  /** On average. */
  readonly linesPerSecond: number;
  /** At once, after a while of silence. */
  readonly burst: number;
}

/** How long drops are gathered for one line that tells of them. */
const MARKER_INTERVAL_MS = 10_000;

/**
 * Limits the lines of a container by the times at which they were written, so that what is read late is not held to be
 * written all at once. Tells from time to time how many it has dropped.
 */
export class RateLimiter {
  readonly limit: RateLimit;
  #tokens: number;
  #seconds = Number.NEGATIVE_INFINITY;
  #dropped = 0;
  #droppedSinceMs = 0;
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(limit: RateLimit) {
    this.limit = limit;
    this.#tokens = limit.burst;
  }

  /**
   * Whether a line may pass.
   * @param writtenSeconds when it was written; NaN where that is not known. No later than now counts
   */
  allows(writtenSeconds: number, nowMs: number): boolean {
    const now = nowMs / 1000;
    const written = writtenSeconds <= now ? writtenSeconds : now;
    if (written > this.#seconds) {
      const elapsed = written - this.#seconds;
      this.#tokens = Math.min(this.limit.burst, this.#tokens + elapsed * this.limit.linesPerSecond);
      this.#seconds = written;
    }
    if (this.#tokens >= 1) {
      this.#tokens--;
      return true;
    }
    if (this.#dropped === 0) this.#droppedSinceMs = nowMs;
    this.#dropped++;
    return false;
  }

  /** Whether it is time to tell of lines that were dropped. */
  hasNews(nowMs: number): boolean {
    if (this.#dropped === 0) return false;
    return (
      nowMs - Math.max(this.#toldMs, this.#droppedSinceMs - MARKER_INTERVAL_MS) >=
      MARKER_INTERVAL_MS
    );
  }

  /** How many were dropped and not told of. */
  takeDropped(nowMs: number): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.#toldMs = nowMs;
    return dropped;
  }
}
