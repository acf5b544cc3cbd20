import { randomBytes } from 'node:crypto';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { FileSnapshots } from '#libs/node-files';
import { AppLogger, describeError } from '#libs/platform';
import { ArchiveClosedError, StoreUnavailableError, TieredStore } from '#libs/tsdb';
import { QueryApiError } from '../query/query-api-error.ts';

/** Copies of the store that an engine can be started with: `snapshots/NAME` under the data directory. */
@Injectable()
export class Snapshots implements OnModuleInit {
  readonly #files: FileSnapshots;
  readonly #store: TieredStore;
  readonly #logger: AppLogger;
  #isTaking = false;

  constructor(files: FileSnapshots, store: TieredStore, logger: AppLogger) {
    this.#files = files;
    this.#store = store;
    this.#logger = logger;
  }

  async onModuleInit(): Promise<void> {
    try {
      await this.#files.clear();
    } catch (error) {
      this.#logger.error('what is left of an interrupted snapshot cannot be removed', {
        error: describeError(error),
      });
    }
  }

  /**
   * Takes one. @returns its name
   * @throws QueryApiError when the store is not open, the disk is nearly full, or another one is being taken
   */
  async take(skipsMemory: boolean): Promise<string> {
    const unavailable = this.#store.unavailability();
    if (unavailable?.code === 'disk_full')
      throw new QueryApiError('unavailable', unavailable.message);
    if (this.#isTaking) throw new QueryApiError('unavailable', 'another snapshot is being taken');
    this.#isTaking = true;
    const startedMs = performance.now();
    try {
      const name = snapshotName(new Date(), randomBytes(8));
      await this.#store.copyTo(await this.#files.begin(name), skipsMemory);
      const seconds = (performance.now() - startedMs) / 1000;
      this.#logger.info('snapshot taken', { name, seconds });
      return name;
    } catch (error) {
      if (error instanceof StoreUnavailableError || error instanceof ArchiveClosedError) {
        throw new QueryApiError('unavailable', error.message, { cause: error });
      }
      this.#logger.error('a snapshot could not be taken', { error: describeError(error) });
      throw new QueryApiError('internal', `the snapshot failed: ${describeError(error)}`, {
        cause: error,
      });
    } finally {
      this.#isTaking = false;
    }
  }
}

/** As Prometheus names them: the time to the second, and what makes it one of a kind. */
function snapshotName(time: Date, unique: Buffer): string {
  const seconds = time.toISOString().slice(0, 19).replaceAll(/[-:]/g, '');
  return `${seconds}Z-${unique.toString('hex')}`;
}
