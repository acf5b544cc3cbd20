import { createHash } from 'node:crypto';

/** Longest key kept as it is. */
const MAX_PLAIN = 96;

/**
 * A text of bounded length that stands for `key`. Keys of nodes hold those of their operands; without this a chain of ten
 * thousand operators would have keys of a gigabyte in all.
 */
export function shortKey(key: string): string {
  if (key.length <= MAX_PLAIN) return key;
  return `#${createHash('sha256').update(key).digest('base64url')}`;
}
