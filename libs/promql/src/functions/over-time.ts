import { ABSENT, FLOAT, HISTOGRAM } from '../execute/block.ts';
import { QueryError } from '../execute/query-error.ts';
import { invalidQuantile } from '../execute/remarks.ts';
import { isInfinite, KahanSum } from './kahan.ts';
import { quantileOf } from './quantile.ts';
import type { RangeContext, RangeKernel } from './range-context.ts';

/** A function of the window's floats. */
function ofFloats(compute: (context: RangeContext, lo: number, hi: number) => number): RangeKernel {
  return (context, lo, hi) => {
    if (lo === hi) return ABSENT;
    context.value = compute(context, lo, hi);
    return FLOAT;
  };
}

export const countOverTime = ofFloats((_, lo, hi) => hi - lo);
export const presentOverTime = ofFloats(() => 1);
export const minOverTime = ofFloats((c, lo, hi) => c.values[indexOfMin(c.values, lo, hi)]!);
export const maxOverTime = ofFloats((c, lo, hi) => c.values[indexOfMax(c.values, lo, hi)]!);
export const tsOfMinOverTime = ofFloats(
  (c, lo, hi) => c.timesMs[indexOfMin(c.values, lo, hi)]! / 1_000,
);
export const tsOfMaxOverTime = ofFloats(
  (c, lo, hi) => c.timesMs[indexOfMax(c.values, lo, hi)]! / 1_000,
);
export const tsOfFirstOverTime = ofFloats((c, lo) => c.timesMs[lo]! / 1_000);
export const tsOfLastOverTime = ofFloats((c, _, hi) => c.timesMs[hi - 1]! / 1_000);
export const stdvarOverTime = ofFloats((c, lo, hi) => variance(c.values, lo, hi));
export const stddevOverTime = ofFloats((c, lo, hi) => Math.sqrt(variance(c.values, lo, hi)));

export const firstOverTime: RangeKernel = (context, lo, hi) => pick(context, lo, lo < hi);
export const lastOverTime: RangeKernel = (context, lo, hi) => pick(context, hi - 1, lo < hi);

function pick(context: RangeContext, index: number, exists: boolean): number {
  if (!exists) return ABSENT;
  const histogram = context.histograms?.[index] ?? null;
  if (histogram !== null) {
    context.histogram = histogram;
    return HISTOGRAM;
  }
  context.value = context.values[index]!;
  return FLOAT;
}

/** The last of the smallest values; a NaN only where there is nothing else. */
function indexOfMin(values: Float64Array, lo: number, hi: number): number {
  let best = lo;
  for (let i = lo + 1; i < hi; i++) {
    if (values[i]! <= values[best]! || Number.isNaN(values[best]!)) best = i;
  }
  return best;
}

function indexOfMax(values: Float64Array, lo: number, hi: number): number {
  let best = lo;
  for (let i = lo + 1; i < hi; i++) {
    if (values[i]! >= values[best]! || Number.isNaN(values[best]!)) best = i;
  }
  return best;
}

/** Welford's algorithm with compensated sums. */
function variance(values: Float64Array, lo: number, hi: number): number {
  const mean = new KahanSum();
  const squares = new KahanSum();
  for (let i = lo; i < hi; i++) {
    const value = values[i]!;
    const delta = value - (mean.sum + mean.compensation);
    mean.add(delta / (i - lo + 1));
    squares.add(delta * (value - (mean.sum + mean.compensation)));
  }
  return (squares.sum + squares.compensation) / (hi - lo);
}

export const quantileOverTime: RangeKernel = (context, lo, hi) => {
  const phi = context.scalar(0);
  if (lo === hi) return ABSENT;
  if (Number.isNaN(phi) || phi < 0 || phi > 1) {
    invalidQuantile(context.evaluation, phi, context.scalarSpans[0]!);
  }
  context.value = quantileOf(phi, context.values.slice(lo, hi), hi - lo);
  return FLOAT;
};

export const madOverTime = ofFloats((c, lo, hi) => {
  const values = c.values.slice(lo, hi);
  // NaN sorts first and would only move the median; but no deviation is known where a value is not.
  if (values.some((value) => Number.isNaN(value))) return Number.NaN;
  const median = quantileOf(0.5, values, hi - lo);
  for (let i = 0; i < values.length; i++) values[i] = Math.abs(values[i]! - median);
  return quantileOf(0.5, values, hi - lo);
});

/** Slope per second and value at `interceptMs` of the line through the samples (least squares). */
function linearRegression(
  context: RangeContext,
  lo: number,
  hi: number,
  interceptMs: number,
): { slope: number; intercept: number } {
  const { timesMs, values } = context;
  const first = values[lo]!;
  let isConstant = true;
  const x = new KahanSum();
  const y = new KahanSum();
  const xy = new KahanSum();
  const xx = new KahanSum();
  const n = hi - lo;
  for (let i = lo; i < hi; i++) {
    const value = values[i]!;
    if (value !== first) isConstant = false;
    const seconds = (timesMs[i]! - interceptMs) / 1_000;
    x.add(seconds);
    y.add(value);
    xy.add(seconds * value);
    xx.add(seconds * seconds);
  }
  if (isConstant) {
    if (isInfinite(first)) return { slope: Number.NaN, intercept: Number.NaN };
    return { slope: 0, intercept: first };
  }
  const sumX = x.sum + x.compensation;
  const sumY = y.sum + y.compensation;
  const covariance = xy.sum + xy.compensation - (sumX * sumY) / n;
  const varianceX = xx.sum + xx.compensation - (sumX * sumX) / n;
  const slope = covariance / varianceX;
  return { slope, intercept: sumY / n - (slope * sumX) / n };
}

export const deriv: RangeKernel = (context, lo, hi) => {
  if (hi - lo < 2) return ABSENT;
  // Times are counted from the first sample, since seconds since the epoch would cost precision.
  context.value = linearRegression(context, lo, hi, context.timesMs[lo]!).slope;
  return FLOAT;
};

export const predictLinear: RangeKernel = (context, lo, hi) => {
  if (hi - lo < 2) return ABSENT;
  const { slope, intercept } = linearRegression(context, lo, hi, context.timeMs);
  context.value = slope * context.scalar(0) + intercept;
  return FLOAT;
};

export const doubleExponentialSmoothing: RangeKernel = (context, lo, hi) => {
  const smoothing = context.scalar(0);
  const trendFactor = context.scalar(1);
  if (!(smoothing > 0 && smoothing < 1)) {
    throw new QueryError(
      'execution',
      `invalid smoothing factor. Expected: 0 < sf < 1, got: ${smoothing.toFixed(6)}`,
    );
  }
  if (!(trendFactor > 0 && trendFactor < 1)) {
    throw new QueryError(
      'execution',
      `invalid trend factor. Expected: 0 < tf < 1, got: ${trendFactor.toFixed(6)}`,
    );
  }
  if (hi - lo < 2) return ABSENT;
  const { values } = context;
  let previous = 0;
  let current = values[lo]!;
  let trend = values[lo + 1]! - values[lo]!;
  for (let i = lo + 1; i < hi; i++) {
    if (i > lo + 1) trend = trendFactor * (current - previous) + (1 - trendFactor) * trend;
    const next = smoothing * values[i]! + (1 - smoothing) * (current + trend);
    previous = current;
    current = next;
  }
  context.value = current;
  return FLOAT;
};
