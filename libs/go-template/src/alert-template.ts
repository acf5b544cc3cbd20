import { TemplateExecError, TemplateParseError } from './errors.ts';
import { type GoFunction, GoStruct, type GoType, type GoValue } from './go-value.ts';
import { toStringMap } from './prometheus-functions.ts';
import { type RenderOptions, TemplateSet } from './template.ts';

const DATA: GoType = {
  name: 'struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value interface {} }',
};

/** What the templates of an alerting rule see. */
export interface AlertTemplateData {
  /** Label names and values in turn, as `Labels.flat` has them. */
  readonly labels: readonly string[];
  readonly externalLabels: readonly string[];
  readonly externalUrl: string;
  readonly value: number;
}

/** The value an alert's labels and annotations are rendered on. */
export function toAlertValue(data: AlertTemplateData): GoValue {
  return new GoStruct(DATA, [
    { name: 'Labels', json: null, value: toStringMap(pairs(data.labels)) },
    { name: 'ExternalLabels', json: null, value: toStringMap(pairs(data.externalLabels)) },
    { name: 'ExternalURL', json: null, value: data.externalUrl },
    { name: 'Value', json: null, value: data.value },
  ]);
}

function* pairs(flat: readonly string[]): Generator<readonly [string, string]> {
  for (let i = 0; i < flat.length; i += 2) yield [flat[i]!, flat[i + 1]!];
}

/** Stands in front of every alert template, so that `$labels`, `$value` and the others exist. */
const PRELUDE =
  '{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}';

/** One template of an alerting rule, parsed once. */
export class AlertTemplate {
  readonly #name: string;
  readonly #set: TemplateSet;
  /** The text, where it holds no action and is its own result. */
  readonly #plain: string | null;

  /**
   * @param alertName the alert's name; templates are called after it in messages
   * @throws TemplateParseError
   */
  constructor(alertName: string, text: string, functions: ReadonlyMap<string, GoFunction>) {
    this.#name = `__alert_${alertName}`;
    this.#plain = text.includes('{{') ? null : text;
    try {
      this.#set = TemplateSet.create({ functions }).with(this.#name, PRELUDE + text);
    } catch (error) {
      if (!(error instanceof TemplateParseError)) throw error;
      throw new TemplateParseError(
        `error parsing template ${this.#name}: ${error.message}`,
        error.line,
        error.message,
      );
    }
  }

  /**
   * @param query answers the `query` function
   * @throws TemplateExecError
   */
  async render(
    options: Omit<RenderOptions, 'query' | 'isHtml'>,
    query: (expression: string) => Promise<GoValue>,
  ): Promise<string> {
    if (this.#plain !== null) return this.#plain;
    try {
      return await this.#set.renderWithQueries(this.#name, options, query);
    } catch (error) {
      if (!(error instanceof TemplateExecError)) throw error;
      throw new TemplateExecError(
        `error executing template ${this.#name}: ${error.message}`,
        error.code,
        { cause: error },
      );
    }
  }
}
