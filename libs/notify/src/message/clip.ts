const ENCODER = new TextEncoder();

/** The beginning of a text, with an ellipsis where it was cut; never half of a character. @param max in characters */
export function clipCharacters(text: string, max: number): string {
  if (text.length <= max) return text;
  const characters = Array.from(text);
  if (characters.length <= max) return text;
  return max <= 1 ? characters.slice(0, max).join('') : `${characters.slice(0, max - 1).join('')}…`;
}

/** As {@link clipCharacters}, by the bytes of its UTF-8 form. */
export function clipBytes(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes) return text;
  const bytes = ENCODER.encode(text);
  if (bytes.length <= maxBytes) return text;
  // The ellipsis takes three bytes.
  let end = Math.max(maxBytes - 3, 0);
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--;
  return `${new TextDecoder().decode(bytes.subarray(0, end))}…`;
}

/** How many bytes a text takes in UTF-8. */
export function byteLength(text: string): number {
  return ENCODER.encode(text).length;
}
