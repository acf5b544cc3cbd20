import { createReadStream } from 'node:fs';
import { appendFile, mkdir, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MsgpackReader } from '#libs/forward';
import { errorCode } from '#libs/node-files';
import type { LogChunk } from './log-chunk.ts';

const MAX_BYTES = 8 * 1024 * 1024;

/**
 * Records that a receiver did not want, one JSON object a line, for somebody to look at. The file and the one before it
 * have at most 8 MiB each.
 */
export class DeadLetterFile {
  readonly #path: string;
  readonly #overwritten: (records: number) => void;
  #last: Promise<void> = Promise.resolve();

  /** @param overwritten told of records that make room for others */
  constructor(path: string, overwritten: (records: number) => void = () => {}) {
    this.#path = path;
    this.#overwritten = overwritten;
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
      const overwritten = await countLines(`${this.#path}.1`);
      await rename(this.#path, `${this.#path}.1`);
      if (overwritten > 0) this.#overwritten(overwritten);
    }
    await appendFile(this.#path, lines);
  }
}

/** Lines of a file; none of one that there is not. */
async function countLines(path: string): Promise<number> {
  let lines = 0;
  try {
    for await (const bytes of createReadStream(path) as AsyncIterable<Buffer>) {
      for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines++;
    }
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
  return lines;
}
