import type { FloatHistogram } from '#libs/histogram';
import type { Span } from '../ast.ts';
import { type Block, FLOAT, HISTOGRAM } from './block.ts';
import { mergeCollisions, shapeWithoutMetadata } from './drop-metadata.ts';
import type { Evaluation } from './evaluation.ts';
import type { Timeline } from './timeline.ts';
import { VectorNode } from './vector-node.ts';

/** A function that gives a float for each histogram and nothing for a float. */
export class HistogramFunctionNode extends VectorNode {
  readonly input: VectorNode;
  readonly #function: (histogram: FloatHistogram) => number;

  constructor(
    name: string,
    input: VectorNode,
    fn: (histogram: FloatHistogram) => number,
    span: Span,
  ) {
    super(`${name}(${input.key})`, input.isStepInvariant, span);
    this.input = input;
    this.#function = fn;
  }

  protected async compute(evaluation: Evaluation, timeline: Timeline): Promise<Block> {
    const input = await this.input.evaluate(evaluation, timeline);
    const values = new Float64Array(input.values.length);
    const present = new Uint8Array(input.values.length);
    for (let cell = 0; cell < values.length; cell++) {
      if (input.present[cell] !== HISTOGRAM) continue;
      values[cell] = this.#function(input.histograms![cell]!);
      present[cell] = FLOAT;
    }
    const shape = shapeWithoutMetadata(evaluation, input.shape);
    const output: Block = { shape, stepCount: input.stepCount, values, present, histograms: null };
    return evaluation.options.delayedNameRemoval ? output : mergeCollisions(output);
  }
}
