import { KeyCache, nextHash, ValueCache } from './key-cache.ts';
import type { LabelNeeds } from './label-needs.ts';
import type { Line } from './line.ts';

const SPACE = 0x20;
const QUOTE = 0x22;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;

/** Takes `key=value` pairs of lines as labels. */
export class LogfmtScanner {
  readonly #keys: KeyCache;
  readonly #values = new ValueCache();
  readonly #isStrict: boolean;
  /** Where only some keys are taken: what labels each becomes. */
  readonly #renames: ReadonlyMap<string, readonly string[]> | null;

  constructor(
    needs: LabelNeeds,
    isStrict: boolean,
    renames: ReadonlyMap<string, readonly string[]> | null = null,
  ) {
    this.#keys = new KeyCache(needs);
    this.#isStrict = isStrict;
    this.#renames = renames;
  }

  /** @returns what is wrong with the line where strictness ends at it, or null */
  scan(line: Line): string | null {
    const { bytes, end } = line;
    let i = line.start;
    for (;;) {
      while (i < end && bytes[i]! <= SPACE) i++;
      if (i >= end) return null;
      const keyStart = i;
      let hash = 0;
      let isSound = true;
      while (i < end && bytes[i]! > SPACE && bytes[i] !== EQUALS) {
        const byte = bytes[i]!;
        if (byte === QUOTE) isSound = false;
        hash = nextHash(hash, byte);
        i++;
      }
      const keyEnd = i;
      if (keyEnd === keyStart) isSound = false;
      if (i >= end || bytes[i] !== EQUALS) {
        if (!isSound && this.#isStrict) return `unexpected '"' at byte ${keyStart - line.start}`;
        // A key without a value is an empty label, which is none.
        continue;
      }
      i++;
      const valueStart = i;
      let valueHash = 0;
      let isEscaped = false;
      const isQuoted = i < end && bytes[i] === QUOTE;
      if (isQuoted) {
        i++;
        while (i < end && bytes[i] !== QUOTE) {
          const byte = bytes[i]!;
          if (byte === BACKSLASH) {
            isEscaped = true;
            i++;
          }
          valueHash = nextHash(valueHash, byte);
          i++;
        }
        if (i >= end) isSound = false;
        i++;
        if (i < end && bytes[i]! > SPACE) isSound = false;
      }
      while (i < end && bytes[i]! > SPACE) {
        const byte = bytes[i]!;
        if (byte === EQUALS || byte === QUOTE) isSound = false;
        valueHash = nextHash(valueHash, byte);
        i++;
      }
      if (!isSound) {
        if (this.#isStrict) return `malformed pair at byte ${keyStart - line.start}`;
        continue;
      }
      this.#take(line, keyStart, keyEnd, hash, isQuoted, isEscaped, valueStart, i, valueHash);
    }
  }

  // A straight line of what the loop found out; a record of it would be one more object for each pair.
  // oxlint-disable-next-line max-params
  #take(
    line: Line,
    keyStart: number,
    keyEnd: number,
    hash: number,
    isQuoted: boolean,
    isEscaped: boolean,
    valueStart: number,
    valueEnd: number,
    valueHash: number,
  ): void {
    const { bytes, labels } = line;
    let label = '';
    let renamed: readonly string[] | undefined;
    if (this.#renames === null) {
      const key = this.#keys.keyAt(bytes, keyStart, keyEnd, hash);
      if (!key.isWanted) return;
      label = key.label;
    } else {
      renamed = this.#renames.get(bytes.toString('utf8', keyStart, keyEnd));
      if (renamed === undefined) return;
    }
    const start = isQuoted ? valueStart + 1 : valueStart;
    const end = isQuoted ? valueEnd - 1 : valueEnd;
    const value = isEscaped
      ? unescape(bytes.toString('utf8', start, end))
      : this.#values.textAt(bytes, start, end, valueHash);
    if (renamed === undefined) labels.setExtracted(label, value);
    else for (const each of renamed) labels.setExtracted(each, value);
  }
}

function unescape(text: string): string {
  try {
    return String(JSON.parse(`"${text}"`));
  } catch {
    // Escapes that JSON does not have stay as they are.
    return text;
  }
}
