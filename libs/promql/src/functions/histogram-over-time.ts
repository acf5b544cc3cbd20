import { compactHistogram, type FloatHistogram, HistogramSum } from '#libs/histogram';
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
  isMean: boolean,
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
    context.histogram = ofHistograms(context, lo, hi, isMean);
    return context.histogram === null ? ABSENT : HISTOGRAM;
  };
}

function ofHistograms(
  context: RangeContext,
  lo: number,
  hi: number,
  isMean: boolean,
): FloatHistogram | null {
  const { evaluation, span, histograms } = context;
  const sum = new HistogramSum(histograms![lo]!);
  for (let i = lo + 1; i < hi; i++) {
    const next = histograms![i]!;
    if (isMean ? sum.addToMean(next) : sum.add(next)) continue;
    mixedSchemas(evaluation, context.metricName(), span);
    return null;
  }
  if (sum.hasResetCollision) counterResetCollision(evaluation, 'aggregation', span);
  if (sum.hasReconciledBounds) mismatchedCustomBuckets(evaluation, 'aggregation', span);
  return compactHistogram(isMean ? sum.mean : sum.value);
}

/** `sum_over_time`, of floats or of histograms. */
export const sumOverTimeOfBoth = ofBoth(kahanSum, false);

/** `avg_over_time`, of floats or of histograms. */
export const avgOverTimeOfBoth = ofBoth(kahanMean, true);
