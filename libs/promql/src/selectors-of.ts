import type { Expr, VectorSelector } from './ast.ts';

/** All selectors in an expression, from left to right. */
export function selectorsOf(expr: Expr): VectorSelector[] {
  switch (expr.kind) {
    case 'number':
    case 'string':
      return [];
    case 'vector-selector':
      return [expr];
    case 'matrix-selector':
      return [expr.selector];
    case 'subquery':
    case 'paren':
      return selectorsOf(expr.expr);
    case 'unary':
      return selectorsOf(expr.operand);
    case 'binary':
      return [...selectorsOf(expr.left), ...selectorsOf(expr.right)];
    case 'aggregation':
      return [
        ...(expr.parameter === null ? [] : selectorsOf(expr.parameter)),
        ...selectorsOf(expr.expr),
      ];
    case 'call':
      return expr.args.flatMap(selectorsOf);
  }
}
