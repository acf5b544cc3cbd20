/** Bytes of a text, to compare lines with. */
export function asciiBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Whether the line begins with `text`. */
export function beginsWith(
  bytes: Uint8Array,
  start: number,
  end: number,
  text: Uint8Array,
): boolean {
  if (end - start < text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text[i]) return false;
  return true;
}

/** Whether `text` stands somewhere in the line. */
export function holds(bytes: Buffer, start: number, end: number, text: Uint8Array): boolean {
  const at = bytes.subarray(start, end).indexOf(text);
  return at >= 0;
}

/** Behind blanks and tabs. */
export function afterBlanks(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && (bytes[at] === 32 || bytes[at] === 9)) at++;
  return at;
}

export function isDigitByte(code: number | undefined): boolean {
  return code !== undefined && code >= 48 && code <= 57;
}

export function isLetterByte(code: number | undefined): boolean {
  if (code === undefined) return false;
  const lower = code | 0x20;
  return lower >= 97 && lower <= 122;
}

/** Words that lines begin with, not sentences: levels as loggers write them. */
const LEVEL_WORDS = [
  'TRACE',
  'DEBUG',
  'INFO',
  'WARN',
  'ERROR',
  'FATAL',
  'CRITICAL',
  'trce: ',
  'dbug: ',
  'info: ',
  'warn: ',
  'fail: ',
  'crit: ',
  'time=',
  'ts=',
  'level=',
  'lvl=',
].map(asciiBytes);
const MONTHS = [
  'Jan',
  'Feb',
  'Mar',
  'Apr',
  'May',
  'Jun',
  'Jul',
  'Aug',
  'Sep',
  'Oct',
  'Nov',
  'Dec',
].map((name) => asciiBytes(`${name} `));

/**
 * Whether a line looks like the beginning of a log record rather than text that goes on: it begins with a date, a time, a
 * level, a priority, an object, or as klog and Ruby's logger do.
 */
export function beginsRecord(bytes: Uint8Array, start: number, end: number): boolean {
  const first = bytes[start];
  if (start >= end || first === undefined) return false;
  if (isDigitByte(first)) return beginsTime(bytes, start, end);
  if (first === 91) return beginsBracketed(bytes, start, end);
  if (first === 123) return bytes[start + 1] === 34;
  if (first === 60) return isDigitByte(bytes[start + 1]);
  if (!isLetterByte(first)) return false;
  // `E0301 08:00:00` and `E, [2026-03-01T08:00:00]`
  if (isDigitByte(bytes[start + 1]) && isDigitByte(bytes[start + 4]) && bytes[start + 5] === 32) {
    return true;
  }
  if (bytes[start + 1] === 44 && bytes[start + 2] === 32 && bytes[start + 3] === 91) return true;
  return (
    beginsLevel(bytes, start, end) || MONTHS.some((name) => beginsWith(bytes, start, end, name))
  );
}

/** `[2026-…`, `[INFO] …`, `[main] INFO …`. */
function beginsBracketed(bytes: Uint8Array, start: number, end: number): boolean {
  if (isDigitByte(bytes[start + 1]) || beginsLevel(bytes, start + 1, end)) return true;
  const limit = Math.min(end, start + 64);
  for (let at = start + 1; at < limit; at++) {
    if (bytes[at] === 93) return beginsLevel(bytes, afterBlanks(bytes, at + 1, end), end);
  }
  return false;
}

function beginsLevel(bytes: Uint8Array, start: number, end: number): boolean {
  return LEVEL_WORDS.some((word) => beginsWith(bytes, start, end, word));
}

/** `2026-03-01`, `2026/03/01`, `01/Mar/2026`, `08:00:00`, or the seconds since the epoch. */
function beginsTime(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end && isDigitByte(bytes[at])) at++;
  const digits = at - start;
  const next = bytes[at];
  if (digits >= 10) return true;
  if (digits === 4 || digits === 2 || digits === 1) {
    return (next === 45 || next === 47 || next === 58 || next === 46) && isDigitByte(bytes[at + 1]);
  }
  return false;
}
