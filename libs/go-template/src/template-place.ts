import { TemplateExecError, type TemplateFailure } from './errors.ts';
import { nodeToString } from './nodes.ts';
import type { ParsedTemplate } from './parser.ts';
import { quoteGo } from './quote-go.ts';

/** A node that an error can name. */
export type Located = { readonly position: number } & Parameters<typeof nodeToString>[0];

/** Where in a template an execution is, for the errors. */
export class TemplatePlace {
  readonly #template: ParsedTemplate;
  /** The node that is at work, or null before the first. */
  node: Located | null = null;

  constructor(template: ParsedTemplate) {
    this.#template = template;
  }

  /** @throws TemplateExecError always, as Go words it */
  fail(message: string, code: TemplateFailure = 'execution', cause?: Error): never {
    const { name, parseName, text } = this.#template;
    const options = cause === undefined ? undefined : { cause };
    const { node } = this;
    if (node === null) {
      throw new TemplateExecError(`template: ${name}: ${message}`, code, options);
    }
    const before = text.slice(0, node.position);
    const line = before.split('\n').length;
    const column = Buffer.byteLength(before.slice(before.lastIndexOf('\n') + 1), 'utf8');
    throw new TemplateExecError(
      `template: ${parseName}:${line}:${column}: executing ${quoteGo(name)} at <${nodeToString(node)}>: ${message}`,
      code,
      options,
    );
  }
}
