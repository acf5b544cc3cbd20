import { JsonCursor } from './json-cursor.ts';
import {
  DEBUG,
  ERROR,
  FATAL,
  INFO,
  levelOfValue,
  levelOfWord,
  UNKNOWN_LEVEL,
  WARN,
} from './log-level.ts';

/** How far into a line a level is looked for; where it comes at all, it comes early. */
const MAX_SCAN_BYTES = 256;
/** Members of a JSON object that are looked at. */
const MAX_JSON_MEMBERS = 64;

const encoder = new TextEncoder();
const JSON_KEYS = [
  'level',
  'severity',
  'lvl',
  'log.level',
  'levelname',
  'loglevel',
  'log_level',
  'Level',
  'LogLevel',
  'severity_text',
  'severityText',
  '@l',
].map((key) => encoder.encode(key));
const NESTED_KEYS = ['log', 'event', 'record'].map((key) => encoder.encode(key));
const LOGFMT_KEYS = ['level', 'lvl', 'severity', 'loglevel', 'log.level', 'levelname'].map((key) =>
  encoder.encode(key),
);
const BEGINNINGS: readonly (readonly [bytes: Uint8Array, level: number])[] = (
  [
    ['panic: ', FATAL],
    ['fatal error: ', FATAL],
    ['Traceback (most recent call last)', ERROR],
    ['Unhandled exception', ERROR],
    ['Exception in thread ', ERROR],
    ["thread '", ERROR],
    ['Caused by: ', ERROR],
    ['Error: ', ERROR],
  ] as const
).map(([text, level]) => [encoder.encode(text), level]);

const cursor = new JsonCursor();
const nestedCursor = new JsonCursor();

/**
 * The level a line tells of itself, as an id of `LOG_LEVELS`. It knows JSON fields, logfmt, klog and glog, syslog
 * priorities, words in capitals or brackets, and the first lines of common crashes. Linear in the part it looks at.
 */
export function detectLevel(bytes: Uint8Array, start: number, end: number): number {
  let from = start;
  while (from < end && (bytes[from] === 32 || bytes[from] === 9)) from++;
  if (from >= end) return UNKNOWN_LEVEL;
  const first = bytes[from]!;
  if (first === 123) {
    const level = levelOfJson(bytes, from, end);
    if (level !== UNKNOWN_LEVEL) return level;
  }
  if (first === 60) {
    const level = levelOfPriority(bytes, from, end);
    if (level !== UNKNOWN_LEVEL) return level;
  }
  const klog = levelOfKlog(bytes, from, end);
  if (klog !== UNKNOWN_LEVEL) return klog;
  const beginning = levelOfBeginning(bytes, from, end);
  if (beginning !== UNKNOWN_LEVEL) return beginning;
  const level = scanWords(bytes, from, Math.min(end, from + MAX_SCAN_BYTES));
  return level === UNKNOWN_LEVEL ? levelOfExceptionName(bytes, from, end) : level;
}

function levelOfJson(bytes: Uint8Array, start: number, end: number): number {
  if (!cursor.open(bytes, start, end)) return UNKNOWN_LEVEL;
  for (let members = 0; members < MAX_JSON_MEMBERS && cursor.next(); members++) {
    if (isOneOf(cursor, JSON_KEYS)) {
      if (cursor.valueKind === 'string' || cursor.valueKind === 'other') {
        return levelOfValue(bytes, cursor.valueStart, cursor.valueEnd);
      }
    } else if (cursor.valueKind === 'object' && isOneOf(cursor, NESTED_KEYS)) {
      const level = levelOfNested(bytes, cursor.valueStart, cursor.valueEnd);
      if (level !== UNKNOWN_LEVEL) return level;
    }
  }
  return UNKNOWN_LEVEL;
}

function levelOfNested(bytes: Uint8Array, start: number, end: number): number {
  if (!nestedCursor.open(bytes, start, end)) return UNKNOWN_LEVEL;
  for (let members = 0; members < MAX_JSON_MEMBERS && nestedCursor.next(); members++) {
    if (isOneOf(nestedCursor, JSON_KEYS) && nestedCursor.valueKind === 'string') {
      return levelOfValue(bytes, nestedCursor.valueStart, nestedCursor.valueEnd);
    }
  }
  return UNKNOWN_LEVEL;
}

function isOneOf(at: JsonCursor, keys: readonly Uint8Array[]): boolean {
  for (let i = 0; i < keys.length; i++) if (at.keyIs(keys[i]!)) return true;
  return false;
}

/** `<3>text`: the priorities of kernel and systemd (sd-daemon(3)); the facility in front of them does not matter. */
function levelOfPriority(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  let at = start + 1;
  while (at < end && at < start + 4 && isDigit(bytes[at]!)) value = value * 10 + bytes[at++]! - 48;
  if (at === start + 1 || at >= end || bytes[at] !== 62 || value > 191) return UNKNOWN_LEVEL;
  const severity = value & 7;
  if (severity <= 2) return FATAL;
  if (severity === 3) return ERROR;
  if (severity === 4) return WARN;
  return severity === 7 ? DEBUG : INFO;
}

/** `E0301 08:00:00.123456`: a letter, month and day, and a time. */
function levelOfKlog(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < 8 || !isDigit(bytes[start + 1]!)) return UNKNOWN_LEVEL;
  for (let i = 2; i <= 4; i++) if (!isDigit(bytes[start + i]!)) return UNKNOWN_LEVEL;
  if (bytes[start + 5] !== 32 || !isDigit(bytes[start + 6]!)) return UNKNOWN_LEVEL;
  switch (bytes[start]!) {
    case 73:
      return INFO;
    case 87:
      return WARN;
    case 69:
      return ERROR;
    case 70:
      return FATAL;
    case 68:
      return DEBUG;
    default:
      return UNKNOWN_LEVEL;
  }
}

