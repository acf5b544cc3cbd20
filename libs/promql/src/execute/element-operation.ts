import type { FloatHistogram } from '#libs/histogram';
import type { BinaryOperator, Span } from '../ast.ts';
import { ABSENT, FLOAT } from './block.ts';
import type { Evaluation } from './evaluation.ts';
import { histogramOperation } from './histogram-operation.ts';
import type { Operand, OperationResult } from './operand.ts';
import { arithmetic, compares, isComparison, isSetOperator, isTrim } from './operators.ts';

/**
 * An operator on two elements. `apply` leaves the result in `float` or `histogram` and answers FLOAT, HISTOGRAM or ABSENT;
 * for a comparison that does not hold, `holds` is false and the result is what the left side was.
 */
export class ElementOperation implements OperationResult {
  readonly operator: BinaryOperator;
  readonly evaluation: Evaluation;
  readonly span: Span;
  float = 0;
  histogram: FloatHistogram | null = null;
  holds = true;

  constructor(operator: BinaryOperator, evaluation: Evaluation, span: Span) {
    this.operator = operator;
    this.evaluation = evaluation;
    this.span = span;
  }

  apply(left: Operand, right: Operand): number {
    const { operator } = this;
    this.histogram = null;
    this.holds = true;
    if (left.histogram !== null || right.histogram !== null) {
      return histogramOperation(this, left, right);
    }
    if (isComparison(operator)) {
      this.float = left.float;
      this.holds = compares(operator, left.float, right.float);
      return FLOAT;
    }
    if (isTrim(operator)) return histogramOperation(this, left, right);
    if (isSetOperator(operator)) return ABSENT;
    this.float = arithmetic(operator, left.float, right.float);
    return FLOAT;
  }
}
