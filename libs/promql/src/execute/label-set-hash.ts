import type { Labels } from '#libs/labels';

/** A number in [0, 1) that depends on nothing but the labels, spread evenly. */
export function labelSetHash(labels: Labels): number {
  return Number.parseInt(labels.fingerprint.slice(0, 13), 16) / 2 ** 52;
}
