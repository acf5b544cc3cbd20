/** The kinds of tokens; keywords come as `keyword` with their word as text. */
export type TokenKind =
  | 'error'
  | 'eof'
  | 'text'
  | 'left-delim'
  | 'right-delim'
  | 'space'
  | 'bool'
  | 'char-constant'
  | 'assign'
  | 'declare'
  | 'field'
  | 'identifier'
  | 'left-paren'
  | 'right-paren'
  | 'number'
  | 'pipe'
  | 'raw-string'
  | 'string'
  | 'variable'
  | 'char'
  | 'dot'
  | 'nil'
  | 'keyword';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly position: number;
  readonly line: number;
}

const KEYWORDS = new Set([
  'block',
  'break',
  'continue',
  'define',
  'else',
  'end',
  'if',
  'range',
  'template',
  'with',
]);
const LEFT = '{{';
const RIGHT = '}}';
const LEFT_COMMENT = '/*';
const RIGHT_COMMENT = '*/';

/** Cuts a template's text into tokens, one at a time (Go's `text/template/parse`). After `error` or `eof` it ends. */
export class Lexer {
  readonly #text: string;
  #at = 0;
  #line = 1;
  #lineCountedTo = 0;
  #isInsideAction = false;
  #parenDepth = 0;
  /** A token already found, to be handed out next. */
  #queued: Token | null = null;
  #last: Token | null = null;

  constructor(text: string) {
    this.#text = text;
  }

  next(): Token {
    if (this.#last !== null) return this.#last;
    if (this.#queued !== null) {
      const queued = this.#queued;
      this.#queued = null;
      return queued;
    }
    const token = this.#isInsideAction ? this.#lexInsideAction() : this.#lexText();
    if (token.kind === 'error' || token.kind === 'eof') this.#last = token;
    return token;
  }

  #lexText(): Token {
    for (;;) {
      const start = this.#at;
      const left = this.#text.indexOf(LEFT, start);
      if (left === -1) {
        this.#at = this.#text.length;
        if (start === this.#at) return this.#token('eof', start, '');
        return this.#token('text', start, this.#text.slice(start));
      }
      const trimsLeft = this.#hasLeftTrim(left + LEFT.length);
      const textEnd = trimsLeft ? trimRight(this.#text, start, left) : left;
      const afterDelim = left + LEFT.length + (trimsLeft ? 2 : 0);
      const text = this.#text.slice(start, textEnd);
      if (this.#text.startsWith(LEFT_COMMENT, afterDelim)) {
        const textToken = this.#token('text', start, text);
        const problem = this.#skipComment(afterDelim);
        if (problem !== null) {
          if (text === '') return problem;
          this.#queued = problem;
          this.#last = null;
          return textToken;
        }
        if (text === '') continue;
        return textToken;
      }
      const textToken = text === '' ? null : this.#token('text', start, text);
      const leftToken = this.#token('left-delim', left, LEFT);
      this.#at = afterDelim;
      this.#isInsideAction = true;
      this.#parenDepth = 0;
      if (textToken === null) return leftToken;
      this.#queued = leftToken;
      return textToken;
    }
  }

  #skipComment(start: number): Token | null {
    const end = this.#text.indexOf(RIGHT_COMMENT, start + LEFT_COMMENT.length);
    if (end === -1) return this.#error(start, 'unclosed comment');
    let at = end + RIGHT_COMMENT.length;
    const trims = this.#hasRightTrim(at);
    if (trims) at += 2;
    if (!this.#text.startsWith(RIGHT, at)) {
      return this.#error(start, 'comment ends before closing delimiter');
    }
    at += RIGHT.length;
    this.#at = trims ? skipSpace(this.#text, at) : at;
    return null;
  }

  #lexInsideAction(): Token {
    const text = this.#text;
    const start = this.#at;
    const trims = this.#hasRightTrim(start);
    if (text.startsWith(RIGHT, trims ? start + 2 : start)) {
      if (this.#parenDepth > 0) return this.#error(start, 'unclosed left paren');
      const delim = trims ? start + 2 : start;
      const token = this.#token('right-delim', delim, RIGHT);
      const after = delim + RIGHT.length;
      this.#at = trims ? skipSpace(text, after) : after;
      this.#isInsideAction = false;
      return token;
    }
    const character = characterAt(text, start);
    if (character === '') return this.#error(start, 'unclosed action');
    if (isSpace(character)) return this.#lexSpace(start);
    switch (character) {
      case '=':
        return this.#emit('assign', start, 1);
      case ':':
        if (text[start + 1] !== '=') return this.#error(start, 'expected :=');
        return this.#emit('declare', start, 2);
      case '|':
        return this.#emit('pipe', start, 1);
      case '"':
        return this.#lexQuoted(start, '"', 'string', 'unterminated quoted string');
      case "'":
        return this.#lexQuoted(start, "'", 'char-constant', 'unterminated character constant');
      case '`': {
        const end = text.indexOf('`', start + 1);
        if (end === -1) return this.#error(start, 'unterminated raw quoted string');
        return this.#emit('raw-string', start, end + 1 - start);
      }
      case '$':
        return this.#lexFieldOrVariable(start, 'variable');
      case '(':
        this.#parenDepth++;
        return this.#emit('left-paren', start, 1);
      case ')':
        if (this.#parenDepth === 0) return this.#error(start, 'unexpected right paren');
        this.#parenDepth--;
        return this.#emit('right-paren', start, 1);
    }
    if (character === '.' && !/[0-9]/.test(text[start + 1] ?? '')) {
      return this.#lexFieldOrVariable(start, 'field');
    }
    if (/[0-9+\-.]/.test(character)) return this.#lexNumber(start);
    if (isAlphaNumeric(character)) return this.#lexIdentifier(start);
    if (/^[!-~]$/.test(character)) return this.#emit('char', start, 1);
    return this.#error(start, `unrecognized character in action: ${unicodeName(character)}`);
  }

  #lexSpace(start: number): Token {
    const text = this.#text;
    let end = start;
    while (end < text.length && isSpace(text[end]!)) end++;
    // ` -}}` trims: the space before the minus belongs to the closing delimiter.
    if (this.#hasRightTrim(end - 1) && text.startsWith(RIGHT, end + 1)) {
      end--;
      if (end === start) {
        this.#at = start;
        return this.#lexInsideAction();
      }
    }
    return this.#emit('space', start, end - start);
  }

  #lexQuoted(start: number, quote: string, kind: TokenKind, problem: string): Token {
    const text = this.#text;
    for (let i = start + 1; i < text.length; i++) {
      if (text[i] === '\\' && text[i + 1] !== undefined && text[i + 1] !== '\n') i++;
      else if (text[i] === '\n') break;
      else if (text[i] === quote) return this.#emit(kind, start, i + 1 - start);
    }
    return this.#error(start, problem);
  }

