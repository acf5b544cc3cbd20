import { ABSENT, FLOAT } from '../execute/block.ts';
import { mixedFloatsHistograms } from '../execute/remarks.ts';
import { extendedHistogramRate, histogramRate, instantHistogramRate } from './histogram-rate.ts';
import { extendedFloatRate } from './extended-rate.ts';
import { histogramCount, type RangeContext, type RangeKernel } from './range-context.ts';
import {
  extrapolationFactor,
  isStartedBetween,
  type RateKind,
  usesStartTimes,
} from './extrapolation.ts';
import { startedRate } from './start-time-rate.ts';

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
    if (kind.isCounter && mayHaveDrops(context)) {
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

/**
 * Whether the row's values go down anywhere. Looked up once a row where there are many windows, so that a counter that
 * never was reset costs no look at the samples within each.
 */
function mayHaveDrops(context: RangeContext): boolean {
  if (context.windowCount === 1) return true;
  if (context.dropsSeenInRow !== context.row) {
    context.dropsSeenInRow = context.row;
    context.hasDrops = false;
    const { values, start, end } = context;
    for (let i = start + 1; i < end; i++) {
      if (values[i]! < values[i - 1]!) {
        context.hasDrops = true;
        break;
      }
    }
  }
  return context.hasDrops;
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
