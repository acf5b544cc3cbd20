import { LinearSearch } from '#libs/labels';
import { MAX_MATCHED_BYTES } from './pattern-parser.ts';

const META = /[\\^$.|?*+()[\]{}]/;

/** A pattern that is looked for in the bytes of messages. One without operators is looked up as it is, which is much faster. */
export class BytePattern {
  readonly pattern: string;
  readonly #literal: Buffer | null;
  readonly #search: LinearSearch | null;

  /** @throws RegExpSyntaxError */
  constructor(pattern: string) {
    this.pattern = pattern;
    this.#literal = META.test(pattern) ? null : Buffer.from(pattern);
    this.#search = this.#literal === null ? new LinearSearch(pattern) : null;
  }

  /** Whether it is in `bytes[start]` up to `bytes[end]`, of which the first 32 KiB count. */
  test(bytes: Buffer, start: number, end: number): boolean {
    const searched = bytes.subarray(start, Math.min(end, start + MAX_MATCHED_BYTES));
    return this.#literal === null
      ? this.#search!.testBytes(searched)
      : searched.includes(this.#literal);
  }
}
