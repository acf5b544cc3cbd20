import type { Binary } from '../ast.ts';
import { ABSENT, type Block, noHistograms } from './block.ts';
import { matchGroupsOf, matchingKey } from './matching.ts';
import type { Evaluation } from './evaluation.ts';
import { SeriesShape } from './series-shape.ts';
import type { Timeline } from './timeline.ts';
import { VectorNode } from './vector-node.ts';

/** `and`, `or` and `unless`. */
export class SetOperatorNode extends VectorNode {
  readonly left: VectorNode;
  readonly right: VectorNode;
  readonly #expr: Binary;

  constructor(expr: Binary, left: VectorNode, right: VectorNode) {
    super(
      `(${left.key} ${expr.operator} ${matchingKey(expr.matching!)} ${right.key})`,
      left.isStepInvariant && right.isStepInvariant,
      expr.span,
    );
    this.left = left;
    this.right = right;
    this.#expr = expr;
  }

  protected async compute(evaluation: Evaluation, timeline: Timeline): Promise<Block> {
    const left = await this.left.evaluate(evaluation, timeline);
    const right = await this.right.evaluate(evaluation, timeline);
    const matching = this.#expr.matching!;
    const groups = await matchGroupsOf(evaluation, left.shape, right.shape, matching);
    if (this.#expr.operator === 'or') return union(left, right, groups.groupCount, groups);
    const present = new Uint8Array(left.present.length);
    const wantsMatch = this.#expr.operator === 'and';
    const hasRight = new Uint8Array(groups.groupCount);
    for (let step = 0; step < timeline.count; step++) {
      hasRight.fill(0);
      for (let row = 0; row < right.shape.count; row++) {
        if (right.present[row * timeline.count + step] !== ABSENT) hasRight[groups.right[row]!] = 1;
      }
      for (let row = 0; row < left.shape.count; row++) {
        if ((hasRight[groups.left[row]!] === 1) !== wantsMatch) continue;
        const cell = row * timeline.count + step;
        present[cell] = left.present[cell]!;
      }
    }
    return { ...left, present };
  }
}

/** The left rows, then the right ones where no left row of the same match group is present. */
function union(
  left: Block,
  right: Block,
  groupCount: number,
  groups: { readonly left: Int32Array; readonly right: Int32Array },
): Block {
  const { stepCount } = left;
  const leftCells = left.present.length;
  const cells = leftCells + right.present.length;
  const values = new Float64Array(cells);
  values.set(left.values);
  values.set(right.values, leftCells);
  const present = new Uint8Array(cells);
  present.set(left.present);
  const hasLeft = new Uint8Array(groupCount);
  for (let step = 0; step < stepCount; step++) {
    hasLeft.fill(0);
    for (let row = 0; row < left.shape.count; row++) {
      if (left.present[row * stepCount + step] !== ABSENT) hasLeft[groups.left[row]!] = 1;
    }
    for (let row = 0; row < right.shape.count; row++) {
      const cell = row * stepCount + step;
      if (hasLeft[groups.right[row]!] === 0) present[leftCells + cell] = right.present[cell]!;
    }
  }
  let histograms: Block['histograms'] = null;
  if (left.histograms !== null || right.histograms !== null) {
    histograms = noHistograms(cells);
    left.histograms?.forEach((histogram, cell) => (histograms![cell] = histogram));
    right.histograms?.forEach((histogram, cell) => (histograms![leftCells + cell] = histogram));
  }
  const shape = joinedShape(left.shape, right.shape);
  return uniteEqualRows({ shape, stepCount, values, present, histograms });
}

function joinedShape(left: SeriesShape, right: SeriesShape): SeriesShape {
  const labels = [];
  for (let row = 0; row < left.count; row++) labels.push(left.labelsAt(row));
  for (let row = 0; row < right.count; row++) labels.push(right.labelsAt(row));
  if (left.pendingDrop === null && right.pendingDrop === null) return new SeriesShape(labels);
  const pendingDrop = new Uint8Array(labels.length);
  if (left.pendingDrop !== null) pendingDrop.set(left.pendingDrop);
  if (right.pendingDrop !== null) pendingDrop.set(right.pendingDrop, left.count);
  return new SeriesShape(labels, pendingDrop);
}

/** A series may come from the left at one step and from the right at another; it is one row then. */
function uniteEqualRows(block: Block): Block {
  const firstRow = block.shape.collisions();
  if (firstRow === null) return block;
  const { stepCount, shape, present, values, histograms } = block;
  for (let row = 0; row < shape.count; row++) {
    const target: number = firstRow[row]!;
    if (target === row) continue;
    for (let step = 0; step < stepCount; step++) {
      const from = row * stepCount + step;
      const to = target * stepCount + step;
      // Where both have a value the rows stay apart, and whoever needs them distinct says so.
      if (present[from] === ABSENT || present[to] !== ABSENT) continue;
      present[to] = present[from]!;
      values[to] = values[from]!;
      if (histograms !== null) histograms[to] = histograms[from]!;
      present[from] = ABSENT;
    }
  }
  return block;
}
