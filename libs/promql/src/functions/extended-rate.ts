import { ABSENT, FLOAT } from '../execute/block.ts';
import type { RangeContext } from './range-context.ts';
import type { RateKind } from './extrapolation.ts';

/** The samples an `anchored` or `smoothed` window is about. */
export interface ExtendedWindow {
  readonly first: number;
  readonly last: number;
}

/**
 * The samples from the last one at or before the window's start (if there is one) to, for `smoothed`, the first one at or
 * after its end. Null when all are before the window or all after it.
 */
export function extendedWindow(
  context: RangeContext,
  lo: number,
  hi: number,
): ExtendedWindow | null {
  const { timesMs, startMs, endMs } = context;
  let first = lo;
  while (first + 1 < hi && timesMs[first + 1]! <= startMs) first++;
  let last = hi - 1;
  if (context.extension === 'smoothed') while (last > first && timesMs[last - 1]! >= endMs) last--;
  if (timesMs[last]! <= startMs || timesMs[first]! > endMs) return null;
  return { first, last };
}

/**
 * How much of the way from sample `index` to the next lies within the window: 1 but for the segments that a `smoothed`
 * window cuts.
 */
export function shareOfSegment(context: RangeContext, index: number): number {
  if (context.extension !== 'smoothed') return 1;
  const from = context.timesMs[index]!;
  const to = context.timesMs[index + 1]!;
  const cutFrom = Math.max(from, context.startMs);
  const cutTo = Math.min(to, context.endMs);
  return (cutTo - cutFrom) / (to - from);
}

/** `rate`, `increase` and `delta` of floats with `anchored` or `smoothed`: what happens in the window, not extrapolated. */
export function extendedFloatRate(
  context: RangeContext,
  lo: number,
  hi: number,
  kind: RateKind,
): number {
  const window = extendedWindow(context, lo, hi);
  if (window === null) return ABSENT;
  const { values } = context;
  let growth = 0;
  for (let i = window.first; i < window.last; i++) {
    const value = values[i]!;
    const next = values[i + 1]!;
    // After a reset the counter rises from zero over the whole segment.
    const change = kind.isCounter && next < value ? next : next - value;
    growth += change * shareOfSegment(context, i);
  }
  context.value = kind.isPerSecond ? growth / (context.rangeMs / 1_000) : growth;
  return FLOAT;
}
