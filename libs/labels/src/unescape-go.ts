const PIECE =
  /([^\\]+)|\\(?:x([0-9a-fA-F]{2})|([0-3][0-7]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([abfnrtv\\'"]))/y;
const SIMPLE: ReadonlyMap<string, number> = new Map([
  ['a', 0x07],
  ['b', 0x08],
  ['f', 0x0c],
  ['n', 0x0a],
  ['r', 0x0d],
  ['t', 0x09],
  ['v', 0x0b],
  ['\\', 0x5c],
]);

/**
 * The bytes that stand between the quotes of a Go string or character literal, with its escapes undone (Go's
 * specification, "String literals"). `\xHH` and octal escapes are bytes, so several of them may make up one character, or
 * none: what is to become of bytes that are not UTF-8 is for the caller to say.
 * @param quote the literal's own quote, the only one that may be escaped
 * @returns null for an escape that is unknown, cut off, or of a code point that there is not
 */
export function unescapeGo(inner: string, quote: '"' | "'"): Buffer | null {
  const parts: Buffer[] = [];
  PIECE.lastIndex = 0;
  for (let at = 0; at < inner.length; at = PIECE.lastIndex) {
    const match = PIECE.exec(inner);
    if (match === null) return null;
    const [, text, hex, octal, short, long, simple] = match;
    const bytes =
      text === undefined
        ? escapeBytes(hex, octal, short ?? long, simple, quote)
        : Buffer.from(text);
    if (bytes === null) return null;
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}

function escapeBytes(
  hex: string | undefined,
  octal: string | undefined,
  codePoint: string | undefined,
  simple: string | undefined,
  quote: string,
): Buffer | null {
  if (hex !== undefined) return Buffer.of(Number.parseInt(hex, 16));
  if (octal !== undefined) return Buffer.of(Number.parseInt(octal, 8));
  if (codePoint !== undefined) {
    const code = Number.parseInt(codePoint, 16);
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return null;
    return Buffer.from(String.fromCodePoint(code));
  }
  if (simple === quote) return Buffer.from(quote);
  const byte = SIMPLE.get(simple ?? '');
  return byte === undefined ? null : Buffer.of(byte);
}
