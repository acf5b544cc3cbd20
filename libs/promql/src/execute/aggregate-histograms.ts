import {
  addHistograms,
  compactHistogram,
  divideHistogram,
  type FloatHistogram,
} from '#libs/histogram';
import type { Span } from '../ast.ts';
import { kahanMean, kahanSum } from '../functions/kahan.ts';
import { ABSENT, type Block, FLOAT, HISTOGRAM } from './block.ts';
import type { Evaluation } from './evaluation.ts';
import {
  counterResetCollision,
  mismatchedCustomBuckets,
  mixedFloatsHistogramsInAggregation,
  mixedSchemasInAggregation,
} from './remarks.ts';
import type { MutableBlock } from './selector-node.ts';

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
        const total = sumOf(evaluation, histograms, span);
        if (total === null) continue;
        const result = operator === 'sum' ? total : divideHistogram(total, histograms.length);
        output.histograms ??= new Array<null>(output.present.length).fill(null);
        output.histograms[cell] = compactHistogram(result);
        output.present[cell] = HISTOGRAM;
      }
    }
  }
}

function sumOf(
  evaluation: Evaluation,
  histograms: readonly FloatHistogram[],
  span: Span,
): FloatHistogram | null {
  let total = histograms[0]!;
  let hasReset = false;
  let hasNoReset = false;
  for (const { counterResetHint } of histograms) {
    hasReset ||= counterResetHint === 'reset';
    hasNoReset ||= counterResetHint === 'not_reset';
  }
  for (let i = 1; i < histograms.length; i++) {
    const combined = addHistograms(total, histograms[i]!);
    if (combined === null) {
      mixedSchemasInAggregation(evaluation, span);
      return null;
    }
    if (combined.hasReconciledBounds) mismatchedCustomBuckets(evaluation, 'aggregation', span);
    total = combined.histogram;
  }
  if (hasReset && hasNoReset) counterResetCollision(evaluation, 'aggregation', span);
  return total;
}
