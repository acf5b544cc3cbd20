/** One line without control characters: nothing that could begin another header or another line of ours. */
export function toOneLine(text: string): string {
  return withoutBreaks(text).trim();
}

/** As {@link toOneLine}, with the spaces at its ends. */
export function withoutBreaks(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ');
}
