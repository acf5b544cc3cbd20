import { METRIC_NAME, quoteLabelValue } from '#libs/labels';
import type { Span } from '../ast.ts';
import { ABSENT, type Block, BlockBuilder } from './block.ts';
import type { Evaluation } from './evaluation.ts';
import { checkQuantiles, quantileReading, readHistograms } from './histogram-quantile-node.ts';
import { isLabelName } from './label-nodes.ts';
import { QueryError } from './query-error.ts';
import { formatOpenMetrics } from './remarks.ts';
import { stripMetadata } from './series-shape.ts';
import type { Timeline } from './timeline.ts';
import { type ScalarNode, VectorNode } from './vector-node.ts';

/** `histogram_quantiles(v, "label", φ, …)`: one series a quantile, told apart by the label. */
export class HistogramQuantilesNode extends VectorNode {
  readonly input: VectorNode;
  readonly #label: string;
  readonly #phis: readonly ScalarNode[];

  /** @throws QueryError for a label name that can't be */
  constructor(input: VectorNode, label: string, phis: readonly ScalarNode[], span: Span) {
    super(
      `histogram_quantiles(${input.key};${JSON.stringify(label)};${phis.map((phi) => phi.key).join(',')})`,
      input.isStepInvariant && phis.every((phi) => phi.isStepInvariant),
      span,
    );
    if (!isLabelName(label)) {
      throw new QueryError('execution', `invalid label name ${quoteLabelValue(label)}`);
    }
    this.input = input;
    this.#label = label;
    this.#phis = phis;
  }

  protected async compute(evaluation: Evaluation, timeline: Timeline): Promise<Block> {
    const columns: Float64Array[] = [];
    for (const phi of this.#phis) columns.push(await phi.evaluate(evaluation, timeline));
    const input = await this.input.evaluate(evaluation, timeline);
    const builder = new BlockBuilder(timeline.count);
    const { delayedNameRemoval } = evaluation.options;
    for (let i = 0; i < columns.length; i++) {
      const phis = columns[i]!;
      checkQuantiles(evaluation, phis, this.#phis[i]!.span);
      const reading = quantileReading(evaluation, phis, timeline, this.input.span);
      const { shape, present, values } = await readHistograms(
        evaluation,
        input,
        reading,
        this.input.span,
      );
      for (let row = 0; row < shape.count; row++) {
        const own = shape.labelsAt(row);
        const base = delayedNameRemoval ? own : stripMetadata(own);
        for (let step = 0; step < timeline.count; step++) {
          const cell = row * timeline.count + step;
          if (present[cell] === ABSENT) continue;
          const labels = base.with(this.#label, formatOpenMetrics(phis[step]!));
          const isPending = delayedNameRemoval && this.#label !== METRIC_NAME;
          const to = builder.rowOf(labels, isPending);
          if (builder.isPresent(to, step)) {
            throw new QueryError(
              'execution',
              'vector cannot contain metrics with the same labelset',
            );
          }
          builder.setFloat(to, step, values[cell]!);
        }
      }
    }
    return builder.build();
  }
}
