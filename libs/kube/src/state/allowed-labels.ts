import { compareUtf8 } from '#libs/labels';
import type { Pair } from './state-writer.ts';

/** Which of an object's labels or annotations become labels of a series; `*` is all. */
export type AllowedNames = readonly string[];

/** A name of the API as a name of a label: what does not belong in one becomes `_`. */
export function labelName(name: string): string {
  return name.replaceAll(/[^a-zA-Z0-9_]/g, '_');
}

/**
 * An object's labels as kube-state-metrics shows them: `label_` and the name in snake case. Names that come out alike are
 * told apart by `_conflict` and a number.
 */
export function allowedPairs(
  prefix: string,
  map: ReadonlyMap<string, string>,
  allowed: AllowedNames,
): Pair[] {
  if (map.size === 0) return [];
  const isOpen = allowed.includes('*');
  const chosen = [...map]
    .filter(([name]) => isOpen || allowed.includes(name))
    .toSorted(([a], [b]) => compareUtf8(a, b))
    .map(([name, value]) => [`${prefix}_${snakeCase(labelName(name))}`, value] as const);
  const counts = new Map<string, number>();
  for (const [name] of chosen) counts.set(name, (counts.get(name) ?? 0) + 1);
  const numbers = new Map<string, number>();
  return chosen.map(([name, value]) => {
    if (counts.get(name) === 1) return [name, value];
    const number = (numbers.get(name) ?? 0) + 1;
    numbers.set(name, number);
    return [`${name}_conflict${number}`, value];
  });
}

function snakeCase(name: string): string {
  return name.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
}
