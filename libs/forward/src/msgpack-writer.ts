import { ForwardError } from './forward-error.ts';

const MAX_DEPTH = 32;
const MAX_UINT32 = 0xffff_ffff;

/** Writes MessagePack into a growing buffer. */
export class MsgpackWriter {
  bytes: Buffer;
  /** Where the next byte goes. */
  length = 0;

  /** @param room how many bytes to begin with, or memory to write into for as long as it suffices */
  constructor(room: number | Buffer = 1024) {
    this.bytes = typeof room === 'number' ? Buffer.allocUnsafeSlow(Math.max(16, room)) : room;
  }

  /** What was written; valid until the next write. */
  get written(): Buffer {
    return this.bytes.subarray(0, this.length);
  }

  /** Makes room for `count` bytes more. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }

  arrayHeader(count: number): void {
    this.#header(count, 0x90, 15, 0xdc);
  }

  mapHeader(count: number): void {
    this.#header(count, 0x80, 15, 0xde);
  }

  /** What comes before the bytes of a string. */
  textHeader(byteCount: number): void {
    if (byteCount > 31 && byteCount < 256) {
      this.reserve(2);
      this.bytes[this.length++] = 0xd9;
      this.bytes[this.length++] = byteCount;
      return;
    }
    this.#header(byteCount, 0xa0, 31, 0xda);
  }

  text(text: string): void {
    const byteCount = Buffer.byteLength(text);
    this.textHeader(byteCount);
    this.reserve(byteCount);
    this.length += this.bytes.write(text, this.length);
  }

  /** What comes before binary data. */
  binaryHeader(byteCount: number): void {
    this.reserve(5);
    if (byteCount < 0x100) {
      this.bytes[this.length++] = 0xc4;
      this.bytes[this.length++] = byteCount;
    } else if (byteCount < 0x1_0000) {
      this.bytes[this.length++] = 0xc5;
      this.length = this.bytes.writeUInt16BE(byteCount, this.length);
    } else {
      this.bytes[this.length++] = 0xc6;
      this.length = this.bytes.writeUInt32BE(byteCount, this.length);
    }
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** The protocol's EventTime; seconds that it cannot tell become the nearest it can. */
  eventTime(seconds: number, nanos: number): void {
    this.reserve(10);
    const { bytes } = this;
    const at = this.length;
    bytes[at] = 0xd7;
    bytes[at + 1] = 0;
    bytes.writeUInt32BE(Math.min(Math.max(0, Math.floor(seconds)), MAX_UINT32), at + 2);
    bytes.writeUInt32BE(nanos, at + 6);
    this.length = at + 10;
  }

  /**
   * Anything that JSON could say, and bytes. Numbers that are whole become integers.
   * @throws ForwardError for anything else and for what is nested more than 32 deep
   */
  value(value: unknown, depth = 0): void {
    if (depth > MAX_DEPTH) throw new ForwardError(`values nested more than ${MAX_DEPTH} deep`);
    if (value === null || value === undefined) this.#byte(0xc0);
    else if (typeof value === 'boolean') this.#byte(value ? 0xc3 : 0xc2);
    else if (typeof value === 'string') this.text(value);
    else if (typeof value === 'number') this.#number(value);
    else if (value instanceof Uint8Array) {
      this.binaryHeader(value.length);
      this.raw(value);
    } else if (Array.isArray(value)) {
      this.arrayHeader(value.length);
      for (const item of value) this.value(item, depth + 1);
    } else if (typeof value === 'object') {
      const entries = Object.entries(value);
      this.mapHeader(entries.length);
      for (const [key, item] of entries) {
        this.text(key);
        this.value(item, depth + 1);
      }
    } else throw new ForwardError(`a ${typeof value} cannot be written`);
  }

  #number(value: number): void {
    this.reserve(9);
    const isWhole = Number.isInteger(value) && !Object.is(value, -0);
    if (isWhole && value >= 0 && value < 128) this.#byte(value);
    else if (isWhole && value >= 0 && value <= MAX_UINT32) {
      this.#byte(0xce);
      this.length = this.bytes.writeUInt32BE(value, this.length);
    } else if (isWhole && Math.abs(value) <= Number.MAX_SAFE_INTEGER) {
      this.#byte(0xd3);
      this.length = this.bytes.writeBigInt64BE(BigInt(value), this.length);
    } else {
      this.#byte(0xcb);
      this.length = this.bytes.writeDoubleBE(value, this.length);
    }
  }

  #byte(byte: number): void {
    this.reserve(1);
    this.bytes[this.length++] = byte;
  }

  /** The one-byte form up to `most`, else the forms of two and four bytes, whose tags lie beside each other. */
  #header(count: number, short: number, most: number, long: number): void {
    this.reserve(5);
    if (count <= most) this.bytes[this.length++] = short | count;
    else if (count < 0x1_0000) {
      this.bytes[this.length++] = long;
      this.length = this.bytes.writeUInt16BE(count, this.length);
    } else {
      this.bytes[this.length++] = long + 1;
      this.length = this.bytes.writeUInt32BE(count, this.length);
    }
  }
}
