export { FUNCTION_SIGNATURES, type FunctionSignature } from './parse/function-signatures.ts';
export { describePosition, PromqlSyntaxError } from './parse/promql-syntax-error.ts';
export { EvaluationCache } from './execute/evaluation-cache.ts';
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
export type { SeriesSelection, SeriesSource } from './series-source.ts';
