/** A block, or a part of it, that is not what a writer of blocks writes. */
export class BlockError extends Error {
  override readonly name = 'BlockError';
}

const MAX_VARINT_BYTES = 8;

/** Reads what {@link ByteWriter} wrote. @throws BlockError at the end of the bytes */
export class ByteReader {
  readonly bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      const byte = this.bytes[this.#take(1)]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
    throw new BlockError('number that does not end');
  }

  signed(): number {
    const value = this.varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  double(): number {
    return this.bytes.readDoubleLE(this.#take(8));
  }

  uint32(): number {
    return this.bytes.readUInt32LE(this.#take(4));
  }

  text(): string {
    const length = this.varint();
    const at = this.#take(length);
    return this.bytes.toString('utf8', at, at + length);
  }

  /** A number of things to come, each of at least one byte. */
  count(): number {
    const count = this.varint();
    if (count > this.bytes.length - this.at) throw new BlockError('more announced than there is');
    return count;
  }

  #take(count: number): number {
    const { at } = this;
    if (at + count > this.bytes.length) throw new BlockError('ends early');
    this.at = at + count;
    return at;
  }
}
