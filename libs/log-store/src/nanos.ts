/*
 * Times are nanoseconds since 1970, from 0 to 2^63-1: more digits than a double has. In columns each is two words of 32
 * bits, the low one first, which is how a `BigInt64Array` over the same memory reads them (little-endian machines only,
 * which are all that Node runs this on). So a hot path compares and copies words and makes no `bigint`.
 */

const TWO_16 = 0x1_0000;
const TWO_32 = 0x1_0000_0000;
const NANOS_PER_SECOND = 1_000_000_000;
const MAX_SECONDS = 9_223_372_036;
const MAX_NANOS = 2n ** 63n - 1n;
const ZERO = 0x30;
const MAX_DIGITS = 19;

/** The latest time there is. */
export const MAX_TIME_NS = MAX_NANOS;

/** One time in words, to be filled again and again. */
export class Nanos {
  low = 0;
  high = 0;

  /** @returns false, and nothing is set, where that is no time from 0 to 2^63-1 */
  setSeconds(seconds: number, nanos: number): boolean {
    if (!(seconds >= 0 && seconds < MAX_SECONDS) || !Number.isInteger(seconds)) return false;
    if (!(nanos >= 0 && nanos < NANOS_PER_SECOND) || !Number.isInteger(nanos)) return false;
    // In halves of 16 bits, so that no product has more than 53.
    const upper = Math.floor(seconds / TWO_16) * NANOS_PER_SECOND;
    const lower = (upper % TWO_16) * TWO_16 + (seconds % TWO_16) * NANOS_PER_SECOND + nanos;
    this.high = Math.floor(upper / TWO_16) + Math.floor(lower / TWO_32);
    this.low = lower % TWO_32;
    return true;
  }

  /** Decimal digits of nanoseconds. @returns false, and nothing is set, where they are no time */
  setDigits(text: string): boolean {
    const { length } = text;
    if (length === 0 || length > MAX_DIGITS) return false;
    const split = Math.max(0, length - 9);
    let seconds = 0;
    let nanos = 0;
    for (let i = 0; i < length; i++) {
      const digit = text.charCodeAt(i) - ZERO;
      if (digit < 0 || digit > 9) return false;
      if (i < split) seconds = seconds * 10 + digit;
      else nanos = nanos * 10 + digit;
    }
    return this.setSeconds(seconds, nanos);
  }

  /** A time outside what there is becomes the nearest. */
  setClamped(timeNs: bigint): void {
    const clamped = timeNs < 0n ? 0n : timeNs > MAX_NANOS ? MAX_NANOS : timeNs;
    this.low = Number(clamped & 0xffff_ffffn);
    this.high = Number(clamped >> 32n);
  }

  setMs(timeMs: number): void {
    const clamped = Math.max(0, timeMs);
    const seconds = Math.floor(clamped / 1_000);
    this.setSeconds(seconds, Math.floor(clamped - seconds * 1_000) * 1_000_000);
  }

  get timeNs(): bigint {
    return toNanos(this.low, this.high);
  }
}

export function toNanos(low: number, high: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}

/** In milliseconds, rounded down. */
export function toMs(low: number, high: number): number {
  return Math.floor((high * TWO_32 + low) / 1_000_000);
}

/** Whether the first time is before the second. */
export function isBefore(low: number, high: number, otherLow: number, otherHigh: number): boolean {
  return high < otherHigh || (high === otherHigh && low < otherLow);
}

/** The first of the times from `start` to `end`, ascending, that is not before the one given; `end` where all are. */
export function firstNotBefore(
  words: Uint32Array,
  start: number,
  end: number,
  low: number,
  high: number,
): number {
  let first = start;
  let last = end;
  while (first < last) {
    const middle = (first + last) >>> 1;
    if (isBefore(words[2 * middle]!, words[2 * middle + 1]!, low, high)) first = middle + 1;
    else last = middle;
  }
  return first;
}
