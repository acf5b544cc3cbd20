import { ABSENT, FLOAT } from '../execute/block.ts';
import { mixedFloatsHistograms } from '../execute/remarks.ts';
import { extendedHistogramRate, histogramRate, instantHistogramRate } from './histogram-rate.ts';
import { extendedFloatRate } from './extended-rate.ts';
import { histogramCount, type RangeContext, type RangeKernel } from './range-context.ts';
import { startedRate } from './start-time-rate.ts';

/** How a function of the rate family reads its window. */
export interface RateKind {
  /** Whether drops are resets of a counter and not movements of a gauge. */
  readonly isCounter: boolean;
  /** Whether the answer is per second. */
  readonly isPerSecond: boolean;
}

/** `rate`, `increase` and `delta`. */
export function extrapolated(kind: RateKind): RangeKernel {
  return (context, lo, hi) => {
    if (context.histograms !== null) {
      const histograms = histogramCount(context, lo, hi);
      if (histograms > 0) {
        if (histograms < hi - lo) {
          mixedFloatsHistograms(context.evaluation, context.metricName(), context.span);
          return ABSENT;
        }
        return context.extension === null
          ? histogramRate(context, lo, hi, kind)
          : extendedHistogramRate(context, lo, hi, kind);
      }
    }
    if (context.extension !== null) return extendedFloatRate(context, lo, hi, kind);
    if (usesStartTimes(context, kind)) return startedRate(context, lo, hi, kind);
    if (hi - lo < 2) return ABSENT;
    const { timesMs, values } = context;
    const first = values[lo]!;
    let growth = values[hi - 1]! - first;
    if (kind.isCounter) {
      let previous = first;
      for (let i = lo + 1; i < hi; i++) {
        const value = values[i]!;
        // A drop means the counter started again from zero.
        if (value < previous) growth += previous;
        previous = value;
      }
    }
    const factor = extrapolationFactor(
      context,
      timesMs[lo]!,
      timesMs[hi - 1]!,
      hi - lo - 1,
      kind,
      growth > 0 && first >= 0 ? first / growth : Infinity,
    );
    context.value = growth * factor;
    return FLOAT;
  };
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

/** `irate` and `idelta`: from the last two samples alone. */
export function instantaneous(isRate: boolean): RangeKernel {
  return (context, lo, hi) => {
    if (hi - lo < 2) return ABSENT;
    if (context.histograms !== null) {
      const histograms = histogramCount(context, hi - 2, hi);
      if (histograms === 1) {
        mixedFloatsHistograms(context.evaluation, context.metricName(), context.span);
        return ABSENT;
      }
      if (histograms === 2) return instantHistogramRate(context, hi, isRate);
    }
    const { timesMs, values } = context;
    const intervalMs = timesMs[hi - 1]! - timesMs[hi - 2]!;
    if (intervalMs === 0) return ABSENT;
    const last = values[hi - 1]!;
    const previous = values[hi - 2]!;
    if (!isRate) {
      context.value = last - previous;
      return FLOAT;
    }
    const isReset = last < previous || isStartedBetween(context, hi - 2);
    context.value = (isReset ? last : last - previous) / (intervalMs / 1_000);
    return FLOAT;
  };
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
