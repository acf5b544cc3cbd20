import { constants } from 'node:fs';
import {
  copyFile,
  type FileHandle,
  open,
  readdir,
  rename,
  rm,
  stat,
  statfs,
} from 'node:fs/promises';
import { join } from 'node:path';
import type { DiskSpace, SegmentInfo, SegmentStore } from '#libs/record-log';
import { syncDirectory } from './atomic-file.ts';
import { errorCode } from './error-code.ts';

const SEGMENT_NAME = /^(\d{8,15})\.log$/;
const READ_BYTES = 1_024 * 1_024;

/** Segments as files `00000001.log`, … in one directory, which must exist. Other files there are left alone. */
export class FileSegmentStore implements SegmentStore {
  readonly #directory: string;
  readonly #handles = new Map<number, FileHandle>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  async list(): Promise<readonly SegmentInfo[]> {
    const segments: SegmentInfo[] = [];
    for (const name of await readdir(this.#directory)) {
      const match = SEGMENT_NAME.exec(name);
      if (match === null) continue;
      const { size } = await stat(join(this.#directory, name));
      segments.push({ sequence: Number(match[1]), bytes: size });
    }
    return segments.toSorted((a, b) => a.sequence - b.sequence);
  }

  async create(sequence: number): Promise<void> {
    const handle = await open(this.#pathOf(sequence), 'ax');
    try {
      await syncDirectory(this.#directory);
    } catch (error) {
      // Nobody will ask for a segment that was not made.
      await handle.close().catch(() => undefined);
      await rm(this.#pathOf(sequence), { force: true }).catch(() => undefined);
      throw error;
    }
    this.#handles.set(sequence, handle);
  }

  async append(sequence: number, bytes: Uint8Array): Promise<void> {
    const handle = this.#handleOf(sequence);
    let written = 0;
    while (written < bytes.length) {
      const { bytesWritten } = await handle.write(bytes, written, bytes.length - written);
      written += bytesWritten;
    }
  }

  async sync(sequence: number): Promise<void> {
    await this.#handleOf(sequence).datasync();
  }

  async close(sequence: number): Promise<void> {
    const handle = this.#handles.get(sequence);
    this.#handles.delete(sequence);
    await handle?.close();
  }

  async *read(sequence: number): AsyncIterable<Uint8Array> {
    const handle = await open(this.#pathOf(sequence), 'r');
    const chunk = Buffer.allocUnsafe(READ_BYTES);
    try {
      for (;;) {
        const { bytesRead } = await handle.read(chunk, 0, READ_BYTES);
        if (bytesRead === 0) return;
        yield chunk.subarray(0, bytesRead);
      }
    } finally {
      await handle.close();
    }
  }

  async truncate(sequence: number, bytes: number): Promise<void> {
    const handle = await open(this.#pathOf(sequence), 'r+');
    try {
      await handle.truncate(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async setAside(sequence: number): Promise<void> {
    const path = this.#pathOf(sequence);
    const aside = `${path}.corrupt`;
    if (await exists(aside)) return;
    const partial = `${aside}.tmp`;
    await copyFile(path, partial, constants.COPYFILE_FICLONE);
    const handle = await open(partial, 'r+');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partial, aside);
    await syncDirectory(this.#directory);
  }

  async remove(sequence: number): Promise<void> {
    await rm(this.#pathOf(sequence), { force: true });
    await syncDirectory(this.#directory);
  }

  async space(): Promise<DiskSpace> {
    const { bavail, blocks, bsize } = await statfs(this.#directory);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  }

  #pathOf(sequence: number): string {
    return join(this.#directory, `${String(sequence).padStart(8, '0')}.log`);
  }

  #handleOf(sequence: number): FileHandle {
    const handle = this.#handles.get(sequence);
    if (handle === undefined) throw new Error(`segment ${sequence} is not open for writing`);
    return handle;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
