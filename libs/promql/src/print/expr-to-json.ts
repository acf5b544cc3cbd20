import type { Matcher } from '#libs/labels';
import type { AtModifier, DurationExpr, Expr, VectorMatching } from '../ast.ts';
import { FUNCTION_SIGNATURES } from '../parse/function-signatures.ts';
import { printNumber } from './print-expr.ts';

/** A node of the tree that `/api/v1/parse_query` answers. */
export interface ExprJson {
  readonly type: string;
  readonly [field: string]: unknown;
}

/**
 * The tree of an expression in the form of Prometheus's `/api/v1/parse_query`. Durations are milliseconds; one that
 * depends on the query is 0 there, as Prometheus has no place for it.
 */
export function exprToJson(expr: Expr): ExprJson {
  switch (expr.kind) {
    case 'number':
      return { type: 'numberLiteral', val: printNumber(expr.value) };
    case 'string':
      return { type: 'stringLiteral', val: expr.value };
    case 'vector-selector':
      return {
        type: 'vectorSelector',
        name: expr.metricName,
        offset: toMilliseconds(expr.offset),
        matchers: expr.matchers.map(matcherToJson),
        ...atToJson(expr.at),
      };
    case 'matrix-selector':
      return {
        type: 'matrixSelector',
        name: expr.selector.metricName,
        range: toMilliseconds(expr.range),
        offset: toMilliseconds(expr.selector.offset),
        matchers: expr.selector.matchers.map(matcherToJson),
        ...atToJson(expr.selector.at),
      };
    case 'subquery':
      return {
        type: 'subquery',
        expr: exprToJson(expr.expr),
        range: toMilliseconds(expr.range),
        offset: toMilliseconds(expr.offset),
        step: toMilliseconds(expr.step),
        ...atToJson(expr.at),
      };
    case 'unary':
      return { type: 'unaryExpr', op: expr.operator, expr: exprToJson(expr.operand) };
    case 'binary':
      return {
        type: 'binaryExpr',
        op: expr.operator,
        lhs: exprToJson(expr.left),
        rhs: exprToJson(expr.right),
        matching: expr.matching === null ? null : matchingToJson(expr.matching),
        bool: expr.returnsBool,
      };
    case 'aggregation':
      return {
        type: 'aggregation',
        op: expr.operator,
        expr: exprToJson(expr.expr),
        param: expr.parameter === null ? null : exprToJson(expr.parameter),
        grouping: expr.grouping,
        without: expr.isWithout,
      };
    case 'call':
      return {
        type: 'call',
        func: functionToJson(expr.functionName),
        args: expr.args.map(exprToJson),
      };
    case 'paren':
      return { type: 'parenExpr', expr: exprToJson(expr.expr) };
  }
}

function functionToJson(name: string): object {
  const signature = FUNCTION_SIGNATURES.get(name);
  return {
    name,
    argTypes: signature?.argTypes ?? [],
    variadic: signature?.variadic ?? 0,
    returnType: signature?.returnType ?? 'none',
  };
}

function matcherToJson(matcher: Matcher): object {
  return { name: matcher.name, value: matcher.value, type: matcher.kind };
}

function matchingToJson(matching: VectorMatching): object {
  const { cardinality, labels, isOn, include, fillLeft, fillRight } = matching;
  const shared = { card: cardinality, labels, on: isOn, include };
  if (fillLeft === null && fillRight === null) return shared;
  return { ...shared, fillValues: { lhs: fillLeft, rhs: fillRight } };
}

function atToJson(at: AtModifier | null): { timestamp: number | null; startOrEnd: string | null } {
  return {
    timestamp: at?.kind === 'time' ? at.timeMs : null,
    startOrEnd: at === null || at.kind === 'time' ? null : at.kind,
  };
}

function toMilliseconds(duration: DurationExpr | null): number {
  return duration?.kind === 'literal' ? Math.trunc(Math.round(duration.seconds * 1e6) / 1e3) : 0;
}
