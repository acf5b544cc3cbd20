/*
 * Chunks of samples as in "Gorilla" (Pelkonen et al., VLDB 2015, section 4.1): times as the change of their distance,
 * values as the XOR with the one before. All of it works on the two 32-bit words of a value, so any NaN keeps its bits.
 *
 * First sample: 64 bits of time (as a double), 64 bits of value. Each further one:
 *   time   0                                the distance to the one before is the same as last time
 *          10 / 110 / 1110                  it changed by a number of 14 / 17 / 20 bits
 *          1111 + 64 bits                   the time itself
 *   value  0                                the same bits
 *          10 + bits                        differs only inside the window of differing bits used last
 *          11 + 5 bits + 6 bits + bits      a new window: how many leading zeros, how long (0 stands for 64)
 */

/** No sample takes more: 68 bits of time, 77 of value, rounded up. */
export const MAX_SAMPLE_BYTES = 19;

const NO_WINDOW = 255;

const doubles = new Float64Array(1);
const words = new Uint32Array(doubles.buffer);
const IS_LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
/** Index of the low word of a double seen as two `Uint32`; the high word is at `1 - LOW_WORD`. */
export const LOW_WORD = IS_LITTLE_ENDIAN ? 0 : 1;

/**
 * Appends samples to a chunk. It is one object used for all chunks in turn: its fields are the state to be loaded before
 * and stored after. The chunk's bit n is in `bytes[start + (n >> 3)]`; only the byte that `bitLength` points into is read,
 * so an earlier part of the chunk may lie elsewhere and `start` be negative.
 */
export class XorAppender {
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  bitLength = 0;
  previousTimeMs = 0;
  previousDeltaMs = 0;
  previousHigh = 0;
  previousLow = 0;
  leading = NO_WINDOW;
  trailing = 0;

  /** Begins an empty chunk at `start`. */
  reset(bytes: Uint8Array, start: number): void {
    this.bytes = bytes;
    this.start = start;
    this.bitLength = 0;
    this.previousTimeMs = 0;
    this.previousDeltaMs = 0;
    this.previousHigh = 0;
    this.previousLow = 0;
    this.leading = NO_WINDOW;
    this.trailing = 0;
  }

  /** Appends one sample; at least {@link MAX_SAMPLE_BYTES} must be free. `timeMs` is an integer below 2^52 either side. */
  append(timeMs: number, high: number, low: number): void {
    if (this.bitLength === 0) {
      this.#appendFirst(timeMs, high, low);
      return;
    }
    this.#appendTime(timeMs);
    this.#appendValue(high, low);
  }

  #appendFirst(timeMs: number, high: number, low: number): void {
    doubles[0] = timeMs;
    this.#writeBits(words[1 - LOW_WORD]!, 32);
    this.#writeBits(words[LOW_WORD]!, 32);
    this.#writeBits(high, 32);
    this.#writeBits(low, 32);
    this.previousTimeMs = timeMs;
    this.previousDeltaMs = 0;
    this.previousHigh = high;
    this.previousLow = low;
  }

  #appendTime(timeMs: number): void {
    const deltaMs = timeMs - this.previousTimeMs;
    const change = deltaMs - this.previousDeltaMs;
    if (change === 0) this.#writeBits(0, 1);
    else if (change >= -0x2000 && change < 0x2000) this.#writeBits(0x8000 | (change & 0x3fff), 16);
    else if (change >= -0x1_0000 && change < 0x1_0000) {
      this.#writeBits(0xc_0000 | (change & 0x1_ffff), 20);
    } else if (change >= -0x8_0000 && change < 0x8_0000) {
      this.#writeBits(0xe0_0000 | (change & 0xf_ffff), 24);
    } else {
      doubles[0] = timeMs;
      this.#writeBits(0xf, 4);
      this.#writeBits(words[1 - LOW_WORD]!, 32);
      this.#writeBits(words[LOW_WORD]!, 32);
    }
    this.previousDeltaMs = deltaMs;
    this.previousTimeMs = timeMs;
  }

  #appendValue(high: number, low: number): void {
    const xorHigh = (high ^ this.previousHigh) >>> 0;
    const xorLow = (low ^ this.previousLow) >>> 0;
    this.previousHigh = high;
    this.previousLow = low;
    if (xorHigh === 0 && xorLow === 0) {
      this.#writeBits(0, 1);
      return;
    }
    const zerosBefore = xorHigh === 0 ? 32 + Math.clz32(xorLow) : Math.clz32(xorHigh);
    const zerosAfter = xorLow === 0 ? 32 + trailingZeros(xorHigh) : trailingZeros(xorLow);
    const leading = zerosBefore > 31 ? 31 : zerosBefore;
    if (this.leading !== NO_WINDOW && leading >= this.leading && zerosAfter >= this.trailing) {
      this.#writeBits(0b10, 2);
    } else {
      this.leading = leading;
      this.trailing = zerosAfter;
      const length = 64 - leading - zerosAfter;
      this.#writeBits((0b11 << 11) | (leading << 6) | (length & 63), 13);
    }
    this.#writeWindow(xorHigh, xorLow, this.trailing, 64 - this.leading - this.trailing);
  }

  #writeWindow(high: number, low: number, trailing: number, length: number): void {
    let shiftedHigh = high;
    let shiftedLow = low;
    if (trailing >= 32) {
      shiftedLow = high >>> (trailing - 32);
      shiftedHigh = 0;
    } else if (trailing > 0) {
      shiftedLow = ((low >>> trailing) | (high << (32 - trailing))) >>> 0;
      shiftedHigh = high >>> trailing;
    }
    if (length > 32) this.#writeBits(shiftedHigh, length - 32);
    this.#writeBits(shiftedLow, length > 32 ? 32 : length);
  }

  /** Writes the lowest `count` (1 to 32) bits of `value`, highest first. */
  #writeBits(value: number, count: number): void {
    const { bytes, bitLength } = this;
    let place = this.start + (bitLength >>> 3);
    const used = bitLength & 7;
    // The bits stand at the top of the word, and each byte written is shifted out.
    let left = value << (32 - count);
    const kept = used === 0 ? 0 : bytes[place]! & (0xff00 >>> used);
    bytes[place] = kept | (left >>> (24 + used));
    left <<= 8 - used;
    for (let rest = count + used - 8; rest > 0; rest -= 8) {
      bytes[++place] = left >>> 24;
      left <<= 8;
    }
    this.bitLength = bitLength + count;
  }
}

