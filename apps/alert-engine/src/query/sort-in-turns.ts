/** Longest that sorting goes on before it lets the event loop turn. */
const TURN_MS = 4;
const RUN_LENGTH = 1_000;

/**
 * Sorts a long list by merging, and lets the event loop turn in between.
 * @returns a new list; equal items keep their order
 */
export async function sortInTurns<T>(
  items: readonly T[],
  compare: (a: T, b: T) => number,
  yieldToLoop: () => Promise<void>,
): Promise<readonly T[]> {
  let resumedMs = performance.now();
  const pause = async (): Promise<void> => {
    if (performance.now() - resumedMs < TURN_MS) return;
    await yieldToLoop();
    resumedMs = performance.now();
  };
  let runs: T[][] = [];
  for (let from = 0; from < items.length; from += RUN_LENGTH) {
    runs.push(items.slice(from, from + RUN_LENGTH).toSorted(compare));
    await pause();
  }
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let i = 0; i < runs.length; i += 2) {
      const right = runs[i + 1];
      merged.push(right === undefined ? runs[i]! : await merge(runs[i]!, right, compare, pause));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

async function merge<T>(
  left: readonly T[],
  right: readonly T[],
  compare: (a: T, b: T) => number,
  pause: () => Promise<void>,
): Promise<T[]> {
  const merged: T[] = [];
  let i = 0;
  let j = 0;
  while (i < left.length || j < right.length) {
    if (merged.length % RUN_LENGTH === 0) await pause();
    const takesLeft = j >= right.length || (i < left.length && compare(left[i]!, right[j]!) <= 0);
    merged.push(takesLeft ? left[i++]! : right[j++]!);
  }
  return merged;
}
