import { type Expr, parseExpr, PromqlSyntaxError } from '#libs/promql';

/** What an alert's expression measures, and by what. */
export interface MeasuredExpression {
  readonly measured: Expr;
  /** As a person would write it: `> 0.9`; empty where it is not compared with a number. */
  readonly comparison: string;
  readonly threshold: number | null;
}

const FLIPPED: Readonly<Record<string, string>> = {
  '>': '<',
  '<': '>',
  '>=': '<=',
  '<=': '>=',
  '==': '==',
  '!=': '!=',
};

/** The expression in the link of an alert that one of our own rules gave; null for others. */
export function expressionOf(generatorUrl: string, externalUrl: string): string | null {
  if (!generatorUrl.startsWith(`${externalUrl.replace(/\/+$/, '')}/graph?`)) return null;
  return URL.parse(generatorUrl)?.searchParams.get('g0.expr') ?? null;
}

/** Takes an expression apart: `a > 5 and b` measures `a`. Null for what does not parse. */
export function measuredExpression(text: string): MeasuredExpression | null {
  try {
    return takeApart(parseExpr(text));
  } catch (error) {
    if (error instanceof PromqlSyntaxError) return null;
    throw error;
  }
}

function takeApart(whole: Expr): MeasuredExpression {
  const expr = bare(whole);
  if (expr.kind === 'binary') {
    if (expr.operator === 'and' || expr.operator === 'unless') return takeApart(expr.left);
    const flipped = FLIPPED[expr.operator];
    if (flipped !== undefined && !expr.returnsBool) {
      const right = numberOf(expr.right);
      if (right !== null) return compared(expr.left, expr.operator, right);
      const left = numberOf(expr.left);
      if (left !== null) return compared(expr.right, flipped, left);
      return { measured: expr.left, comparison: '', threshold: null };
    }
  }
  return { measured: expr, comparison: '', threshold: null };
}

function compared(measured: Expr, operator: string, threshold: number): MeasuredExpression {
  return { measured: bare(measured), comparison: `${operator} ${threshold}`, threshold };
}

function bare(expr: Expr): Expr {
  return expr.kind === 'paren' ? bare(expr.expr) : expr;
}

function numberOf(whole: Expr): number | null {
  const expr = bare(whole);
  if (expr.kind === 'number') return expr.value;
  if (expr.kind !== 'unary') return null;
  const operand = numberOf(expr.operand);
  return operand === null || expr.operator === '+' ? operand : -operand;
}
