import { Moment, readRfc3339 } from '#libs/log-pipeline';
import {
  FACILITIES,
  SEVERITIES,
  type SyslogElement,
  type SyslogMessage,
} from './syslog-message.ts';

const SPACE = 32;
const NIL = 45;
const MAX_PRIORITY = 191;
/** Of names in a header; RFC 5424 has at most 255. */
const MAX_NAME_BYTES = 255;
const MAX_ELEMENTS = 64;
const MAX_PARAMETERS = 256;
/** RFC 3164 allows 32 characters. */
const MAX_TAG_BYTES = 128;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** How times without a year and a zone are to be understood. */
export interface SyslogClock {
  readonly nowMs: number;
  /** East of Greenwich, of senders that tell no zone. */
  readonly zoneMinutes: number;
}

/**
 * Reads a message of RFC 5424, or of RFC 3164 as it is really sent: with a time of that RFC or of RFC 3339, with or
 * without a host, with or without a tag. There is no message that is none: what can't be understood is the message.
 */
export function parseSyslog(bytes: Buffer, clock: SyslogClock): SyslogMessage {
  const end = withoutEnd(bytes);
  const result: SyslogMessage = {
    facility: '',
    severity: '',
    seconds: Number.NaN,
    nanos: 0,
    hostname: '',
    appName: '',
    procId: '',
    msgId: '',
    structured: [],
    message: bytes.subarray(0, end),
    form: 'none',
  };
  const at = readPriority(bytes, end, result);
  if (at === 0) return result;
  result.form = 'rfc3164';
  result.message = bytes.subarray(at, end);
  const isVersion1 = bytes[at] === 49 && bytes[at + 1] === SPACE;
  if (isVersion1 && readRfc5424(bytes, at + 2, end, result)) result.form = 'rfc5424';
  else readRfc3164(bytes, at, end, result, clock);
  return result;
}

/** Where the message ends, without the newlines and zeros that some senders put there. */
function withoutEnd(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0 && (bytes[end - 1] === 10 || bytes[end - 1] === 0)) end--;
  if (end > 0 && end < bytes.length && bytes[end - 1] === 13) end--;
  return end;
}

/** `<34>`. @returns where what follows begins, 0 where there is none */
function readPriority(bytes: Buffer, end: number, result: SyslogMessage): number {
  if (bytes[0] !== 60) return 0;
  let value = 0;
  let at = 1;
  while (at < end && at <= 3 && isDigit(bytes[at]!)) value = value * 10 + bytes[at++]! - 48;
  if (at === 1 || bytes[at] !== 62 || at >= end || value > MAX_PRIORITY) return 0;
  result.facility = FACILITIES[value >> 3]!;
  result.severity = SEVERITIES[value & 7]!;
  return at + 1;
}

/** What follows `<PRI>1 `. @returns whether it is of that form */
function readRfc5424(bytes: Buffer, start: number, end: number, result: SyslogMessage): boolean {
  let at = start;
  const names: string[] = [];
  for (let i = 0; i < 5; i++) {
    const to = bytes.indexOf(SPACE, at);
    if (to < 0 || to >= end || to === at || to - at > MAX_NAME_BYTES) return false;
    names.push(to - at === 1 && bytes[at] === NIL ? '' : bytes.toString('utf8', at, to));
    at = to + 1;
  }
  const structured = readStructured(bytes, at, end);
  if (structured === null) return false;
  const moment = new Moment();
  const time = Buffer.from(names[0]!);
  const isTime = time.length > 0 && readRfc3339(time, 0, time.length, moment);
  if (time.length > 0 && !isTime) return false;
  if (isTime) {
    result.seconds = moment.seconds;
    result.nanos = moment.nanos;
  }
  result.hostname = names[1]!;
  result.appName = names[2]!;
  result.procId = names[3]!;
  result.msgId = names[4]!;
  result.structured = structured.elements;
  at = structured.end;
  if (at < end && bytes[at] === SPACE) at++;
  // A byte order mark says that the message is UTF-8, which is what it is taken for anyway.
  if (bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf) at += 3;
  result.message = bytes.subarray(Math.min(at, end), end);
  return true;
}

/** `-`, or `[id name="value" …]` one behind the other. @returns null where it is neither */
function readStructured(
  bytes: Buffer,
  start: number,
  end: number,
): { readonly elements: SyslogElement[]; readonly end: number } | null {
  const elements: SyslogElement[] = [];
  const isAfterwards = (at: number): boolean => at >= end || bytes[at] === SPACE;
  if (bytes[start] === NIL) return isAfterwards(start + 1) ? { elements, end: start + 1 } : null;
  let at = start;
  let count = 0;
  while (at < end && bytes[at] === 91) {
    const idEnd = nameEnd(bytes, at + 1, end);
    if (idEnd === at + 1) return null;
    const id = bytes.toString('utf8', at + 1, idEnd);
    const parameters: [string, string][] = [];
    at = idEnd;
    while (at < end && bytes[at] === SPACE) {
      const equals = nameEnd(bytes, at + 1, end);
      if (equals === at + 1 || bytes[equals] !== 61 || bytes[equals + 1] !== 34) return null;
      const close = quoteEnd(bytes, equals + 2, end);
      if (close < 0 || ++count > MAX_PARAMETERS) return null;
      parameters.push([
        bytes.toString('utf8', at + 1, equals),
        unescaped(bytes.toString('utf8', equals + 2, close)),
      ]);
      at = close + 1;
    }
    if (bytes[at] !== 93 || at >= end || elements.length === MAX_ELEMENTS) return null;
    elements.push({ id, parameters });
    at++;
  }
  return elements.length > 0 && isAfterwards(at) ? { elements, end: at } : null;
}

