import { ProtobufError } from './protobuf-error.ts';

/** Wire types of protocol buffers; groups (3 and 4) are long gone and refused. */
export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
const FIXED32 = 5;

const TWO_32 = 0x1_0000_0000;
const MAX_VARINT_BYTES = 10;
const MAX_TAG = 0xffff_ffff;

/**
 * A cursor over a protocol-buffers message, or over a part of it: embedded messages are read with the same reader by
 * moving `end`. Nothing is copied; lengths are checked against `end` before they are believed.
 */
export class ProtobufReader {
  readonly bytes: Buffer;
  position: number;
  end: number;
  readonly #view: DataView;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.position = 0;
    this.end = bytes.length;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Field number times 8 plus wire type, or 0 at the end. @throws ProtobufError */
  readTag(): number {
    if (this.position >= this.end) return 0;
    const start = this.position;
    const tag = this.readVarint();
    if (tag < 8 || tag > MAX_TAG)
      this.fail(`there is no field number ${Math.floor(tag / 8)}`, start);
    return tag;
  }

  /** An unsigned number; above 2^53 only its magnitude is right. */
  readVarint(): number {
    const first = this.position < this.end ? this.bytes[this.position]! : 0x80;
    if (first < 0x80) {
      this.position++;
      return first;
    }
    this.#readLongVarint();
    return this.#high * TWO_32 + this.#low;
  }

  /** A signed 64-bit number; beyond 2^53 rounded. */
  readInt64(): number {
    this.#readLongVarint();
    return (this.#high | 0) * TWO_32 + this.#low;
  }

  /** A signed 64-bit number with all its digits. */
  readBigInt64(): bigint {
    this.#readLongVarint();
    return BigInt.asIntN(64, (BigInt(this.#high) << 32n) | BigInt(this.#low));
  }

  /** A signed number in zigzag (`sint32`, `sint64`); beyond 2^53 rounded. */
  readZigzag(): number {
    const coded = this.readVarint();
    return coded % 2 === 0 ? coded / 2 : -(coded + 1) / 2;
  }

  #low = 0;
  #high = 0;

  #readLongVarint(): void {
    const { bytes, end } = this;
    const start = this.position;
    let low = 0;
    let high = 0;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      if (start + i >= end) this.fail('the message ends inside a number', start);
      const byte = bytes[start + i]!;
      const bits = byte & 0x7f;
      if (i < 4) {
        low |= bits << (7 * i);
      } else if (i === 4) {
        low |= bits << 28;
        high = bits >>> 4;
      } else {
        high |= bits << (7 * i - 32);
      }
      if (byte < 0x80) {
        if (i === MAX_VARINT_BYTES - 1 && byte > 1) break;
        this.position = start + i + 1;
        this.#low = low >>> 0;
        this.#high = high >>> 0;
        return;
      }
    }
    this.fail('a number has more than 64 bits', start);
  }

  /** Reads a length and answers where what has it ends; `position` is where it begins. */
  readLengthEnd(): number {
    const start = this.position;
    const length = this.readVarint();
    if (length > this.end - this.position) {
      this.fail(`a length of ${length} reaches beyond the message`, start);
    }
    return this.position + length;
  }

  /** A double; a NaN's bits are to be had from `bytes` at the position before. */
  readDouble(): number {
    const start = this.position;
    if (this.end - start < 8) this.fail('the message ends inside a 64-bit value', start);
    this.position = start + 8;
    return this.#view.getFloat64(start, true);
  }

  /** Eight bytes as an unsigned number (`fixed64`); `BigInt.asIntN` makes an `sfixed64` of it. */
  readFixed64(): bigint {
    const start = this.position;
    if (this.end - start < 8) this.fail('the message ends inside a 64-bit value', start);
    this.position = start + 8;
    return this.#view.getBigUint64(start, true);
  }

  /** Steps over the value of a field that is not needed. */
  skip(tag: number): void {
    const start = this.position;
    switch (tag % 8) {
      case VARINT:
        this.readVarint();
        return;
      case FIXED64:
        this.position = start + 8;
        break;
      case BYTES:
        this.position = this.readLengthEnd();
        return;
      case FIXED32:
        this.position = start + 4;
        break;
      default:
        this.fail(`field ${Math.floor(tag / 8)} has the unknown wire type ${tag % 8}`, start);
    }
    if (this.position > this.end) this.fail('the message ends inside a fixed-size value', start);
  }

  /** Refuses a field that is known by another wire type. */
  expectWireType(tag: number, wireType: number): void {
    if (tag % 8 === wireType) return;
    this.fail(
      `field ${Math.floor(tag / 8)} has wire type ${tag % 8} where ${wireType} is due`,
      this.position,
    );
  }

  /** What is wrong at `offset`; a format with an error of its own overrides this. */
  fail(reason: string, offset: number): never {
    throw new ProtobufError(reason, offset);
  }
}
