import { Injectable } from '@nestjs/common';
import type { Matcher } from '#libs/labels';
import { AppLogger, describeError } from '#libs/platform';
import {
  ArchiveClosedError,
  StoreUnavailableError,
  TieredStore,
  TombstoneLimitError,
} from '#libs/tsdb';
import { QueryApiError } from '../query/query-api-error.ts';

/** Deletes samples of the store. */
@Injectable()
export class Deletions {
  readonly #store: TieredStore;
  readonly #logger: AppLogger;
  #isCleaning = false;

  constructor(store: TieredStore, logger: AppLogger) {
    this.#store = store;
    this.#logger = logger;
  }

  /**
   * Deletes what fulfils all matchers of one of the sets, one set after the other.
   * @throws QueryApiError when the store is not open or refuses; sets before the one refused are deleted
   */
  async delete(sets: readonly (readonly Matcher[])[], minMs: number, maxMs: number): Promise<void> {
    for (const matchers of sets) {
      await this.#run(() => this.#store.deleteSamples(matchers, minMs, maxMs));
      this.#logger.info('samples deleted', { series: `{${matchers.join(',')}}`, minMs, maxMs });
    }
  }

  /** Writes blocks anew without what was deleted. @throws QueryApiError as above, and while another call does so */
  async clean(): Promise<void> {
    if (this.#isCleaning) {
      throw new QueryApiError('unavailable', 'tombstones are being cleaned already');
    }
    this.#isCleaning = true;
    try {
      await this.#run(() => this.#store.clean());
      this.#logger.info('tombstones cleaned', { left: this.#store.tombstones.length });
    } finally {
      this.#isCleaning = false;
    }
  }

  async #run(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (
        error instanceof StoreUnavailableError ||
        error instanceof ArchiveClosedError ||
        error instanceof TombstoneLimitError
      ) {
        throw new QueryApiError('unavailable', error.message, { cause: error });
      }
      this.#logger.error('samples could not be deleted', { error: describeError(error) });
      throw new QueryApiError('internal', `deleting failed: ${describeError(error)}`, {
        cause: error,
      });
    }
  }
}
