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
import type { Operand, OperationResult } from './operand.ts';
import {
  counterResetCollision,
  incompatibleBuckets,
  incompatibleTypes,
  mismatchedCustomBuckets,
} from './remarks.ts';

/** An operator with a histogram on at least one side; where there is no such thing it says so and has no result. */
export function histogramOperation(
  operation: OperationResult,
  left: Operand,
  right: Operand,
): number {
  if (left.histogram !== null && right.histogram !== null) {
    return betweenHistograms(operation, left, right);
  }
  const { operator } = operation;
  if (left.histogram !== null) {
    const { float } = right;
    if (operator === '*') return give(operation, multiplyHistogram(left.histogram, float));
    if (operator === '/') return give(operation, divideHistogram(left.histogram, float));
    if (operator === '</') return give(operation, trimHistogram(left.histogram, float, 'above'));
    if (operator === '>/') return give(operation, trimHistogram(left.histogram, float, 'below'));
    return refuse(operation, 'histogram', 'float');
  }
  if (right.histogram === null) return refuse(operation, 'float', 'float');
  if (operator === '*') return give(operation, multiplyHistogram(right.histogram, left.float));
  return refuse(operation, 'float', 'histogram');
}

type Histogram = NonNullable<Operand['histogram']>;

function give(operation: OperationResult, histogram: Histogram): number {
  operation.histogram = compactHistogram(histogram);
  operation.float = 0;
  return HISTOGRAM;
}

function refuse(
  operation: OperationResult,
  left: 'float' | 'histogram',
  right: 'float' | 'histogram',
): number {
  incompatibleTypes(operation.evaluation, operation.operator, left, right, operation.span);
  return ABSENT;
}

function betweenHistograms(operation: OperationResult, left: Operand, right: Operand): number {
  const { operator, evaluation, span } = operation;
  const a = left.histogram!;
  const b = right.histogram!;
  if (operator === '==' || operator === '!=') {
    operation.holds = histogramsEqual(a, b) === (operator === '==');
    operation.histogram = a;
    return HISTOGRAM;
  }
  if (operator !== '+' && operator !== '-') return refuse(operation, 'histogram', 'histogram');
  const isSum = operator === '+';
  const combined = isSum ? addHistograms(a, b) : subtractHistograms(a, b);
  if (combined === null) {
    incompatibleBuckets(evaluation, operator, span);
    return ABSENT;
  }
  const name = isSum ? 'addition' : 'subtraction';
  if (combined.hasResetCollision) counterResetCollision(evaluation, name, span);
  if (combined.hasReconciledBounds) mismatchedCustomBuckets(evaluation, name, span);
  if (isSum) return give(operation, combined.histogram);
  // A difference may have buckets below zero, which no counter has.
  return give(operation, { ...combined.histogram, counterResetHint: 'gauge' });
}
