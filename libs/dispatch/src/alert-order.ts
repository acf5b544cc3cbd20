import { compareUtf8, type Labels } from '#libs/labels';

const FIRST_BY = ['job', 'instance'];

/** Alertmanager's order of alerts in a notification: by `job`, by `instance`, then as label sets. */
export function compareAlertLabels(a: Labels, b: Labels): number {
  for (const name of FIRST_BY) {
    const left = a.get(name);
    const right = b.get(name);
    if (left === right) continue;
    if (left === '') return 1;
    if (right === '') return -1;
    return compareUtf8(left, right);
  }
  return compareLabelSets(a, b);
}

/** Alertmanager's order of label sets: fewer labels first, then by names and values. */
export function compareLabelSets(a: Labels, b: Labels): number {
  if (a.size !== b.size) return a.size - b.size;
  for (let i = 0; i < a.flat.length; i += 2) {
    // Where the names differ, the set that lacks the smaller name comes first.
    const order =
      compareUtf8(b.flat[i]!, a.flat[i]!) || compareUtf8(a.flat[i + 1]!, b.flat[i + 1]!);
    if (order !== 0) return order;
  }
  return 0;
}
