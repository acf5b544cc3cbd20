/** Lets so much through a second, and a burst of it at once. */
export class RateBucket {
  #tokens: number;
  #atMs: number;

  constructor(burst: number, nowMs: number) {
    this.#tokens = burst;
    this.#atMs = nowMs;
  }

  /** @returns whether there was room, which is then taken. More than a burst is let through a full bucket, or it never would be. */
  take(amount: number, perSecond: number, burst: number, nowMs: number): boolean {
    const elapsedMs = Math.max(0, nowMs - this.#atMs);
    this.#atMs = nowMs;
    this.#tokens = Math.min(burst, this.#tokens + (elapsedMs / 1_000) * perSecond);
    if (this.#tokens < Math.min(amount, burst)) return false;
    this.#tokens -= amount;
    return true;
  }
}
