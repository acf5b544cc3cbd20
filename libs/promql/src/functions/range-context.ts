import type { FloatHistogram } from '#libs/histogram';
import type { Span } from '../ast.ts';
import { ABSENT } from '../execute/block.ts';
import type { Evaluation } from '../execute/evaluation.ts';
import { histogramIgnoredInMixedRange } from '../execute/remarks.ts';
import type { SeriesShape } from '../execute/series-shape.ts';
import type { RowSamples } from '../execute/vector-node.ts';

/**
 * What a range function is given for one window, and where it leaves its result. One object serves all windows of a call;
 * the columns hold the row's samples, of which the window has `lo` up to `hi`.
 */
export class RangeContext implements RowSamples {
  timesMs = new Float64Array(0);
  values = new Float64Array(0);
  histograms: readonly (FloatHistogram | null)[] | null = null;
  startTimesMs: Float64Array | null = null;
  start = 0;
  end = 0;

  readonly evaluation: Evaluation;
  /** The range vector argument, which remarks point at. */
  readonly span: Span;
  readonly shape: SeriesShape;
  readonly rangeMs: number;
  /** The scalar arguments in order, a value for each step. */
  readonly scalars: readonly Float64Array[];
  /** Where the scalar arguments stand, which remarks on them point at. */
  readonly scalarSpans: readonly Span[];
  readonly extension: 'anchored' | 'smoothed' | null;
  row = 0;
  step = 0;
  /** The time the expression is evaluated at. */
  timeMs = 0;
  /** The window: after `startMs`, up to `endMs`. */
  startMs = 0;
  endMs = 0;

  /** How many windows slide over the row. */
  windowCount = 1;
  /** The row that `hasDrops` speaks of. */
  dropsSeenInRow = -1;
  hasDrops = true;

  /** The result, when the function answers FLOAT. */
  value = 0;
  /** The result, when the function answers HISTOGRAM. */
  histogram: FloatHistogram | null = null;

  constructor(
    evaluation: Evaluation,
    span: Span,
    shape: SeriesShape,
    rangeMs: number,
    scalars: readonly Float64Array[],
    scalarSpans: readonly Span[],
    extension: 'anchored' | 'smoothed' | null,
  ) {
    this.evaluation = evaluation;
    this.span = span;
    this.shape = shape;
    this.rangeMs = rangeMs;
    this.scalars = scalars;
    this.scalarSpans = scalarSpans;
    this.extension = extension;
  }

  scalar(index: number): number {
    return this.scalars[index]![this.step]!;
  }

  /** The metric name of the row, for remarks. */
  metricName(): string {
    return this.shape.metricNameAt(this.row);
  }
}

/** A function of one window; answers ABSENT, FLOAT or HISTOGRAM and leaves the value in the context. */
export type RangeKernel = (context: RangeContext, lo: number, hi: number) => number;

/** How many of the window's samples are histograms. */
export function histogramCount(context: RangeContext, lo: number, hi: number): number {
  if (context.histograms === null) return 0;
  let count = 0;
  for (let i = lo; i < hi; i++) if ((context.histograms[i] ?? null) !== null) count++;
  return count;
}

/**
 * A function that knows floats only, made to pass over histograms: nothing where there are no floats, and a remark where
 * there are both.
 */
export function onFloatsOnly(kernel: RangeKernel): RangeKernel {
  return (context, lo, hi) => {
    if (context.histograms === null) return kernel(context, lo, hi);
    const ignored = histogramCount(context, lo, hi);
    if (ignored === 0) return kernel(context, lo, hi);
    if (ignored === hi - lo) return ABSENT;
    histogramIgnoredInMixedRange(context.evaluation, context.metricName(), context.span);
    const { timesMs, values, histograms } = context;
    const count = hi - lo - ignored;
    const floatTimes = new Float64Array(count);
    const floatValues = new Float64Array(count);
    let kept = 0;
    for (let i = lo; i < hi; i++) {
      if ((histograms[i] ?? null) !== null) continue;
      floatTimes[kept] = timesMs[i]!;
      floatValues[kept++] = values[i]!;
    }
    context.timesMs = floatTimes;
    context.values = floatValues;
    context.histograms = null;
    const kind = kernel(context, 0, count);
    context.timesMs = timesMs;
    context.values = values;
    context.histograms = histograms;
    return kind;
  };
}
