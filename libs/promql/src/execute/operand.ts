import type { FloatHistogram } from '#libs/histogram';
import type { BinaryOperator, Span } from '../ast.ts';
import type { Evaluation } from './evaluation.ts';

/** One operand of an operator: a float, or a histogram where that is not null. */
export interface Operand {
  float: number;
  histogram: FloatHistogram | null;
}

/** Where an operator leaves its result, and what its remarks need. */
export interface OperationResult {
  readonly operator: BinaryOperator;
  readonly evaluation: Evaluation;
  readonly span: Span;
  float: number;
  histogram: FloatHistogram | null;
  /** False for a comparison that does not hold. */
  holds: boolean;
}
