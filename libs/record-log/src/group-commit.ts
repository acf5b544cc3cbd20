/** The clock and the alarm a store is run by. */
export interface Timer {
  /** Milliseconds since the epoch. */
  nowMs(): number;
  /** Calls `run` once, after at least `delayMs`. @returns a function that takes the alarm back */
  after(delayMs: number, run: () => void): () => void;
}

/** A log that gathers what is appended and tells when it is to be written. */
export interface GatheringLog {
  /** In how many milliseconds the next flush is due, at least 0, or null if there is nothing to write. */
  flushDelayMs(nowMs: number): number | null;
  /** Writes and syncs what has gathered. It does not fail. */
  flush(nowMs: number): Promise<void>;
}

/** Flushes a log when it says that a flush is due: one at a time, so that writers meanwhile gather for the next. */
export class GroupCommit {
  readonly #log: GatheringLog;
  readonly #timer: Timer;
  #cancel: (() => void) | null = null;
  #isFlushing = false;
  #isStopped = false;

  constructor(log: GatheringLog, timer: Timer) {
    this.#log = log;
    this.#timer = timer;
  }

  /** To be called after every append. */
  notice(): void {
    if (this.#isFlushing || this.#isStopped) return;
    const delayMs = this.#log.flushDelayMs(this.#timer.nowMs());
    if (delayMs === null) return;
    if (delayMs === 0) {
      this.#flush();
      return;
    }
    this.#cancel ??= this.#timer.after(delayMs, () => {
      this.#cancel = null;
      this.#flush();
    });
  }

  /** No flush begins after this; one that runs goes on. */
  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
    this.#cancel = null;
  }

  #flush(): void {
    if (this.#isFlushing || this.#isStopped) return;
    this.#cancel?.();
    this.#cancel = null;
    this.#isFlushing = true;
    void this.#log.flush(this.#timer.nowMs()).finally(() => {
      this.#isFlushing = false;
      this.notice();
    });
  }
}