/**
 * Looks at the words of a line. `level=…` decides wherever it stands; a word in capitals, in brackets or before a colon
 * decides unless it stands in quotes, where it decides only if nothing else does.
 */
function scanWords(bytes: Uint8Array, start: number, end: number): number {
  let quoted = UNKNOWN_LEVEL;
  let isQuoted = false;
  let escapeEnd = -1;
  let at = start;
  while (at < end) {
    const code = bytes[at]!;
    if (code === 27) {
      at = afterEscape(bytes, at, end);
      escapeEnd = at;
      continue;
    }
    if (code === 34) isQuoted = !isQuoted;
    if (!isLetter(code)) {
      at++;
      continue;
    }
    const wordStart = at;
    while (at < end && isWordByte(bytes[at]!)) at++;
    const before = wordStart > start && wordStart !== escapeEnd ? bytes[wordStart - 1]! : 32;
    if (at < end && bytes[at] === 61 && isBoundary(before) && isLogfmtKey(bytes, wordStart, at)) {
      const level = levelOfLogfmt(bytes, at + 1, end);
      if (level !== UNKNOWN_LEVEL) return level;
      continue;
    }
    const level = levelOfWord(bytes, wordStart, at);
    if (level === UNKNOWN_LEVEL) continue;
    if (!standsForLevel(bytes, wordStart, at, end, before)) continue;
    if (!isQuoted) return level;
    if (quoted === UNKNOWN_LEVEL) quoted = level;
  }
  return quoted;
}

/** Whether a word that could be a level is written as one is. */
function standsForLevel(
  bytes: Uint8Array,
  start: number,
  end: number,
  limit: number,
  before: number,
): boolean {
  // Part of a longer name, such as error_count, no-error or fooERROR.
  if (isLetter(before) || isDigit(before) || before === 95 || before === 45 || before === 47) {
    return false;
  }
  const after = end < limit ? bytes[end]! : 32;
  if (isDigit(after) || after === 95 || after === 45 || after === 47 || after === 61) return false;
  if (isUpperCase(bytes, start, end)) return true;
  if (after === 58) return isBoundary(before);
  return before === 91 || before === 60 ? after === 93 || after === 62 || after === 32 : false;
}

function isUpperCase(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i]! >= 97) return false;
  return true;
}

function isLogfmtKey(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = 0; i < LOGFMT_KEYS.length; i++) {
    const key = LOGFMT_KEYS[i]!;
    if (key.length !== end - start) continue;
    let at = 0;
    while (at < key.length && (bytes[start + at]! | 0x20) === (key[at]! | 0x20)) at++;
    if (at === key.length) return true;
  }
  return false;
}

function levelOfLogfmt(bytes: Uint8Array, start: number, end: number): number {
  let from = start;
  if (from < end && bytes[from] === 34) from++;
  let to = from;
  while (to < end && (isLetter(bytes[to]!) || isDigit(bytes[to]!))) to++;
  return levelOfValue(bytes, from, to);
}

function levelOfBeginning(bytes: Uint8Array, start: number, end: number): number {
  for (let i = 0; i < BEGINNINGS.length; i++) {
    const [text, level] = BEGINNINGS[i]!;
    if (end - start < text.length || bytes[start] !== text[0]) continue;
    let at = 1;
    while (at < text.length && bytes[start + at] === text[at]) at++;
    if (at === text.length) return level;
  }
  return UNKNOWN_LEVEL;
}

/** `java.lang.IllegalStateException: …`, `TypeError: …`: a name that ends in Error or Exception, then a colon. */
function levelOfExceptionName(bytes: Uint8Array, start: number, end: number): number {
  const limit = Math.min(end, start + MAX_SCAN_BYTES);
  let at = start;
  while (at < limit && (isLetter(bytes[at]!) || isDigit(bytes[at]!) || bytes[at] === 46)) at++;
  if (at >= limit || bytes[at] !== 58) return UNKNOWN_LEVEL;
  return endsWith(bytes, start, at, ERROR_SUFFIX) || endsWith(bytes, start, at, EXCEPTION_SUFFIX)
    ? ERROR
    : UNKNOWN_LEVEL;
}

const ERROR_SUFFIX = encoder.encode('Error');
const EXCEPTION_SUFFIX = encoder.encode('Exception');

function endsWith(bytes: Uint8Array, start: number, end: number, suffix: Uint8Array): boolean {
  if (end - start <= suffix.length) return false;
  const from = end - suffix.length;
  for (let i = 0; i < suffix.length; i++) if (bytes[from + i] !== suffix[i]) return false;
  return true;
}

/** Behind a terminal's escape sequence such as `ESC [ 3 1 m`. */
function afterEscape(bytes: Uint8Array, start: number, end: number): number {
  let at = start + 1;
  if (at < end && bytes[at] === 91) at++;
  while (at < end && (isDigit(bytes[at]!) || bytes[at] === 59)) at++;
  return Math.min(at + 1, end);
}

function isLetter(code: number): boolean {
  const lower = code | 0x20;
  return lower >= 97 && lower <= 122;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** Letters, and the dot of `log.level`. */
function isWordByte(code: number): boolean {
  return isLetter(code) || code === 46;
}

/** What may stand before a key or a word that begins something: blanks and opening marks. */
function isBoundary(code: number): boolean {
  return code <= 32 || code === 44 || code === 123 || code === 91 || code === 40 || code === 124;
}
