import { daysFromDate, daysInMonth } from '#libs/calendar';

/** A moment: whole seconds since the epoch, which may be before it, and nanoseconds above them. */
export class Moment {
  seconds = Number.NaN;
  nanos = 0;
}

/**
 * Reads an RFC 3339 time with up to nine fraction digits in `bytes[start]` up to `bytes[end]`, `Z` or an offset at its
 * end. Nothing is made: the result goes into `into`.
 * @returns whether it is one
 */
export function readRfc3339(bytes: Uint8Array, start: number, end: number, into: Moment): boolean {
  if (end - start < 20 || end - start > 35) return false;
  if (bytes[start + 4] !== 45 || bytes[start + 7] !== 45 || (bytes[start + 10]! | 0x20) !== 116) {
    return false;
  }
  if (bytes[start + 13] !== 58 || bytes[start + 16] !== 58) return false;
  const century = twoDigits(bytes, start);
  const yearInCentury = twoDigits(bytes, start + 2);
  const month = twoDigits(bytes, start + 5);
  const day = twoDigits(bytes, start + 8);
  const hour = twoDigits(bytes, start + 11);
  const minute = twoDigits(bytes, start + 14);
  const second = twoDigits(bytes, start + 17);
  if (century < 0 || yearInCentury < 0 || minute < 0 || second < 0) return false;
  const year = century * 100 + yearInCentury;
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return false;
  // A leap second is told as the first of the next minute, as everyone's clocks do.
  if (hour < 0 || hour > 23 || minute > 59 || second > 60) return false;
  let at = start + 19;
  let nanos = 0;
  if (bytes[at] === 46) {
    at++;
    let scale = 100_000_000;
    const first = at;
    while (at < end && bytes[at]! >= 48 && bytes[at]! <= 57) {
      nanos += (bytes[at]! - 48) * scale;
      // Digits beyond the ninth come out as zero.
      scale = Math.floor(scale / 10);
      at++;
    }
    if (at === first || at - first > 9) return false;
  }
  const offset = offsetSeconds(bytes, at, end);
  if (Number.isNaN(offset)) return false;
  into.seconds =
    daysFromDate(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
  into.nanos = nanos;
  return true;
}

/** Two digits as a number, or -1. */
function twoDigits(bytes: Uint8Array, at: number): number {
  const tens = bytes[at]! - 48;
  const ones = bytes[at + 1]! - 48;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1;
}

function offsetSeconds(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) return Number.NaN;
  const sign = bytes[at]!;
  if ((sign | 0x20) === 122) return at + 1 === end ? 0 : Number.NaN;
  if ((sign !== 43 && sign !== 45) || end - at !== 6 || bytes[at + 3] !== 58) return Number.NaN;
  const hours = twoDigits(bytes, at + 1);
  const minutes = twoDigits(bytes, at + 4);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return Number.NaN;
  const seconds = hours * 3600 + minutes * 60;
  return sign === 45 ? -seconds : seconds;
}
