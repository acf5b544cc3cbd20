/** A template that does not parse. The message reads as Go's: `template: NAME:LINE: reason`. */
export class TemplateParseError extends Error {
  override readonly name = 'TemplateParseError';
  /** 1-based line in the template's text. */
  readonly line: number;
  /** The message as Go's parser says it, without what a user of templates puts in front. */
  readonly reason: string;
  constructor(message: string, line: number, reason = message) {
    super(message);
    this.line = line;
    this.reason = reason;
  }
}

/** Why an execution ended early; a budget's ends are told apart from the template's own mistakes. */
export type TemplateFailure = 'execution' | 'steps' | 'output' | 'depth' | 'time' | 'queries';

/** A template that fails while it runs: `template: NAME:LINE:COLUMN: executing "NAME" at <CONTEXT>: reason`. */
export class TemplateExecError extends Error {
  override readonly name = 'TemplateExecError';
  readonly code: TemplateFailure;
  constructor(message: string, code: TemplateFailure = 'execution', options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What a template function throws to say "error calling NAME: message". */
export class GoFunctionError extends Error {
  override readonly name = 'GoFunctionError';
}
