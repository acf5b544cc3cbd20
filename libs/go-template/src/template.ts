import { BUILTINS, HTML_BUILTINS } from './builtins.ts';
import { GoFunctionError, TemplateExecError } from './errors.ts';
import type { ExecutionBudget } from './execution.ts';
import { executeTemplate } from './executor.ts';
import type { GoFunction, GoValue } from './go-value.ts';
import { HtmlWriter } from './html-writer.ts';
import { type ParsedTemplate, parseTemplate } from './parser.ts';
import { TextWriter } from './text-writer.ts';

/** What an execution may use up and what it sees of the world. */
export interface RenderOptions {
  readonly data: GoValue;
  /** Milliseconds since the epoch; what `now` says. */
  readonly nowMs: number;
  /** Nodes, calls and rounds. Default 1,000,000. */
  readonly maxSteps?: number;
  /** Length of the output, and of any text or list on the way, in UTF-16 units. Default 1 Mi. */
  readonly maxOutputLength?: number;
  /** How deep templates may call each other. Default 100. */
  readonly maxDepth?: number;
  /** Asked now and then whether the time given is over. Default: never. */
  readonly isTimeOver?: () => boolean;
  /** Escape for HTML as html/template does. Default: plain text. */
  readonly isHtml?: boolean;
  /** The `query` function. Default: an error. */
  readonly query?: (expression: string) => GoValue;
  /** The `routeLabels` function. Default: there are none, an empty text. */
  readonly routeLabel?: (name: string) => string;
}

export interface TemplateSetOptions {
  /** The functions besides Go's own. */
  readonly functions?: ReadonlyMap<string, GoFunction>;
  /** Largest text parsed, in UTF-16 units. Default 1 Mi. */
  readonly maxTextLength?: number;
}

const DEFAULT_MAX_TEXT = 1024 * 1024;
const MAX_NESTING = 200;

/**
 * Named templates that can call each other, with the functions they may use. Immutable: adding gives a new set, so one
 * set of defaults serves many.
 */
export class TemplateSet {
  readonly #templates: ReadonlyMap<string, ParsedTemplate>;
  readonly #functions: ReadonlyMap<string, GoFunction>;
  readonly #maxTextLength: number;

  private constructor(
    templates: ReadonlyMap<string, ParsedTemplate>,
    functions: ReadonlyMap<string, GoFunction>,
    maxTextLength: number,
  ) {
    this.#templates = templates;
    this.#functions = functions;
    this.#maxTextLength = maxTextLength;
  }

  static create(options: TemplateSetOptions = {}): TemplateSet {
    const { functions = new Map<string, GoFunction>(), maxTextLength = DEFAULT_MAX_TEXT } = options;
    return new TemplateSet(new Map(), functions, maxTextLength);
  }

  /** The names that `{{template}}` can call, sorted. */
  get names(): string[] {
    return [...this.#templates.keys()].toSorted();
  }

  /**
   * This set with one more text: the text itself under `name`, and whatever it defines. What is there already under the
   * same name is replaced, but not by a text with nothing but spaces and definitions in it.
   * @throws TemplateParseError
   */
  with(name: string, text: string): TemplateSet {
    const parsed = parseTemplate(text, {
      name,
      hasFunction: (each) => BUILTINS.has(each) || this.#functions.has(each),
      maxLength: this.#maxTextLength,
      maxNesting: MAX_NESTING,
    });
    const templates = new Map(this.#templates);
    for (const template of parsed) {
      if (templates.has(template.name) && isBlank(template)) continue;
      templates.set(template.name, template);
    }
    return new TemplateSet(templates, this.#functions, this.#maxTextLength);
  }

  /**
   * Runs the template of that name.
   * @throws TemplateExecError
   */
  render(name: string, options: RenderOptions): string {
    const template = this.#templates.get(name);
    if (template === undefined) {
      throw new TemplateExecError(`template: no template ${JSON.stringify(name)}`);
    }
    const isHtml = options.isHtml ?? false;
    const budget: ExecutionBudget = {
      maxSteps: options.maxSteps ?? 1_000_000,
      maxOutputLength: options.maxOutputLength ?? 1024 * 1024,
      maxDepth: options.maxDepth ?? 100,
      isTimeOver: options.isTimeOver ?? (() => false),
    };
    return executeTemplate(
      {
        templates: this.#templates,
        functions: isHtml ? new Map([...this.#functions, ...HTML_BUILTINS]) : this.#functions,
        budget,
        nowMs: options.nowMs,
        query: options.query ?? refuseQuery,
        routeLabel: options.routeLabel ?? (() => ''),
        createWriter: () => (isHtml ? new HtmlWriter() : new TextWriter()),
      },
      template,
      options.data,
    );
  }

  /**
   * Runs a template whose `query` function has to wait for its answers: when a result is not there yet the execution
   * ends, the query runs, and the template starts anew with what is known by then. Templates have no effects, so the
   * last run decides.
   * @param query gives the value of an expression; what it rejects with becomes the template's error
   * @param maxQueries how many different expressions one rendering may ask for
   * @throws TemplateExecError
   */
  async renderWithQueries(
    name: string,
    options: Omit<RenderOptions, 'query'>,
    query: (expression: string) => Promise<GoValue>,
    maxQueries = 20,
  ): Promise<string> {
    const answers = new Map<string, GoValue | GoFunctionError>();
    for (;;) {
      try {
        return this.render(name, {
          ...options,
          query: (expression) => {
            const answer = answers.get(expression);
            if (answer instanceof GoFunctionError) throw answer;
            if (answer === undefined) throw new QueryPending(expression);
            return answer;
          },
        });
      } catch (error) {
        if (!(error instanceof QueryPending)) throw error;
        if (answers.size >= maxQueries) {
          throw new TemplateExecError(
            `template: ${name}: more than ${maxQueries} different queries`,
            'queries',
          );
        }
        answers.set(error.expression, await answerOf(query, error.expression));
      }
    }
  }
}

/** Ends an execution that needs a query's result; it never leaves this file. */
class QueryPending extends Error {
  readonly expression: string;
  constructor(expression: string) {
    super('query pending');
    this.expression = expression;
  }
}

async function answerOf(
  query: (expression: string) => Promise<GoValue>,
  expression: string,
): Promise<GoValue | GoFunctionError> {
  try {
    return await query(expression);
  } catch (error) {
    return new GoFunctionError(error instanceof Error ? error.message : String(error));
  }
}

function refuseQuery(): never {
  throw new GoFunctionError('queries are not available here');
}

function isBlank(template: ParsedTemplate): boolean {
  return template.list.every((node) => node.kind === 'text' && node.text.trim() === '');
}
