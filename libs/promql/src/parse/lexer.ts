import { PromqlSyntaxError } from './promql-syntax-error.ts';
import { quoteCharacterLiteral } from './literals.ts';
import { type Token, type TokenKind, wordKind } from './tokens.ts';

const END = -1;
/** Go reads a byte that is not UTF-8 as U+FFFD, and so refuses that character itself as well. */
const REPLACEMENT = 0xfffd;

/**
 * Splits a query into tokens the way Prometheus does, with its messages for what is no token. What a text means depends
 * on where it stands: words in braces are never keywords, and in brackets only durations and what computes them can come.
 */
export class Lexer {
  readonly query: string;
  #position = 0;
  #start = 0;
  #parenthesisDepth = 0;
  #isBraceOpen = false;
  #isBracketOpen = false;
  #hasColon = false;
  #isAtBracketStart = false;

  constructor(query: string) {
    this.query = query;
  }

  /** @throws PromqlSyntaxError */
  next(): Token {
    this.#skipBlanksAndComments();
    this.#start = this.#position;
    if (this.#isBraceOpen) return this.#nextInBraces();
    if (this.#isBracketOpen) return this.#nextInBrackets();
    return this.#nextStatement();
  }

  #nextStatement(): Token {
    const code = this.#codeAt(this.#position);
    if (isDigit(code) || (code === 0x2e && isDigit(this.#codeAt(this.#position + 1)))) {
      return this.#numberOrDuration();
    }
    if (isAlpha(code) || code === 0x3a) return this.#word();
    if (code === 0x5b) {
      this.#hasColon = false;
      this.#isBracketOpen = true;
      this.#isAtBracketStart = true;
      return this.#token('[', 1);
    }
    if (code === 0x5d) this.#fail("unexpected right bracket ']'");
    if (code === 0x7b) {
      this.#isBraceOpen = true;
      return this.#token('{', 1);
    }
    return this.#symbolOrString(code);
  }

  /** Inside of brackets, where a duration or the step of a subquery is written. */
  #nextInBrackets(): Token {
    const code = this.#codeAt(this.#position);
    if (code === END) {
      if (this.#isAtBracketStart) this.#fail('unexpected end of input in duration expression');
      this.#fail(
        this.#parenthesisDepth > 0 ? 'unclosed left parenthesis' : 'unclosed left bracket',
      );
    }
    if (isDigit(code) || (code === 0x2e && isDigit(this.#codeAt(this.#position + 1)))) {
      this.#isAtBracketStart = false;
      return this.#numberOrDuration();
    }
    if (code === 0x5d) {
      this.#isBracketOpen = false;
      return this.#token(']', 1);
    }
    if (code === 0x5b) this.#fail("unexpected left bracket '['");
    if (code === 0x3a) {
      if (this.#isAtBracketStart) {
        this.#fail('unexpected colon before duration in duration expression');
      }
      if (this.#hasColon) this.#fail("unexpected colon ':'");
      this.#hasColon = true;
      return this.#token(':', 1);
    }
    if (isAlpha(code)) return this.#durationWord(code);
    if (this.#isAtBracketStart && !DURATION_SYMBOLS.has(code)) {
      this.#fail(
        `unexpected character in duration expression: ${quoteCharacterLiteral(this.#runeAt(this.#position))}`,
      );
    }
    if (code !== 0x28 && code !== 0x2b && code !== 0x2d) this.#isAtBracketStart = false;
    return this.#symbolOrString(code);
  }

  #durationWord(code: number): Token {
    let end = this.#position;
    while (isAlpha(this.#codeAt(end))) end++;
    const word = this.query.slice(this.#position, end).toLowerCase();
    if (word === 'step' || word === 'range' || word === 'min_of' || word === 'max_of') {
      this.#isAtBracketStart = false;
      return this.#token(word, end - this.#position);
    }
    const character = quoteCharacterLiteral(code);
    this.#fail(
      this.#isAtBracketStart
        ? `unexpected character in duration expression: ${character}`
        : `unexpected character: ${character}, expected ':'`,
    );
  }

  #nextInBraces(): Token {
    const code = this.#codeAt(this.#position);
    if (code === END) {
      this.#fail('unexpected end of input inside braces');
    }
    if (isAlpha(code)) {
      let end = this.#position;
      while (isAlphanumeric(this.#codeAt(end))) end++;
      return this.#token('IDENTIFIER', end - this.#position);
    }
    const following = this.#codeAt(this.#position + 1);
    switch (code) {
      case 0x2c:
        return this.#token(',', 1);
      case 0x22:
      case 0x27:
        return this.#quotedString(code);
      case 0x60:
        return this.#rawString();
      case 0x3d:
        return following === 0x7e ? this.#token('=~', 2) : this.#token('=', 1);
      case 0x21:
        if (following === 0x7e) return this.#token('!~', 2);
        if (following === 0x3d) return this.#token('!=', 2);
        return this.#fail(
          `unexpected character after '!' inside braces: ${quoteCharacterLiteral(this.#runeAt(this.#position + 1))}`,
        );
      case 0x7b:
        return this.#fail("unexpected left brace '{'");
      case 0x7d:
        this.#isBraceOpen = false;
        return this.#token('}', 1);
      default:
        return this.#fail(
          `unexpected character inside braces: ${quoteCharacterLiteral(this.#runeAt(this.#position))}`,
        );
    }
  }

  #symbolOrString(code: number): Token {
    const following = this.#codeAt(this.#position + 1);
    switch (code) {
      case END:
        if (this.#parenthesisDepth > 0) this.#fail('unclosed left parenthesis');
        return this.#token('EOF', 0);
      case 0x2c:
        return this.#token(',', 1);
      case 0x2a:
        return this.#token('*', 1);
      case 0x2f:
        return this.#token('/', 1);
      case 0x25:
        return this.#token('%', 1);
      case 0x2b:
        return this.#token('+', 1);
      case 0x2d:
        return this.#token('-', 1);
      case 0x5e:
        return this.#token('^', 1);
      case 0x40:
        return this.#token('@', 1);
      case 0x3d:
        if (following === 0x3d) return this.#token('==', 2);
        if (following === 0x7e) this.#fail("unexpected character after '=': '~'");
        return this.#token('=', 1);
      case 0x21:
        if (following === 0x3d) return this.#token('!=', 2);
        return this.#fail(
          `unexpected character after '!': ${quoteCharacterLiteral(this.#runeAt(this.#position + 1))}`,
        );
      case 0x3c:
        if (following === 0x3d) return this.#token('<=', 2);
        return following === 0x2f ? this.#token('</', 2) : this.#token('<', 1);
      case 0x3e:
        if (following === 0x3d) return this.#token('>=', 2);
        return following === 0x2f ? this.#token('>/', 2) : this.#token('>', 1);
      case 0x22:
      case 0x27:
        return this.#quotedString(code);
      case 0x60:
        return this.#rawString();
      case 0x28:
        this.#parenthesisDepth++;
        return this.#token('(', 1);
      case 0x29:
        if (this.#parenthesisDepth === 0) {
          // Prometheus notices after it has moved on, and so names the place behind it.
          this.#start = this.#position + 1;
          this.#fail("unexpected right parenthesis ')'");
        }
        this.#parenthesisDepth--;
        return this.#token(')', 1);
      default:
        return this.#fail(
          `unexpected character: ${quoteCharacterLiteral(this.#runeAt(this.#position))}`,
        );
    }
  }

  #word(): Token {
    let end = this.#position;
    while (isAlphanumeric(this.#codeAt(end)) || this.#codeAt(end) === 0x3a) end++;
    const word = this.query.slice(this.#position, end);
    let kind = wordKind(word);
    // Young keywords, which are taken for metric names unless a parenthesis follows.
    if (kind === 'fill' || kind === 'fill_left' || kind === 'fill_right') {
      if (!this.#isParenthesisAfter(end)) kind = 'IDENTIFIER';
    }
    return this.#token(kind, word.length);
  }

  #isParenthesisAfter(position: number): boolean {
    let place = position;
    while (isSpace(this.#codeAt(place))) place++;
    return this.#codeAt(place) === 0x28;
  }

  #numberOrDuration(): Token {
    const numberEnd = scanNumber(this.query, this.#position);
    if (numberEnd > 0) return this.#token('NUMBER', numberEnd - this.#position);
    // A number that ends in a letter may be a duration; Prometheus goes on from where the number broke off.
    const durationEnd = scanDuration(this.query, -numberEnd);
    if (durationEnd > 0) return this.#token('DURATION', durationEnd - this.#position);
    const stop = Math.min(this.query.length, -durationEnd);
    return this.#fail(
      `bad number or duration syntax: ${JSON.stringify(this.query.slice(this.#position, stop))}`,
    );
  }

  #quotedString(quote: number): Token {
    let place = this.#position + 1;
    for (;;) {
      const code = this.#runeAt(place);
      if (code === quote) return this.#token('STRING', place + 1 - this.#position);
      if (code === END || code === 0x0a) this.#fail('unterminated quoted string');
      if (code === REPLACEMENT || isSurrogate(code)) this.#fail('invalid UTF-8 rune');
      place = code === 0x5c ? this.#escapeEnd(place + 1, quote) : place + (code > 0xffff ? 2 : 1);
    }
  }

  /** Checks the escape whose backslash stands before `position`; gives the place behind it. */
  #escapeEnd(position: number, quote: number): number {
    const code = this.#runeAt(position);
    if (code === quote || SHORT_ESCAPES.has(code)) return position + 1;
    let place = position + 1;
    let digits = 2;
    let base = 16;
    let maximum = 0x10_ffff;
    if (code >= 0x30 && code <= 0x37) {
      [place, digits, base, maximum] = [position, 3, 8, 255];
    } else if (code === 0x78) {
      maximum = 255;
    } else if (code === 0x75) {
      digits = 4;
    } else if (code === 0x55) {
      digits = 8;
    } else if (code === END) {
      this.#fail('escape sequence not terminated');
    } else {
      this.#fail(`unknown escape sequence ${describeRune(code)}`);
    }
    let value = 0;
    for (let i = 0; i < digits; i++, place++) {
      const digit = this.#runeAt(place);
      if (digit === END) this.#fail('escape sequence not terminated');
      const worth = digitWorth(digit);
      if (worth >= base) this.#fail(`illegal character ${describeRune(digit)} in escape sequence`);
      value = value * base + worth;
    }
    if (value > maximum || (value >= 0xd800 && value < 0xe000)) {
      this.#fail('escape sequence is an invalid Unicode code point');
    }
    return place;
  }

  #rawString(): Token {
    for (let place = this.#position + 1; ; place++) {
      const code = this.#codeAt(place);
      if (code === 0x60) return this.#token('STRING', place + 1 - this.#position);
      if (code === END) this.#fail('unterminated raw string');
      if (code === REPLACEMENT) this.#fail('invalid UTF-8 rune');
      if (isSurrogate(code)) {
        if (isSurrogate(this.#runeAt(place))) this.#fail('invalid UTF-8 rune');
        place++;
      }
    }
  }

  #skipBlanksAndComments(): void {
    for (;;) {
      const code = this.#codeAt(this.#position);
      if (isSpace(code)) {
        this.#position++;
      } else if (code === 0x23) {
        while (!isLineEnd(this.#codeAt(this.#position))) this.#position++;
      } else {
        return;
      }
    }
  }

  #token(kind: TokenKind, length: number): Token {
    const start = this.#position;
    const end = start + length;
    this.#position = end;
    return { kind, text: this.query.slice(start, end), start, end };
  }

  #codeAt(position: number): number {
    return position < this.query.length ? this.query.charCodeAt(position) : END;
  }

  #runeAt(position: number): number {
    return this.query.codePointAt(position) ?? END;
  }

  #fail(reason: string): never {
    throw new PromqlSyntaxError(this.query, reason, {
      start: this.#start,
      end: this.query.length,
    });
  }
}

/** What may come first in brackets: parentheses, signs, and operators, which the grammar then refuses. */
const DURATION_SYMBOLS = codesOf('()+-*/%^,');

const SHORT_ESCAPES = codesOf('abfnrtv\\');

function codesOf(characters: string): ReadonlySet<number> {
  return new Set(characters.split('').map((character) => character.charCodeAt(0)));
}

/** The end of the number that begins at `start`, or minus the place where it stops being one. */
function scanNumber(text: string, start: number): number {
  let place = start;
  const at = (position: number): string => text[position] ?? '';
  let digits = /[0-9]/;
  let isHex = false;
  if (at(place) === '0' && (at(place + 1) === 'x' || at(place + 1) === 'X')) {
    place += at(place + 2) === '_' ? 3 : 2;
    digits = /[0-9a-fA-F]/;
    isHex = true;
  }
  let hasDot = false;
  let hasExponent = false;
  if (at(place) === '.') {
    // A first dot is taken without being counted, so `.1.2` is refused only at its end.
    place++;
  }
  for (;;) {
    const character = at(place);
    if (digits.test(character)) {
      place++;
    } else if (character === '.') {
      if (hasDot) return -(place + 1);
      hasDot = true;
      place++;
      if (at(place) === '_' || at(place) === '.') return -(place + 1);
      if (isHex) return -place;
    } else if (character === 'e' || character === 'E') {
      if (hasExponent) return -(place + 1);
      hasExponent = true;
      place++;
      if (at(place) === '+' || at(place) === '-') place++;
      if (/[._eE]/.test(at(place))) return -(place + 1);
      if (at(place) === '') return -place;
    } else if (character === '_') {
      place++;
      if (/[._eE]/.test(at(place))) return -(place + 1);
      if (at(place) === '') return -place;
    } else {
      break;
    }
  }
  const code = place < text.length ? text.charCodeAt(place) : END;
  return place === start || isAlphanumeric(code) ? -place : place;
}

/** The end of the duration whose first unit stands at `position`, or minus the place where it stops being one. */
function scanDuration(text: string, position: number): number {
  const UNIT = /[smhdwy]s?(?:[0-9]+[smhdw]s?)*/y;
  UNIT.lastIndex = position;
  const match = UNIT.exec(text);
  if (match === null) return -Math.max(position, 1);
  const end = position + match[0].length;
  const code = end < text.length ? text.charCodeAt(end) : END;
  return isAlphanumeric(code) ? -(end + 1) : end;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d;
}

function isLineEnd(code: number): boolean {
  return code === END || code === 0x0a || code === 0x0d;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isAlpha(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || code === 0x5f;
}

function isAlphanumeric(code: number): boolean {
  return isAlpha(code) || isDigit(code);
}

function isSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdfff;
}

function digitWorth(code: number): number {
  const worth = Number.parseInt(String.fromCodePoint(code), 16);
  return code < 0x80 && !Number.isNaN(worth) ? worth : 16;
}

/** `U+0071 'q'`, as Go's `%#U` writes it. */
function describeRune(code: number): string {
  const hex = code.toString(16).toUpperCase().padStart(4, '0');
  return `U+${hex} '${String.fromCodePoint(code)}'`;
}
