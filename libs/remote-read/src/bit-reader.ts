import { RemoteReadError } from './remote-read-error.ts';

const MAX_VARINT_BYTES = 10;

/** A cursor over the bits of a chunk, highest bit of a byte first. */
export class BitReader {
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  bit(): number {
    return this.bits(1);
  }

  /** The next `count` (1 to 32) bits as an unsigned number. @throws RemoteReadError at the end */
  bits(count: number): number {
    const bytes = this.#bytes;
    if (this.#position + count > 8 * bytes.length) this.fail('it ends within a sample');
    let value = 0;
    let left = count;
    while (left > 0) {
      const room = 8 - (this.#position & 7);
      const take = left < room ? left : room;
      const piece = (bytes[this.#position >>> 3]! >>> (room - take)) & ((1 << take) - 1);
      value = (value << take) | piece;
      this.#position += take;
      left -= take;
    }
    return value >>> 0;
  }

  /** An unsigned varint; above 2^53 only its magnitude is right. */
  uvarint(): number {
    let value = 0;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      const byte = this.bits(8);
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    return this.fail('a number has more than 64 bits');
  }

  fail(reason: string): never {
    throw new RemoteReadError('malformed', `a chunk cannot be read: ${reason}`);
  }
}
