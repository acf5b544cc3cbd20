import { addHistograms, divideHistogram, type FloatHistogram } from '#libs/histogram';
import { ABSENT, FLOAT, HISTOGRAM } from '../execute/block.ts';
import {
  counterResetCollision,
  mismatchedCustomBuckets,
  mixedFloatsHistograms,
  mixedSchemas,
} from '../execute/remarks.ts';
import { kahanMean, kahanSum } from './kahan.ts';
import { histogramCount, type RangeContext, type RangeKernel } from './range-context.ts';

function ofBoth(
  ofFloats: (values: Float64Array, lo: number, hi: number) => number,
  ofSum: (sum: FloatHistogram, count: number) => FloatHistogram,
): RangeKernel {
  return (context, lo, hi) => {
    const histograms = histogramCount(context, lo, hi);
    if (histograms === 0) {
      context.value = ofFloats(context.values, lo, hi);
      return FLOAT;
    }
    if (histograms < hi - lo) {
      mixedFloatsHistograms(context.evaluation, context.metricName(), context.span);
      return ABSENT;
    }
    const sum = sumOfHistograms(context, lo, hi);
    if (sum === null) return ABSENT;
    context.histogram = ofSum(sum, hi - lo);
    return HISTOGRAM;
  };
}

function sumOfHistograms(context: RangeContext, lo: number, hi: number): FloatHistogram | null {
  const { evaluation, span, histograms } = context;
  let sum = histograms![lo]!;
  let hasReset = sum.counterResetHint === 'reset';
  let hasNoReset = sum.counterResetHint === 'not_reset';
  for (let i = lo + 1; i < hi; i++) {
    const next = histograms![i]!;
    hasReset ||= next.counterResetHint === 'reset';
    hasNoReset ||= next.counterResetHint === 'not_reset';
    const combined = addHistograms(sum, next);
    if (combined === null) {
      mixedSchemas(evaluation, context.metricName(), span);
      return null;
    }
    if (combined.hasReconciledBounds) mismatchedCustomBuckets(evaluation, 'aggregation', span);
    sum = combined.histogram;
  }
  if (hasReset && hasNoReset) counterResetCollision(evaluation, 'aggregation', span);
  return sum;
}

/** `sum_over_time`, of floats or of histograms. */
export const sumOverTimeOfBoth = ofBoth(kahanSum, (sum) => sum);

/** `avg_over_time`, of floats or of histograms. */
export const avgOverTimeOfBoth = ofBoth(kahanMean, (sum, count) => divideHistogram(sum, count));
