import { quoteLabelValue, unescapeGo } from '#libs/labels';

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
  return unescapeGo(inner, quote)?.toString('utf8') ?? null;
}
