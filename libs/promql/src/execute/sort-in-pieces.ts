import type { Evaluation } from './evaluation.ts';

const RUN_LENGTH = 2_000;

/**
 * Sorts by merging runs, and lets the event loop turn in between.
 * @returns a new list; equal items keep their order
 */
export async function sortInPieces<T>(
  evaluation: Evaluation,
  items: readonly T[],
  compare: (a: T, b: T) => number,
): Promise<readonly T[]> {
  let runs: (readonly T[])[] = [];
  for (let from = 0; from < items.length; from += RUN_LENGTH) {
    runs.push(items.slice(from, from + RUN_LENGTH).toSorted(compare));
    if (evaluation.isPauseDue()) await evaluation.pause();
  }
  while (runs.length > 1) {
    const merged: (readonly T[])[] = [];
    for (let i = 0; i < runs.length; i += 2) {
      const right = runs[i + 1];
      const left = runs[i]!;
      merged.push(right === undefined ? left : await merge(evaluation, left, right, compare));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

async function merge<T>(
  evaluation: Evaluation,
  left: readonly T[],
  right: readonly T[],
  compare: (a: T, b: T) => number,
): Promise<T[]> {
  const merged: T[] = [];
  let i = 0;
  let j = 0;
  while (i < left.length || j < right.length) {
    if (merged.length % RUN_LENGTH === 0 && evaluation.isPauseDue()) await evaluation.pause();
    const takesLeft = j >= right.length || (i < left.length && compare(left[i]!, right[j]!) <= 0);
    merged.push(takesLeft ? left[i++]! : right[j++]!);
  }
  return merged;
}
