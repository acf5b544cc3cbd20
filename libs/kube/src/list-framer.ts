import { KubeObjectError } from './decode.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;

/** What the text of a list around its items has at most: its versions and its `continue`. */
const MAX_ENVELOPE_BYTES = 256 * 1024;
/** More of a key than it takes to know that it is not `items`. */
const MAX_KEY_LENGTH = 16;

/**
 * Takes the answer to a list as it comes and gives its items one by one, so that never more than one item of fifty thousand
 * is in memory as JSON; what stands around the items is given at the end. It looks at brackets and quotes only; that items
 * are JSON is for whoever parses them.
 */
export class ListFramer {
  readonly #maxItemBytes: number;
  readonly #onItem: (json: string) => void;
  /** Of the item or of the envelope that a chunk ended in. */
  #pieces: Buffer[] = [];
  #heldBytes = 0;
  readonly #envelope: Buffer[] = [];
  #envelopeBytes = 0;
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  /** The last text at the depth of the list's own keys, as far as it may be `items`. */
  #key = '';
  #isReadingKey = false;
  #areItems = false;

  constructor(maxItemBytes: number, onItem: (json: string) => void) {
    this.#maxItemBytes = maxItemBytes;
    this.#onItem = onItem;
  }

  /**
   * Takes a chunk, which may change afterwards.
   * @throws KubeObjectError, and what `onItem` throws; the stream is of no use afterwards
   */
  push(chunk: Buffer): void {
    let start = 0;
    for (let at = this.#skipText(chunk, 0); at < chunk.length; at++) {
      const byte = chunk[at]!;
      switch (byte) {
        case QUOTE:
          if (this.#areItems && this.#depth === 2) this.#checkBetween(byte);
          this.#isInString = true;
          this.#isReadingKey = this.#depth === 1;
          if (this.#isReadingKey) this.#key = '';
          at = this.#skipText(chunk, at + 1) - 1;
          break;
        case OPEN_BRACE:
        case OPEN_BRACKET:
          this.#depth++;
          if (this.#areItems && this.#depth === 3) {
            // Commas and blanks between two items are nobody's.
            start = at;
            this.#forgetHeld();
          } else if (this.#depth === 2 && byte === OPEN_BRACKET && this.#key === 'items') {
            this.#areItems = true;
            this.#takeEnvelope(chunk.subarray(start, at + 1));
            start = at + 1;
          }
          break;
        case CLOSE_BRACE:
        case CLOSE_BRACKET:
          this.#depth--;
          if (this.#depth < 0) throw new KubeObjectError('expected a list of objects as JSON');
          if (!this.#areItems) break;
          if (this.#depth === 2) {
            this.#item(chunk.subarray(start, at + 1));
            start = at + 1;
          } else if (this.#depth === 1) {
            this.#areItems = false;
            this.#key = '';
            this.#forgetHeld();
            start = at;
          }
          break;
        default:
          if (this.#areItems && this.#depth === 2) this.#checkBetween(byte);
      }
    }
    this.#hold(chunk.subarray(start));
  }

  /**
   * The list without its items.
   * @throws KubeObjectError where the answer broke off
   */
  end(): string {
    if (this.#depth !== 0 || this.#isInString) {
      throw new KubeObjectError('the answer broke off within a list');
    }
    return Buffer.concat(this.#envelope, this.#envelopeBytes).toString('utf8');
  }

  /**
   * Where the text ends that `from` is in.
   * @returns the place behind its quote, the end of the chunk where it goes on, `from` where it is in no text
   */
  #skipText(chunk: Buffer, from: number): number {
    if (!this.#isInString) return from;
    let isEscaped = this.#isEscaped;
    let at = from;
    for (; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (isEscaped) isEscaped = false;
      else if (byte === BACKSLASH) isEscaped = true;
      else if (byte === QUOTE) break;
    }
    this.#isEscaped = isEscaped;
    if (this.#isReadingKey && this.#key.length < MAX_KEY_LENGTH) {
      this.#key += chunk.toString('latin1', from, Math.min(at, from + MAX_KEY_LENGTH));
    }
    if (at === chunk.length) return at;
    this.#isInString = false;
    this.#isReadingKey = false;
    return at + 1;
  }

  /** What is neither an item nor between two, such as `null` or a number. */
  #checkBetween(byte: number): void {
    if (byte === COMMA || byte <= 0x20) return;
    throw new KubeObjectError('expected items that are objects');
  }

  #item(last: Buffer): void {
    this.#checkItem(last.length);
    const json =
      this.#pieces.length === 0
        ? last.toString('utf8')
        : Buffer.concat([...this.#pieces, last], this.#heldBytes + last.length).toString('utf8');
    this.#forgetHeld();
    this.#onItem(json);
  }

  #hold(rest: Buffer): void {
    if (rest.length === 0) return;
    if (!this.#areItems) {
      this.#takeEnvelope(rest);
      return;
    }
    // Between two items there is nothing to keep.
    if (this.#depth < 3) return;
    this.#checkItem(rest.length);
    this.#pieces.push(Buffer.from(rest));
    this.#heldBytes += rest.length;
  }

  #forgetHeld(): void {
    this.#pieces = [];
    this.#heldBytes = 0;
  }

  #checkItem(moreBytes: number): void {
    if (this.#heldBytes + moreBytes <= this.#maxItemBytes) return;
    throw new KubeObjectError(
      `an object of a list has more than ${this.#maxItemBytes} bytes; no object is that large`,
    );
  }

  #takeEnvelope(bytes: Buffer): void {
    this.#envelopeBytes += bytes.length;
    if (this.#envelopeBytes > MAX_ENVELOPE_BYTES) {
      throw new KubeObjectError(
        `an answer with more than ${MAX_ENVELOPE_BYTES} bytes around the objects of a list`,
      );
    }
    this.#envelope.push(Buffer.from(bytes));
  }
}
