import { Matcher, type MatcherKind, RegExpSyntaxError } from '#libs/labels';
import { MatcherTextError } from './matcher-text-error.ts';
import { unquoteGoString } from './unquote-go-string.ts';

type Token =
  | { readonly kind: 'brace'; readonly text: '{' | '}'; readonly at: number }
  | { readonly kind: 'comma'; readonly at: number }
  | { readonly kind: 'operator'; readonly text: MatcherKind; readonly at: number }
  | { readonly kind: 'text'; readonly text: string; readonly at: number }
  | { readonly kind: 'end'; readonly at: number };

const RESERVED = new Set(['{', '}', '!', '=', '~', ',', '\\', '"', "'", '`']);
const WHITESPACE = /\p{White_Space}/u;

/** Whether a character ends an unquoted name or value in Alertmanager's UTF-8 syntax. */
export function isReservedInMatchers(character: string): boolean {
  return RESERVED.has(character) || WHITESPACE.test(character);
}

/**
 * Reads Alertmanager's UTF-8 matcher syntax (since 0.27): `{name="value", "quoted name"=~bare}`, braces optional, one
 * trailing comma allowed, quoted strings as in Go.
 * @throws MatcherTextError
 */
export function parseUtf8Matchers(text: string): Matcher[] {
  const tokens = new Tokens(text);
  const matchers: Matcher[] = [];
  let token = tokens.next();
  const hasBrace = token.kind === 'brace' && token.text === '{';
  if (hasBrace) token = tokens.next();
  while (!isListEnd(token)) {
    if (token.kind !== 'text') throw unexpected(text, token, 'a label name');
    const operator = tokens.next();
    if (operator.kind !== 'operator') throw unexpected(text, operator, 'one of =, !=, =~, !~');
    const value = tokens.next();
    if (value.kind !== 'text') throw unexpected(text, value, 'a label value');
    matchers.push(createMatcher(text, token, operator.text, value.text));
    token = tokens.next();
    if (token.kind === 'comma') token = tokens.next();
    else if (!isListEnd(token)) throw unexpected(text, token, 'a comma or the end');
  }
  const hasClosing = token.kind === 'brace';
  if (hasBrace && !hasClosing) throw unexpected(text, token, 'a closing brace');
  if (!hasBrace && hasClosing) throw unexpected(text, token, 'an opening brace before it');
  if (hasClosing) {
    const rest = tokens.next();
    if (rest.kind !== 'end') throw unexpected(text, rest, 'the end');
  }
  return matchers;
}

function isListEnd(token: Token): boolean {
  return token.kind === 'end' || (token.kind === 'brace' && token.text === '}');
}

function createMatcher(
  text: string,
  name: { readonly text: string; readonly at: number },
  kind: MatcherKind,
  value: string,
): Matcher {
  if (name.text === '') throw new MatcherTextError(text, name.at, 'the label name is empty');
  try {
    return new Matcher(name.text, kind, value);
  } catch (error) {
    if (!(error instanceof RegExpSyntaxError)) throw error;
    throw new MatcherTextError(text, -1, error.message, { cause: error });
  }
}

function unexpected(text: string, token: Token, expected: string): MatcherTextError {
  const found = token.kind === 'end' ? 'it ends' : 'something else stands';
  return new MatcherTextError(text, token.at, `${found} where ${expected} is expected`);
}

class Tokens {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  next(): Token {
    const text = this.#text;
    while (this.#at < text.length && WHITESPACE.test(text[this.#at]!)) this.#at++;
    const at = this.#at;
    const character = text[at];
    switch (character) {
      case undefined:
        return { kind: 'end', at };
      case '{':
      case '}':
        this.#at++;
        return { kind: 'brace', text: character, at };
      case ',':
        this.#at++;
        return { kind: 'comma', at };
      case '=':
        this.#at++;
        if (text[this.#at] !== '~') return { kind: 'operator', text: '=', at };
        this.#at++;
        return { kind: 'operator', text: '=~', at };
      case '!': {
        const second = text[at + 1];
        if (second !== '=' && second !== '~') {
          throw new MatcherTextError(text, at, 'after ! one of = and ~ is expected');
        }
        this.#at += 2;
        return { kind: 'operator', text: `!${second}`, at };
      }
      case '"':
        return { kind: 'text', text: this.#readQuoted(at), at };
      default:
        return { kind: 'text', text: this.#readBare(at), at };
    }
  }

  #readQuoted(at: number): string {
    const text = this.#text;
    let end = at + 1;
    while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
    if (end >= text.length) throw new MatcherTextError(text, at, 'the closing quote is missing');
    this.#at = end + 1;
    const unquoted = unquoteGoString(text.slice(at + 1, end));
    if (unquoted === null) {
      throw new MatcherTextError(text, at, 'the quoted string has an escape that Go does not know');
    }
    return unquoted;
  }

  #readBare(at: number): string {
    const text = this.#text;
    while (this.#at < text.length && !isReservedInMatchers(text[this.#at]!)) this.#at++;
    if (this.#at === at) {
      throw new MatcherTextError(text, at, `${JSON.stringify(text[at])} must be within quotes`);
    }
    return text.slice(at, this.#at);
  }
}
