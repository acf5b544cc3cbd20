import type { GoFunction, GoValue } from './go-value.ts';
import type { ParsedTemplate } from './parser.ts';

/** Where an execution's output goes; one for plain text, one that escapes for HTML. */
export interface OutputWriter {
  /** Text of the template itself. */
  writeText(text: string): void;
  /** The value of an action. */
  writeValue(value: GoValue): void;
  /** How much has been written, in UTF-16 units. */
  readonly length: number;
  /** Everything written. */
  finish(): string;
}

/** What an execution may use up. Each end is an error of its own (`TemplateFailure`). */
export interface ExecutionBudget {
  /** Nodes walked, function calls and loop rounds. */
  readonly maxSteps: number;
  /** Length of the output in UTF-16 units. */
  readonly maxOutputLength: number;
  /** How deep templates may call each other. */
  readonly maxDepth: number;
  /** Asked now and then whether the time is over. */
  readonly isTimeOver: () => boolean;
}

/** What the templates of one set share while one of them runs. */
export interface Execution {
  readonly templates: ReadonlyMap<string, ParsedTemplate>;
  readonly functions: ReadonlyMap<string, GoFunction>;
  readonly budget: ExecutionBudget;
  readonly nowMs: number;
  readonly query: (expression: string) => GoValue;
  readonly routeLabel: (name: string) => string;
  readonly createWriter: () => OutputWriter;
}
