import { compactHistogram, type FloatHistogram, HistogramSum } from '#libs/histogram';
import type { Span } from '../ast.ts';
import { kahanMean, kahanSum } from '../functions/kahan.ts';
import { ABSENT, type Block, FLOAT, HISTOGRAM, noHistograms, type MutableBlock } from './block.ts';
import type { Evaluation } from './evaluation.ts';
import {
  counterResetCollision,
  mismatchedCustomBuckets,
  mixedFloatsHistogramsInAggregation,
  mixedSchemasInAggregation,
} from './remarks.ts';

/** `sum` and `avg` of a vector in which there are histograms. A group that mixes them with floats has no result. */
export function aggregateHistograms(
  evaluation: Evaluation,
  input: Block,
  groupOfRow: Int32Array,
  output: MutableBlock,
  operator: 'sum' | 'avg',
  span: Span,
): void {
  const { stepCount } = input;
  const rowsOfGroup: number[][] = Array.from({ length: output.shape.count }, () => []);
  for (let row = 0; row < groupOfRow.length; row++) rowsOfGroup[groupOfRow[row]!]!.push(row);
  for (let group = 0; group < rowsOfGroup.length; group++) {
    for (let step = 0; step < stepCount; step++) {
      const floats: number[] = [];
      const histograms: FloatHistogram[] = [];
      for (const row of rowsOfGroup[group]!) {
        const cell = row * stepCount + step;
        const kind = input.present[cell];
        if (kind === FLOAT) floats.push(input.values[cell]!);
        else if (kind === HISTOGRAM) histograms.push(input.histograms![cell]!);
      }
      const cell = group * stepCount + step;
      output.present[cell] = ABSENT;
      if (floats.length > 0 && histograms.length > 0) {
        mixedFloatsHistogramsInAggregation(evaluation, span);
      } else if (floats.length > 0) {
        const column = Float64Array.from(floats);
        output.values[cell] =
          operator === 'sum'
            ? kahanSum(column, 0, column.length)
            : kahanMean(column, 0, column.length);
        output.present[cell] = FLOAT;
      } else if (histograms.length > 0) {
        const result = combinationOf(evaluation, histograms, operator === 'avg', span);
        if (result === null) continue;
        output.histograms ??= noHistograms(output.present.length);
        output.histograms[cell] = compactHistogram(result);
        output.present[cell] = HISTOGRAM;
      }
    }
  }
}

function combinationOf(
  evaluation: Evaluation,
  histograms: readonly FloatHistogram[],
  isMean: boolean,
  span: Span,
): FloatHistogram | null {
  const sum = new HistogramSum(histograms[0]!);
  for (let i = 1; i < histograms.length; i++) {
    const next = histograms[i]!;
    if (isMean ? sum.addToMean(next) : sum.add(next)) continue;
    mixedSchemasInAggregation(evaluation, span);
    return null;
  }
  if (sum.hasResetCollision) counterResetCollision(evaluation, 'aggregation', span);
  if (sum.hasReconciledBounds) mismatchedCustomBuckets(evaluation, 'aggregation', span);
  return isMean ? sum.mean : sum.value;
}
