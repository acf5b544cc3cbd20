import {
  addHistograms,
  compactHistogram,
  createFloatHistogram,
  divideHistogram,
  type FloatHistogram,
  isCounterReset,
  multiplyHistogram,
  reduceResolution,
  subtractHistograms,
  usesCustomBuckets,
} from '#libs/histogram';
import { ABSENT, HISTOGRAM } from '../execute/block.ts';
import {
  mismatchedCustomBuckets,
  mixedSchemas,
  notCounterHistogram,
  notGaugeHistogram,
} from '../execute/remarks.ts';
import { extendedWindow, shareOfSegment } from './extended-rate.ts';
import type { RangeContext } from './range-context.ts';
import {
  extrapolationFactor,
  isStartedBetween,
  type RateKind,
  usesStartTimes,
} from './extrapolation.ts';
import { remarkOnOverlaps, startedFactor, startWithinWindow } from './start-time-rate.ts';

/** `rate`, `increase` and `delta` of a window that holds histograms only. */
export function histogramRate(
  context: RangeContext,
  lo: number,
  hi: number,
  kind: RateKind,
): number {
  const hasStarts = usesStartTimes(context, kind);
  const startMs = hasStarts ? startWithinWindow(context, lo) : 0;
  if (hi - lo < 2 && startMs === 0) return ABSENT;
  if (hasStarts) remarkOnOverlaps(context, lo, hi);
  const growth = histogramGrowth(context, lo, hi, kind, startMs !== 0);
  if (growth === null) return ABSENT;
  const firstCount = context.histograms![lo]!.count;
  const firstPerGrowth = growth.count > 0 && firstCount >= 0 ? firstCount / growth.count : Infinity;
  const { timesMs } = context;
  const factor = hasStarts
    ? startedFactor(context, lo, hi, startMs, kind, firstPerGrowth)
    : extrapolationFactor(
        context,
        timesMs[lo]!,
        timesMs[hi - 1]!,
        hi - lo - 1,
        kind,
        firstPerGrowth,
      );
  return giveGauge(context, multiplyHistogram(growth, factor));
}

function giveGauge(context: RangeContext, histogram: FloatHistogram): number {
  context.histogram = { ...compactHistogram(histogram), counterResetHint: 'gauge' };
  return HISTOGRAM;
}

/** What was added between the first and the last histogram, resets counted in; null where they don't go together. */
function histogramGrowth(
  context: RangeContext,
  lo: number,
  hi: number,
  kind: RateKind,
  startsAtZero: boolean,
): FloatHistogram | null {
  const { evaluation, span } = context;
  const all = context.histograms!;
  const at = (index: number): FloatHistogram => all[index]!;
  if (kind.isCounter) remarkOnGauges(context, lo, hi);
  else if (at(lo).counterResetHint !== 'gauge' || at(hi - 1).counterResetHint !== 'gauge') {
    notGaugeHistogram(evaluation, context.metricName(), span);
  }
  const last = at(hi - 1);
  let base = at(lo);
  // What came before a reset does not matter, nor does the layout of its buckets.
  const ignoresFirst =
    startsAtZero || (kind.isCounter && hi - lo > 1 && isReset(context, lo, at(lo), at(lo + 1)));
  const second = hi - lo > 1 ? at(lo + 1) : last;
  if (ignoresFirst) base = emptyLike(startsAtZero ? at(lo) : second);
  const isCustom = usesCustomBuckets(base);
  let schema = Math.min(base.schema, last.schema);
  for (let i = lo + 1; i < hi; i++) {
    if (!kind.isCounter && i < hi - 1) continue;
    if (usesCustomBuckets(at(i)) !== isCustom) {
      mixedSchemas(evaluation, context.metricName(), span);
      return null;
    }
    schema = Math.min(schema, at(i).schema);
  }
  const difference = subtractHistograms(reduceResolution(last, schema), base);
  if (difference === null) return null;
  if (difference.hasReconciledBounds) mismatchedCustomBuckets(evaluation, 'subtraction', span);
  let growth = difference.histogram;
  if (!kind.isCounter) return growth;
  let previous = ignoresFirst && !startsAtZero ? base : at(lo);
  for (let i = lo + 1; i < hi; i++) {
    const current = at(i);
    if (isReset(context, i - 1, previous, current)) {
      const sum = addHistograms(growth, previous);
      if (sum === null) {
        mixedSchemas(evaluation, context.metricName(), span);
        return null;
      }
      if (sum.hasReconciledBounds) mismatchedCustomBuckets(evaluation, 'addition', span);
      growth = sum.histogram;
    }
    previous = current;
  }
  return growth;
}

