import { isCounterReset } from '#libs/histogram';
import { histogramsEqual } from '#libs/histogram';
import { FLOAT } from '../execute/block.ts';
import type { RangeContext, RangeKernel } from './range-context.ts';
import { isStartedBetween } from './extrapolation.ts';

/** The first sample that counts: with `anchored`, the last one at or before the window's start if there is one. */
function firstIndex(context: RangeContext, lo: number, hi: number): number {
  if (context.extension === null) return lo;
  let first = lo;
  while (first + 1 < hi && context.timesMs[first + 1]! <= context.startMs) first++;
  return first;
}

function count(
  context: RangeContext,
  lo: number,
  hi: number,
  isCounted: (context: RangeContext, previous: number, current: number) => boolean,
): number {
  // Nothing in the window itself, only before it.
  if (context.timesMs[hi - 1]! <= context.startMs) return 0;
  let counted = 0;
  for (let i = firstIndex(context, lo, hi) + 1; i < hi; i++) {
    if (isCounted(context, i - 1, i)) counted++;
  }
  context.value = counted;
  return FLOAT;
}

/** `changes`: how often the value became another. A float after a histogram, or the other way, is another. */
export const changes: RangeKernel = (context, lo, hi) => count(context, lo, hi, isChange);

function isChange(context: RangeContext, previous: number, current: number): boolean {
  const before = context.histograms?.[previous] ?? null;
  const after = context.histograms?.[current] ?? null;
  if (before !== null || after !== null) {
    return before === null || after === null || !histogramsEqual(before, after);
  }
  const a = context.values[previous]!;
  const b = context.values[current]!;
  return a !== b && !(Number.isNaN(a) && Number.isNaN(b));
}

/** `resets`: how often a counter went down. */
export const resets: RangeKernel = (context, lo, hi) => count(context, lo, hi, isReset);

function isReset(context: RangeContext, previous: number, current: number): boolean {
  if (isStartedBetween(context, previous)) return true;
  const before = context.histograms?.[previous] ?? null;
  const after = context.histograms?.[current] ?? null;
  if (before !== null || after !== null) {
    return before === null || after === null || isCounterReset(before, after);
  }
  return context.values[current]! < context.values[previous]!;
}
