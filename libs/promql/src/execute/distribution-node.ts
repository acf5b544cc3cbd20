import { METRIC_NAME, quoteLabelValue } from '#libs/labels';
import type { Aggregation } from '../ast.ts';
import { formatPlain, histogramIgnoredInAggregation, invalidQuantile } from './remarks.ts';
import { quantileOf } from '../functions/quantile.ts';
import { formatHistogram } from '#libs/histogram';
import { aggregationKey } from './aggregation-node.ts';
import {
  ABSENT,
  type Block,
  BlockBuilder,
  emptyBlock,
  FLOAT,
  HISTOGRAM,
  type MutableBlock,
} from './block.ts';
import type { Evaluation } from './evaluation.ts';
import { groupsOf } from './groups.ts';
import { isLabelName } from './label-nodes.ts';
import { QueryError } from './query-error.ts';
import type { Timeline } from './timeline.ts';
import { type ScalarNode, type StringNode, VectorNode } from './vector-node.ts';

/** `quantile(φ, …)`. */
export class QuantileNode extends VectorNode {
  readonly input: VectorNode;
  readonly #expr: Aggregation;
  readonly #phi: ScalarNode;

  constructor(expr: Aggregation, phi: ScalarNode, input: VectorNode) {
    super(
      aggregationKey(expr, input, phi.key),
      input.isStepInvariant && phi.isStepInvariant,
      expr.span,
    );
    this.input = input;
    this.#expr = expr;
    this.#phi = phi;
  }

  protected async compute(evaluation: Evaluation, timeline: Timeline): Promise<Block> {
    const phis = await this.#phi.evaluate(evaluation, timeline);
    const input = await this.input.evaluate(evaluation, timeline);
    checkExtremes(evaluation, phis, this.#phi);
    if (input.shape.count === 0) return emptyBlock(timeline.count);
    const { groupOfRow, shape } = await groupsOf(
      evaluation,
      input.shape,
      this.#expr.grouping,
      this.#expr.isWithout,
    );
    const output: MutableBlock = {
      shape,
      stepCount: timeline.count,
      values: new Float64Array(shape.count * timeline.count),
      present: new Uint8Array(shape.count * timeline.count),
      histograms: null,
    };
    // The values of a step, group after group.
    const firstOfGroup = new Int32Array(shape.count + 1);
    for (const group of groupOfRow) firstOfGroup[group + 1] = firstOfGroup[group + 1]! + 1;
    for (let i = 0; i < shape.count; i++) {
      firstOfGroup[i + 1] = firstOfGroup[i + 1]! + firstOfGroup[i]!;
    }
    const gathered = new Float64Array(groupOfRow.length);
    for (let step = 0; step < timeline.count; step++) {
      const filled = firstOfGroup.slice(0, shape.count);
      for (let row = 0; row < groupOfRow.length; row++) {
        const cell = row * input.stepCount + step;
        const kind = input.present[cell];
        if (kind === HISTOGRAM) {
          histogramIgnoredInAggregation(evaluation, 'quantile', this.#expr.expr.span);
        }
        if (kind !== FLOAT) continue;
        const group = groupOfRow[row]!;
        gathered[filled[group]!] = input.values[cell]!;
        filled[group] = filled[group]! + 1;
      }
      for (let group = 0; group < shape.count; group++) {
        const from = firstOfGroup[group]!;
        const count = filled[group]! - from;
        if (count === 0) continue;
        const cell = group * timeline.count + step;
        output.values[cell] = quantileOf(phis[step]!, gathered.subarray(from, from + count), count);
        output.present[cell] = FLOAT;
      }
      if (evaluation.isPauseDue()) await evaluation.pause();
    }
    return output;
  }
}

/** Remarks on quantiles out of range: on the lowest and the highest of a range query, not on each. */
function checkExtremes(evaluation: Evaluation, phis: Float64Array, node: ScalarNode): void {
  let lowest = Infinity;
  let highest = -Infinity;
  for (const phi of phis) {
    if (Number.isNaN(phi)) {
      invalidQuantile(evaluation, phi, node.span);
      continue;
    }
    lowest = Math.min(lowest, phi);
    highest = Math.max(highest, phi);
  }
  if (highest > 1) invalidQuantile(evaluation, highest, node.span);
  if (lowest < 0) invalidQuantile(evaluation, lowest, node.span);
}

/** `count_values("label", …)`. */
export class CountValuesNode extends VectorNode {
  readonly input: VectorNode;
  readonly #expr: Aggregation;
  readonly #label: StringNode;

  constructor(expr: Aggregation, label: StringNode, input: VectorNode) {
    super(aggregationKey(expr, input, label.key), input.isStepInvariant, expr.span);
    this.input = input;
    this.#expr = expr;
    this.#label = label;
  }

  protected async compute(evaluation: Evaluation, timeline: Timeline): Promise<Block> {
    const label = this.#label.value;
    if (!isLabelName(label)) {
      throw new QueryError('execution', `invalid label name ${quoteLabelValue(label)}`);
    }
    const input = await this.input.evaluate(evaluation, timeline);
    const { isWithout, grouping } = this.#expr;
    // With `by`, the label of the value counts as if it were among the grouping labels; with `without`, it is replaced,
    // or dropped where it is listed itself.
    const isDropped = isWithout && (label === METRIC_NAME || grouping.includes(label));
    const groups = await groupsOf(evaluation, input.shape, grouping, isWithout);
    const builder = new BlockBuilder(timeline.count);
    const counts = new Map<string, Float64Array>();
    for (let row = 0; row < input.shape.count; row++) {
      const groupLabels = groups.shape.labelsAt(groups.groupOfRow[row]!);
      for (let step = 0; step < timeline.count; step++) {
        const cell = row * timeline.count + step;
        const kind = input.present[cell];
        if (kind === ABSENT) continue;
        const text =
          kind === FLOAT
            ? formatPlain(input.values[cell]!)
            : formatHistogram(input.histograms![cell]!);
        const labels = isDropped ? groupLabels : groupLabels.with(label, text);
        let column = counts.get(labels.key);
        if (column === undefined) {
          column = new Float64Array(timeline.count);
          counts.set(labels.key, column);
          builder.rowOf(labels);
        }
        column[step] = column[step]! + 1;
        builder.setFloat(builder.rowOf(labels), step, column[step]!);
      }
      if ((row & 255) === 0 && evaluation.isPauseDue()) await evaluation.pause();
    }
    return builder.build();
  }
}
