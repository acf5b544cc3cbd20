import { type AppLogger, describeError } from '#libs/platform';
import type { LogLane } from './log-lane.ts';

/** How long after a hint from the file system a lane looks, so that a burst of hints means one look. */
const HINT_DELAY_MS = 20;
/** Between two looks for the sake of hints, so that many small writes mean few looks. */
const MIN_INTERVAL_MS = 200;

/** Between two looks where nothing is under way and the file system tells of changes. */
const REST_MS = 1_000;

/** Polls a lane: at intervals, sooner when something has happened, and at once while there is more. */
export class LaneLoop {
  readonly lane: LogLane;
  readonly #intervalMs: number;
  readonly #logger: AppLogger;
  readonly #failed: () => void;
  #wake: (() => void) | null = null;
  #hintTimer: NodeJS.Timeout | null = null;
  #isStopping = false;
  /** The last look ended because too much was under way. */
  #isBlocked = false;
  #running: Promise<void> | null = null;
  #lastError = '';
  #isSkipping = false;
  #polledMs = Number.NEGATIVE_INFINITY;

  /** @param failed called for each poll that could not be done */
  constructor(lane: LogLane, intervalMs: number, logger: AppLogger, failed: () => void) {
    this.lane = lane;
    this.#intervalMs = intervalMs;
    this.#logger = logger;
    this.#failed = failed;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Something has happened to the files in a folder. */
  hint(kind: 'names' | 'content', folder: string): void {
    if (!this.lane.noteChange(kind, folder)) return;
    const sinceMs = performance.now() - this.#polledMs;
    this.#hintTimer ??= setTimeout(
      () => {
        this.#hintTimer = null;
        this.#wake?.();
      },
      Math.max(HINT_DELAY_MS, MIN_INTERVAL_MS - sinceMs),
    );
  }

  /** What the lane may have waited for has come. */
  wake(): void {
    if (this.#isBlocked) this.#wake?.();
  }

  /** Ends polling; the lane itself is left open, for acknowledgements on their way. */
  async stopPolling(): Promise<void> {
    this.#isStopping = true;
    if (this.#hintTimer !== null) clearTimeout(this.#hintTimer);
    this.#hintTimer = null;
    this.#wake?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    let isStarted = false;
    while (!this.#isStopping) {
      let hasMore = false;
      let pauseMs = this.#intervalMs;
      await this.#attempt(async () => {
        // Without the offsets of the last run everything would be told again, or be skipped.
        if (!isStarted) await this.lane.start();
        isStarted = true;
        const result = await this.lane.poll(Date.now());
        this.#tellSkipped();
        this.#polledMs = performance.now();
        this.#isBlocked = result.isBlocked;
        hasMore = result.hasMore && !result.isBlocked;
        if (result.isAtRest) pauseMs = Math.max(pauseMs, REST_MS);
      });
      // Everybody else has a turn between two looks.
      if (hasMore) await new Promise((resolve) => setImmediate(resolve));
      else if (!this.#isStopping) await this.#pause(pauseMs);
    }
  }

  async #pause(forMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, forMs);
      this.#wake = (): void => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = null;
  }

  /** Files beyond those that are read: once when there are some, and once when there are none any more. */
  #tellSkipped(): void {
    const { skippedFiles } = this.lane.counters;
    const isSkipping = skippedFiles > 0;
    if (isSkipping === this.#isSkipping) return;
    this.#isSkipping = isSkipping;
    if (isSkipping) {
      const fields = { ...this.#fields, skippedFiles };
      this.#logger.error('there are too many log files, and some are not read', fields);
    } else this.#logger.info('all log files are read again', this.#fields);
  }

  /** A poll that fails (a full disk, a folder that can't be read) is told once and tried again. */
  async #attempt(body: () => Promise<void>): Promise<void> {
    try {
      await body();
      if (this.#lastError !== '')
        this.#logger.info('log files can be followed again', this.#fields);
      this.#lastError = '';
    } catch (error) {
      this.#failed();
      const message = describeError(error);
      if (message === this.#lastError) return;
      this.#lastError = message;
      this.#logger.error('log files cannot be followed', { ...this.#fields, error: message });
    }
  }

  get #fields(): { readonly lane: string } {
    return { lane: this.lane.name };
  }
}
