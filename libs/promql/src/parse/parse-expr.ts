import type { Matcher } from '#libs/labels';
import type { Expr } from '../ast.ts';
import { Parser, type PromqlFeatures } from './parser.ts';
import { PromqlSyntaxError } from './promql-syntax-error.ts';
import { checkTypes } from './type-check.ts';

/** Longest query that is read, in UTF-16 units. */
export const MAX_QUERY_LENGTH = 256 * 1024;

export interface ParseOptions {
  /** Parts of the language to switch off, as a Prometheus without the feature flag would; none by default. */
  readonly features?: Partial<PromqlFeatures>;
}

const ALL_FEATURES: PromqlFeatures = {
  experimentalFunctions: true,
  durationExpressions: true,
  extendedRangeSelectors: true,
  fillModifiers: true,
};

/**
 * Reads a PromQL expression and checks its types.
 *
 * The language is that of Prometheus 3.x with its experimental parts. A query is refused when it is longer than
 * {@link MAX_QUERY_LENGTH}, nested deeper than `MAX_QUERY_NESTING` or a tree of more levels than `MAX_QUERY_DEPTH`, before
 * more time goes into it.
 * @throws PromqlSyntaxError with Prometheus's message and position
 */
export function parseExpr(query: string, options: ParseOptions = {}): Expr {
  return checkTypes(query, parserFor(query, options).parseExpression());
}

/**
 * Reads a series selector such as `up{job="a"}`, as `match[]` of the HTTP API takes it. It may match everything.
 * @throws PromqlSyntaxError
 */
export function parseMetricSelector(query: string): readonly Matcher[] {
  return parserFor(query, {}).parseSelector().matchers;
}

function parserFor(query: string, options: ParseOptions): Parser {
  if (query.length > MAX_QUERY_LENGTH) {
    throw new PromqlSyntaxError(
      query.slice(0, 64),
      `query of ${query.length} characters is longer than the ${MAX_QUERY_LENGTH} that are accepted`,
      { start: 0, end: 0 },
    );
  }
  return new Parser(query, { ...ALL_FEATURES, ...options.features });
}
