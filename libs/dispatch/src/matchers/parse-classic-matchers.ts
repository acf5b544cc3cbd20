import { Matcher, type MatcherKind, RegExpSyntaxError } from '#libs/labels';
import { MatcherTextError } from './matcher-text-error.ts';

const NAME = /^[\t\n\f\r ]*([a-zA-Z_:][a-zA-Z0-9_:]*)[\t\n\f\r ]*/;
const OPERATORS: readonly MatcherKind[] = ['=~', '!=', '!~', '='];

/**
 * Reads the matcher syntax Alertmanager had before 0.27: classic label names, values with or without quotes in which
 * only `\n`, `\"` and `\\` are escapes. A brace missing on one side is forgiven.
 * @throws MatcherTextError
 */
export function parseClassicMatchers(text: string): Matcher[] {
  let inner = text;
  if (inner.startsWith('{')) inner = inner.slice(1);
  if (inner.endsWith('}')) inner = inner.slice(0, -1);
  return splitAtCommas(inner).map((part) => parseOne(text, part));
}

/** The pieces between commas outside quotes; a last piece of nothing but spaces is left out. */
function splitAtCommas(text: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let isQuoted = false;
  let isEscaped = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === ',' && !isQuoted) {
      parts.push(text.slice(start, i));
      start = i + 1;
    } else if (character === '"') {
      if (!isEscaped) isQuoted = !isQuoted;
      isEscaped = false;
    } else {
      isEscaped = character === '\\' && !isEscaped;
    }
  }
  const last = text.slice(start).trim();
  if (last !== '') parts.push(last);
  return parts;
}

function parseOne(text: string, part: string): Matcher {
  const match = NAME.exec(part);
  const rest = part.slice(match?.[0].length ?? 0);
  const kind = OPERATORS.find((operator) => rest.startsWith(operator));
  if (match === null || kind === undefined) {
    throw new MatcherTextError(text, -1, 'expected a label name and one of =, !=, =~, !~');
  }
  const value = unescapeValue(text, trimSpaces(rest.slice(kind.length)));
  try {
    return new Matcher(match[1]!, kind, value);
  } catch (error) {
    if (!(error instanceof RegExpSyntaxError)) throw error;
    throw new MatcherTextError(text, -1, error.message, { cause: error });
  }
}

function trimSpaces(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0c || code === 0x0d;
}

function unescapeValue(text: string, written: string): string {
  const isQuoted = written.startsWith('"');
  const raw = isQuoted ? written.slice(1) : written;
  let isClosed = !isQuoted;
  let value = '';
  for (let i = 0; i < raw.length; i++) {
    const character = raw[i]!;
    if (character === '\\' && i < raw.length - 1) {
      const next = raw[++i]!;
      if (next === 'n') value += '\n';
      else value += next === '"' || next === '\\' ? next : `\\${next}`;
    } else if (character === '"') {
      if (isClosed || i < raw.length - 1) throw unescapedQuote(text);
      isClosed = true;
    } else {
      value += character;
    }
  }
  if (!isClosed) throw unescapedQuote(text);
  return value;
}

function unescapedQuote(text: string): MatcherTextError {
  return new MatcherTextError(text, -1, 'the value holds a double quote that is not escaped');
}
