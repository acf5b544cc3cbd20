import { mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { SpoolFiles, SpoolSegmentFile } from '#libs/spool';
import { syncDirectory, writeFileAtomically } from './atomic-file.ts';
import { errorCode } from './error-code.ts';

const SEGMENT_NAME = /^(\d{12})\.spool$/;
const CURSOR_NAME = 'cursor';

/** A spool's segments in a folder of its own, and its cursor beside them. */
export class FileSpoolFiles implements SpoolFiles {
  readonly #folder: string;

  /** @param folder made when it is missing */
  constructor(folder: string) {
    this.#folder = folder;
  }

  async list(): Promise<readonly SpoolSegmentFile[]> {
    await mkdir(this.#folder, { recursive: true });
    const segments: SpoolSegmentFile[] = [];
    for (const name of await readdir(this.#folder)) {
      const match = SEGMENT_NAME.exec(name);
      if (match === null) continue;
      const { size } = await stat(join(this.#folder, name));
      segments.push({ number: Number(match[1]), sizeBytes: size });
    }
    return segments;
  }

  async append(segment: number, bytes: readonly Uint8Array[]): Promise<void> {
    const file = await open(this.#path(segment), 'a');
    try {
      const isNew = (await file.stat()).size === 0;
      await file.writeFile(Buffer.concat(bytes));
      await file.datasync();
      if (isNew) await syncDirectory(this.#folder);
    } finally {
      await file.close();
    }
  }

  async read(segment: number, offset: number, length: number): Promise<Buffer> {
    const file = await open(this.#path(segment), 'r').catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return null;
      throw error;
    });
    if (file === null) return Buffer.alloc(0);
    try {
      const buffer = Buffer.allocUnsafeSlow(length);
      const { bytesRead } = await file.read(buffer, 0, length, offset);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }

  async remove(segment: number): Promise<void> {
    await rm(this.#path(segment), { force: true });
  }

  async loadCursor(): Promise<string | null> {
    try {
      return await readFile(join(this.#folder, CURSOR_NAME), 'utf8');
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return null;
      throw error;
    }
  }

  async saveCursor(text: string): Promise<void> {
    await writeFileAtomically(join(this.#folder, CURSOR_NAME), text);
  }

  #path(segment: number): string {
    return join(this.#folder, `${String(segment).padStart(12, '0')}.spool`);
  }
}
