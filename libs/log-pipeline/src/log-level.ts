/** Levels from the least to the most urgent, then the lines that tell none. A level's id is its index here. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'unknown'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** Ids for columns. */
const TRACE = 0;
export const DEBUG = 1;
export const INFO = 2;
export const WARN = 3;
export const ERROR = 4;
export const FATAL = 5;
export const UNKNOWN_LEVEL = 6;

/** What the many logging libraries call their levels, in lower case. */
const WORDS: readonly (readonly [word: string, level: number])[] = [
  ['trace', TRACE],
  ['trc', TRACE],
  ['verbose', TRACE],
  ['debug', DEBUG],
  ['dbg', DEBUG],
  ['debu', DEBUG],
  ['info', INFO],
  ['inf', INFO],
  ['information', INFO],
  ['informational', INFO],
  ['notice', INFO],
  ['warn', WARN],
  ['warning', WARN],
  ['wrn', WARN],
  ['error', ERROR],
  ['err', ERROR],
  ['eror', ERROR],
  ['severe', ERROR],
  ['fatal', FATAL],
  ['ftl', FATAL],
  ['critical', FATAL],
  ['crit', FATAL],
  ['alert', FATAL],
  ['emerg', FATAL],
  ['emergency', FATAL],
  ['panic', FATAL],
  ['dpanic', FATAL],
];

/** Accepted only where a field says that it is a level; in a sentence they mean something else. */
const FIELD_WORDS: readonly (readonly [word: string, level: number])[] = [
  ['log', INFO],
  ['default', INFO],
  ['ok', INFO],
  ['fail', ERROR],
  ['failure', ERROR],
  ['all', TRACE],
  ['finest', TRACE],
  ['finer', TRACE],
  ['fine', DEBUG],
];

interface Entry {
  readonly bytes: Uint8Array;
  readonly level: number;
}

const encoder = new TextEncoder();

function tableOf(words: readonly (readonly [string, number])[]): readonly (readonly Entry[])[] {
  const table: Entry[][] = Array.from({ length: 26 }, () => []);
  for (const [word, level] of words) {
    table[word.charCodeAt(0) - 97]!.push({ bytes: encoder.encode(word), level });
  }
  return table;
}

const BY_FIRST_LETTER = tableOf(WORDS);
const FIELDS_BY_FIRST_LETTER = tableOf([...WORDS, ...FIELD_WORDS]);

/** The level a word in prose stands for, whatever its case, or UNKNOWN_LEVEL. */
export function levelOfWord(bytes: Uint8Array, start: number, end: number): number {
  return lookUp(BY_FIRST_LETTER, bytes, start, end);
}

/** The level the value of a level field stands for; the words, or a number as pino and bunyan write it. */
export function levelOfValue(bytes: Uint8Array, start: number, end: number): number {
  const first = bytes[start]!;
  if (start < end && first >= 48 && first <= 57) return levelOfNumber(bytes, start, end);
  return lookUp(FIELDS_BY_FIRST_LETTER, bytes, start, end);
}

function levelOfNumber(bytes: Uint8Array, start: number, end: number): number {
  if (end - start !== 2 || bytes[start + 1] !== 48) return UNKNOWN_LEVEL;
  const tens = bytes[start]! - 48;
  return tens >= 1 && tens <= 6 ? TRACE + tens - 1 : UNKNOWN_LEVEL;
}

function lookUp(
  table: readonly (readonly Entry[])[],
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  const length = end - start;
  if (length < 2 || length > 13) return UNKNOWN_LEVEL;
  const first = (bytes[start]! | 0x20) - 97;
  if (first < 0 || first > 25) return UNKNOWN_LEVEL;
  const entries = table[first]!;
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    if (entry.bytes.length !== length) continue;
    let at = 1;
    while (at < length && (bytes[start + at]! | 0x20) === entry.bytes[at]) at++;
    if (at === length) return entry.level;
  }
  return UNKNOWN_LEVEL;
}
