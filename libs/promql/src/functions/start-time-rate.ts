import { ABSENT, FLOAT } from '../execute/block.ts';
import { startTimeOverlap } from '../execute/remarks.ts';
import type { RangeContext } from './range-context.ts';
import { extrapolationFactor, isNewStart, type RateKind } from './extrapolation.ts';

/** `rate` and `increase` of floats whose samples say when their counting began. */
export function startedRate(context: RangeContext, lo: number, hi: number, kind: RateKind): number {
  const { values } = context;
  const startMs = startWithinWindow(context, lo);
  if (hi - lo < 2 && startMs === 0) return ABSENT;
  remarkOnOverlaps(context, lo, hi);
  const first = values[lo]!;
  let growth = values[hi - 1]! - (startMs === 0 ? first : 0);
  for (let i = lo + 1; i < hi; i++) {
    const previous = values[i - 1]!;
    if (values[i]! < previous || startsAnew(context, i)) growth += previous;
  }
  const firstPerGrowth = growth > 0 && first >= 0 ? first / growth : Infinity;
  context.value = growth * startedFactor(context, lo, hi, startMs, kind, firstPerGrowth);
  return FLOAT;
}

/** The start time of the first sample if it lies within the window, where the counter was zero; else 0. */
export function startWithinWindow(context: RangeContext, lo: number): number {
  const startMs = context.startTimesMs![lo]!;
  return startMs !== 0 && startMs > context.startMs && startMs < context.timesMs[lo]! ? startMs : 0;
}

/** Whether sample `index` counts from a start after the sample before it. */
function startsAnew(context: RangeContext, index: number): boolean {
  const starts = context.startTimesMs!;
  const { timesMs } = context;
  return isNewStart(starts[index - 1]!, timesMs[index - 1]!, starts[index]!, timesMs[index]!);
}

/**
 * As {@link extrapolationFactor}. With a known zero at `startMs` nothing is extrapolated to the left; the mean interval
 * remains that of the samples.
 */
export function startedFactor(
  context: RangeContext,
  lo: number,
  hi: number,
  startMs: number,
  kind: RateKind,
  firstPerGrowth: number,
): number {
  const firstMs = context.timesMs[lo]!;
  const lastMs = context.timesMs[hi - 1]!;
  const intervals = hi - lo - 1;
  if (startMs === 0) {
    return extrapolationFactor(context, firstMs, lastMs, intervals, kind, firstPerGrowth);
  }
  let toEndMs = 0;
  if (intervals > 0) {
    const meanMs = (lastMs - firstMs) / intervals;
    toEndMs = context.endMs - lastMs;
    if (toEndMs >= meanMs * 1.1) toEndMs = meanMs / 2;
  }
  const factor = (lastMs - startMs + toEndMs) / (lastMs - startMs);
  return kind.isPerSecond ? factor / (context.rangeMs / 1_000) : factor;
}

/** Remarks on samples that claim to count from before the sample before them, and not from where that one did. */
export function remarkOnOverlaps(context: RangeContext, lo: number, hi: number): void {
  const starts = context.startTimesMs!;
  for (let i = lo + 1; i < hi; i++) {
    const startMs = starts[i]!;
    if (startMs !== 0 && startMs < context.timesMs[i - 1]! && startMs !== starts[i - 1]!) {
      startTimeOverlap(context.evaluation, context.metricName(), context.span);
      return;
    }
  }
}
