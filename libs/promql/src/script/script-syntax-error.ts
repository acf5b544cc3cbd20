/** A test script that cannot be read. `line` counts from 1. */
export class ScriptSyntaxError extends Error {
  override readonly name = 'ScriptSyntaxError';
  readonly line: number;
  readonly reason: string;
  constructor(line: number, reason: string, options?: ErrorOptions) {
    super(`line ${line}: ${reason}`, options);
    this.line = line;
    this.reason = reason;
  }
}
