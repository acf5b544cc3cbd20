import type { Matcher } from '#libs/labels';
import type { Expr, VectorSelector } from './ast.ts';

/**
 * The expression with one more condition on every selector, so that it sees no other series than those. `info()` looks for
 * series that no selector names; whoever has to confine it refuses it.
 */
export function confineSelectors(expr: Expr, matcher: Matcher): Expr {
  const inner = (part: Expr): Expr => confineSelectors(part, matcher);
  switch (expr.kind) {
    case 'number':
    case 'string':
      return expr;
    case 'vector-selector':
      return confined(expr, matcher);
    case 'matrix-selector':
      return { ...expr, selector: confined(expr.selector, matcher) };
    case 'subquery':
    case 'paren':
      return { ...expr, expr: inner(expr.expr) };
    case 'unary':
      return { ...expr, operand: inner(expr.operand) };
    case 'binary':
      return { ...expr, left: inner(expr.left), right: inner(expr.right) };
    case 'aggregation':
      return {
        ...expr,
        parameter: expr.parameter === null ? null : inner(expr.parameter),
        expr: inner(expr.expr),
      };
    case 'call':
      return { ...expr, args: expr.args.map(inner) };
  }
}

function confined(selector: VectorSelector, matcher: Matcher): VectorSelector {
  return { ...selector, matchers: [...selector.matchers, matcher] };
}
