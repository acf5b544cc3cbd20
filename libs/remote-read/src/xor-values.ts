import type { BitWriter } from './bit-writer.ts';

const NO_WINDOW = 255;

const doubles = new Float64Array(1);
const words = new Uint32Array(doubles.buffer);
const IS_LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
/** Index of the low word of a double seen as two `Uint32`; the high word is at `1 - LOW_WORD`. */
export const LOW_WORD = IS_LITTLE_ENDIAN ? 0 : 1;

/**
 * One stream of doubles written as what changes from one to the next: Prometheus's `xorWrite`, which is that of "Gorilla"
 * (Pelkonen et al., VLDB 2015, section 4.1) with six bits for the length.
 */
export class XorValues {
  #high = 0;
  #low = 0;
  #leading = NO_WINDOW;
  #trailing = 0;

  /** Writes the first value whole. */
  first(writer: BitWriter, high: number, low: number): void {
    this.#high = high;
    this.#low = low;
    this.#leading = NO_WINDOW;
    this.#trailing = 0;
    writer.bits(high, 32);
    writer.bits(low, 32);
  }

  firstOf(writer: BitWriter, value: number): void {
    doubles[0] = value;
    this.first(writer, words[1 - LOW_WORD]!, words[LOW_WORD]!);
  }

  /** Writes a further value. */
  next(writer: BitWriter, high: number, low: number): void {
    const xorHigh = (high ^ this.#high) >>> 0;
    const xorLow = (low ^ this.#low) >>> 0;
    this.#high = high;
    this.#low = low;
    if (xorHigh === 0 && xorLow === 0) {
      writer.bits(0, 1);
      return;
    }
    const zerosBefore = xorHigh === 0 ? 32 + Math.clz32(xorLow) : Math.clz32(xorHigh);
    const zerosAfter = xorLow === 0 ? 32 + trailingZeros(xorHigh) : trailingZeros(xorLow);
    const leading = zerosBefore > 31 ? 31 : zerosBefore;
    if (this.#leading !== NO_WINDOW && leading >= this.#leading && zerosAfter >= this.#trailing) {
      writer.bits(0b10, 2);
    } else {
      this.#leading = leading;
      this.#trailing = zerosAfter;
      const length = 64 - leading - zerosAfter;
      writer.bits((0b11 << 11) | (leading << 6) | (length & 63), 13);
    }
    writeWindow(writer, xorHigh, xorLow, this.#trailing, 64 - this.#leading - this.#trailing);
  }

  nextOf(writer: BitWriter, value: number): void {
    doubles[0] = value;
    this.next(writer, words[1 - LOW_WORD]!, words[LOW_WORD]!);
  }
}

function writeWindow(
  writer: BitWriter,
  high: number,
  low: number,
  trailing: number,
  length: number,
): void {
  let shiftedHigh = high;
  let shiftedLow = low;
  if (trailing >= 32) {
    shiftedLow = high >>> (trailing - 32);
    shiftedHigh = 0;
  } else if (trailing > 0) {
    shiftedLow = ((low >>> trailing) | (high << (32 - trailing))) >>> 0;
    shiftedHigh = high >>> trailing;
  }
  if (length > 32) writer.bits(shiftedHigh, length - 32);
  writer.bits(shiftedLow, length > 32 ? 32 : length);
}

function trailingZeros(word: number): number {
  return 31 - Math.clz32(word & -word);
}
