import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Labels } from '#libs/labels';
import {
  DataDirectoryError,
  describeFileError,
  type DirectoryLock,
  FileBlockFiles,
  lockDirectory,
  syncDirectory,
} from '#libs/node-files';
import { NO_PAUSES } from '#libs/pace';
import {
  BlockArchive,
  BlockImport,
  DEFAULT_HEAD_OPTIONS,
  DEFAULT_IMPORT_OPTIONS,
} from '#libs/tsdb';
import type { ImportTarget } from './import-target.ts';

/** The data directory of an engine that does not run, or of one that is yet to be started. */
export class BlockTarget implements ImportTarget {
  readonly #lock: DirectoryLock;
  readonly #archive: BlockArchive;
  readonly #import: BlockImport;
  readonly #rejected = new Map<string, { samples: number; readonly first: string }>();
  #isClosed = false;

  private constructor(lock: DirectoryLock, archive: BlockArchive, nowMs: number) {
    this.#lock = lock;
    this.#archive = archive;
    const maxTimeMs = nowMs + DEFAULT_HEAD_OPTIONS.futureToleranceMs;
    const options = { ...DEFAULT_IMPORT_OPTIONS, maxTimeMs };
    this.#import = new BlockImport(archive, NO_PAUSES, options, DEFAULT_HEAD_OPTIONS);
  }

  /** @throws DataDirectoryError when it is none, or an engine has it open */
  static async open(data: string, nowMs: number): Promise<BlockTarget> {
    const metrics = join(data, 'metrics');
    let names: string[];
    try {
      names = await readdir(data);
    } catch (error) {
      throw new DataDirectoryError(`no data directory in ${data}: ${describeFileError(error)}`);
    }
    if (names.length > 0 && !names.includes('metrics')) {
      throw new DataDirectoryError(`${data} is neither an engine's data directory nor empty`);
    }
    const lock = await lockDirectory(data);
    try {
      await mkdir(join(metrics, 'blocks'), { recursive: true });
      await syncDirectory(data);
      await syncDirectory(metrics);
      const archive = new BlockArchive(new FileBlockFiles(join(metrics, 'blocks')), NO_PAUSES);
      await archive.open();
      return new BlockTarget(lock, archive, nowMs);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  add(labels: Labels, timeMs: number, values: Float64Array, line: () => number): boolean {
    const reason = this.#import.add(labels, timeMs, values, 0);
    if (reason !== null) {
      const known = this.#rejected.get(reason);
      if (known !== undefined) known.samples++;
      else this.#rejected.set(reason, { samples: 1, first: `line ${line()}, ${shown(labels)}` });
    }
    return this.#import.isFull;
  }

  drain(): Promise<void> {
    return this.#import.flush();
  }

  async finish(): Promise<void> {
    await this.#import.flush();
  }

  describe(): string {
    return `${this.#import.counts.written} samples in blocks`;
  }

  remarks(): readonly string[] {
    const { written, repeated, oldestMs, youngestMs } = this.#import.counts;
    const remarks: string[] = [];
    if (repeated > 0) remarks.push(`${repeated} samples of a time that their series has already`);
    if (written > 0) {
      remarks.push(
        `they are from ${shownTime(oldestMs)} to ${shownTime(youngestMs)}; the engine drops what is older than its storage.retention_time when it starts`,
      );
    }
    return remarks;
  }

  problems(): readonly string[] {
    return Array.from(
      this.#rejected,
      ([reason, { samples, first }]) =>
        `${samples} samples were not taken: ${reason.replaceAll('_', ' ')}, first at ${first}`,
    );
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#archive.close();
    await this.#lock.release();
  }
}

function shownTime(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

function shown(labels: Labels): string {
  return labels.toString().slice(0, 200);
}
