import { KeyCache, nextHash, ValueCache } from './key-cache.ts';
import type { LabelNeeds } from './label-needs.ts';
import type { Line } from './line.ts';

/** How deep objects and lists of a line may be nested. */
const MAX_DEPTH = 64;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Where a line is no JSON; caught where a stage began to read it. */
export class JsonLineError extends Error {
  override readonly name = 'JsonLineError';
}

/** The first byte at or after `at` that is no blank. */
export function skipJsonBlanks(bytes: Buffer, at: number, end: number): number {
  let i = at;
  while (i < end) {
    const byte = bytes[i]!;
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) break;
    i++;
  }
  return i;
}

/** Behind the string whose opening quote is at `at`. @throws JsonLineError */
export function skipJsonString(bytes: Buffer, at: number, end: number): number {
  for (let i = at + 1; i < end; i++) {
    const byte = bytes[i]!;
    if (byte === QUOTE) return i + 1;
    if (byte === BACKSLASH) i++;
  }
  throw new JsonLineError('a string does not end');
}

/** Behind the value that begins at `at`; of lists and objects only the nesting is looked at. @throws JsonLineError */
export function skipJsonValue(bytes: Buffer, at: number, end: number): number {
  const first = at < end ? bytes[at]! : 0;
  if (first === QUOTE) return skipJsonString(bytes, at, end);
  if (first !== 0x7b && first !== 0x5b) return skipJsonScalar(bytes, at, end);
  let depth = 0;
  for (let i = at; i < end; i++) {
    const byte = bytes[i]!;
    if (byte === QUOTE) {
      i = skipJsonString(bytes, i, end) - 1;
    } else if (byte === 0x7b || byte === 0x5b) {
      depth++;
      if (depth > MAX_DEPTH) throw new JsonLineError(`nested deeper than ${MAX_DEPTH} levels`);
    } else if (byte === 0x7d || byte === 0x5d) {
      depth--;
      if (depth === 0) return i + 1;
    }
  }
  throw new JsonLineError('a list or an object does not end');
}

const SCALAR = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/;

/** Behind a number, `true`, `false` or `null`. @throws JsonLineError */
function skipJsonScalar(bytes: Buffer, at: number, end: number): number {
  let i = at;
  let isDigits = true;
  while (i < end) {
    const byte = bytes[i]!;
    if (byte <= 0x20 || byte === 0x2c || byte === 0x7d || byte === 0x5d) break;
    isDigits &&= byte >= 0x30 && byte <= 0x39;
    i++;
  }
  // Whole numbers are most of them.
  if (isDigits && i > at && (bytes[at] !== 0x30 || i === at + 1)) return i;
  if (!SCALAR.test(bytes.toString('latin1', at, Math.min(i, at + 400)))) {
    throw new JsonLineError('not a value');
  }
  return i;
}

/** The text of a string, its quotes at `start` and before `end`. @throws JsonLineError */
export function decodeJsonString(bytes: Buffer, start: number, end: number): string {
  const raw = bytes.toString('utf8', start, end);
  if (!raw.includes('\\')) return raw.slice(1, -1);
  try {
    return String(JSON.parse(raw));
  } catch (error) {
    throw new JsonLineError('a string with an escape that there is not', { cause: error });
  }
}

/** Takes the fields of JSON lines as labels: objects flattened with `_`, lists left out, numbers as they are written. */
export class JsonScanner {
  readonly #keys: KeyCache;
  readonly #values = new ValueCache();

  constructor(needs: LabelNeeds) {
    this.#keys = new KeyCache(needs);
  }

  /** @throws JsonLineError for a line that is no object; what was found before stays */
  scan(line: Line): void {
    const { bytes, end } = line;
    const at = skipJsonBlanks(bytes, line.start, end);
    if (at >= end || bytes[at] !== 0x7b) throw new JsonLineError('the line is no JSON object');
    const behind = skipJsonBlanks(bytes, this.#object(line, at, this.#keys, 1), end);
    if (behind < end) throw new JsonLineError('something follows the object');
  }

  #object(line: Line, at: number, keys: KeyCache, depth: number): number {
    const { bytes, end } = line;
    if (depth > MAX_DEPTH) throw new JsonLineError(`nested deeper than ${MAX_DEPTH} levels`);
    let i = skipJsonBlanks(bytes, at + 1, end);
    if (i < end && bytes[i] === 0x7d) return i + 1;
    for (;;) {
      if (i >= end || bytes[i] !== QUOTE) throw new JsonLineError('expected a key in quotes');
      const keyStart = i + 1;
      let hash = 0;
      let isEscaped = false;
      for (i = keyStart; i < end; i++) {
        const byte = bytes[i]!;
        if (byte === QUOTE) break;
        if (byte === BACKSLASH) {
          isEscaped = true;
          i++;
        }
        hash = nextHash(hash, byte);
      }
      if (i >= end) throw new JsonLineError('a string does not end');
      const key = isEscaped
        ? keys.keyOf(decodeJsonString(bytes, keyStart - 1, i + 1))
        : keys.keyAt(bytes, keyStart, i, hash);
      i = skipJsonBlanks(bytes, i + 1, end);
      if (i >= end || bytes[i] !== 0x3a) throw new JsonLineError('expected a colon');
      i = skipJsonBlanks(bytes, i + 1, end);
      const first = i < end ? bytes[i]! : 0;
      if (first === 0x7b && key.inside !== null) i = this.#object(line, i, key.inside, depth + 1);
      else if (key.isWanted && first !== 0x7b && first !== 0x5b) {
        i = this.#value(line, i, key.label);
      } else i = skipJsonValue(bytes, i, end);
      i = skipJsonBlanks(bytes, i, end);
      const next = i < end ? bytes[i]! : 0;
      if (next === 0x7d) return i + 1;
      if (next !== 0x2c) throw new JsonLineError('expected a comma or the end of the object');
      i = skipJsonBlanks(bytes, i + 1, end);
    }
  }

  #value(line: Line, at: number, label: string): number {
    const { bytes, end } = line;
    if (bytes[at] !== QUOTE) {
      const behind = skipJsonScalar(bytes, at, end);
      // null is no value.
      if (bytes[at] !== 0x6e) line.labels.setExtracted(label, bytes.toString('latin1', at, behind));
      return behind;
    }
    let hash = 0;
    let i = at + 1;
    for (; i < end; i++) {
      const byte = bytes[i]!;
      if (byte === QUOTE) {
        line.labels.setExtracted(label, this.#values.textAt(bytes, at + 1, i, hash));
        return i + 1;
      }
      if (byte === BACKSLASH) break;
      hash = nextHash(hash, byte);
    }
    const behind = skipJsonString(bytes, at, end);
    line.labels.setExtracted(label, decodeJsonString(bytes, at, behind));
    return behind;
  }
}
