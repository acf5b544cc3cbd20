import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { SetAsideSegment, SpoolFiles, SpoolSegmentFile } from '#libs/spool';
import { syncDirectory, writeFileAtomically } from './atomic-file.ts';
import { errorCode } from './error-code.ts';

const SEGMENT_NAME = /^(\d{12})\.spool$/;
const ASIDE_NAME = /^(\d{12})\.from-(\d{1,15})\.newer$/;
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
      // What an earlier run was writing when it was killed.
      if (name.endsWith('.tmp')) await rm(join(this.#folder, name), { force: true });
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

  async replace(segment: number, bytes: readonly Uint8Array[]): Promise<void> {
    await writeFileAtomically(this.#path(segment), Buffer.concat(bytes));
  }

  read(segment: number, offset: number, length: number): Promise<Buffer> {
    return readPart(this.#path(segment), offset, length);
  }

  async remove(segment: number): Promise<void> {
    await rm(this.#path(segment), { force: true });
  }

  async setAside(segment: number, fromOffset: number): Promise<void> {
    await rename(this.#path(segment), join(this.#folder, asideName(segment, fromOffset)));
    await syncDirectory(this.#folder);
  }

  async listAside(): Promise<readonly SetAsideSegment[]> {
    const aside: SetAsideSegment[] = [];
    for (const name of (await readdir(this.#folder)).toSorted()) {
      const match = ASIDE_NAME.exec(name);
      if (match === null) continue;
      const { size } = await stat(join(this.#folder, name));
      aside.push({
        name,
        number: Number(match[1]),
        fromOffset: Number(match[2]),
        sizeBytes: size,
      });
    }
    return aside;
  }

  readAside(name: string, offset: number, length: number): Promise<Buffer> {
    return readPart(join(this.#folder, name), offset, length);
  }

  async removeAside(name: string): Promise<void> {
    await rm(join(this.#folder, name), { force: true });
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
    return join(this.#folder, `${numberText(segment)}.spool`);
  }
}

function numberText(segment: number): string {
  return String(segment).padStart(12, '0');
}

function asideName(segment: number, fromOffset: number): string {
  return `${numberText(segment)}.from-${fromOffset}.newer`;
}

/** Up to `length` bytes of a file at `offset`; none of one that is gone. */
async function readPart(path: string, offset: number, length: number): Promise<Buffer> {
  const file = await open(path, 'r').catch((error: unknown) => {
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
