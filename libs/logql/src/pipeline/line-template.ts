import {
  GoMap,
  GoTime,
  logqlFunctions,
  STRING_MAP,
  TemplateExecError,
  TemplateParseError,
  TemplateSet,
} from '#libs/go-template';
import type { Line } from './line.ts';

const MAX_TEMPLATE_LENGTH = 64 * 1024;
/** What one line may become, in UTF-16 units. */
const MAX_OUTPUT_LENGTH = 256 * 1024;
const MAX_STEPS = 20_000;
const NAME = 'line';

/** A piece of a template that has nothing but text and labels in it. */
type Piece = { readonly kind: 'text' | 'label'; readonly value: string };

const FIELD = /\{\{\s*\.([a-zA-Z_][a-zA-Z0-9_]*)\s*\}\}/g;

/** The pieces of a template without functions, or null. */
function simplePieces(template: string): readonly Piece[] | null {
  const pieces: Piece[] = [];
  let at = 0;
  const text = (value: string): boolean => {
    if (value !== '') pieces.push({ kind: 'text', value });
    return !value.includes('{{');
  };
  for (const match of template.matchAll(FIELD)) {
    if (!text(template.slice(at, match.index))) return null;
    pieces.push({ kind: 'label', value: match[1]! });
    at = match.index + match[0].length;
  }
  return text(template.slice(at)) ? pieces : null;
}

/** What the functions of a template see: the line at hand. */
class LineCell {
  line: Line | null = null;
}

function parseTemplate(template: string, cell: LineCell): TemplateSet {
  const functions = logqlFunctions({
    text: () => cell.line?.originalText() ?? '',
    time: () => {
      const timeNs = cell.line?.timeNs ?? 0n;
      const nanosecond = ((timeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
      return new GoTime(Number((timeNs - nanosecond) / 1_000_000_000n), Number(nanosecond));
    },
  });
  return TemplateSet.create({ functions, maxTextLength: MAX_TEMPLATE_LENGTH }).with(NAME, template);
}

/** Why a text is no template, or null. */
export function checkTemplate(template: string): string | null {
  try {
    parseTemplate(template, new LineCell());
    return null;
  } catch (error) {
    if (error instanceof TemplateParseError) return error.message;
    throw error;
  }
}

/** The template of a `line_format` or `label_format`. */
export class LineTemplate {
  readonly #pieces: readonly Piece[] | null;
  readonly #set: TemplateSet;
  readonly #cell = new LineCell();
  readonly #nowMs: number;

  /**
   * @param template for which {@link checkTemplate} has no objection
   * @param nowMs what `now` gives
   */
  constructor(template: string, nowMs: number) {
    this.#pieces = simplePieces(template);
    this.#set = parseTemplate(template, this.#cell);
    this.#nowMs = nowMs;
  }

  /** The labels it reads, or null where that may be any. */
  get labels(): readonly string[] | null {
    if (this.#pieces === null) return null;
    return this.#pieces.filter(({ kind }) => kind === 'label').map(({ value }) => value);
  }

  /** What the template makes of a line; null, and the error noted on the line, where it fails. */
  render(line: Line): string | null {
    const pieces = this.#pieces;
    if (pieces !== null) {
      let text = '';
      for (const { kind, value } of pieces) {
        text += kind === 'text' ? value : line.labels.get(value);
        if (text.length <= MAX_OUTPUT_LENGTH) continue;
        line.labels.fail(
          'TemplateFormatErr',
          `what comes of the template has more than ${MAX_OUTPUT_LENGTH} characters`,
        );
        return null;
      }
      return text;
    }
    this.#cell.line = line;
    try {
      return this.#set.render(NAME, {
        data: new GoMap(STRING_MAP, line.labels.toMap(), ''),
        nowMs: this.#nowMs,
        maxSteps: MAX_STEPS,
        maxOutputLength: MAX_OUTPUT_LENGTH,
      });
    } catch (error) {
      if (!(error instanceof TemplateExecError)) throw error;
      line.labels.fail('TemplateFormatErr', error.message);
      return null;
    } finally {
      this.#cell.line = null;
    }
  }
}
