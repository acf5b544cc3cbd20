/** A line of a watch that is longer than any object may be. */
export class WatchLineTooLongError extends Error {
  override readonly name = 'WatchLineTooLongError';
}

const NEWLINE = 0x0a;

/** Cuts the chunks of a watch into lines, one JSON value each, and never holds more than one line's bound. */
export class WatchFramer {
  readonly #maxLineBytes: number;
  #pieces: Buffer[] = [];
  #heldBytes = 0;

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /**
   * Takes a chunk, which may change afterwards.
   * @returns the lines that are complete now, without empty ones
   * @throws WatchLineTooLongError; the stream is of no use afterwards
   */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const line = this.#complete(chunk.subarray(start, end));
      if (line.trim() !== '') lines.push(line);
      start = end + 1;
    }
    if (start < chunk.length) {
      const rest = Buffer.from(chunk.subarray(start));
      this.#check(rest.length);
      this.#pieces.push(rest);
      this.#heldBytes += rest.length;
    }
    return lines;
  }

  #complete(last: Buffer): string {
    this.#check(last.length);
    if (this.#pieces.length === 0) return last.toString('utf8');
    const line = Buffer.concat([...this.#pieces, last], this.#heldBytes + last.length);
    this.#pieces = [];
    this.#heldBytes = 0;
    return line.toString('utf8');
  }

  #check(moreBytes: number): void {
    const bytes = this.#heldBytes + moreBytes;
    if (bytes <= this.#maxLineBytes) return;
    throw new WatchLineTooLongError(
      `a line of a watch has more than ${this.#maxLineBytes} bytes; no object is that large`,
    );
  }
}
