import { assert } from '#libs/invariant';
import { quoteLabelValue, unescapeGo } from '#libs/labels';

/** A number that is out of bounds or malformed, as Prometheus words it. */
export class NumberSyntaxError extends Error {
  override readonly name = 'NumberSyntaxError';
}

const MAX_INT64 = 2n ** 63n - 1n;

/**
 * The value of a number literal as Go reads it: hexadecimal, octal with a leading zero, underscores between digits,
 * `Inf` and `NaN` in any case.
 * @throws NumberSyntaxError
 */
export function parseNumber(text: string): number {
  const lower = text.toLowerCase();
  if (lower === 'inf') return Number.POSITIVE_INFINITY;
  if (lower === 'nan') return Number.NaN;
  if (!areUnderscoresFine(lower)) throw invalid(text, 'invalid syntax');
  const plain = lower.replaceAll('_', '');
  if (plain.startsWith('0x')) {
    // A hexadecimal fraction would need an exponent of two, which the language's tokens have no place for.
    if (!/^0x[0-9a-f]+$/.test(plain)) throw invalid(text, 'invalid syntax');
    const whole = BigInt(plain);
    if (whole > MAX_INT64) throw invalid(text, 'invalid syntax');
    return Number(whole);
  }
  if (/^0[0-7]+$/.test(plain)) return Number(BigInt(`0o${plain}`));
  const value = Number(plain);
  if (Number.isNaN(value)) throw invalid(text, 'invalid syntax');
  if (!Number.isFinite(value)) throw invalid(text, 'value out of range');
  return value;
}

function areUnderscoresFine(text: string): boolean {
  // Between digits, or between the prefix of a hexadecimal number and its first digit.
  return !/(?<![0-9a-fx])_|_(?![0-9a-f])/.test(text);
}

function invalid(text: string, reason: string): NumberSyntaxError {
  return new NumberSyntaxError(
    `error parsing number: strconv.ParseFloat: parsing ${quoteLabelValue(text)}: ${reason}`,
  );
}

/**
 * What a string literal stands for, given with its quotes and known to have sound escapes. Escapes of bytes (`\xff`,
 * `\377`) are put together as UTF-8.
 */
export function unquoteString(literal: string): string {
  const body = literal.slice(1, -1);
  if (literal[0] === '`' || !body.includes('\\')) return body;
  const bytes = unescapeGo(body, literal[0] === '"' ? '"' : "'");
  assert(bytes !== null, 'an escape the lexer let through');
  return decodeUtf8(bytes);
}

/**
 * Bytes as text. One that is not part of UTF-8 becomes a lone surrogate (U+DC80 to U+DCFF), so that what is made of it is
 * not taken for a sound name.
 */
function decodeUtf8(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (!text.includes('\ufffd')) return text;
  let decoded = '';
  for (let i = 0; i < bytes.length;) {
    const length = characterLength(bytes, i);
    decoded +=
      length === 0
        ? String.fromCharCode(0xdc00 + bytes[i]!)
        : bytes.toString('utf8', i, i + length);
    i += Math.max(length, 1);
  }
  return decoded;
}

/** How many bytes the UTF-8 character at `start` has, or 0 where there is none. */
function characterLength(bytes: Buffer, start: number): number {
  const lead = bytes[start]!;
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  // What is overlong, a surrogate or beyond U+10FFFF shows in the second byte.
  const second = bytes[start + 1] ?? 0;
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < lowest || second > highest) return 0;
  for (let i = 2; i < length; i++) if (((bytes[start + i] ?? 0) & 0xc0) !== 0x80) return 0;
  return length;
}

/** A character in single quotes, as Go's `%q` writes a rune; U+FFFD stands for the end of the text. */
export function quoteCharacterLiteral(code: number): string {
  const character = code < 0 ? '\ufffd' : String.fromCodePoint(code);
  if (character === "'") return "'\\''";
  if (character === '"') return `'"'`;
  return `'${quoteLabelValue(character).slice(1, -1)}'`;
}
