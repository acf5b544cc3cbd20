import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlockFileInfo, BlockSink } from '#libs/block-files';
import { FileBlockFiles } from './file-block-files.ts';
import { FileSegmentStore } from './file-segment-store.ts';

/** Segments to be looked at, perhaps while an engine writes them: nothing is cut, copied or removed. */
export class ReadOnlySegmentStore extends FileSegmentStore {
  override create(): Promise<void> {
    return Promise.reject(new Error('these segments are only looked at'));
  }
  override async truncate(): Promise<void> {}
  override async setAside(): Promise<void> {}
  override async remove(): Promise<void> {}
}

/** Blocks to be looked at, perhaps while an engine has them open: nothing is written, renamed or removed. */
export class ReadOnlyBlockFiles extends FileBlockFiles {
  readonly #folder: string;

  constructor(directory: string) {
    super(directory);
    this.#folder = directory;
  }

  override async list(): Promise<readonly BlockFileInfo[]> {
    const names = (await readdir(this.#folder)).filter((name) => name.endsWith('.block'));
    const blocks: BlockFileInfo[] = [];
    for (const name of names.toSorted()) {
      blocks.push({ name, bytes: (await stat(join(this.#folder, name))).size });
    }
    return blocks;
  }

  override create(): Promise<BlockSink> {
    return Promise.reject(new Error('these blocks are only looked at'));
  }
  override async remove(): Promise<void> {}
  override async setAside(): Promise<void> {}
  override async writeMarks(): Promise<void> {}
}
