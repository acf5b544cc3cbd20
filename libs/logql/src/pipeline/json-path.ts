import {
  decodeJsonString,
  JsonLineError,
  skipJsonBlanks,
  skipJsonString,
  skipJsonValue,
} from './json-scanner.ts';

type JsonPath = readonly (string | number)[];

const STEP = /\.?([a-zA-Z_][\w-]*)|\[(\d{1,9})\]|\["((?:[^"\\]|\\.)*)"\]/y;

/** Reads `servers[0]`, `request.headers["User-Agent"]`; null for what is none. */
function parseJsonPath(text: string): JsonPath | null {
  const path: (string | number)[] = [];
  if (text.startsWith('.')) return null;
  STEP.lastIndex = 0;
  for (let at = 0; at < text.length; at = STEP.lastIndex) {
    const match = STEP.exec(text);
    if (match === null || path.length >= 32) return null;
    const [whole, field, index, quoted] = match;
    if (field !== undefined) {
      // A field after another needs its dot.
      if (at > 0 && !whole.startsWith('.')) return null;
      path.push(field);
    } else if (index !== undefined) path.push(Number(index));
    else path.push((quoted ?? '').replaceAll(/\\(.)/g, '$1'));
  }
  return path.length === 0 ? null : path;
}

/** Why a text is no path into JSON, or null. */
export function checkJsonPath(text: string): string | null {
  return parseJsonPath(text) === null
    ? `cannot parse expression [${text}]: fields are written a.b or a["b"], elements of a list a[0]`
    : null;
}

/** One value out of JSON lines by its path; lists and objects come as their JSON. */
export class JsonPathReader {
  readonly #path: JsonPath;

  /** @param text for which {@link checkJsonPath} has no objection */
  constructor(text: string) {
    this.#path = parseJsonPath(text) ?? [];
  }

  /**
   * The text of the value, empty where the line has none there.
   * @throws JsonLineError for a line that is no JSON as far as it was read
   */
  read(bytes: Buffer, start: number, end: number): string {
    let at = skipJsonBlanks(bytes, start, end);
    for (const step of this.#path) {
      const found =
        typeof step === 'string' ? memberAt(bytes, at, end, step) : elementAt(bytes, at, end, step);
      if (found < 0) return '';
      at = found;
    }
    const behind = skipJsonValue(bytes, at, end);
    if (bytes[at] === 0x22) return decodeJsonString(bytes, at, behind);
    const text = bytes.toString('utf8', at, behind);
    return text === 'null' ? '' : text;
  }
}

/** Where the value of a member of the object at `at` begins, or -1. */
function memberAt(bytes: Buffer, at: number, end: number, name: string): number {
  if (bytes[at] !== 0x7b) return -1;
  let i = skipJsonBlanks(bytes, at + 1, end);
  while (i < end && bytes[i] === 0x22) {
    const keyStart = i;
    i = skipJsonString(bytes, i, end);
    const isIt = decodeJsonString(bytes, keyStart, i) === name;
    i = skipJsonBlanks(bytes, i, end);
    if (bytes[i] !== 0x3a) throw new JsonLineError('expected a colon');
    i = skipJsonBlanks(bytes, i + 1, end);
    if (isIt) return i;
    i = skipJsonBlanks(bytes, skipJsonValue(bytes, i, end), end);
    if (bytes[i] !== 0x2c) break;
    i = skipJsonBlanks(bytes, i + 1, end);
  }
  if (i >= end || bytes[i] !== 0x7d) throw new JsonLineError('an object does not end');
  return -1;
}

/** Where an element of the list at `at` begins, or -1. */
function elementAt(bytes: Buffer, at: number, end: number, index: number): number {
  if (bytes[at] !== 0x5b) return -1;
  let i = skipJsonBlanks(bytes, at + 1, end);
  for (let element = 0; i < end && bytes[i] !== 0x5d; element++) {
    if (element === index) return i;
    i = skipJsonBlanks(bytes, skipJsonValue(bytes, i, end), end);
    if (bytes[i] !== 0x2c) break;
    i = skipJsonBlanks(bytes, i + 1, end);
  }
  if (i >= end || bytes[i] !== 0x5d) throw new JsonLineError('a list does not end');
  return -1;
}
