import { constants } from 'node:fs';
import { copyFile, link, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { BlockCopy } from '#libs/block-files';
import { syncDirectory } from './atomic-file.ts';
import { errorCode } from './error-code.ts';
import { FileBlockFiles } from './file-block-files.ts';

const PARTIAL_SUFFIX = '.tmp';
/** What a file system says that has no hard links, or none to there. */
const NO_LINK = new Set(['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/**
 * Copies of a store's blocks, each a directory of its own in one directory. Blocks never change, so a copy shares their
 * files by hard links where the file system has them. An unfinished one ends in `.tmp`.
 */
export class FileSnapshots {
  readonly #directory: string;
  readonly #blocks: string;
  readonly #inside: readonly string[];
  readonly #link: typeof link;

  /**
   * @param directory where the copies are made; it need not exist
   * @param blocks the directory of the store's blocks
   * @param inside where blocks lie within a copy, from its top down
   * @param makeLink how a hard link is made
   */
  constructor(
    directory: string,
    blocks: string,
    inside: readonly string[],
    makeLink: typeof link = link,
  ) {
    this.#directory = directory;
    this.#blocks = blocks;
    this.#inside = inside;
    this.#link = makeLink;
  }

  /** Removes what interrupted copies have left. */
  async clear(): Promise<void> {
    let names: string[] = [];
    try {
      names = await readdir(this.#directory);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
    for (const name of names) {
      if (!name.endsWith(PARTIAL_SUFFIX)) continue;
      await rm(join(this.#directory, name), { recursive: true, force: true });
    }
  }

  /** Begins a copy with a name that no other one has. */
  async begin(name: string): Promise<BlockCopy> {
    const partial = join(this.#directory, name + PARTIAL_SUFFIX);
    const folders = this.#inside.map((_, i) => join(partial, ...this.#inside.slice(0, i + 1)));
    const blocks = folders.at(-1) ?? partial;
    await mkdir(blocks, { recursive: true });
    return {
      files: new FileBlockFiles(blocks),
      take: (block) => this.#linkOrCopy(join(this.#blocks, block), join(blocks, block)),
      commit: async () => {
        for (const folder of [...folders.toReversed(), partial]) await syncDirectory(folder);
        await rename(partial, join(this.#directory, name));
        await syncDirectory(this.#directory);
        await syncDirectory(dirname(this.#directory));
      },
      abort: () => rm(partial, { recursive: true, force: true }),
    };
  }

  async #linkOrCopy(from: string, to: string): Promise<void> {
    try {
      await this.#link(from, to);
      return;
    } catch (error) {
      if (!NO_LINK.has(errorCode(error))) throw error;
    }
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    const handle = await open(to, 'r+');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}
