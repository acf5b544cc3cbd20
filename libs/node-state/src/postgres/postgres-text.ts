/*
 * PostgreSQL's `text` takes any Unicode text but NUL, and UTF-8 has no form for half a surrogate pair. The state may hold
 * either, since labels come from outside; both are written behind an ESC, and so is ESC itself.
 */

/** What a text cannot be written with as it is. */
// oxlint-disable-next-line eslint/no-control-regex -- it is they that are looked for
const UNWRITABLE = /[\0\u001B]|\p{Surrogate}/gu;
// oxlint-disable-next-line eslint/no-control-regex -- ESC is what marks them
const ESCAPED = /\u001B(0|e|[0-9a-f]{4})/g;

/** A text as PostgreSQL takes it; {@link fromPostgresText} gives the same back. */
export function toPostgresText(text: string): string {
  return text.replaceAll(UNWRITABLE, (unit) => {
    if (unit === '\0') return '\u001B0';
    if (unit === '\u001B') return '\u001Be';
    return `\u001B${unit.charCodeAt(0).toString(16)}`;
  });
}

/** What {@link toPostgresText} was given. */
export function fromPostgresText(text: string): string {
  if (!text.includes('\u001B')) return text;
  return text.replaceAll(ESCAPED, (_all, code: string) => {
    if (code === '0') return '\0';
    if (code === 'e') return '\u001B';
    return String.fromCharCode(parseInt(code, 16));
  });
}