function trailingZeros(word: number): number {
  return 31 - Math.clz32(word & -word);
}

/** A chunk that ends in the middle of a sample. */
export class ChunkError extends Error {
  override readonly name = 'ChunkError';
}

/**
 * Decodes `count` samples of the chunk in `bytes` from byte `start` to `end` into columns, from index `at` on.
 * @param valueWords the values column seen as 32-bit words, two a value, in the machine's order
 * @throws ChunkError when the bytes do not hold that many samples
 */
export function decodeXorChunk(
  bytes: Uint8Array,
  start: number,
  end: number,
  count: number,
  timesMs: Float64Array,
  valueWords: Uint32Array,
  at: number,
): void {
  if (count === 0) return;
  const lastBit = end * 8;
  let bit = start * 8;
  words[1 - LOW_WORD] = bitsAt(bytes, bit);
  words[LOW_WORD] = bitsAt(bytes, bit + 32);
  let timeMs = doubles[0]!;
  let deltaMs = 0;
  let high = bitsAt(bytes, bit + 64);
  let low = bitsAt(bytes, bit + 96);
  let leading = 0;
  let length = 0;
  bit += 128;
  timesMs[at] = timeMs;
  valueWords[2 * at + LOW_WORD] = low;
  valueWords[2 * at + 1 - LOW_WORD] = high;
  for (let i = at + 1; i < at + count; i++) {
    // The next 32 bits; its sign is the first of them. Bits that are not there count as 0 and are noticed at the end.
    let next = bitsAt(bytes, bit);
    if (next >= 0) {
      timeMs += deltaMs;
      bit += 1;
      next <<= 1;
    } else {
      const previousMs = timeMs;
      if (next << 1 >= 0) {
        timeMs += deltaMs + ((next << 2) >> 18);
        bit += 16;
      } else if (next << 2 >= 0) {
        timeMs += deltaMs + ((next << 3) >> 15);
        bit += 20;
      } else if (next << 3 >= 0) {
        timeMs += deltaMs + ((next << 4) >> 12);
        bit += 24;
      } else {
        words[1 - LOW_WORD] = bitsAt(bytes, bit + 4);
        words[LOW_WORD] = bitsAt(bytes, bit + 36);
        timeMs = doubles[0]!;
        bit += 68;
      }
      deltaMs = timeMs - previousMs;
      next = bitsAt(bytes, bit);
    }
    if (next >= 0) bit += 1;
    else {
      if (next << 1 >= 0) {
        bit += 2;
        next <<= 2;
      } else {
        leading = (next >>> 25) & 31;
        length = (next >>> 19) & 63;
        if (length === 0) length = 64;
        bit += 13;
        next <<= 13;
      }
      const trailing = 64 - leading - length;
      if (length === 0 || trailing < 0) throw new ChunkError('chunk with an impossible value');
      if (length > 32) {
        const windowHigh = bitsAt(bytes, bit) >>> (64 - length);
        const windowLow = bitsAt(bytes, bit + length - 32);
        if (trailing > 0) {
          high ^= (windowHigh << trailing) | (windowLow >>> (32 - trailing));
          low ^= windowLow << trailing;
        } else {
          high ^= windowHigh;
          low ^= windowLow;
        }
      } else {
        // What is left of the 32 bits often holds the whole window.
        const window = (length <= 16 ? next : bitsAt(bytes, bit)) >>> (32 - length);
        if (trailing >= 32) high ^= window << (trailing - 32);
        else if (trailing > 0) {
          high ^= window >>> (32 - trailing);
          low ^= window << trailing;
        } else {
          low ^= window;
        }
      }
      bit += length;
    }
    timesMs[i] = timeMs;
    valueWords[2 * i + LOW_WORD] = low;
    valueWords[2 * i + 1 - LOW_WORD] = high;
  }
  if (bit > lastBit) throw new ChunkError('chunk ends within a sample');
}

/** The 32 bits from `bit` on as a signed number; what lies beyond the array counts as 0. */
function bitsAt(bytes: Uint8Array, bit: number): number {
  const place = bit >>> 3;
  const used = bit & 7;
  const word =
    (bytes[place]! << 24) |
    (bytes[place + 1]! << 16) |
    (bytes[place + 2]! << 8) |
    bytes[place + 3]!;
  return used === 0 ? word : (word << used) | (bytes[place + 4]! >>> (8 - used));
}
