/** Lets long work stand back: whoever does it asks often, and rests when it is time. */
export interface Pace {
  /** Whether work has gone on long enough without a pause. Cheap. */
  isDue(): boolean;
  /** Resolves when others have had their turn. */
  rest(): Promise<void>;
}

/** For tests and for programs that have nothing else to do. */
export const NO_PAUSES: Pace = { isDue: () => false, rest: () => Promise.resolve() };

const CHECK_EVERY = 2_048;

/** Sorts in place, stable, with pauses: merges of runs that double in length. */
export async function sortInTurns<T>(
  items: T[],
  compare: (a: T, b: T) => number,
  pace: Pace,
): Promise<void> {
  let from = items;
  let to = items.slice();
  let sinceCheck = 0;
  for (let width = 1; width < items.length; width *= 2) {
    for (let start = 0; start < items.length; start += 2 * width) {
      const middle = Math.min(start + width, items.length);
      const end = Math.min(start + 2 * width, items.length);
      let left = start;
      let right = middle;
      for (let at = start; at < end; at++) {
        const takesLeft =
          left < middle && (right >= end || compare(from[left]!, from[right]!) <= 0);
        to[at] = takesLeft ? from[left++]! : from[right++]!;
        if (++sinceCheck < CHECK_EVERY) continue;
        sinceCheck = 0;
        if (pace.isDue()) await pace.rest();
      }
    }
    [from, to] = [to, from];
  }
  if (from !== items) for (let i = 0; i < items.length; i++) items[i] = from[i]!;
}