/** Where a name of printable ASCII without `=`, `]`, `"` and blanks ends. */
function nameEnd(bytes: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && at - start < MAX_NAME_BYTES) {
    const byte = bytes[at]!;
    if (byte <= SPACE || byte >= 127 || byte === 61 || byte === 93 || byte === 34) break;
    at++;
  }
  return at;
}

/** Where the quote is that ends a value, -1 for none. */
function quoteEnd(bytes: Buffer, start: number, end: number): number {
  for (let at = start; at < end; at++) {
    if (bytes[at] === 92) at++;
    else if (bytes[at] === 34) return at;
  }
  return -1;
}

/** Only `"`, `\` and `]` are escaped; a backslash before anything else is one. */
function unescaped(text: string): string {
  return text.includes('\\') ? text.replaceAll(/\\(["\\\]])/g, '$1') : text;
}

/** `Oct 11 22:14:15 host tag[pid]: message`, of which each part may be missing. */
function readRfc3164(
  bytes: Buffer,
  start: number,
  end: number,
  result: SyslogMessage,
  clock: SyslogClock,
): void {
  const afterTime = readTime(bytes, start, end, result, clock);
  let at = afterTime;
  // Without a time there is no telling a host from the first word of a message.
  if (afterTime > start) at = readHost(bytes, afterTime, end, result);
  at = readTag(bytes, at, end, result);
  if (at < end && bytes[at] === SPACE) at++;
  result.message = bytes.subarray(at, end);
}

/** @returns where what follows the time and its blank begins, or `start` */
function readTime(
  bytes: Buffer,
  start: number,
  end: number,
  result: SyslogMessage,
  clock: SyslogClock,
): number {
  const moment = new Moment();
  const blank = bytes.indexOf(SPACE, start);
  if (blank > start && blank < end && blank - start <= 40 && isDigit(bytes[start]!)) {
    if (!readRfc3339(bytes, start, blank, moment)) return start;
    result.seconds = moment.seconds;
    result.nanos = moment.nanos;
    return blank + 1;
  }
  const text = bytes.toString('latin1', start, Math.min(end, start + 24));
  const match =
    /^([A-Z][a-z]{2}) ([ \d]\d) (?:(\d{4}) )?(\d\d):(\d\d):(\d\d)(?:\.\d{1,6})?:? /.exec(text);
  const month = MONTHS.indexOf(match?.[1] ?? '');
  if (match === null || month < 0) return start;
  const [day, hour, minute, second] = [match[2], match[4], match[5], match[6]].map(Number);
  if (day! < 1 || day! > 31 || hour! > 23 || minute! > 59 || second! > 60) return start;
  const given = match[3] === undefined ? null : Number(match[3]);
  result.seconds = secondsOf(given, month, [day!, hour!, minute!, second!], clock);
  return start + match[0].length;
}

/** Of the years around now, the one in which the time is latest without being in the future by more than a day. */
function secondsOf(
  year: number | null,
  month: number,
  [day, hour, minute, second]: readonly [number, number, number, number],
  { nowMs, zoneMinutes }: SyslogClock,
): number {
  const at = (inYear: number): number =>
    utcMs(inYear, month, day, hour, minute, second) - zoneMinutes * 60_000;
  if (year !== null) return at(year) / 1000;
  const current = yearOf(nowMs);
  for (const candidate of [current + 1, current]) {
    if (at(candidate) <= nowMs + DAY_MS) return at(candidate) / 1000;
  }
  return at(current - 1) / 1000;
}

/** The word that follows a time is the host, unless it looks like a tag. */
function readHost(bytes: Buffer, start: number, end: number, result: SyslogMessage): number {
  const to = bytes.indexOf(SPACE, start);
  if (to <= start || to >= end || to - start > MAX_NAME_BYTES) return start;
  const last = bytes[to - 1];
  // `tag:` and `tag[5]:` have no host before them.
  if (last === 58 || last === 93) return start;
  result.hostname = bytes.toString('utf8', start, to);
  return to + 1;
}

/** `tag:`, `tag[pid]:`. */
function readTag(bytes: Buffer, start: number, end: number, result: SyslogMessage): number {
  let at = start;
  const most = Math.min(end, start + MAX_TAG_BYTES);
  while (at < most && bytes[at]! > SPACE && bytes[at] !== 58 && bytes[at] !== 91) at++;
  if (at === start || at >= end) return start;
  const nameStop = at;
  let procId = '';
  if (bytes[at] === 91) {
    const close = bytes.indexOf(93, at);
    if (close < 0 || close >= end || close - at > MAX_NAME_BYTES) return start;
    procId = bytes.toString('utf8', at + 1, close);
    at = close + 1;
  }
  if (bytes[at] !== 58 || at >= end) return start;
  result.appName = bytes.toString('utf8', start, nameStop);
  result.procId = procId;
  return at + 1;
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}

/** Days from the epoch to a date of the Gregorian calendar, and the time of day, as milliseconds. */
function utcMs(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
): number {
  const shifted = month < 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 10) % 12) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  const days = era * 146_097 + dayOfEra - 719_468;
  return days * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1_000;
}

function yearOf(ms: number): number {
  let year = 1970 + Math.floor(ms / (365.2425 * DAY_MS));
  while (utcMs(year + 1, 0, 1, 0, 0, 0) <= ms) year++;
  while (utcMs(year, 0, 1, 0, 0, 0) > ms) year--;
  return year;
}
