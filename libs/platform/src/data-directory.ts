import type { OnApplicationShutdown } from '@nestjs/common';
import { resolve } from 'node:path';
import {
  DataDirectoryError,
  type DirectoryLock,
  ensureDataDirectory,
  lockDirectory,
} from '#libs/node-files';
import { PlainError } from './plain-error.ts';

/**
 * The directory that this process alone writes to. Whoever keeps something in it registers how that is closed; the
 * directory is given back when all of that is done.
 */
export class DataDirectory implements OnApplicationShutdown {
  readonly path: string;
  readonly #lock: DirectoryLock;
  readonly #closers: (() => Promise<void>)[] = [];
  #closing: Promise<void> | null = null;

  private constructor(path: string, lock: DirectoryLock) {
    this.path = path;
    this.#lock = lock;
  }

  /** @throws PlainError when it cannot be written to or another process has it */
  static async open(path: string): Promise<DataDirectory> {
    const directory = resolve(path);
    try {
      await ensureDataDirectory(directory);
      return new DataDirectory(directory, await lockDirectory(directory));
    } catch (error) {
      if (error instanceof DataDirectoryError)
        throw new PlainError(error.message, { cause: error });
      throw error;
    }
  }

  /** Has `close` called before the directory is given back, the last one registered first. */
  beforeRelease(close: () => Promise<void>): void {
    this.#closers.unshift(close);
  }

  onApplicationShutdown(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const failures: unknown[] = [];
    for (const close of this.#closers)
      await close().catch((error: unknown) => failures.push(error));
    await this.#lock.release();
    if (failures.length > 0) throw new AggregateError(failures, 'the data directory did not close');
  }
}
