import { dateFromDays, daysFromDate, daysInMonth } from '#libs/calendar';
import { type Moment, readRfc3339 } from './rfc3339.ts';
import { type TimePart, timeParts } from './time-parts.ts';

const MONTHS = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
];
const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
/** Zones that loggers write by name, with seconds east of Greenwich. Other names mean too many places. */
const ZONES: ReadonlyMap<string, number> = new Map([
  ['UTC', 0],
  ['GMT', 0],
  ['Z', 0],
  ['WET', 0],
  ['CET', 3600],
  ['WEST', 3600],
  ['CEST', 7200],
  ['EET', 7200],
  ['EEST', 10_800],
  ['MSK', 10_800],
  ['EST', -18_000],
  ['EDT', -14_400],
  ['CDT', -18_000],
  ['MST', -25_200],
  ['MDT', -21_600],
  ['PST', -28_800],
  ['PDT', -25_200],
]);
const DAY = 86_400;
/** Whole numbers since the epoch, and how many of them make a second. */
const EPOCHS: ReadonlyMap<string, number> = new Map([
  ['unix', 0],
  ['unix_ms', 3],
  ['unix_us', 6],
  ['unix_ns', 9],
]);

/** What the digits of a time have told so far. */
class Reading {
  at = 0;
  year = -1;
  month = -1;
  day = -1;
  yearDay = -1;
  hour = 0;
  minute = 0;
  second = 0;
  nanos = 0;
  isAfternoon = -1;
  zoneSeconds = Number.NaN;
  epochSeconds = Number.NaN;

  clear(at: number): void {
    this.at = at;
    this.year = -1;
    this.month = -1;
    this.day = -1;
    this.yearDay = -1;
    this.hour = 0;
    this.minute = 0;
    this.second = 0;
    this.nanos = 0;
    this.isAfternoon = -1;
    this.zoneSeconds = Number.NaN;
    this.epochSeconds = Number.NaN;
  }
}

/**
 * How a time is written: `rfc3339`; `unix`, `unix_ms`, `unix_us`, `unix_ns`; the letters of strptime(3) (`%Y-%m-%d
 * %H:%M:%S.%L`), or Go's reference time (`2006-01-02 15:04:05.000`). It reads bytes and makes nothing.
 */
export class TimeFormat {
  readonly format: string;
  readonly #offsetSeconds: number;
  readonly #epochDigits: number | null;
  readonly #parts: readonly TimePart[] | null;
  readonly #reading = new Reading();

  /**
   * @param offsetSeconds east of Greenwich, of times that tell no zone
   * @throws TimeFormatError
   */
  constructor(format: string, offsetSeconds = 0) {
    this.format = format;
    this.#offsetSeconds = offsetSeconds;
    this.#epochDigits = EPOCHS.get(format) ?? null;
    const isNamed = format === 'rfc3339' || this.#epochDigits !== null;
    this.#parts = isNamed ? null : timeParts(format);
  }

