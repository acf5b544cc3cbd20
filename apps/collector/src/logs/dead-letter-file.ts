import { appendFile, mkdir, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MsgpackReader } from '#libs/forward';
import type { LogChunk } from './log-chunk.ts';

const MAX_BYTES = 8 * 1024 * 1024;

/**
 * Records that a receiver did not want, one JSON object a line, for somebody to look at. The file and the one before it
 * have at most 8 MiB each.
 */
export class DeadLetterFile {
  readonly #path: string;
  #last: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** @param reason what the receiver said, in a line */
  add(chunk: LogChunk, reason: string): Promise<void> {
    const reader = new MsgpackReader(chunk.entries);
    let lines = '';
    while (!reader.isAtEnd) {
      const entry = reader.readValue();
      const record = Array.isArray(entry) ? (entry[1] as unknown) : entry;
      lines += `${JSON.stringify({ tag: chunk.tag, reason, record })}\n`;
    }
    const added = this.#last.then(() => this.#append(lines));
    this.#last = added.catch(() => {});
    return added;
  }

  async #append(lines: string): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true });
    const size = await stat(this.#path).then(
      (found) => found.size,
      () => 0,
    );
    if (size + lines.length > MAX_BYTES && size > 0) {
      await rename(this.#path, `${this.#path}.1`);
    }
    await appendFile(this.#path, lines);
  }
}
