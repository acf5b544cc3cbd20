/** Parts of records as a zone file writes them (RFC 1035 §5.1, RFC 5952 for addresses). */

const SPECIAL_IN_NAMES = new Set(Array.from(String.raw`"\. '@;()`, (char) => char.charCodeAt(0)));
const SPECIAL_IN_TEXTS = new Set(Array.from(String.raw`"\ `.trim(), (char) => char.charCodeAt(0)));

/** One label of a name. */
export function labelText(bytes: Buffer): string {
  return escaped(bytes, SPECIAL_IN_NAMES);
}

/** A character string in its quotes. */
export function quotedText(bytes: Buffer): string {
  return `"${escaped(bytes, SPECIAL_IN_TEXTS)}"`;
}

function escaped(bytes: Buffer, special: ReadonlySet<number>): string {
  let text = '';
  for (const byte of bytes) {
    if (byte < 0x20 || byte > 0x7e) text += `\\${String(byte).padStart(3, '0')}`;
    else text += (special.has(byte) ? '\\' : '') + String.fromCharCode(byte);
  }
  return text;
}

/** Four bytes with dots between them. */
export function ip4Text(bytes: Buffer): string {
  return [...bytes].join('.');
}

/** Sixteen bytes in the shortest form: the longest run of two zeros or more is left out. */
export function ip6Text(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_none, i) => bytes.readUInt16BE(i * 2));
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isMapped) return `::ffff:${ip4Text(bytes.subarray(12))}`;
  let gap = { start: -1, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > gap.length) gap = { start, length };
  }
  const hex = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return gap.start < 0 ? hex(0, 8) : `${hex(0, gap.start)}::${hex(gap.start + gap.length, 8)}`;
}