  #lexFieldOrVariable(start: number, kind: 'field' | 'variable'): Token {
    const end = this.#endOfWord(start + 1);
    if (end === start + 1) {
      const first = characterAt(this.#text, end);
      if (isTerminator(this.#text, end)) {
        return this.#emit(kind === 'variable' ? 'variable' : 'dot', start, 1);
      }
      return this.#error(start, `bad character ${unicodeName(first)}`);
    }
    if (!isTerminator(this.#text, end)) {
      return this.#error(start, `bad character ${unicodeName(characterAt(this.#text, end))}`);
    }
    return this.#emit(kind, start, end - start);
  }

  #lexIdentifier(start: number): Token {
    const end = this.#endOfWord(start);
    const word = this.#text.slice(start, end);
    if (!isTerminator(this.#text, end)) {
      return this.#error(start, `bad character ${unicodeName(characterAt(this.#text, end))}`);
    }
    const length = end - start;
    if (KEYWORDS.has(word)) return this.#emit('keyword', start, length);
    if (word === 'nil') return this.#emit('nil', start, length);
    if (word === 'true' || word === 'false') return this.#emit('bool', start, length);
    return this.#emit('identifier', start, length);
  }

  #lexNumber(start: number): Token {
    const rest = this.#text.slice(start, start + 512);
    const shape =
      /^[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?|0[oO][0-7_]*|0[bB][01_]*|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?/;
    const matched = shape.exec(rest)![0];
    const after = characterAt(this.#text, start + matched.length);
    if (isAlphaNumeric(after)) {
      return this.#error(start, `bad number syntax: ${JSON.stringify(matched + after)}`);
    }
    return this.#emit('number', start, Math.max(matched.length, 1));
  }

  #endOfWord(start: number): number {
    let end = start;
    for (;;) {
      const character = characterAt(this.#text, end);
      if (!isAlphaNumeric(character)) return end;
      end += character.length;
    }
  }

  #hasLeftTrim(at: number): boolean {
    return this.#text[at] === '-' && isSpace(this.#text[at + 1] ?? '');
  }

  #hasRightTrim(at: number): boolean {
    return isSpace(this.#text[at] ?? '') && this.#text[at + 1] === '-';
  }

  #emit(kind: TokenKind, start: number, length: number): Token {
    this.#at = start + length;
    return this.#token(kind, start, this.#text.slice(start, start + length));
  }

  #error(start: number, message: string): Token {
    return this.#token('error', start, message);
  }

  #token(kind: TokenKind, position: number, text: string): Token {
    for (; this.#lineCountedTo < position; this.#lineCountedTo++) {
      if (this.#text.charCodeAt(this.#lineCountedTo) === 10) this.#line++;
    }
    return { kind, text, position, line: this.#line };
  }
}

function characterAt(text: string, at: number): string {
  const code = text.codePointAt(at);
  return code === undefined ? '' : String.fromCodePoint(code);
}

function isSpace(character: string): boolean {
  return character === ' ' || character === '\t' || character === '\r' || character === '\n';
}

function isAlphaNumeric(character: string): boolean {
  return character !== '' && /^[\p{L}\p{Nd}_]$/u.test(character);
}

/** Whether a word may end here. */
function isTerminator(text: string, at: number): boolean {
  const character = text[at];
  if (character === undefined || isSpace(character)) return true;
  return '.,|:()'.includes(character) || text.startsWith(RIGHT, at);
}

function trimRight(text: string, start: number, end: number): number {
  let at = end;
  while (at > start && isSpace(text[at - 1]!)) at--;
  return at;
}

function skipSpace(text: string, start: number): number {
  let at = start;
  while (at < text.length && isSpace(text[at]!)) at++;
  return at;
}

function unicodeName(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = code.toString(16).toUpperCase().padStart(4, '0');
  return /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(character) ? `U+${hex} '${character}'` : `U+${hex}`;
}
