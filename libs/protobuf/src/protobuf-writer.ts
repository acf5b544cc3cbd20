const FIRST_SIZE = 64 * 1024;
/** Tags of fields 1 and 2 with bytes. */
const FIRST_STRING = 0x0a;
const SECOND_STRING = 0x12;
const TWO_32 = 0x1_0000_0000;
/** Above this length the native encoder is faster than a loop over characters. */
const MAX_LOOPED_STRING = 48;

/** Writes a protocol-buffers message into a growing buffer that it keeps from message to message. */
export class ProtobufWriter {
  #bytes = Buffer.allocUnsafe(FIRST_SIZE);
  #view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.length);
  #position = 0;

  get length(): number {
    return this.#position;
  }

  /** What was written; valid until the next write. */
  get written(): Buffer {
    return this.#bytes.subarray(0, this.#position);
  }

  clear(): void {
    this.#position = 0;
  }

  /** A tag, or any number below 2^32. */
  writeVarint(value: number): void {
    this.#reserve(5);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#position++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#position++] = rest;
  }

  /** A signed whole number of at most 53 bits, as protocol buffers write an int64. */
  writeInt64(value: number): void {
    this.#reserve(10);
    let high = Math.floor(value / TWO_32) >>> 0;
    let low = value >>> 0;
    while (high > 0 || low >= 0x80) {
      this.#bytes[this.#position++] = (low & 0x7f) | 0x80;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    this.#bytes[this.#position++] = low;
  }

  /** The double at `values[index]`, with its bits as they are. */
  writeDouble(values: Float64Array, index: number): void {
    this.#reserve(8);
    const value = values[index]!;
    if (value === value) {
      this.#view.setFloat64(this.#position, value, true);
    } else {
      // Read as integers, the bits of a NaN cannot change on the way.
      const words = new BigUint64Array(values.buffer, values.byteOffset + index * 8, 1);
      this.#view.setBigUint64(this.#position, words[0]!, true);
    }
    this.#position += 8;
  }

  /** A string or its replacement characters, with the length before it. */
  writeString(text: string): void {
    const start = this.beginMessage();
    this.#reserve(text.length * 3);
    if (text.length > MAX_LOOPED_STRING || !this.#writeAscii(text)) {
      this.#position = start + this.#bytes.write(text, start);
    }
    this.endMessage(start);
  }

  /**
   * A message of two strings in fields 1 and 2, behind its tag: a label, of which there are ten in each series. Where both are
   * short and ASCII it is written in one go.
   * @param tag below 128
   */
  writePair(tag: number, name: string, value: string): void {
    const length = name.length + value.length + 4;
    if (length >= 0x80 || !this.#writeShortPair(tag, length, name, value)) {
      this.writeVarint(tag);
      const message = this.beginMessage();
      this.writeVarint(FIRST_STRING);
      this.writeString(name);
      this.writeVarint(SECOND_STRING);
      this.writeString(value);
      this.endMessage(message);
    }
  }

  #writeShortPair(tag: number, length: number, name: string, value: string): boolean {
    this.#reserve(length + 2);
    const bytes = this.#bytes;
    let at = this.#position;
    bytes[at++] = tag;
    bytes[at++] = length;
    bytes[at++] = FIRST_STRING;
    bytes[at++] = name.length;
    let seen = 0;
    for (let i = 0; i < name.length; i++) {
      const code = name.charCodeAt(i);
      seen |= code;
      bytes[at++] = code;
    }
    bytes[at++] = SECOND_STRING;
    bytes[at++] = value.length;
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      seen |= code;
      bytes[at++] = code;
    }
    if (seen >= 0x80) return false;
    this.#position = at;
    return true;
  }

  #writeAscii(text: string): boolean {
    let at = this.#position;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) return false;
      this.#bytes[at++] = code;
    }
    this.#position = at;
    return true;
  }

  /** Leaves room for the length of what follows, up to `endMessage`. @returns what `endMessage` wants */
  beginMessage(): number {
    this.#reserve(1);
    return ++this.#position;
  }

  /** Fills in the length; where it takes more than the byte left for it, the content moves. */
  endMessage(start: number): void {
    const length = this.#position - start;
    if (length < 0x80) {
      this.#bytes[start - 1] = length;
      return;
    }
    let extra = 0;
    for (let rest = length >>> 7; rest > 0; rest >>>= 7) extra++;
    this.#reserve(extra);
    this.#bytes.copyWithin(start + extra, start, this.#position);
    const end = this.#position + extra;
    this.#position = start - 1;
    this.writeVarint(length);
    this.#position = end;
  }

  /** Bytes that were written elsewhere. */
  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#position);
    this.#position += bytes.length;
  }

  #reserve(count: number): void {
    const needed = this.#position + count;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#position);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer, grown.byteOffset, grown.length);
  }
}
