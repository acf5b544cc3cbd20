const SIMPLE: Readonly<Record<string, number>> = {
  a: 0x07,
  b: 0x08,
  f: 0x0c,
  n: 0x0a,
  r: 0x0d,
  t: 0x09,
  v: 0x0b,
  '\\': 0x5c,
  '"': 0x22,
};
const NUMERIC = /^(?:x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * What stands between the quotes of a Go string literal, with its escapes undone. `\xHH` and octal escapes are bytes,
 * so several of them may make up one character.
 * @returns null for an unknown escape, a raw line feed, or bytes that are not UTF-8
 */
export function unquoteGoString(inner: string): string | null {
  if (inner.includes('\n')) return null;
  if (!inner.includes('\\')) return inner;
  const parts: Buffer[] = [];
  let start = 0;
  for (let at = inner.indexOf('\\'); at >= 0; at = inner.indexOf('\\', start)) {
    parts.push(Buffer.from(inner.slice(start, at)));
    const rest = inner.slice(at + 1, at + 10);
    const simple = SIMPLE[rest[0] ?? ''];
    if (simple !== undefined) {
      parts.push(Buffer.of(simple));
      start = at + 2;
      continue;
    }
    const numeric = NUMERIC.exec(rest);
    if (numeric === null) return null;
    const bytes = bytesOf(numeric);
    if (bytes === null) return null;
    parts.push(bytes);
    start = at + 1 + numeric[0].length;
  }
  parts.push(Buffer.from(inner.slice(start)));
  try {
    return decoder.decode(Buffer.concat(parts));
  } catch {
    return null;
  }
}

function bytesOf(numeric: RegExpExecArray): Buffer | null {
  const [, hex, octal, short, long] = numeric;
  if (hex !== undefined) return Buffer.of(Number.parseInt(hex, 16));
  if (octal !== undefined) {
    const byte = Number.parseInt(octal, 8);
    return byte > 0xff ? null : Buffer.of(byte);
  }
  const code = Number.parseInt(short ?? long ?? '', 16);
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return null;
  return Buffer.from(String.fromCodePoint(code));
}
