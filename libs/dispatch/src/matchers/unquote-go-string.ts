import { unescapeGo } from '#libs/labels';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * What stands between the double quotes of a Go string literal, with its escapes undone.
 * @returns null for an unknown escape, a raw line feed, or bytes that are not UTF-8
 */
export function unquoteGoString(inner: string): string | null {
  if (inner.includes('\n')) return null;
  if (!inner.includes('\\')) return inner;
  const bytes = unescapeGo(inner, '"');
  if (bytes === null) return null;
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}
