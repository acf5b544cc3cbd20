/**
 * A query that is not LogQL, or is larger than what is accepted. The message carries the position as Loki's do:
 * `parse error at line 1, col 9: syntax error: …`; line and column count from 1, the column in characters.
 */
export class LogqlSyntaxError extends Error {
  override readonly name = 'LogqlSyntaxError';
  readonly code = 'bad_query';
  readonly reason: string;
  readonly line: number;
  readonly column: number;

  /** @param offset where in the query, in UTF-16 units */
  constructor(query: string, offset: number, reason: string, options?: ErrorOptions) {
    const before = query.slice(0, offset);
    const line = before.split('\n').length;
    const column = Array.from(before.slice(before.lastIndexOf('\n') + 1)).length + 1;
    super(`parse error at line ${line}, col ${column}: ${reason}`, options);
    this.reason = reason;
    this.line = line;
    this.column = column;
  }
}
