import { quoteLabelValue } from '#libs/labels';

/** A string in double quotes as Go's `strconv.Quote` writes it. */
export function quoteGo(text: string): string {
  return quoteLabelValue(text);
}

/** As {@link quoteGo} with everything beyond ASCII escaped (`strconv.QuoteToASCII`). */
export function quoteGoAscii(text: string): string {
  let quoted = '';
  for (const character of quoteGo(text)) {
    const code = character.codePointAt(0)!;
    if (code < 0x80) quoted += character;
    else if (code <= 0xffff) quoted += `\\u${code.toString(16).padStart(4, '0')}`;
    else quoted += `\\U${code.toString(16).padStart(8, '0')}`;
  }
  return quoted;
}

const SIMPLE: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
};

/**
 * The value of a Go string or character literal, quotes included (`strconv.Unquote`), or null where it is none. Bytes
 * given by `\x` and octal escapes are put together as UTF-8; what is not UTF-8 becomes U+FFFD.
 */
export function unquoteGo(quoted: string): string | null {
  const quote = quoted[0];
  if (quoted.length < 2 || quote !== quoted.at(-1)) return null;
  const inner = quoted.slice(1, -1);
  if (quote === '`') return inner.replaceAll('\r', '');
  if (quote !== '"' && quote !== "'") return null;
  if (!inner.includes('\\')) return inner;
  const bytes: Buffer[] = [];
  let i = 0;
  while (i < inner.length) {
    if (inner[i] !== '\\') {
      const next = inner.indexOf('\\', i);
      const end = next === -1 ? inner.length : next;
      bytes.push(Buffer.from(inner.slice(i, end), 'utf8'));
      i = end;
      continue;
    }
    const escape = inner[i + 1];
    if (escape === undefined) return null;
    if (escape === quote || Object.hasOwn(SIMPLE, escape)) {
      bytes.push(Buffer.from(escape === quote ? escape : SIMPLE[escape]!, 'utf8'));
      i += 2;
      continue;
    }
    const digits = /^(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2})/.exec(
      inner.slice(i + 1, i + 10),
    )?.[0];
    if (digits === undefined) return null;
    if (escape === 'x') bytes.push(Buffer.from([Number.parseInt(digits.slice(1), 16)]));
    else if (escape === 'u' || escape === 'U') {
      const code = Number.parseInt(digits.slice(1), 16);
      if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return null;
      bytes.push(Buffer.from(String.fromCodePoint(code), 'utf8'));
    } else bytes.push(Buffer.from([Number.parseInt(digits, 8)]));
    i += 1 + digits.length;
  }
  return Buffer.concat(bytes).toString('utf8');
}
