const TWO_32 = 0x1_0000_0000;

/** A growing string of bits, highest bit of a byte first, used for one chunk after the other. */
export class BitWriter {
  #bytes = new Uint8Array(4_096);
  /** Bits that are written. */
  #length = 0;

  /** The bytes so far, the last one filled up with zeros; valid until the next write. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, (this.#length + 7) >>> 3);
  }

  clear(): void {
    this.#length = 0;
  }

  /** The lowest `count` (1 to 32) bits of `value`, highest first. */
  bits(value: number, count: number): void {
    const needed = (this.#length + count + 7) >>> 3;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    const bytes = this.#bytes;
    let left = count;
    let place = this.#length >>> 3;
    let used = this.#length & 7;
    while (left > 0) {
      const room = 8 - used;
      const take = left < room ? left : room;
      const piece = (value >>> (left - take)) & ((1 << take) - 1);
      const kept = used === 0 ? 0 : bytes[place]!;
      bytes[place] = kept | (piece << (room - take));
      left -= take;
      used = (used + take) & 7;
      if (used === 0) place++;
    }
    this.#length += count;
  }

  /** The lowest `count` (33 to 64) bits of a whole number in two's complement; its magnitude is below 2^53. */
  longBits(value: number, count: number): void {
    this.bits(Math.floor(value / TWO_32), count - 32);
    this.bits(value, 32);
  }

  /** An unsigned whole number below 2^53 as protocol buffers write it, from wherever the last bit was. */
  uvarint(value: number): void {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.bits(0x80 | (rest % 0x80), 8);
    this.bits(rest, 8);
  }

  /** A number's sixteen bits at a byte's place, over what is there. */
  patchUint16(place: number, value: number): void {
    this.#bytes[place] = value >>> 8;
    this.#bytes[place + 1] = value & 0xff;
  }
}
