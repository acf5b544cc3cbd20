import { unescapeGo } from '#libs/labels';
import { parseByteSize, parseDurationNs, parseFloatStrictly } from '../units.ts';
import { LogqlSyntaxError } from './logql-syntax-error.ts';

export type TokenKind =
  'identifier' | 'string' | 'number' | 'duration' | 'bytes' | 'flag' | 'symbol' | 'end';

/** A piece of a query. Words are identifiers; what they mean depends on where they stand. */
export interface Token {
  readonly kind: TokenKind;
  /** As written; of a string, what it stands for. */
  readonly text: string;
  /** Of a number, a duration (nanoseconds) and a size (bytes). */
  readonly value: number;
  readonly start: number;
  readonly end: number;
}

const BLANKS = /(?:[ \t\r\n]+|#[^\n]*)+/y;
const IDENTIFIER = /[a-zA-Z_][a-zA-Z0-9_]*/y;
const DURATION = /(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h|d|w|y))+(?![\w.])/y;
const BYTES = /(?:\d+(?:\.\d*)?|\.\d+)(?:[kmgtpe]i?)?b(?![\w.])/iy;
const NUMBER = /(?:0x[0-9a-f]+|(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)(?![\w.])/iy;
const FLAG = /--[a-z][a-z-]*/y;
/** Longer ones first. */
const SYMBOLS = [
  '|=',
  '|~',
  '|>',
  '!=',
  '!~',
  '!>',
  '=~',
  '==',
  '>=',
  '<=',
  '{',
  '}',
  '(',
  ')',
  '[',
  ']',
  ',',
  '|',
  '=',
  '>',
  '<',
  '+',
  '-',
  '*',
  '/',
  '%',
  '^',
] as const;

/** Splits a query into tokens. */
export class Lexer {
  readonly #query: string;
  #position = 0;

  constructor(query: string) {
    this.#query = query;
  }

  /** @throws LogqlSyntaxError */
  next(): Token {
    this.#match(BLANKS);
    const start = this.#position;
    if (start >= this.#query.length) return this.#token('end', start, '');
    const first = this.#query[start]!;
    if (first === '"' || first === '`') return this.#string(start, first);
    const word = this.#match(IDENTIFIER);
    if (word !== null) return this.#token('identifier', start, word);
    if (/[0-9.]/.test(first)) return this.#quantity(start);
    const flag = this.#match(FLAG);
    if (flag !== null) return this.#token('flag', start, flag);
    const symbol = SYMBOLS.find((each) => this.#query.startsWith(each, start));
    if (symbol === undefined) {
      const character = String.fromCodePoint(this.#query.codePointAt(start)!);
      throw this.#error(start, `syntax error: unexpected character ${JSON.stringify(character)}`);
    }
    this.#position = start + symbol.length;
    return this.#token('symbol', start, symbol);
  }

  #quantity(start: number): Token {
    const duration = this.#match(DURATION);
    if (duration !== null) {
      const durationNs = parseDurationNs(duration);
      if (Number.isNaN(durationNs)) throw this.#error(start, 'duration out of range');
      return this.#token('duration', start, duration, durationNs);
    }
    const bytes = this.#match(BYTES);
    if (bytes !== null) {
      const size = parseByteSize(bytes);
      if (!Number.isSafeInteger(size)) throw this.#error(start, 'size out of range');
      return this.#token('bytes', start, bytes, size);
    }
    const number = this.#match(NUMBER);
    const value = number === null ? null : parseFloatStrictly(number);
    if (number === null || value === null) {
      throw this.#error(
        start,
        'syntax error: not a number, a duration such as 5m or a size such as 10MB',
      );
    }
    return this.#token('number', start, number, value);
  }

  #string(start: number, quote: '"' | '`'): Token {
    const query = this.#query;
    let end = start + 1;
    while (end < query.length && query[end] !== quote) {
      if (quote === '"' && query[end] === '\n') break;
      end += quote === '"' && query[end] === '\\' ? 2 : 1;
    }
    if (end >= query.length || query[end] !== quote) {
      throw this.#error(start, 'syntax error: literal not terminated');
    }
    const inner = query.slice(start + 1, end);
    let text = inner;
    if (quote === '"' && inner.includes('\\')) {
      const bytes = unescapeGo(inner, '"');
      if (bytes === null) throw this.#error(start, 'syntax error: invalid escape in string');
      text = bytes.toString('utf8');
    }
    this.#position = end + 1;
    return this.#token('string', start, text);
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#position;
    const match = pattern.exec(this.#query);
    if (match === null) return null;
    this.#position = pattern.lastIndex;
    return match[0];
  }

  #token(kind: TokenKind, start: number, text: string, value = 0): Token {
    return { kind, text, value, start, end: this.#position };
  }

  #error(offset: number, reason: string): LogqlSyntaxError {
    return new LogqlSyntaxError(this.#query, offset, reason);
  }
}
