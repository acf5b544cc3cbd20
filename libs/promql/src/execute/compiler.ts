import type { Expr, VectorSelector } from '../ast.ts';
import type { RowResolver } from './row-resolver.ts';
import type { RangeNode, ScalarNode, StringNode, VectorNode } from './vector-node.ts';

/** What turns the arguments of a call into nodes. */
export interface Compiler {
  vector(expr: Expr): VectorNode;
  scalar(expr: Expr): ScalarNode;
  string(expr: Expr): StringNode;
  range(expr: Expr): RangeNode;
  /** What keeps the rows of a selector. */
  resolverOf(selector: VectorSelector): RowResolver;
  /** Compiles with another answer to whether only counts and sums of histograms are wanted. */
  within<T>(wantsStatistics: boolean, compile: () => T): T;
}
