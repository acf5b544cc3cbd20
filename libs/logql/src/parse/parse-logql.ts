import type { Matcher } from '#libs/labels';
import type { LogqlExpr } from '../ast.ts';
import { LogqlSyntaxError } from './logql-syntax-error.ts';
import { Parser } from './parser.ts';

/** Longest query that is read, in UTF-16 units. */
export const MAX_LOGQL_LENGTH = 128 * 1024;

/**
 * Reads a LogQL query and checks its types.
 * @throws LogqlSyntaxError with line and column
 */
export function parseLogql(query: string): LogqlExpr {
  return parserFor(query).parseQuery();
}

/**
 * Reads a stream selector such as `{app="x"}`, as `match[]` and `query` of the lists take it. It may match everything.
 * @throws LogqlSyntaxError
 */
export function parseLogSelector(query: string): readonly Matcher[] {
  return parserFor(query).parseSelector();
}

function parserFor(query: string): Parser {
  if (query.length > MAX_LOGQL_LENGTH) {
    throw new LogqlSyntaxError(
      '',
      0,
      `query of ${query.length} characters is longer than the ${MAX_LOGQL_LENGTH} that are accepted`,
    );
  }
  return new Parser(query);
}
