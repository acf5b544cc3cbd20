import type { Fingerprint } from './log-files.ts';

/** How many bytes of a file tell it from others; a line of a container log with its time fits in. */
export const FINGERPRINT_BYTES = 256;

/** Of a file about which nothing is known yet. */
export const NO_FINGERPRINT: Fingerprint = { lengthBytes: 0, hash: '' };

/** Two 32-bit hashes (FNV-1a and a multiplicative one) over `bytes[0]` up to `bytes[lengthBytes]`. */
export function fingerprintOf(bytes: Uint8Array, lengthBytes: number): Fingerprint {
  if (lengthBytes === 0) return NO_FINGERPRINT;
  let first = 0x811c9dc5;
  let second = 0x9e3779b9;
  for (let i = 0; i < lengthBytes; i++) {
    first = Math.imul(first ^ bytes[i]!, 0x01000193);
    second = Math.imul(second + bytes[i]!, 0x85ebca6b);
    second ^= second >>> 13;
  }
  return { lengthBytes, hash: hex32(first) + hex32(second) };
}

function hex32(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}
