import type { Aggregation } from '../ast.ts';
import { ABSENT, type Block, emptyBlock, FLOAT } from './block.ts';
import { aggregationKey } from './aggregation-node.ts';
import type { Evaluation } from './evaluation.ts';
import { groupsOf } from './groups.ts';
import { QueryError } from './query-error.ts';
import { formatGo, histogramIgnoredInAggregation } from './remarks.ts';
import { labelSetHash } from './label-set-hash.ts';
import { SeriesShape } from './series-shape.ts';
import type { Timeline } from './timeline.ts';
import { type ScalarNode, VectorNode } from './vector-node.ts';

/** `topk`, `bottomk`, `limitk` and `limit_ratio`: they keep some of the input's elements as they are. */
export class RankedAggregationNode extends VectorNode {
  readonly input: VectorNode;
  readonly #expr: Aggregation;
  readonly #parameter: ScalarNode;

  constructor(expr: Aggregation, parameter: ScalarNode, input: VectorNode) {
    super(
      aggregationKey(expr, input, parameter.key),
      input.isStepInvariant && parameter.isStepInvariant,
      expr.span,
    );
    this.input = input;
    this.#expr = expr;
    this.#parameter = parameter;
  }

  protected async compute(evaluation: Evaluation, timeline: Timeline): Promise<Block> {
    const parameters = await this.#parameter.evaluate(evaluation, timeline);
    const input = await this.input.evaluate(evaluation, timeline);
    const { operator, grouping, isWithout } = this.#expr;
    if (operator === 'limit_ratio') checkRatios(evaluation, parameters, this.#parameter);
    else checkCounts(parameters);
    if (input.shape.count === 0) return emptyBlock(timeline.count);
    const { groupOfRow, shape } = await groupsOf(evaluation, input.shape, grouping, isWithout);
    const kept = new Uint8Array(input.present.length);
    // In an instant query the order of the answer is that of the ranking, group after group.
    const order: number[] = [];
    for (let step = 0; step < timeline.count; step++) {
      if (evaluation.isPauseDue()) await evaluation.pause();
      const parameter = parameters[step]!;
      if (operator === 'limit_ratio') {
        const ratio = Math.max(-1, Math.min(1, parameter));
        keepShare(input, step, ratio, await hashesOf(evaluation, input.shape), kept);
        continue;
      }
      const count = Math.min(Math.trunc(parameter), input.shape.count);
      if (count < 1) continue;
      if (operator === 'limitk') {
        keepFirst(input, step, count, groupOfRow, shape.count, kept);
        continue;
      }
      const ranked = rank(input, step, count, groupOfRow, shape.count, operator === 'topk');
      if (ranked.ignoredHistogram) {
        // These two are said of the whole aggregation, others of what is aggregated.
        histogramIgnoredInAggregation(evaluation, operator, this.#expr.span);
      }
      for (const rows of ranked.rowsByGroup) {
        for (const row of rows) {
          kept[row * timeline.count + step] = 1;
          if (timeline.count === 1) order.push(row);
        }
      }
    }
    const present = new Uint8Array(input.present.length);
    for (let cell = 0; cell < present.length; cell++) {
      if (kept[cell] === 1) present[cell] = input.present[cell]!;
    }
    const filtered: Block = { ...input, present };
    const isRanked = operator === 'topk' || operator === 'bottomk';
    return isRanked && timeline.count === 1 ? reordered(filtered, order) : filtered;
  }
}

/** Picks rows of a block of one step in the given order. */
export function reordered(block: Block, order: readonly number[]): Block {
  const { shape, values, present, histograms } = block;
  const pendingDrop = shape.pendingDrop;
  const labels = order.map((row) => shape.labelsAt(row));
  const pending = pendingDrop === null ? null : Uint8Array.from(order, (row) => pendingDrop[row]!);
  return {
    shape:
      shape.collisions() === null
        ? SeriesShape.ofDistinct(labels, pending)
        : new SeriesShape(labels, pending),
    stepCount: 1,
    values: Float64Array.from(order, (row) => values[row]!),
    present: Uint8Array.from(order, (row) => present[row]!),
    histograms: histograms === null ? null : order.map((row) => histograms[row] ?? null),
  };
}

const MAX_INT64 = 2 ** 63;

interface Extremes {
  readonly lowest: number;
  readonly highest: number;
  readonly hasNaN: boolean;
}

function extremesOf(parameters: Float64Array): Extremes {
  let lowest = Infinity;
  let highest = -Infinity;
  let hasNaN = false;
  for (const value of parameters) {
    if (Number.isNaN(value)) hasNaN = true;
    lowest = Math.min(lowest, Number.isNaN(value) ? lowest : value);
    highest = Math.max(highest, Number.isNaN(value) ? highest : value);
  }
  return { lowest, highest, hasNaN };
}

/** @throws QueryError for what is no count */
function checkCounts(parameters: Float64Array): void {
  const { lowest, highest, hasNaN } = extremesOf(parameters);
  if (hasNaN) throw new QueryError('execution', 'Parameter value is NaN');
  // Where no element is asked for at any step, the rest does not matter.
  if (highest < 1) return;
  if (lowest <= -MAX_INT64) {
    throw new QueryError('execution', `Scalar value ${formatGo(lowest)} underflows int64`);
  }
  if (highest >= MAX_INT64) {
    throw new QueryError('execution', `Scalar value ${formatGo(highest)} overflows int64`);
  }
}

/** Remarks on ratios that are capped. @throws QueryError for what is no ratio */
function checkRatios(evaluation: Evaluation, parameters: Float64Array, node: ScalarNode): void {
  const { lowest, highest, hasNaN } = extremesOf(parameters);
  if (hasNaN) throw new QueryError('execution', 'Ratio value is NaN');
  const remark = (value: number, capped: number): void => {
    const text = `ratio value should be between -1 and 1, got ${formatGo(value)}, capping to ${capped}`;
    evaluation.annotate('warning', text, node.span);
  };
  if (highest > 1) remark(highest, 1);
  if (lowest < -1) remark(lowest, -1);
}

function keepFirst(
  input: Block,
  step: number,
  count: number,
  groupOfRow: Int32Array,
  groupCount: number,
  kept: Uint8Array,
): void {
  const taken = new Int32Array(groupCount);
  for (let row = 0; row < groupOfRow.length; row++) {
    const cell = row * input.stepCount + step;
    const group = groupOfRow[row]!;
    if (input.present[cell] === ABSENT || taken[group]! >= count) continue;
    taken[group] = taken[group]! + 1;
    kept[cell] = 1;
  }
}

/**
 * Keeps each series whose labels hash below the ratio. A negative ratio keeps exactly those that its complement leaves
 * out, so `limit_ratio(0.2, x) or limit_ratio(-0.8, x)` is all of `x`.
 */
function keepShare(
  input: Block,
  step: number,
  ratio: number,
  hashes: Float64Array,
  kept: Uint8Array,
): void {
  const { shape, stepCount } = input;
  for (let row = 0; row < shape.count; row++) {
    const cell = row * stepCount + step;
    if (input.present[cell] === ABSENT) continue;
    const offset = hashes[row]!;
    if ((ratio >= 0 && offset < ratio) || (ratio < 0 && offset >= 1 + ratio)) kept[cell] = 1;
  }
}

/** The hash of each row's labels, kept with the shape. */
async function hashesOf(evaluation: Evaluation, shape: SeriesShape): Promise<Float64Array> {
  return shape.derivedLater('hashes', async () => {
    const hashes = new Float64Array(shape.count);
    for (let row = 0; row < hashes.length; row++) {
      if ((row & 255) === 0 && evaluation.isPauseDue()) await evaluation.pause();
      hashes[row] = labelSetHash(shape.labelsAt(row));
    }
    return hashes;
  });
}

interface Ranking {
  readonly rowsByGroup: readonly (readonly number[])[];
  readonly ignoredHistogram: boolean;
}

function rank(
  input: Block,
  step: number,
  count: number,
  groupOfRow: Int32Array,
  groupCount: number,
  isTop: boolean,
): Ranking {
  const rowsByGroup: number[][] = Array.from({ length: groupCount }, () => []);
  let ignoredHistogram = false;
  const { stepCount, present, values } = input;
  // Whether row `a` is to leave before row `b`. NaN leaves before everything else, for both.
  const isWorse = (a: number, b: number): boolean => {
    const left = values[a * stepCount + step]!;
    const right = values[b * stepCount + step]!;
    if (Number.isNaN(left)) return true;
    return isTop ? left < right : left > right;
  };
  for (let row = 0; row < groupOfRow.length; row++) {
    const kind = present[row * stepCount + step];
    if (kind === ABSENT) continue;
    if (kind !== FLOAT) {
      ignoredHistogram = true;
      continue;
    }
    const rows = rowsByGroup[groupOfRow[row]!]!;
    if (rows.length < count) {
      pushRow(rows, row, isWorse);
      continue;
    }
    const worst = values[rows[0]! * stepCount + step]!;
    const value = values[row * stepCount + step]!;
    const isBetter = isTop ? worst < value : worst > value;
    if (isBetter || (Number.isNaN(worst) && !Number.isNaN(value))) {
      rows[0] = row;
      sink(rows, isWorse);
    }
  }
  for (const rows of rowsByGroup) {
    rows.sort((a, b) => Number(isWorse(a, b)) - Number(isWorse(b, a)));
  }
  return { rowsByGroup, ignoredHistogram };
}

/*
 * A heap with the worst of its rows first, moving rows exactly as Go's container/heap does: which of several equal elements
 * stays is visible in the answer.
 */

type RowOrder = (a: number, b: number) => boolean;

function pushRow(rows: number[], row: number, isWorse: RowOrder): void {
  rows.push(row);
  for (let at = rows.length - 1; at > 0;) {
    const parent = (at - 1) >> 1;
    if (!isWorse(rows[at]!, rows[parent]!)) return;
    swap(rows, at, parent);
    at = parent;
  }
}

function sink(rows: number[], isWorse: RowOrder): void {
  for (let at = 0; ;) {
    let child = 2 * at + 1;
    if (child >= rows.length) return;
    if (child + 1 < rows.length && isWorse(rows[child + 1]!, rows[child]!)) child++;
    if (!isWorse(rows[child]!, rows[at]!)) return;
    swap(rows, at, child);
    at = child;
  }
}

function swap(rows: number[], a: number, b: number): void {
  const moved = rows[a]!;
  rows[a] = rows[b]!;
  rows[b] = moved;
}
