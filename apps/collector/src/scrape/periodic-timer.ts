import { nextScrapeMs } from '#libs/scrape';

/** Node takes a longer delay for none at all. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * Runs a task once an interval, at the same place in each, one run at a time: what takes longer than an interval skips the
 * next. Starting twice, stopping twice or stopping before starting is harmless.
 */
export class PeriodicTimer {
  readonly #intervalMs: number;
  readonly #offsetMs: number;
  readonly #task: (plannedMs: number) => Promise<void>;
  #timer: NodeJS.Timeout | null = null;
  #state: 'new' | 'running' | 'stopped' = 'new';

  /** @param timing `offsetMs` is the place of the task in each interval */
  constructor(
    timing: { readonly intervalMs: number; readonly offsetMs: number },
    task: (plannedMs: number) => Promise<void>,
  ) {
    this.#intervalMs = timing.intervalMs;
    this.#offsetMs = timing.offsetMs;
    this.#task = task;
  }

  start(): void {
    if (this.#state !== 'new') return;
    this.#state = 'running';
    this.#plan();
  }

  stop(): void {
    this.#state = 'stopped';
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #plan(lastMs = Number.NaN): void {
    this.#wait(nextScrapeMs(Date.now(), this.#intervalMs, this.#offsetMs, lastMs));
  }

  #wait(plannedMs: number): void {
    const delayMs = plannedMs - Date.now();
    this.#timer = setTimeout(
      () => {
        if (delayMs > MAX_DELAY_MS) this.#wait(plannedMs);
        else void this.#run(plannedMs);
      },
      Math.min(delayMs, MAX_DELAY_MS),
    );
  }

  async #run(plannedMs: number): Promise<void> {
    await this.#task(plannedMs);
    if (this.#state === 'running') this.#plan(plannedMs);
  }
}
