import type { Span } from '../ast.ts';
import type { FloatFunction } from '../functions/float-functions.ts';
import { multiplyHistogram } from '#libs/histogram';
import { ABSENT, type Block, blockOfScalar, FLOAT, HISTOGRAM, type MutableBlock } from './block.ts';
import { mergeCollisions, shapeWithoutMetadata } from './drop-metadata.ts';
import type { Evaluation } from './evaluation.ts';
import { timeAt, type Timeline } from './timeline.ts';
import { type ScalarNode, VectorNode } from './vector-node.ts';

/** Drops the metadata labels of a result, now or later. */
function finish(evaluation: Evaluation, block: MutableBlock): Block {
  block.shape = shapeWithoutMetadata(evaluation, block.shape);
  return evaluation.options.delayedNameRemoval ? block : mergeCollisions(block);
}

/** A function of each float; histograms are left out. */
export class FloatFunctionNode extends VectorNode {
  readonly input: VectorNode;
  readonly #function: FloatFunction;
  readonly #scalars: readonly ScalarNode[];
  readonly #isClamp: boolean;

  constructor(
    name: string,
    input: VectorNode,
    scalars: readonly ScalarNode[],
    fn: FloatFunction,
    span: Span,
  ) {
    super(
      `${name}(${input.key};${scalars.map((scalar) => scalar.key).join(',')})`,
      input.isStepInvariant && scalars.every((scalar) => scalar.isStepInvariant),
      span,
    );
    this.input = input;
    this.#function = fn;
    this.#scalars = scalars;
    this.#isClamp = name === 'clamp';
  }

  protected async compute(evaluation: Evaluation, timeline: Timeline): Promise<Block> {
    const columns: Float64Array[] = [];
    for (const scalar of this.#scalars) columns.push(await scalar.evaluate(evaluation, timeline));
    const input = await this.input.evaluate(evaluation, timeline);
    const { values, present, stepCount } = input;
    const results = new Float64Array(values.length);
    const kept = new Uint8Array(values.length);
    const none = new Float64Array(stepCount);
    const first = columns[0] ?? none;
    const second = columns[1] ?? none;
    const compute = this.#function;
    const isClamp = this.#isClamp;
    for (let cell = 0, step = 0; cell < values.length; cell++, step++) {
      if (step === stepCount) step = 0;
      if (present[cell] !== FLOAT) continue;
      // Between a lower bound above the upper one there is nothing.
      if (isClamp && second[step]! < first[step]!) continue;
      results[cell] = compute(values[cell]!, first[step]!, second[step]!);
      kept[cell] = FLOAT;
    }
    return finish(evaluation, {
      shape: input.shape,
      stepCount,
      values: results,
      present: kept,
      histograms: null,
    });
  }
}

/** Unary minus. */
export class NegationNode extends VectorNode {
  readonly input: VectorNode;

  constructor(input: VectorNode, span: Span) {
    super(`-(${input.key})`, input.isStepInvariant, span);
    this.input = input;
  }

  protected async compute(evaluation: Evaluation, timeline: Timeline): Promise<Block> {
    const input = await this.input.evaluate(evaluation, timeline);
    const values = new Float64Array(input.values.length);
    for (let cell = 0; cell < values.length; cell++) values[cell] = -input.values[cell]!;
    const histograms =
      input.histograms?.map((histogram, cell) =>
        input.present[cell] === HISTOGRAM ? multiplyHistogram(histogram!, -1) : null,
      ) ?? null;
    return finish(evaluation, { ...input, values, histograms });
  }
}

/** `vector(s)`, and the input of a date function called without one. */
export class ScalarVectorNode extends VectorNode {
  readonly #scalar: ScalarNode;

  constructor(scalar: ScalarNode, span: Span) {
    super(`vector(${scalar.key})`, scalar.isStepInvariant, span);
    this.#scalar = scalar;
  }

  protected async compute(evaluation: Evaluation, timeline: Timeline): Promise<Block> {
    return blockOfScalar(await this.#scalar.evaluate(evaluation, timeline));
  }
}

/** `timestamp` of anything but a selector: the time of the step. */
export class StepTimeNode extends VectorNode {
  readonly input: VectorNode;

  constructor(input: VectorNode, span: Span) {
    super(`timestamp(${input.key})`, false, span);
    this.input = input;
  }

  protected async compute(evaluation: Evaluation, timeline: Timeline): Promise<Block> {
    const input = await this.input.evaluate(evaluation, timeline);
    const values = new Float64Array(input.values.length);
    const present = new Uint8Array(input.values.length);
    for (let cell = 0; cell < values.length; cell++) {
      if (input.present[cell] === ABSENT) continue;
      values[cell] = timeAt(timeline, cell % input.stepCount) / 1_000;
      present[cell] = FLOAT;
    }
    return finish(evaluation, { ...input, values, present, histograms: null });
  }
}

/** `timestamp` and `start_timestamp` of a selector, whose value is the time already: only the name goes. */
export class SampleTimeNode extends VectorNode {
  readonly input: VectorNode;

  constructor(input: VectorNode, span: Span) {
    super(`time-of:${input.key}`, input.isStepInvariant, span);
    this.input = input;
  }

  protected async compute(evaluation: Evaluation, timeline: Timeline): Promise<Block> {
    return finish(evaluation, { ...(await this.input.evaluate(evaluation, timeline)) });
  }
}
