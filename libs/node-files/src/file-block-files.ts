import { type FileHandle, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlockFileInfo, BlockFiles, BlockHandle, BlockSink } from '#libs/block-files';
import { syncDirectory, writeFileAtomically } from './atomic-file.ts';
import { errorCode } from './error-code.ts';

const BLOCK_SUFFIX = '.block';
const PARTIAL_SUFFIX = '.block.tmp';
const MARKS_FILE = 'marks.json';
const MAX_MARKS_BYTES = 1_024 * 1_024;

/** Blocks as files in one directory, which must exist. Files with other endings are left alone. */
export class FileBlockFiles implements BlockFiles {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Also removes what an interrupted write has left. */
  async list(): Promise<readonly BlockFileInfo[]> {
    const blocks: BlockFileInfo[] = [];
    for (const name of await readdir(this.#directory)) {
      const path = join(this.#directory, name);
      if (name.endsWith(PARTIAL_SUFFIX)) await rm(path, { force: true });
      else if (name.endsWith(BLOCK_SUFFIX)) blocks.push({ name, bytes: (await stat(path)).size });
    }
    return blocks.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  async create(name: string): Promise<BlockSink> {
    const path = join(this.#directory, name);
    const partial = `${path}.tmp`;
    const handle = await open(partial, 'w');
    let isOpen = true;
    const close = async (): Promise<void> => {
      if (!isOpen) return;
      isOpen = false;
      await handle.close();
    };
    return {
      append: (bytes) => writeAll(handle, bytes),
      commit: async () => {
        await handle.sync();
        await close();
        await rename(partial, path);
        await syncDirectory(this.#directory);
      },
      abort: async () => {
        await close();
        await rm(partial, { force: true });
      },
    };
  }

  async open(name: string): Promise<BlockHandle> {
    const handle = await open(join(this.#directory, name), 'r');
    const { size } = await handle.stat();
    return {
      bytes: size,
      read: (offset, length) => readExactly(handle, name, offset, length),
      close: () => handle.close(),
    };
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.#directory, name), { force: true });
    await syncDirectory(this.#directory);
  }

  async setAside(name: string): Promise<void> {
    const path = join(this.#directory, name);
    const taken = new Set(await readdir(this.#directory));
    let aside = `${name}.corrupt`;
    // A number may be given out again once its block is set aside; what was kept then stays.
    for (let count = 2; taken.has(aside); count++) aside = `${name}.${count}.corrupt`;
    await rename(path, join(this.#directory, aside));
    await syncDirectory(this.#directory);
  }

  async readMarks(): Promise<string | null> {
    const path = join(this.#directory, MARKS_FILE);
    try {
      if ((await stat(path)).size > MAX_MARKS_BYTES) return null;
      return await readFile(path, 'utf8');
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return null;
      throw error;
    }
  }

  async writeMarks(text: string): Promise<void> {
    await writeFileAtomically(join(this.#directory, MARKS_FILE), text);
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written);
    written += bytesWritten;
  }
}

async function readExactly(
  handle: FileHandle,
  name: string,
  offset: number,
  length: number,
): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let read = 0;
  while (read < length) {
    const { bytesRead } = await handle.read(bytes, read, length - read, offset + read);
    if (bytesRead === 0) throw new Error(`${name} ends before byte ${offset + length}`);
    read += bytesRead;
  }
  return bytes;
}
