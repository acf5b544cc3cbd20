const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const OPEN_BRACKET = 91;
const BACKSLASH = 92;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

/** What a value is; `other` covers numbers, true, false and null. */
export type JsonValueKind = 'string' | 'object' | 'array' | 'other';

/**
 * Walks over the members of a JSON object in bytes, without making anything of them. It checks only what it needs in
 * order not to lose its way, so it may accept what JSON.parse refuses; it reads each byte once.
 */
export class JsonCursor {
  /** The current key, without its quotes. */
  keyStart = 0;
  keyEnd = 0;
  keyHasEscapes = false;
  /** The current value; a string without its quotes, anything else with its brackets. */
  valueStart = 0;
  valueEnd = 0;
  valueKind: JsonValueKind = 'other';
  /** The string value has escapes. */
  hasEscapes = false;
  /** The object's closing brace was reached, with nothing but blanks behind it. */
  isComplete = false;
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #end = 0;
  #isFirst = true;

  /** Begins at an object. @returns whether there is one at `start`, after blanks */
  open(bytes: Uint8Array, start: number, end: number): boolean {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#isFirst = true;
    this.isComplete = false;
    this.#skipBlanks();
    if (this.#at >= end || bytes[this.#at] !== OPEN_BRACE) return false;
    this.#at++;
    return true;
  }

  /** Goes on to the next member. @returns false at the end, be it proper ({@link isComplete}) or not */
  next(): boolean {
    const bytes = this.#bytes;
    this.#skipBlanks();
    if (this.#at >= this.#end) return false;
    if (bytes[this.#at] === CLOSE_BRACE) {
      this.#at++;
      this.#skipBlanks();
      this.isComplete = this.#at === this.#end;
      return false;
    }
    if (!this.#isFirst) {
      if (bytes[this.#at] !== COMMA) return false;
      this.#at++;
      this.#skipBlanks();
    }
    this.#isFirst = false;
    if (this.#at >= this.#end || bytes[this.#at] !== QUOTE) return false;
    this.keyStart = this.#at + 1;
    if (!this.#skipString()) return false;
    this.keyEnd = this.#at - 1;
    this.keyHasEscapes = this.hasEscapes;
    this.#skipBlanks();
    if (this.#at >= this.#end || bytes[this.#at] !== COLON) return false;
    this.#at++;
    this.#skipBlanks();
    return this.#at < this.#end && this.#readValue();
  }

  /** Whether the current key is `name`, given as bytes. */
  keyIs(name: Uint8Array): boolean {
    const length = this.keyEnd - this.keyStart;
    if (length !== name.length) return false;
    for (let i = 0; i < length; i++) if (this.#bytes[this.keyStart + i] !== name[i]) return false;
    return true;
  }

  #readValue(): boolean {
    const bytes = this.#bytes;
    const first = bytes[this.#at]!;
    this.valueStart = this.#at;
    if (first === QUOTE) {
      this.valueKind = 'string';
      this.valueStart = this.#at + 1;
      if (!this.#skipString()) return false;
      this.valueEnd = this.#at - 1;
      return true;
    }
    if (first === OPEN_BRACE || first === OPEN_BRACKET) {
      this.valueKind = first === OPEN_BRACE ? 'object' : 'array';
      if (!this.#skipNested()) return false;
      this.valueEnd = this.#at;
      return true;
    }
    this.valueKind = 'other';
    while (this.#at < this.#end) {
      const code = bytes[this.#at]!;
      if (code === COMMA || code === CLOSE_BRACE || code <= 32) break;
      this.#at++;
    }
    this.valueEnd = this.#at;
    return this.valueEnd > this.valueStart;
  }

  /** From an opening quote to behind the closing one. */
  #skipString(): boolean {
    const bytes = this.#bytes;
    const end = this.#end;
    let at = this.#at + 1;
    this.hasEscapes = false;
    while (at < end) {
      const code = bytes[at]!;
      if (code === QUOTE) {
        this.#at = at + 1;
        return true;
      }
      if (code === BACKSLASH) {
        this.hasEscapes = true;
        at++;
      }
      at++;
    }
    this.#at = end;
    return false;
  }

  /** From an opening bracket to behind the one that closes it. */
  #skipNested(): boolean {
    const bytes = this.#bytes;
    let depth = 0;
    while (this.#at < this.#end) {
      const code = bytes[this.#at]!;
      if (code === QUOTE) {
        if (!this.#skipString()) return false;
        continue;
      }
      this.#at++;
      if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++;
      else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--;
      if (depth === 0) return true;
    }
    return false;
  }

  #skipBlanks(): void {
    const bytes = this.#bytes;
    while (this.#at < this.#end) {
      const code = bytes[this.#at]!;
      if (code !== 32 && code !== 9 && code !== 13 && code !== 10) return;
      this.#at++;
    }
  }
}
