import { type AppLogger, describeError } from '#libs/platform';
import type { DiskSpace } from '#libs/record-log';

const MIN_FREE_RATIO = 0.1;
/** A tenth of a large disk is more than any store needs to get out of trouble. */
const ENOUGH_FREE_BYTES = 10 * 2 ** 30;

/** Whether so little of the disk is free that writers have to wait. */
export function isNearlyFull({ freeBytes, totalBytes }: DiskSpace): boolean {
  return freeBytes < Math.min(totalBytes * MIN_FREE_RATIO, ENOUGH_FREE_BYTES);
}

/** So much earlier than samples, log lines are refused: what wakes somebody goes on for longer. */
const LOGS_REFUSED_BEFORE = 1.5;

/** Whether so little of the disk is free that log lines have to wait. */
export function isNearlyFullForLogs({ freeBytes, totalBytes }: DiskSpace): boolean {
  return isNearlyFull({ freeBytes: freeBytes / LOGS_REFUSED_BEFORE, totalBytes });
}

/** A store whose disk is watched. */
export interface WatchedStore {
  /** What is refused while there is no room, as a person reads it. */
  readonly content: string;
  space(): Promise<DiskSpace>;
  noteSpace(space: DiskSpace): void;
  isFull(space: DiskSpace): boolean;
  setDiskFull(isFull: boolean): void;
}

/** Has a store refuse what is sent to it while its disk is nearly full, and says when that begins and ends. */
export class DiskWatch {
  readonly #store: WatchedStore;
  readonly #logger: Pick<AppLogger, 'info' | 'error'>;
  #isLooking = false;
  #isFull = false;

  constructor(store: WatchedStore, logger: Pick<AppLogger, 'info' | 'error'>) {
    this.#store = store;
    this.#logger = logger;
  }

  /** Looks once; does nothing while a look goes on, such as at a disk that hangs. */
  async look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const { content } = this.#store;
    try {
      const space = await this.#store.space();
      this.#store.noteSpace(space);
      const isFull = this.#store.isFull(space);
      this.#store.setDiskFull(isFull);
      if (isFull === this.#isFull) return;
      this.#isFull = isFull;
      if (isFull) {
        this.#logger.error(`the disk is nearly full; ${content} are refused`, { ...space });
      } else {
        this.#logger.info(`the disk has room again; ${content} are taken`, { ...space });
      }
    } catch (error) {
      this.#logger.error(`the free space for ${content} cannot be read`, {
        error: describeError(error),
      });
    } finally {
      this.#isLooking = false;
    }
  }
}