function isReset(
  context: RangeContext,
  index: number,
  previous: FloatHistogram,
  current: FloatHistogram,
): boolean {
  return isStartedBetween(context, index) || isCounterReset(previous, current);
}

function emptyLike(histogram: FloatHistogram): FloatHistogram {
  return createFloatHistogram({
    schema: histogram.schema,
    zeroThreshold: histogram.zeroThreshold,
    customValues: histogram.customValues,
  });
}

function remarkOnGauges(context: RangeContext, lo: number, hi: number): void {
  for (let i = lo; i < hi; i++) {
    if (context.histograms![i]!.counterResetHint === 'gauge') {
      notCounterHistogram(context.evaluation, context.metricName(), context.span);
      return;
    }
  }
}

/** `irate` and `idelta` of the window's last two samples, both histograms. */
export function instantHistogramRate(context: RangeContext, hi: number, isRate: boolean): number {
  const { evaluation, span } = context;
  const previous = context.histograms![hi - 2]!;
  const last = context.histograms![hi - 1]!;
  const intervalMs = context.timesMs[hi - 1]! - context.timesMs[hi - 2]!;
  if (intervalMs === 0) return ABSENT;
  const gauges =
    Number(previous.counterResetHint === 'gauge') + Number(last.counterResetHint === 'gauge');
  if (isRate && gauges > 0) notCounterHistogram(evaluation, context.metricName(), span);
  if (!isRate && gauges < 2) notGaugeHistogram(evaluation, context.metricName(), span);
  let growth = last;
  if (!isRate || !isReset(context, hi - 2, previous, last)) {
    const difference = subtractHistograms(last, previous);
    if (difference === null) {
      mixedSchemas(evaluation, context.metricName(), span);
      return ABSENT;
    }
    if (difference.hasReconciledBounds) mismatchedCustomBuckets(evaluation, 'subtraction', span);
    growth = difference.histogram;
  }
  return giveGauge(context, isRate ? divideHistogram(growth, intervalMs / 1_000) : growth);
}

/** `rate`, `increase` and `delta` of histograms with `anchored` or `smoothed`. */
export function extendedHistogramRate(
  context: RangeContext,
  lo: number,
  hi: number,
  kind: RateKind,
): number {
  const window = extendedWindow(context, lo, hi);
  if (window === null) return ABSENT;
  const { evaluation, span } = context;
  const all = context.histograms!;
  const { first, last } = window;
  if (kind.isCounter) remarkOnGauges(context, first, last + 1);
  else if (all[first]!.counterResetHint !== 'gauge' || all[last]!.counterResetHint !== 'gauge') {
    notGaugeHistogram(evaluation, context.metricName(), span);
  }
  let growth = emptyLike(all[last]!);
  for (let i = first; i < last; i++) {
    const previous = all[i]!;
    const current = all[i + 1]!;
    const change =
      kind.isCounter && isReset(context, i, previous, current)
        ? { histogram: current, hasReconciledBounds: false }
        : subtractHistograms(current, previous);
    const share = shareOfSegment(context, i);
    const sum =
      change === null ? null : addHistograms(growth, multiplyHistogram(change.histogram, share));
    if (change === null || sum === null) {
      mixedSchemas(evaluation, context.metricName(), span);
      return ABSENT;
    }
    if (change.hasReconciledBounds || sum.hasReconciledBounds) {
      mismatchedCustomBuckets(evaluation, 'subtraction', span);
    }
    growth = sum.histogram;
  }
  if (kind.isPerSecond) growth = divideHistogram(growth, context.rangeMs / 1_000);
  return giveGauge(context, growth);
}