  /**
   * Reads `bytes[start]` up to `bytes[end]`. What the text does not tell (a year, a date) is that of `nowSeconds`, and
   * never lies more than a day ahead of it.
   * @returns whether it is a time of this format
   */
  read(bytes: Uint8Array, start: number, end: number, nowSeconds: number, into: Moment): boolean {
    if (this.#epochDigits !== null) return readEpoch(bytes, start, end, this.#epochDigits, into);
    if (this.#parts === null) return readRfc3339(bytes, start, end, into);
    const reading = this.#reading;
    reading.clear(start);
    for (let i = 0; i < this.#parts.length; i++) {
      if (!readPart(this.#parts[i]!, bytes, end, reading)) return false;
    }
    return reading.at === end && this.#resolve(reading, nowSeconds, into);
  }

  #resolve(reading: Reading, nowSeconds: number, into: Moment): boolean {
    into.nanos = reading.nanos;
    if (!Number.isNaN(reading.epochSeconds)) {
      into.seconds = reading.epochSeconds;
      return true;
    }
    const { zoneSeconds } = reading;
    const offset = Number.isNaN(zoneSeconds) ? this.#offsetSeconds : zoneSeconds;
    const hour = hourOf(reading);
    if (hour < 0) return false;
    const clock = hour * 3600 + reading.minute * 60 + reading.second - offset;
    const today = dateFromDays(Math.floor((nowSeconds + offset) / DAY));
    const hasYear = reading.year >= 0;
    const year = hasYear ? reading.year : today.year;
    const days = daysOf(reading, year, today);
    if (Number.isNaN(days)) return false;
    into.seconds = days * DAY + clock;
    if (hasYear || into.seconds <= nowSeconds + DAY) return true;
    // Of last year, as on the first of January with lines of December; or of yesterday.
    const isOfToday = reading.month < 0 && reading.yearDay < 0;
    const before = isOfToday ? days - 1 : daysOf(reading, year - 1, today);
    into.seconds = before * DAY + clock;
    return !Number.isNaN(before);
  }
}

/** The day since the epoch that was told, or today; NaN for one that is not in the calendar. */
function daysOf(
  { month, day, yearDay }: Reading,
  year: number,
  today: { readonly month: number; readonly day: number },
): number {
  if (yearDay >= 0) {
    return yearDay >= 1 && yearDay <= 366 ? daysFromDate(year, 1, 1) + yearDay - 1 : Number.NaN;
  }
  const isOfToday = month < 0 && day < 0;
  const toldMonth = isOfToday ? today.month : month;
  const toldDay = isOfToday ? today.day : day;
  if (toldMonth < 1 || toldMonth > 12) return Number.NaN;
  if (toldDay < 1 || toldDay > daysInMonth(year, toldMonth)) return Number.NaN;
  return daysFromDate(year, toldMonth, toldDay);
}

function hourOf({ hour, minute, second, isAfternoon }: Reading): number {
  if (minute > 59 || second > 60 || hour > 23) return -1;
  if (isAfternoon < 0) return hour;
  if (hour < 1 || hour > 12) return -1;
  return (hour % 12) + isAfternoon * 12;
}

function readPart(part: TimePart, bytes: Uint8Array, end: number, reading: Reading): boolean {
  switch (part.kind) {
    case 'literal':
      return bytes[reading.at] === part.code && reading.at++ < end;
    case 'blanks':
      while (reading.at < end && bytes[reading.at] === 32) reading.at++;
      return true;
    case 'year':
      return (reading.year = digits(bytes, end, reading, 4, 4)) >= 0;
    case 'shortYear':
      reading.year = digits(bytes, end, reading, 2, 2);
      if (reading.year < 0) return false;
      reading.year += reading.year < 69 ? 2000 : 1900;
      return true;
    case 'month':
      return (reading.month = digits(bytes, end, reading, 1, 2)) >= 0;
    case 'monthName':
      return (reading.month = nameAt(MONTHS, bytes, end, reading) + 1) > 0;
    case 'day':
      while (reading.at < end && bytes[reading.at] === 32) reading.at++;
      return (reading.day = digits(bytes, end, reading, 1, 2)) >= 0;
    case 'yearDay':
      return (reading.yearDay = digits(bytes, end, reading, 1, 3)) >= 0;
    case 'weekday':
      return nameAt(WEEKDAYS, bytes, end, reading) >= 0;
    case 'hour':
    case 'hour12':
      while (reading.at < end && bytes[reading.at] === 32) reading.at++;
      return (reading.hour = digits(bytes, end, reading, 1, 2)) >= 0;
    case 'minute':
      return (reading.minute = digits(bytes, end, reading, 2, 2)) >= 0;
    case 'second':
      return (reading.second = digits(bytes, end, reading, 2, 2)) >= 0;
    case 'fraction':
      return fraction(bytes, end, reading);
    case 'optionalFraction':
      if (bytes[reading.at] !== 46 && bytes[reading.at] !== 44) return true;
      reading.at++;
      return fraction(bytes, end, reading);
    case 'half':
      return half(bytes, end, reading);
    case 'zone':
      return zone(bytes, end, reading);
    case 'zoneName':
      return zoneName(bytes, end, reading);
    case 'epoch':
      return (reading.epochSeconds = digits(bytes, end, reading, 1, 11)) >= 0;
  }
}

/** A number of at least `least` and at most `most` digits, or -1. */
function digits(
  bytes: Uint8Array,
  end: number,
  reading: Reading,
  least: number,
  most: number,
): number {
  const start = reading.at;
  let value = 0;
  while (reading.at < end && reading.at - start < most && isDigit(bytes[reading.at]!)) {
    value = value * 10 + bytes[reading.at++]! - 48;
  }
  return reading.at - start >= least ? value : -1;
}

/** Digits behind a point as nanoseconds; what is finer is left out. */
function fraction(bytes: Uint8Array, end: number, reading: Reading): boolean {
  const start = reading.at;
  let scale = 100_000_000;
  reading.nanos = 0;
  while (reading.at < end && isDigit(bytes[reading.at]!)) {
    reading.nanos += (bytes[reading.at++]! - 48) * scale;
    scale = Math.floor(scale / 10);
  }
  return reading.at > start;
}

/** The index of the name that stands here, whole or its first three letters, whatever their case; or -1. */
function nameAt(
  names: readonly string[],
  bytes: Uint8Array,
  end: number,
  reading: Reading,
): number {
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    let length = 0;
    while (
      length < name.length &&
      reading.at + length < end &&
      (bytes[reading.at + length]! | 0x20) === name.charCodeAt(length)
    ) {
      length++;
    }
    if (length < 3) continue;
    reading.at += length === name.length ? length : 3;
    return i;
  }
  return -1;
}

function half(bytes: Uint8Array, end: number, reading: Reading): boolean {
  if (reading.at + 2 > end || (bytes[reading.at + 1]! | 0x20) !== 109) return false;
  const letter = bytes[reading.at]! | 0x20;
  if (letter !== 97 && letter !== 112) return false;
  reading.isAfternoon = letter === 112 ? 1 : 0;
  reading.at += 2;
  return true;
}

/** `Z`, `+01`, `+0100`, `+01:00`. */
function zone(bytes: Uint8Array, end: number, reading: Reading): boolean {
  const sign = bytes[reading.at];
  if (reading.at >= end || sign === undefined) return false;
  reading.at++;
  if ((sign | 0x20) === 122) {
    reading.zoneSeconds = 0;
    return true;
  }
  if (sign !== 43 && sign !== 45) return false;
  const hours = digits(bytes, end, reading, 2, 2);
  if (bytes[reading.at] === 58) reading.at++;
  const hasMinutes = reading.at < end && isDigit(bytes[reading.at]!);
  const minutes = hasMinutes ? digits(bytes, end, reading, 2, 2) : 0;
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return false;
  reading.zoneSeconds = (hours * 3600 + minutes * 60) * (sign === 45 ? -1 : 1);
  return true;
}

function zoneName(bytes: Uint8Array, end: number, reading: Reading): boolean {
  const start = reading.at;
  while (reading.at < end && reading.at - start < 5 && isUpper(bytes[reading.at]!)) reading.at++;
  const name = String.fromCharCode(...bytes.subarray(start, reading.at));
  const offset = ZONES.get(name);
  if (offset === undefined) return false;
  reading.zoneSeconds = offset;
  return true;
}

/** Seconds with an optional fraction, or a whole number of which `unitDigits` digits are a fraction of a second. */
function readEpoch(
  bytes: Uint8Array,
  start: number,
  end: number,
  unitDigits: number,
  into: Moment,
): boolean {
  const point = bytes.subarray(start, end).indexOf(46);
  const wholeEnd = point < 0 ? end : start + point;
  const isNegative = bytes[start] === 45;
  const first = isNegative ? start + 1 : start;
  const secondsEnd = Math.max(first, wholeEnd - unitDigits);
  if (wholeEnd === first || wholeEnd - first > 11 + unitDigits) return false;
  let seconds = 0;
  for (let i = first; i < secondsEnd; i++) {
    if (!isDigit(bytes[i]!)) return false;
    seconds = seconds * 10 + bytes[i]! - 48;
  }
  let nanos = 0;
  // Fewer digits than the unit has stand at its end.
  let scale = 100_000_000 / 10 ** Math.max(0, unitDigits - (wholeEnd - first));
  for (let i = secondsEnd; i < end; i++) {
    if (i === wholeEnd) continue;
    if (!isDigit(bytes[i]!)) return false;
    nanos += (bytes[i]! - 48) * Math.floor(scale);
    scale /= 10;
  }
  if (isNegative && nanos > 0) {
    seconds++;
    nanos = 1_000_000_000 - nanos;
  }
  into.seconds = isNegative ? 0 - seconds : seconds;
  into.nanos = nanos;
  return true;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function isUpper(code: number): boolean {
  return code >= 65 && code <= 90;
}
