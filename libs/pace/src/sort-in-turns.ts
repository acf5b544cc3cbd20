import type { Pace } from './pace.ts';

const RUN_LENGTH = 1_024;

/** Sorts in place, stable, with pauses: short runs at once, then merges of runs that double in length. */
export async function sortInTurns<T>(
  items: T[],
  compare: (a: T, b: T) => number,
  pace: Pace,
): Promise<void> {
  for (let start = 0; start < items.length; start += RUN_LENGTH) {
    const run = items.slice(start, start + RUN_LENGTH).toSorted(compare);
    for (let i = 0; i < run.length; i++) items[start + i] = run[i]!;
    if (pace.isDue()) await pace.rest();
  }
  let from = items;
  let to = items.slice();
  for (let width = RUN_LENGTH; width < items.length; width *= 2) {
    for (let start = 0; start < items.length; start += 2 * width) {
      const middle = Math.min(start + width, items.length);
      const end = Math.min(start + 2 * width, items.length);
      let left = start;
      let right = middle;
      for (let at = start; at < end; at++) {
        const takesLeft =
          left < middle && (right >= end || compare(from[left]!, from[right]!) <= 0);
        to[at] = takesLeft ? from[left++]! : from[right++]!;
        if (at % RUN_LENGTH === 0 && pace.isDue()) await pace.rest();
      }
    }
    [from, to] = [to, from];
  }
  if (from !== items) for (let i = 0; i < items.length; i++) items[i] = from[i]!;
}
