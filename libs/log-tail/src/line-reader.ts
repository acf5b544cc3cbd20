import type { TailCounters } from './tail-counters.ts';
import { frameLines, LineColumns } from './line-batch.ts';
import type { TailedFile } from './tailed-file.ts';

/** Only one is read into at a time; another is there while a long line needs a larger one. */
const MAX_POOLED_BUFFERS = 2;
/** What has just been written to a file is in the kernel's memory; up to so much is read on the spot. */
const MAX_READ_NOW_BYTES = 64 * 1024;

export interface LineReadOptions {
  /** A longer line keeps its beginning. */
  readonly maxLineBytes: number;
  /** Where in the file to stop. */
  readonly limit: number;
  /** Take the last line also without its newline. */
  readonly isFinal: boolean;
}

/** Reads a chunk of a file, in memory that is used again, and moves the file's offset behind its last whole line. */
export class LineReader {
  readonly #chunkBytes: number;
  readonly #counters: TailCounters;
  readonly #handOut: (
    file: TailedFile,
    bytes: Buffer,
    columns: LineColumns,
    firstOffset: number,
  ) => void;
  readonly #buffers: Buffer[] = [];
  readonly #columns: LineColumns[] = [];

  /** @param handOut given the lines; what it is given is used again when it returns */
  constructor(
    chunkBytes: number,
    counters: TailCounters,
    handOut: (file: TailedFile, bytes: Buffer, columns: LineColumns, firstOffset: number) => void,
  ) {
    this.#chunkBytes = chunkBytes;
    this.#counters = counters;
    this.#handOut = handOut;
  }

  /** @returns whether there is more to read at once */
  async read(file: TailedFile, options: LineReadOptions): Promise<boolean> {
    const { maxLineBytes, limit, isFinal } = options;
    let buffer = this.#buffers.pop() ?? Buffer.allocUnsafeSlow(this.#chunkBytes);
    const columns = this.#columns.pop() ?? new LineColumns();
    columns.count = 0;
    let length = 0;
    let isFull = false;
    for (;;) {
      const position = file.offset + length;
      // The size is from a moment ago; what came since is little as well, or is read the next time.
      const isLittle = !file.handle.isArchive && file.sizeBytes - position <= MAX_READ_NOW_BYTES;
      const most = isLittle ? MAX_READ_NOW_BYTES * 2 : buffer.length;
      const wanted = Math.min(buffer.length - length, limit - position, most);
      const count = isLittle
        ? file.handle.readNow(buffer, length, wanted, position)
        : await file.handle.read(buffer, length, wanted, position);
      length += count;
      isFull = count === wanted;
      if (length < buffer.length || length > maxLineBytes || file.isInsideLongLine) break;
      if (buffer.indexOf(10) >= 0) break;
      // One line fills the buffer: look at more of it, up to the longest that is taken.
      const larger = Buffer.allocUnsafeSlow(Math.min(buffer.length * 2, maxLineBytes + 1 + 4096));
      buffer.copy(larger);
      buffer = larger;
    }
    // Old contents of the buffer lie behind `length` and must not be taken for lines.
    const result = frameLines(buffer, length, columns, {
      maxLineBytes,
      isInsideLongLine: file.isInsideLongLine,
      isFinal,
    });
    const counters = this.#counters;
    counters.readBytes += result.consumed;
    counters.readLines += columns.count;
    counters.truncatedLines += result.truncatedLines;
    counters.truncatedBytes += result.truncatedBytes;
    const firstOffset = file.offset;
    file.scannedOffset = firstOffset + length;
    // A short read is the end of the file, whatever its size was a moment ago.
    file.sizeBytes = isFull ? Math.max(file.sizeBytes, file.scannedOffset) : file.scannedOffset;
    file.offset = firstOffset + result.consumed;
    file.isInsideLongLine = result.isInsideLongLine;
    if (result.consumed > 0) this.#handOut(file, buffer, columns, firstOffset);
    this.#recycle(buffer, columns);
    return isFull && !isFinal;
  }

  #recycle(buffer: Buffer, columns: LineColumns): void {
    if (this.#buffers.length >= MAX_POOLED_BUFFERS || buffer.length !== this.#chunkBytes) return;
    this.#buffers.push(buffer);
    this.#columns.push(columns);
  }
}
