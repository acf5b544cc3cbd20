export type {
  BinaryExpr,
  BinaryOperator,
  ComparisonOperator,
  Grouping,
  LabelAssignment,
  LabelChoice,
  LabelExtraction,
  LabelFilter,
  LineFilterOperator,
  LineFilterText,
  LogExpr,
  LogqlExpr,
  MetricExpr,
  RangeAggregation,
  RangeOperator,
  Stage,
  Unwrap,
  VectorAggregation,
  VectorMatching,
  VectorOperator,
} from './ast.ts';
export { LogFollower } from './execute/log-follower.ts';
export { type LogEntry, type LogQueryRange } from './execute/log-query.ts';
export {
  type LogqlAnswer,
  type LogqlRunOptions,
  LogQueryEngine,
  type LogQueryEngineOptions,
} from './execute/log-query-engine.ts';
export { LogqlQueryError, type LogqlQueryErrorCode } from './execute/logql-query-error.ts';
export type { LogQueryLimits, ScanStats } from './execute/scan.ts';
export type { LogBatch, LogReadRequest, LogSource, LogStream, StreamVolume } from './log-source.ts';
export { type MemoryLine, MemoryLogSource } from './memory-log-source.ts';
export { LogqlSyntaxError } from './parse/logql-syntax-error.ts';
export { MAX_LOGQL_LENGTH, parseLogql, parseLogSelector } from './parse/parse-logql.ts';
export { type FoundPattern, LinePatterns } from './patterns/line-patterns.ts';
export type { CategorizedLabels } from './pipeline/line-labels.ts';
export { printLogql } from './print/print-logql.ts';
