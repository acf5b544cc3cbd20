/*
 * What a chunk's lines may contain, in a few kilobytes, so that a search for a rare text passes over most chunks unread.
 *
 * Of all runs of six bytes one in eight, chosen by a hash, sets a bit. A text that is looked for has the same
 * runs wherever it stands, so each of its chosen runs must be there. Six bytes, because every run of three or four occurs
 * somewhere in a megabyte of log lines; one in eight, because a text worth a search has dozens. A text that is short, or
 * of which no run is chosen, passes everywhere: the answer "may be there" is always safe.
 */

const RUN_BYTES = 6;
/** Runs whose hash begins with three zeros are chosen. */
const CHOICE_SHIFT = 29;
const FULL_BITS = 19;
const LEAST_BITS = 9;
/** The filter is halved while at most so much of it would be set. */
const MAX_DENSITY = 0.3;

/** Builds filters; the memory for it is kept. */
export class NeedleFilterBuilder {
  readonly #bits = new Uint32Array(2 ** (FULL_BITS - 5));

  /** The filter of all lines in `bytes`: a row of 2^n bits. Runs across two lines are in it as well, which does no harm. */
  build(bytes: Buffer): Buffer {
    const bits = this.#bits.fill(0);
    let low = 0;
    let high = 0;
    let set = 0;
    const { length } = bytes;
    for (let i = 0; i < length; i++) {
      high = ((high << 8) | (low >>> 24)) & 0xffff;
      low = (low << 8) | bytes[i]!;
      if (!isChosen(low) || i < RUN_BYTES - 1) continue;
      const bit = hashRun(low, high) >>> (32 - FULL_BITS);
      const mask = 1 << (bit & 31);
      if ((bits[bit >>> 5]! & mask) !== 0) continue;
      bits[bit >>> 5]! |= mask;
      set++;
    }
    return folded(bits, set);
  }
}

/** Whether lines with this filter may contain the text. */
export function mayContain(filter: Buffer, needle: Buffer): boolean {
  const size = filter.length * 8;
  if (size === 0) return true;
  let low = 0;
  let high = 0;
  for (let i = 0; i < needle.length; i++) {
    high = ((high << 8) | (low >>> 24)) & 0xffff;
    low = (low << 8) | needle[i]!;
    if (i < RUN_BYTES - 1) continue;
    if (!isChosen(low)) continue;
    // Folding keeps the low bits of the place.
    const bit = (hashRun(low, high) >>> (32 - FULL_BITS)) & (size - 1);
    if ((filter[bit >>> 3]! & (1 << (bit & 7))) === 0) return false;
  }
  return true;
}

/** By the last four bytes alone, since it is asked of each byte there is. */
function isChosen(low: number): boolean {
  return Math.imul(low, 0x9e37_79b1) >>> CHOICE_SHIFT === 0;
}

function hashRun(low: number, high: number): number {
  let hash = Math.imul(low ^ Math.imul(high, 0x85eb_ca6b), 0x9e37_79b1);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0xc2b2_ae35);
  return hash ^ (hash >>> 16);
}

/** The upper half laid over the lower, as often as that leaves enough zeros. */
function folded(bits: Uint32Array, set: number): Buffer {
  let size = FULL_BITS;
  while (size > LEAST_BITS && set <= MAX_DENSITY * 2 ** (size - 1)) size--;
  const words = new Uint32Array(2 ** (size - 5));
  for (let i = 0; i < bits.length; i++) words[i & (words.length - 1)]! |= bits[i]!;
  return Buffer.from(words.buffer);
}
