import type { Aggregation } from '../ast.ts';
import { isInfinite } from '../functions/kahan.ts';
import { aggregateHistograms } from './aggregate-histograms.ts';
import { ABSENT, type Block, emptyBlock, FLOAT, type MutableBlock } from './block.ts';
import type { Evaluation } from './evaluation.ts';
import { groupsOf } from './groups.ts';
import { histogramIgnoredInAggregation } from './remarks.ts';
import type { Timeline } from './timeline.ts';
import { VectorNode } from './vector-node.ts';

/** The aggregations whose result is one number a group that can be computed sample by sample. */
export type SimpleAggregation =
  'sum' | 'avg' | 'min' | 'max' | 'group' | 'count' | 'stddev' | 'stdvar';

/** `sum`, `avg`, `min`, `max`, `group`, `count`, `stddev` and `stdvar`. */
export class AggregationNode extends VectorNode {
  readonly input: VectorNode;
  readonly #expr: Aggregation;
  readonly #operator: SimpleAggregation;

  constructor(expr: Aggregation, operator: SimpleAggregation, input: VectorNode) {
    super(aggregationKey(expr, input, ''), input.isStepInvariant, expr.span);
    this.input = input;
    this.#expr = expr;
    this.#operator = operator;
  }

  protected async compute(evaluation: Evaluation, timeline: Timeline): Promise<Block> {
    const input = await this.input.evaluate(evaluation, timeline);
    if (input.shape.count === 0) return emptyBlock(timeline.count);
    const groups = await groupsOf(
      evaluation,
      input.shape,
      this.#expr.grouping,
      this.#expr.isWithout,
    );
    const cells = groups.shape.count * timeline.count;
    const output: MutableBlock = {
      shape: groups.shape,
      stepCount: timeline.count,
      values: new Float64Array(cells),
      present: new Uint8Array(cells),
      histograms: null,
    };
    const operator = this.#operator;
    if (operator === 'group' || operator === 'count') {
      countCells(input, groups.groupOfRow, output, operator === 'group');
    } else if (operator === 'sum' || operator === 'avg') {
      if (input.histograms !== null) {
        const span = this.#expr.expr.span;
        aggregateHistograms(evaluation, input, groups.groupOfRow, output, operator, span);
      } else if (operator === 'sum') sumFloats(input, groups.groupOfRow, output);
      else averageFloats(input, groups.groupOfRow, output);
    } else {
      if (input.histograms !== null && input.present.includes(2)) {
        histogramIgnoredInAggregation(evaluation, operator, this.#expr.expr.span);
      }
      if (operator === 'min' || operator === 'max') {
        pickExtreme(input, groups.groupOfRow, output, operator === 'max');
      } else {
        spread(input, groups.groupOfRow, output, operator === 'stddev');
      }
    }
    return output;
  }
}

/** A text that two aggregations share only if they compute the same. */
export function aggregationKey(expr: Aggregation, input: VectorNode, parameter: string): string {
  const grouping = `${expr.isWithout ? 'without' : 'by'}${JSON.stringify(expr.grouping.toSorted())}`;
  return `${expr.operator} ${grouping}(${parameter};${input.key})`;
}

function countCells(
  input: Block,
  groupOfRow: Int32Array,
  output: MutableBlock,
  isGroup: boolean,
): void {
  const { present, stepCount } = input;
  for (let row = 0; row < groupOfRow.length; row++) {
    const from = row * stepCount;
    const to = groupOfRow[row]! * stepCount;
    for (let step = 0; step < stepCount; step++) {
      if (present[from + step] === ABSENT) continue;
      output.present[to + step] = FLOAT;
      output.values[to + step] = isGroup ? 1 : output.values[to + step]! + 1;
    }
  }
}

/** Neumaier's compensated sum for each group and step. */
function sumFloats(input: Block, groupOfRow: Int32Array, output: MutableBlock): void {
  const { present, values, stepCount } = input;
  const sums = output.values;
  const taken = output.present;
  const compensations = new Float64Array(sums.length);
  for (let row = 0; row < groupOfRow.length; row++) {
    let from = row * stepCount;
    let to = groupOfRow[row]! * stepCount;
    for (let step = 0; step < stepCount; step++, from++, to++) {
      if (present[from] === ABSENT) continue;
      const value = values[from]!;
      if (taken[to] === ABSENT) {
        taken[to] = FLOAT;
        sums[to] = value;
        continue;
      }
      const sum = sums[to]!;
      const total = sum + value;
      sums[to] = total;
      if (total === Infinity || total === -Infinity) compensations[to] = 0;
      else if (Math.abs(sum) >= Math.abs(value))
        compensations[to] = compensations[to]! + (sum - total + value);
      else compensations[to] = compensations[to]! + (value - total + sum);
    }
  }
  for (let cell = 0; cell < sums.length; cell++) {
    if (!isInfinite(sums[cell]!)) sums[cell] = sums[cell]! + compensations[cell]!;
  }
}

/** The mean of each group and step: the compensated sum over the count, or incrementally once the sum overflows. */
function averageFloats(input: Block, groupOfRow: Int32Array, output: MutableBlock): void {
  const { present, values, stepCount } = input;
  const sums = output.values;
  const compensations = new Float64Array(sums.length);
  const counts = new Float64Array(sums.length);
  const isIncremental = new Uint8Array(sums.length);
  for (let row = 0; row < groupOfRow.length; row++) {
    let from = row * stepCount;
    let to = groupOfRow[row]! * stepCount;
    for (let step = 0; step < stepCount; step++, from++, to++) {
      if (present[from] === ABSENT) continue;
      let value = values[from]!;
      const count = counts[to]! + 1;
      counts[to] = count;
      if (count === 1) {
        sums[to] = value;
        continue;
      }
      let sum = sums[to]!;
      let compensation = compensations[to]!;
      if (isIncremental[to] === 0 && isInfinite(sum + value)) {
        isIncremental[to] = 1;
        sum /= count - 1;
        compensation /= count - 1;
      }
      if (isIncremental[to] === 1) {
        const share = (count - 1) / count;
        sum *= share;
        compensation *= share;
        value /= count;
      }
      const total = sum + value;
      if (isInfinite(total)) compensation = 0;
      else if (Math.abs(sum) >= Math.abs(value)) compensation += sum - total + value;
      else compensation += value - total + sum;
      sums[to] = total;
      compensations[to] = compensation;
    }
  }
  for (let cell = 0; cell < sums.length; cell++) {
    const count = counts[cell]!;
    if (count === 0) continue;
    output.present[cell] = FLOAT;
    if (isIncremental[cell] === 1) sums[cell] = sums[cell]! + compensations[cell]!;
    else sums[cell] = sums[cell]! / count + compensations[cell]! / count;
  }
}

function pickExtreme(
  input: Block,
  groupOfRow: Int32Array,
  output: MutableBlock,
  isMax: boolean,
): void {
  const { present, values, stepCount } = input;
  for (let row = 0; row < groupOfRow.length; row++) {
    let from = row * stepCount;
    let to = groupOfRow[row]! * stepCount;
    for (let step = 0; step < stepCount; step++, from++, to++) {
      if (present[from] !== FLOAT) continue;
      const value = values[from]!;
      const best = output.values[to]!;
      const isBetter = isMax ? value > best : value < best;
      if (output.present[to] === ABSENT || isBetter || Number.isNaN(best))
        output.values[to] = value;
      output.present[to] = FLOAT;
    }
  }
}

/** Variance or standard deviation by Welford's algorithm. */
function spread(
  input: Block,
  groupOfRow: Int32Array,
  output: MutableBlock,
  isDeviation: boolean,
): void {
  const { present, values, stepCount } = input;
  const means = new Float64Array(output.values.length);
  const counts = new Float64Array(output.values.length);
  const squares = output.values;
  for (let row = 0; row < groupOfRow.length; row++) {
    let from = row * stepCount;
    let to = groupOfRow[row]! * stepCount;
    for (let step = 0; step < stepCount; step++, from++, to++) {
      if (present[from] !== FLOAT) continue;
      const value = values[from]!;
      const count = counts[to]! + 1;
      counts[to] = count;
      const delta = value - means[to]!;
      means[to] = means[to]! + delta / count;
      squares[to] = squares[to]! + delta * (value - means[to]!);
    }
  }
  for (let cell = 0; cell < squares.length; cell++) {
    if (counts[cell] === 0) continue;
    output.present[cell] = FLOAT;
    const variance = squares[cell]! / counts[cell]!;
    squares[cell] = isDeviation ? Math.sqrt(variance) : variance;
  }
}
