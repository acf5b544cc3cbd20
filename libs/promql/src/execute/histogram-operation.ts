import {
  addHistograms,
  compactHistogram,
  divideHistogram,
  histogramsEqual,
  multiplyHistogram,
  subtractHistograms,
  trimHistogram,
} from '#libs/histogram';
import { ABSENT, HISTOGRAM } from './block.ts';
import type { ElementOperation, Operand } from './element-operation.ts';
import {
  counterResetCollision,
  incompatibleBuckets,
  incompatibleTypes,
  mismatchedCustomBuckets,
} from './remarks.ts';

/** An operator with a histogram on at least one side; where there is no such thing it says so and has no result. */
export function histogramOperation(
  operation: ElementOperation,
  left: Operand,
  right: Operand,
): number {
  if (left.histogram !== null && right.histogram !== null) {
    return betweenHistograms(operation, left, right);
  }
  const { operator } = operation;
  if (left.histogram !== null) {
    switch (operator) {
      case '*':
        return give(operation, multiplyHistogram(left.histogram, right.float));
      case '/':
        return give(operation, divideHistogram(left.histogram, right.float));
      case '</':
        return give(operation, trimHistogram(left.histogram, right.float, 'above'));
      case '>/':
        return give(operation, trimHistogram(left.histogram, right.float, 'below'));
      default:
        return refuse(operation, 'histogram', 'float');
    }
  }
  if (right.histogram === null) return refuse(operation, 'float', 'float');
  if (operator === '*') return give(operation, multiplyHistogram(right.histogram, left.float));
  return refuse(operation, 'float', 'histogram');
}

type Histogram = NonNullable<Operand['histogram']>;

function give(operation: ElementOperation, histogram: Histogram): number {
  operation.histogram = compactHistogram(histogram);
  operation.float = 0;
  return HISTOGRAM;
}

function refuse(
  operation: ElementOperation,
  left: 'float' | 'histogram',
  right: 'float' | 'histogram',
): number {
  incompatibleTypes(operation.evaluation, operation.operator, left, right, operation.span);
  return ABSENT;
}

function betweenHistograms(operation: ElementOperation, left: Operand, right: Operand): number {
  const { operator, evaluation, span } = operation;
  const a = left.histogram!;
  const b = right.histogram!;
  switch (operator) {
    case '+':
    case '-': {
      const isSum = operator === '+';
      const combined = isSum ? addHistograms(a, b) : subtractHistograms(a, b);
      if (combined === null) {
        incompatibleBuckets(evaluation, operator, span);
        return ABSENT;
      }
      const name = isSum ? 'addition' : 'subtraction';
      if (combined.hasResetCollision) counterResetCollision(evaluation, name, span);
      if (combined.hasReconciledBounds) mismatchedCustomBuckets(evaluation, name, span);
      // A difference may have buckets below zero, which no counter has.
      const histogram = isSum
        ? combined.histogram
        : { ...combined.histogram, counterResetHint: 'gauge' as const };
      return give(operation, histogram);
    }
    case '==':
    case '!=':
      operation.holds = histogramsEqual(a, b) === (operator === '==');
      operation.histogram = a;
      return HISTOGRAM;
    default:
      return refuse(operation, 'histogram', 'histogram');
  }
}
