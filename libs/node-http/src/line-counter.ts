import { HttpGetError } from './http-get-error.ts';

const NEWLINE = 10;
const HASH = 35;

/** Whether what is said of a body lets it be looked at by lines. */
export function isText(headers: ReadonlyMap<string, string>): boolean {
  return !(headers.get('content-type') ?? '').includes('protobuf');
}

/** Counts the lines of a text as it comes, in pieces, without those that begin with `#`. */
export class LineCounter {
  readonly #maxLines: number;
  #lines = 0;
  #isAtStart = true;

  constructor(maxLines: number) {
    this.#maxLines = maxLines;
  }

  /** @returns the error that ends the reading, or null */
  take(piece: Buffer): HttpGetError | null {
    if (this.#maxLines === Infinity) return null;
    let at = 0;
    while (at < piece.length) {
      if (this.#isAtStart && piece[at] !== HASH && piece[at] !== NEWLINE) this.#lines++;
      const end = piece.indexOf(NEWLINE, at);
      this.#isAtStart = end >= 0;
      if (end < 0) break;
      at = end + 1;
    }
    if (this.#lines <= this.#maxLines) return null;
    return new HttpGetError('too-many-lines', `more than ${this.#maxLines} lines`);
  }
}
