import type { RangeContext } from './range-context.ts';

/** How a function of the rate family reads its window. */
export interface RateKind {
  /** Whether drops are resets of a counter and not movements of a gauge. */
  readonly isCounter: boolean;
  /** Whether the answer is per second. */
  readonly isPerSecond: boolean;
}

/** Whether start timestamps take part: the engine is told to, the store keeps them, and the function reads a counter. */
export function usesStartTimes(context: RangeContext, kind: RateKind): boolean {
  return (
    kind.isCounter && context.startTimesMs !== null && context.evaluation.options.startTimestamps
  );
}

/**
 * What growth between the first and the last sample is multiplied by to stand for the whole window. Where the samples
 * come close to an end of the window (within 1.1 mean intervals) it is extended up to there, else by half an interval;
 * and a counter never to before it would have been zero.
 * @param firstPerGrowth the first value over the growth, or Infinity where that says nothing
 */
export function extrapolationFactor(
  context: RangeContext,
  firstMs: number,
  lastMs: number,
  intervals: number,
  kind: RateKind,
  firstPerGrowth: number,
): number {
  const sampledSeconds = (lastMs - firstMs) / 1_000;
  let secondsToStart = (firstMs - context.startMs) / 1_000;
  let secondsToEnd = (context.endMs - lastMs) / 1_000;
  const meanInterval = sampledSeconds / intervals;
  const threshold = meanInterval * 1.1;
  if (secondsToStart >= threshold) secondsToStart = meanInterval / 2;
  if (kind.isCounter) {
    const secondsToZero = sampledSeconds * firstPerGrowth;
    if (secondsToZero < secondsToStart) secondsToStart = secondsToZero;
  }
  if (secondsToEnd >= threshold) secondsToEnd = meanInterval / 2;
  const factor = (sampledSeconds + secondsToStart + secondsToEnd) / sampledSeconds;
  return kind.isPerSecond ? factor / (context.rangeMs / 1_000) : factor;
}

/** Whether the start timestamps say that counting began anew after sample `index`, before the next. */
export function isStartedBetween(context: RangeContext, index: number): boolean {
  const starts = context.startTimesMs;
  if (starts === null || !context.evaluation.options.startTimestamps) return false;
  return isNewStart(
    starts[index]!,
    context.timesMs[index]!,
    starts[index + 1]!,
    context.timesMs[index + 1]!,
  );
}

/**
 * Whether a sample with start time `startMs` counts from zero after the sample before it. A start that equals the time of
 * the sample before is that of a delta, unless that one had no valid start of its own: then it is a cumulative series
 * whose beginning is unknown.
 */
export function isNewStart(
  previousStartMs: number,
  previousMs: number,
  startMs: number,
  timeMs: number,
): boolean {
  if (startMs === 0 || startMs >= timeMs) return false;
  if (startMs > previousMs) return true;
  return startMs === previousMs && previousStartMs !== 0 && previousStartMs < previousMs;
}
