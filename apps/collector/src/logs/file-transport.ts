import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode } from '#libs/node-files';
import { jsonRecord } from './log-bodies.ts';
import type { LogChunk } from './log-chunk.ts';
import { entriesOf, isoText } from './log-entries.ts';
import type { LogDelivery, LogTransport } from './log-transport.ts';

export interface FileTransportOptions {
  readonly path: string;
  readonly format: 'json' | 'text';
  readonly maxBytes: number;
  readonly maxFiles: number;
}

const FLAGS =
  constants.O_WRONLY |
  constants.O_CREAT |
  constants.O_APPEND |
  constants.O_NOFOLLOW |
  constants.O_NONBLOCK;

/**
 * Chunks at the end of a file, on disk before they count as delivered. A file that is long enough is renamed; so one that
 * somebody else has renamed or removed is made anew.
 */
export class FileTransport implements LogTransport {
  readonly concurrency = 1;
  readonly #options: FileTransportOptions;

  constructor(options: FileTransportOptions) {
    this.#options = options;
  }

  async deliver(chunks: readonly LogChunk[]): Promise<LogDelivery> {
    try {
      await this.#append(Buffer.from(this.#linesOf(chunks)));
      return { kind: 'delivered' };
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      return { kind: 'retry', detail, afterMs: null };
    }
  }

  /** Every delivery has closed the file already. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  #linesOf(chunks: readonly LogChunk[]): string {
    const lines: string[] = [];
    for (const chunk of chunks) {
      for (const entry of entriesOf(chunk)) {
        lines.push(
          this.#options.format === 'json'
            ? JSON.stringify(jsonRecord(chunk.tag, entry))
            : `${isoText(entry)} ${chunk.tag} ${entry.message}`,
          '\n',
        );
      }
    }
    return lines.join('');
  }

  async #append(bytes: Buffer): Promise<void> {
    const { path, maxBytes } = this.#options;
    let handle = await this.#open();
    try {
      const { size } = await handle.stat();
      let start = size;
      if (size > 0 && size + bytes.length > maxBytes) {
        await handle.close();
        await this.#rotate();
        handle = await this.#open();
        start = 0;
      }
      try {
        await handle.writeFile(bytes);
        await handle.sync();
      } catch (error) {
        // Half a record would stand before the next ones.
        await handle.truncate(start).catch(() => {});
        throw error;
      }
    } finally {
      await handle.close();
    }
    if (this.#isNew) {
      await syncFolder(dirname(path));
      this.#isNew = false;
    }
  }

  #isNew = true;

  async #open(): Promise<FileHandle> {
    const { path } = this.#options;
    await mkdir(dirname(path), { recursive: true });
    const handle = await open(path, FLAGS, 0o640);
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
    throw new Error(`${path} is not a file`);
  }

  async #rotate(): Promise<void> {
    const { path, maxFiles } = this.#options;
    this.#isNew = true;
    if (maxFiles === 0) {
      await rm(path, { force: true });
      return;
    }
    for (let number = maxFiles - 1; number > 0; number--) {
      try {
        await rename(`${path}.${number}`, `${path}.${number + 1}`);
      } catch (error) {
        // Anything else, and the next rename would write over records.
        if (errorCode(error) !== 'ENOENT') throw error;
      }
    }
    await rename(path, `${path}.1`);
  }
}

/** A file's name is on disk when its folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
