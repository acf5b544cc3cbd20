import type { Span } from '../ast.ts';

/**
 * A query that Prometheus refuses: by its grammar, by its types, or because it is larger than what is accepted here. The
 * message is Prometheus's own and carries the position: `1:5: parse error: unclosed left parenthesis`.
 */
export class PromqlSyntaxError extends Error {
  override readonly name = 'PromqlSyntaxError';
  readonly code = 'bad_query';
  /** The message without its position. */
  readonly reason: string;
  /** The part of the query it is about, or null for the query as a whole. */
  readonly span: Span | null;

  constructor(query: string, reason: string, span: Span | null) {
    super(`${describePosition(query, span)}: parse error: ${reason}`);
    this.reason = reason;
    this.span = span;
  }
}

/**
 * Line and column of a place in a query, both counted from 1 and the column in bytes of UTF-8, as Prometheus writes them
 * in errors and annotations: `2:14`.
 */
export function describePosition(query: string, span: Span | null): string {
  if (query === '' || span === null) return 'unknown position';
  if (span.start > query.length) return 'invalid position';
  let line = 1;
  let lineStart = 0;
  for (let i = query.indexOf('\n'); i >= 0 && i < span.start; i = query.indexOf('\n', i + 1)) {
    line++;
    lineStart = i + 1;
  }
  return `${line}:${Buffer.byteLength(query.slice(lineStart, span.start), 'utf8') + 1}`;
}
