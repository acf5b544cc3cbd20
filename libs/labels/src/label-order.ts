const FIRST_SURROGATE = 0xd800;
const LAST_SURROGATE = 0xdfff;

/**
 * Orders two strings as Prometheus does, by the bytes of their UTF-8 form.
 *
 * JavaScript compares UTF-16 code units, which differs only where a character beyond U+FFFF (a surrogate pair) meets one
 * of U+E000 to U+FFFF; so the plain comparison decides unless the first difference involves a surrogate.
 * @returns below, at or above 0, as a comparator for sorting
 */
export function compareUtf8(a: string, b: string): number {
  if (a === b) return 0;
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left === right) continue;
    const leftRank = isSurrogate(left) ? left + 0x10000 : left;
    const rightRank = isSurrogate(right) ? right + 0x10000 : right;
    return leftRank - rightRank;
  }
  return a.length - b.length;
}

function isSurrogate(code: number): boolean {
  return code >= FIRST_SURROGATE && code <= LAST_SURROGATE;
}
