import {
  AlertTemplate,
  type GoValue,
  TemplateExecError,
  toAlertValue,
  toQueryResult,
} from '#libs/go-template';
import type { Labels } from '#libs/labels';
import type { RuleContext } from './rule-context.ts';

interface NamedTemplate {
  readonly name: string;
  /** The text itself where it has no action in it, else the template. */
  readonly plain: string | null;
  readonly template: AlertTemplate | null;
}

/** The labels or the annotations of an alerting rule, parsed once, rendered for each alert. */
export class PairTemplates {
  readonly #templates: readonly NamedTemplate[];
  /** Whether nothing has to be rendered. */
  readonly isPlain: boolean;

  /** @throws TemplateParseError */
  constructor(
    alertName: string,
    pairs: readonly (readonly [string, string])[],
    context: RuleContext,
  ) {
    this.#templates = pairs.map(([name, text]) =>
      text.includes('{{')
        ? {
            name,
            plain: null,
            template: new AlertTemplate(alertName, text, context.templateFunctions),
          }
        : { name, plain: text, template: null },
    );
    this.isPlain = this.#templates.every(({ plain }) => plain !== null);
  }

  /** The pairs for one sample. A template that fails gives Prometheus's `<error expanding template: …>`. */
  async render(rendering: Rendering | null): Promise<(readonly [string, string])[]> {
    const pairs: (readonly [string, string])[] = [];
    for (const { name, plain, template } of this.#templates) {
      if (template === null || rendering === null) pairs.push([name, plain ?? '']);
      else pairs.push([name, await rendering.render(template)]);
    }
    return pairs;
  }
}

/** One sample's data for the templates of its rule, and what they may use up. */
export class Rendering {
  readonly #context: RuleContext;
  readonly #data: GoValue;
  readonly #evaluationMs: number;
  readonly #deadlineMs: number;

  /** @param deadlineMs by `context.clockMs`; shared by all samples of a round */
  constructor(
    context: RuleContext,
    sample: { readonly labels: Labels; readonly value: number },
    evaluationMs: number,
    deadlineMs: number,
  ) {
    this.#context = context;
    this.#evaluationMs = evaluationMs;
    this.#deadlineMs = deadlineMs;
    this.#data = toAlertValue({
      labels: sample.labels.flat,
      externalLabels: context.externalLabels.flat,
      externalUrl: context.externalUrl,
      value: sample.value,
    });
  }

  async render(template: AlertTemplate): Promise<string> {
    const { clockMs, source } = this.#context;
    const isTimeOver = (): boolean => clockMs() > this.#deadlineMs;
    if (isTimeOver())
      return '<error expanding template: the time for this rule’s templates is over>';
    try {
      return await template.render(
        {
          data: this.#data,
          nowMs: this.#evaluationMs,
          isTimeOver,
          maxOutputLength: 64 * 1024,
          maxSteps: 100_000,
        },
        async (expression) => {
          const vector = await source.evaluator.query(expression, this.#evaluationMs);
          return toQueryResult(
            vector.labels.map((labels, i) => ({
              labels: labels.toRecord(),
              value: vector.values[i]!,
            })),
          );
        },
      );
    } catch (error) {
      if (!(error instanceof TemplateExecError)) throw error;
      return `<error expanding template: ${error.message}>`;
    }
  }
}
