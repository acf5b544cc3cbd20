import { compareUtf8, type Labels } from '#libs/labels';
import type { Span } from '../ast.ts';
import { ABSENT, type Block, FLOAT } from './block.ts';
import type { Evaluation } from './evaluation.ts';
import { compareLabels } from './label-set-order.ts';
import { reordered } from './ranked-aggregation-node.ts';
import { sortInPieces } from './sort-in-pieces.ts';
import type { Timeline } from './timeline.ts';
import { VectorNode } from './vector-node.ts';

/** `sort`, `sort_desc`, `sort_by_label` and `sort_by_label_desc`: they matter to instant queries alone. */
export class SortNode extends VectorNode {
  readonly input: VectorNode;
  readonly #isDescending: boolean;
  /** The labels to sort by, or null to sort by value. */
  readonly #labels: readonly string[] | null;

  constructor(name: string, input: VectorNode, labels: readonly string[] | null, span: Span) {
    super(`${name}(${input.key};${JSON.stringify(labels)})`, input.isStepInvariant, span);
    this.input = input;
    this.#isDescending = name.endsWith('_desc');
    this.#labels = labels;
  }

  protected async compute(evaluation: Evaluation, timeline: Timeline): Promise<Block> {
    const input = await this.input.evaluate(evaluation, timeline);
    if (evaluation.options.stepMs > 0) {
      const text =
        'sort is ineffective for range queries since results are always ordered by labels';
      evaluation.annotate('warning', text, this.span);
    }
    const byLabels = this.#labels;
    const present = byLabels === null ? floatsOnly(input.present) : input.present;
    if (timeline.count !== 1)
      return { ...input, present, histograms: byLabels === null ? null : input.histograms };
    const rows: number[] = [];
    for (let row = 0; row < input.shape.count; row++) if (present[row] !== ABSENT) rows.push(row);
    if (byLabels !== null) {
      const labels = rows.map((row) => input.shape.labelsAt(row));
      const order = await sortInPieces(evaluation, [...rows.keys()], (a, b) =>
        this.#compareByLabels(labels[a]!, labels[b]!, byLabels),
      );
      return reordered(
        input,
        order.map((index) => rows[index]!),
      );
    }
    const sorted = await sortInPieces(evaluation, rows, (a, b) => this.#compareValues(input, a, b));
    return reordered({ ...input, histograms: null }, sorted);
  }

  /** NaN comes last either way. */
  #compareValues(input: Block, a: number, b: number): number {
    const left = input.values[a]!;
    const right = input.values[b]!;
    if (Number.isNaN(left) || Number.isNaN(right)) {
      return Number(Number.isNaN(left)) - Number(Number.isNaN(right));
    }
    if (left === right) return 0;
    return left < right === this.#isDescending ? 1 : -1;
  }

  #compareByLabels(a: Labels, b: Labels, names: readonly string[]): number {
    const sign = this.#isDescending ? -1 : 1;
    for (const name of names) {
      const left = a.get(name);
      const right = b.get(name);
      if (left !== right) return sign * compareNaturally(left, right);
    }
    return sign * compareLabels(a, b);
  }
}

function floatsOnly(present: Uint8Array): Uint8Array {
  return present.map((kind) => (kind === FLOAT ? FLOAT : ABSENT));
}

const CHUNKS = /\d+|\D+/g;

/** Orders texts so that numbers in them count as numbers: `node9` before `node10`. */
function compareNaturally(a: string, b: string): number {
  const left = a.match(CHUNKS) ?? [];
  const right = b.match(CHUNKS) ?? [];
  for (let i = 0; i < left.length && i < right.length; i++) {
    const order = compareChunks(left[i]!, right[i]!);
    if (order !== 0) return order;
  }
  return left.length - right.length || compareUtf8(a, b);
}

function compareChunks(a: string, b: string): number {
  if (a === b) return 0;
  if (!/^\d/.test(a) || !/^\d/.test(b)) return compareUtf8(a, b);
  const left = a.replace(/^0+/, '');
  const right = b.replace(/^0+/, '');
  // Of numbers without leading zeros the longer one is larger.
  return left.length - right.length || compareUtf8(left, right);
}
