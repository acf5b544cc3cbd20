import type { Expr } from '#libs/promql';

/** Every node of an expression from the outside in, those below nodes that `enters` refuses left out. */
export function* partsOf(expr: Expr, enters: (expr: Expr) => boolean): Generator<Expr> {
  if (!enters(expr)) return;
  yield expr;
  for (const child of childrenOf(expr)) yield* partsOf(child, enters);
}

function childrenOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'number':
    case 'string':
    case 'vector-selector':
      return [];
    case 'matrix-selector':
      return [expr.selector];
    case 'subquery':
    case 'paren':
      return [expr.expr];
    case 'unary':
      return [expr.operand];
    case 'binary':
      return [expr.left, expr.right];
    case 'aggregation':
      return expr.parameter === null ? [expr.expr] : [expr.parameter, expr.expr];
    case 'call':
      return expr.args;
  }
}
