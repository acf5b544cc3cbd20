import type { Expr } from '../ast.ts';
import { printAggregator, printExpr, printOperator, printSubquerySuffix } from './print-expr.ts';

/** What does not fit into so many bytes is spread over several lines. */
const MAX_LINE_LENGTH = 100;

/**
 * An expression over several lines, as Prometheus's `format_query` writes it: each node that would pass 100 characters
 * is split, its parts two blanks further in.
 */
export function prettyExpr(expr: Expr): string {
  return prettyAt(expr, 0, new Map());
}

function prettyAt(expr: Expr, level: number, known: Map<Expr, boolean>): string {
  const indent = '  '.repeat(level);
  // A subquery on one line is not moved in; that is how Prometheus does it.
  if (!needsSplit(expr, known)) {
    return expr.kind === 'subquery' ? printExpr(expr) : indent + printExpr(expr);
  }
  switch (expr.kind) {
    case 'aggregation': {
      const parameter =
        expr.parameter === null ? '' : `${prettyAt(expr.parameter, level + 1, known)},\n`;
      return `${indent}${printAggregator(expr)}(\n${parameter}${prettyAt(expr.expr, level + 1, known)}\n${indent})`;
    }
    case 'binary':
      return `${prettyAt(expr.left, level + 1, known)}\n${indent}${printOperator(expr)}\n${prettyAt(expr.right, level + 1, known)}`;
    case 'call': {
      const args = expr.args.map((arg) => prettyAt(arg, level + 1, known)).join(',\n');
      return `${indent}${expr.functionName}(\n${args}\n${indent})`;
    }
    case 'paren':
      return `${indent}(\n${prettyAt(expr.expr, level + 1, known)}\n${indent})`;
    case 'subquery':
      return `${prettyAt(expr.expr, level, known)}${printSubquerySuffix(expr)}`;
    case 'unary':
      return `${indent}${expr.operator}${prettyAt(expr.operand, level, known).trim()}`;
    case 'matrix-selector':
    case 'number':
    case 'string':
    case 'vector-selector':
      return indent + printExpr(expr);
  }
}

/** Whether an expression is too long for a line, which it is when one of its parts is. */
function needsSplit(expr: Expr, known: Map<Expr, boolean>): boolean {
  const before = known.get(expr);
  if (before !== undefined) return before;
  // Only what is made of short parts is printed, so the cost stays in proportion to the query however deep it is.
  const isLong =
    partsOf(expr).some((part) => needsSplit(part, known)) ||
    Buffer.byteLength(printExpr(expr)) > MAX_LINE_LENGTH;
  known.set(expr, isLong);
  return isLong;
}

function partsOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'aggregation':
      return expr.parameter === null ? [expr.expr] : [expr.parameter, expr.expr];
    case 'binary':
      return [expr.left, expr.right];
    case 'call':
      return expr.args;
    case 'paren':
    case 'subquery':
      return [expr.expr];
    case 'unary':
      return [expr.operand];
    case 'matrix-selector':
    case 'number':
    case 'string':
    case 'vector-selector':
      return [];
  }
}
