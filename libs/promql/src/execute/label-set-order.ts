import { compareUtf8, type Labels } from '#libs/labels';

/** Orders label sets as Prometheus does: name by name, value by value, the shorter one first. */
export function compareLabels(a: Labels, b: Labels): number {
  const left = a.flat;
  const right = b.flat;
  for (let i = 0; i < left.length && i < right.length; i++) {
    const order = compareUtf8(left[i]!, right[i]!);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}
