export type {
  Aggregation,
  AggregationOperator,
  AtModifier,
  Binary,
  BinaryOperator,
  Call,
  DurationExpr,
  Expr,
  MatrixSelector,
  NumberLiteral,
  Paren,
  Span,
  StringLiteral,
  Subquery,
  Unary,
  ValueType,
  VectorMatching,
  VectorSelector,
} from './ast.ts';
export { confineSelectors } from './confine-selectors.ts';
export { FUNCTION_SIGNATURES, type FunctionSignature } from './parse/function-signatures.ts';
export {
  MAX_QUERY_LENGTH,
  parseExpr,
  parseMetricSelector,
  type ParseOptions,
} from './parse/parse-expr.ts';
export type { PromqlFeatures } from './parse/parser.ts';
export { describePosition, PromqlSyntaxError } from './parse/promql-syntax-error.ts';
export { MAX_QUERY_DEPTH, MAX_QUERY_NESTING, MAX_QUERY_PATTERNS } from './parse/token-cursor.ts';
export { valueTypeOf } from './parse/type-check.ts';
export { exprToJson, type ExprJson } from './print/expr-to-json.ts';
export { prettyExpr } from './print/pretty-expr.ts';
export { printExpr } from './print/print-expr.ts';
export { EvaluationCache } from './execute/evaluation-cache.ts';
export { compareLabels } from './execute/label-set-order.ts';
export {
  type Plan,
  QueryEngine,
  type QueryEngineOptions,
  type QueryOptions,
} from './execute/query-engine.ts';
export { QueryError, type QueryErrorCode } from './execute/query-error.ts';
export type {
  Annotations,
  MatrixResult,
  MatrixSeries,
  QueryResult,
  QueryStats,
  QueryValue,
  ScalarResult,
  StringResult,
  VectorResult,
} from './execute/query-result.ts';
export { type MemorySample, MemorySeriesSource } from './script/memory-series-source.ts';
export { NotationError } from './script/notation-error.ts';
export { type EvalCommand, parseScript, type ScriptCommand } from './script/parse-script.ts';
export { runScript, type ScriptCase, type ScriptEngine } from './script/run-script.ts';
export { ScriptSyntaxError } from './script/script-syntax-error.ts';
export {
  MAX_VALUES_PER_LINE,
  type NotedSeries,
  type NotedValue,
  parseSeriesNotation,
  parseValuesNotation,
} from './script/series-notation.ts';
export { selectorsOf } from './selectors-of.ts';
export type { SeriesSelection, SeriesSource } from './series-source.ts';
