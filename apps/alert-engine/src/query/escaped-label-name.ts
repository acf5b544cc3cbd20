/**
 * Undoes the escaping of names that a URL path cannot carry: `U__my_2e_label` is `my.label`. A name that is not escaped,
 * or not soundly, is given back as it is.
 */
export function unescapeLabelName(name: string): string {
  if (!name.startsWith('U__')) return name;
  const escaped = name.slice('U__'.length);
  let text = '';
  for (let i = 0; i < escaped.length; i++) {
    const character = escaped[i]!;
    if (character !== '_') {
      text += character;
      continue;
    }
    const end = escaped.indexOf('_', i + 1);
    if (end < 0) return name;
    const code = escaped.slice(i + 1, end);
    if (code === '') text += '_';
    else if (/^[0-9a-f]{1,6}$/i.test(code) && isScalarValue(Number.parseInt(code, 16))) {
      text += String.fromCodePoint(Number.parseInt(code, 16));
    } else return name;
    i = end;
  }
  return text;
}

function isScalarValue(code: number): boolean {
  return code <= 0x10_ffff && (code < 0xd800 || code > 0xdfff);
}
