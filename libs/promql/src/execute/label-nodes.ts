import {
  compileLinearRegExp,
  Labels,
  type LinearRegExp,
  METRIC_NAME,
  RegExpSyntaxError,
} from '#libs/labels';
import type { Span } from '../ast.ts';
import type { Block } from './block.ts';
import { mergeCollisions } from './drop-metadata.ts';
import type { Evaluation } from './evaluation.ts';
import { QueryError } from './query-error.ts';
import { SeriesShape } from './series-shape.ts';
import type { Timeline } from './timeline.ts';
import { VectorNode } from './vector-node.ts';

/** A mask: rows between two looks at the clock, less one. */
const ROWS_PER_CHECK = 255;

/** A function that changes labels and nothing else. */
class RelabelNode extends VectorNode {
  readonly input: VectorNode;
  readonly #target: string;
  readonly #relabel: (labels: Labels) => Labels;

  /** @param key names the function with its arguments */
  constructor(
    key: string,
    target: string,
    input: VectorNode,
    relabel: (labels: Labels) => Labels,
    span: Span,
  ) {
    super(`${key}(${input.key})`, input.isStepInvariant, span);
    this.input = input;
    this.#target = target;
    this.#relabel = relabel;
  }

  protected async compute(evaluation: Evaluation, timeline: Timeline): Promise<Block> {
    const input = await this.input.evaluate(evaluation, timeline);
    const shape = await input.shape.derivedLater(`relabel:${this.key}`, async () =>
      this.#relabeled(evaluation, input.shape),
    );
    return mergeCollisions({ ...input, shape });
  }

  async #relabeled(evaluation: Evaluation, shape: SeriesShape): Promise<SeriesShape> {
    const labels: Labels[] = [];
    for (let row = 0; row < shape.count; row++) {
      if ((row & ROWS_PER_CHECK) === 0 && evaluation.isPauseDue()) await evaluation.pause();
      labels.push(this.#relabel(shape.labelsAt(row)));
    }
    // A metric name that has just been set is not the one that was to be dropped.
    const isNameSet = this.#target === METRIC_NAME;
    const pendingDrop =
      shape.pendingDrop === null
        ? null
        : shape.pendingDrop.map((flag, row) =>
            isNameSet && labels[row] !== shape.labelsAt(row) ? 0 : flag,
          );
    const relabeled = new SeriesShape(labels, pendingDrop);
    await relabeled.lookForCollisions(evaluation);
    return relabeled;
  }
}

/** Whether a text can be the name of a label. */
export function isLabelName(name: string): boolean {
  return name !== '' && name.isWellFormed();
}

/** `label_replace(v, dst, replacement, src, regex)`. @throws QueryError for arguments that can't be */
export function labelReplaceNode(
  input: VectorNode,
  args: readonly [target: string, replacement: string, source: string, pattern: string],
  span: Span,
): VectorNode {
  const [target, replacement, source, pattern] = args;
  let regexp: LinearRegExp;
  try {
    regexp = compileLinearRegExp(pattern);
    regexp.prepare();
  } catch (error) {
    if (!(error instanceof RegExpSyntaxError)) throw error;
    throw new QueryError('execution', `invalid regular expression in label_replace(): ${pattern}`, {
      cause: error,
    });
  }
  if (!isLabelName(target)) {
    throw new QueryError(
      'execution',
      `invalid destination label name in label_replace(): ${target}`,
    );
  }
  const relabel = (labels: Labels): Labels => {
    const value = regexp.expand(labels.get(source), replacement);
    return value === null ? labels : labels.with(target, value);
  };
  return new RelabelNode(`label_replace${JSON.stringify(args)}`, target, input, relabel, span);
}

/** `label_join(v, dst, separator, src…)`. @throws QueryError for arguments that can't be */
export function labelJoinNode(
  input: VectorNode,
  target: string,
  separator: string,
  sources: readonly string[],
  span: Span,
): VectorNode {
  for (const source of sources) {
    if (!isLabelName(source)) {
      throw new QueryError('execution', `invalid source label name in label_join(): ${source}`);
    }
  }
  if (!isLabelName(target)) {
    throw new QueryError('execution', `invalid destination label name in label_join(): ${target}`);
  }
  const relabel = (labels: Labels): Labels =>
    labels.with(target, sources.map((source) => labels.get(source)).join(separator));
  const key = `label_join${JSON.stringify([target, separator, sources])}`;
  return new RelabelNode(key, target, input, relabel, span);
}
