import { ForwardError } from './forward-error.ts';

/**
 * Finds where messages end in a stream that arrives in pieces. What was looked at is not looked at again, so that a
 * message in a thousand pieces takes no longer than one in a single piece.
 */
export class MessageSplitter {
  readonly #maxBytes: number;
  #bytes: Buffer = Buffer.alloc(0);
  #length = 0;
  /** Where the message under way begins, and up to where it was looked at. */
  #start = 0;
  #position = 0;
  /** Values that are still missing from the message. */
  #missing = 1;

  /** @param maxBytes of one message */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes kept because their message is not complete. */
  get pendingBytes(): number {
    return this.#length - this.#start;
  }

  /** Takes bytes. @throws ForwardError when a message is larger than accepted, or is none */
  push(piece: Uint8Array): void {
    this.#makeRoom(piece.length);
    this.#bytes.set(piece, this.#length);
    this.#length += piece.length;
  }

  /** The next complete message, valid until the next {@link push}; null when there is none. @throws ForwardError */
  next(): Buffer | null {
    while (this.#missing > 0) {
      const size = this.#sizeOfHeader();
      if (size === null) {
        this.#checkSize(this.#position);
        return null;
      }
      this.#checkSize(this.#position + size);
      if (this.#position + size > this.#length) return null;
      this.#missing += this.#items - 1;
      this.#position += size;
    }
    const message = this.#bytes.subarray(this.#start, this.#position);
    this.#start = this.#position;
    this.#missing = 1;
    return message;
  }

  #items = 0;

  /** How long the value or header at the position is, its items apart; null when that can't be told yet. */
  #sizeOfHeader(): number | null {
    const at = this.#position;
    if (at >= this.#length) return null;
    const byte = this.#bytes[at]!;
    this.#items = 0;
    if (byte < 0x80 || byte >= 0xe0) return 1;
    if (byte < 0xa0) {
      this.#items = byte < 0x90 ? (byte & 15) * 2 : byte & 15;
      return 1;
    }
    if (byte < 0xc0) return 1 + (byte & 31);
    const fixed = FIXED_SIZES[byte - 0xc0]!;
    if (fixed > 0) return fixed;
    if (fixed === 0) throw new ForwardError(`byte 0x${byte.toString(16)} begins no value`);
    const lengthBytes = byte >= 0xdc ? 2 << (byte & 1) : -fixed;
    if (at + 1 + lengthBytes > this.#length) return null;
    const length = this.#bytes.readUIntBE(at + 1, lengthBytes);
    if (byte >= 0xdc) {
      this.#items = byte >= 0xde ? length * 2 : length;
      return 1 + lengthBytes;
    }
    const isExtension = byte >= 0xc7 && byte <= 0xc9;
    return 1 + lengthBytes + (isExtension ? 1 : 0) + length;
  }

  #checkSize(end: number): void {
    // Each missing item takes a byte at least.
    if (end - this.#start + Math.max(0, this.#missing - 1) > this.#maxBytes) {
      throw new ForwardError(`a message of more than ${this.#maxBytes} bytes`);
    }
  }

  #makeRoom(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const pending = this.#length - this.#start;
    const needed = pending + count;
    const isLarger = needed > this.#bytes.length;
    // One large message is not to keep its room for as long as the connection lives.
    const isOversized = this.#bytes.length > LARGE_BYTES && needed * 8 < this.#bytes.length;
    const target =
      isLarger || isOversized
        ? Buffer.allocUnsafeSlow(Math.max(needed, isLarger ? this.#bytes.length * 2 : 0, 4096))
        : this.#bytes;
    this.#bytes.copy(target, 0, this.#start, this.#length);
    this.#bytes = target;
    this.#position -= this.#start;
    this.#length = pending;
    this.#start = 0;
  }
}

const LARGE_BYTES = 1024 * 1024;

/** From 0xc0 on: the size of values that always have the same, minus the bytes of the length of others, 0 for none. */
const FIXED_SIZES = [
  1, 0, 1, 1, -1, -2, -4, -1, -2, -4, 5, 9, 2, 3, 5, 9, 2, 3, 5, 9, 3, 4, 6, 10, 18, -1, -2, -4, -2,
  -4, -2, -4,
];
