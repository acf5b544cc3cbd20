import type { Labels } from '#libs/labels';
import { xxHash64 } from './xxhash64.ts';

const LONG = 255;

/**
 * A number from 0 to 1 that depends on nothing but the labels, by which `limit_ratio` picks series. It is the one of
 * Prometheus: the hash of names and values, each after its length, so that both pick the same.
 */
export function labelSetHash(labels: Labels): number {
  const parts: Uint8Array[] = [];
  for (const text of labels.flat) {
    const bytes = Buffer.from(text);
    const { length } = bytes;
    parts.push(
      length < LONG
        ? Uint8Array.of(length)
        : Uint8Array.of(LONG, length & 255, (length >> 8) & 255, (length >> 16) & 255),
      bytes,
    );
  }
  return Number(xxHash64(Buffer.concat(parts))) / 2 ** 64;
}
