import type { Binary, ComparisonOperator } from '../ast.ts';
import { ABSENT, type Block, FLOAT, HISTOGRAM, noHistograms, type MutableBlock } from './block.ts';
import { mergeCollisions, shapeWithoutMetadata } from './drop-metadata.ts';
import { ElementOperation } from './element-operation.ts';
import type { Operand } from './operand.ts';
import type { Evaluation } from './evaluation.ts';
import { arithmetic, compares, isComparison, isSetOperator, isTrim } from './operators.ts';
import type { Timeline } from './timeline.ts';
import { type ScalarNode, VectorNode } from './vector-node.ts';

/** An operator between a vector and a scalar, in either order. */
export class VectorScalarNode extends VectorNode {
  readonly vector: VectorNode;
  readonly #expr: Binary;
  readonly #scalar: ScalarNode;
  readonly #isVectorLeft: boolean;

  constructor(expr: Binary, vector: VectorNode, scalar: ScalarNode, isVectorLeft: boolean) {
    const operator = `${expr.operator}${expr.returnsBool ? ' bool' : ''}`;
    super(
      isVectorLeft
        ? `(${vector.key} ${operator} ${scalar.key})`
        : `(${scalar.key} ${operator} ${vector.key})`,
      vector.isStepInvariant && scalar.isStepInvariant,
      expr.span,
    );
    this.vector = vector;
    this.#expr = expr;
    this.#scalar = scalar;
    this.#isVectorLeft = isVectorLeft;
  }

  protected async compute(evaluation: Evaluation, timeline: Timeline): Promise<Block> {
    const scalars = await this.#scalar.evaluate(evaluation, timeline);
    const input = await this.vector.evaluate(evaluation, timeline);
    const { operator, returnsBool } = this.#expr;
    const output: MutableBlock = {
      shape: input.shape,
      stepCount: timeline.count,
      values: new Float64Array(input.values.length),
      present: new Uint8Array(input.present.length),
      histograms: null,
    };
    if (input.histograms !== null || isTrim(operator) || isSetOperator(operator)) {
      this.#applyToElements(evaluation, input, scalars, output);
    } else if (isComparison(operator)) {
      this.#compareFloats(operator, input, scalars, output);
    } else {
      const { values, present, stepCount } = input;
      const isVectorLeft = this.#isVectorLeft;
      for (let cell = 0, step = 0; cell < values.length; cell++, step++) {
        if (step === stepCount) step = 0;
        if (present[cell] === ABSENT) continue;
        const scalar = scalars[step]!;
        const value = values[cell]!;
        output.present[cell] = FLOAT;
        output.values[cell] = isVectorLeft
          ? arithmetic(operator, value, scalar)
          : arithmetic(operator, scalar, value);
      }
    }
    // Neither a filter nor a trimmed histogram means anything else than before.
    if ((isComparison(operator) && !returnsBool) || isTrim(operator)) return output;
    output.shape = shapeWithoutMetadata(evaluation, output.shape);
    return evaluation.options.delayedNameRemoval ? output : mergeCollisions(output);
  }

  #compareFloats(
    operator: ComparisonOperator,
    input: Block,
    scalars: Float64Array,
    output: MutableBlock,
  ): void {
    const { values, present, stepCount } = input;
    const { returnsBool } = this.#expr;
    const isVectorLeft = this.#isVectorLeft;
    for (let cell = 0, step = 0; cell < values.length; cell++, step++) {
      if (step === stepCount) step = 0;
      if (present[cell] === ABSENT) continue;
      const scalar = scalars[step]!;
      const value = values[cell]!;
      const holds = isVectorLeft
        ? compares(operator, value, scalar)
        : compares(operator, scalar, value);
      if (returnsBool) {
        output.present[cell] = FLOAT;
        output.values[cell] = holds ? 1 : 0;
      } else if (holds) {
        output.present[cell] = FLOAT;
        output.values[cell] = value;
      }
    }
  }

  #applyToElements(
    evaluation: Evaluation,
    input: Block,
    scalars: Float64Array,
    output: MutableBlock,
  ): void {
    const { operator, returnsBool, span } = this.#expr;
    const operation = new ElementOperation(operator, evaluation, span);
    const element: Operand = { float: 0, histogram: null };
    const scalar: Operand = { float: 0, histogram: null };
    for (let cell = 0; cell < input.values.length; cell++) {
      const kind = input.present[cell]!;
      if (kind === ABSENT) continue;
      element.float = input.values[cell]!;
      element.histogram = kind === HISTOGRAM ? input.histograms![cell]! : null;
      scalar.float = scalars[cell % input.stepCount]!;
      const result = this.#isVectorLeft
        ? operation.apply(element, scalar)
        : operation.apply(scalar, element);
      if (result === ABSENT) continue;
      if (returnsBool) {
        output.present[cell] = FLOAT;
        output.values[cell] = operation.holds ? 1 : 0;
        continue;
      }
      if (!operation.holds) continue;
      // A comparison keeps the element of the vector, on whichever side it stands.
      const isKept = isComparison(operator);
      const histogram = isKept ? element.histogram : operation.histogram;
      output.present[cell] = isKept ? kind : result;
      output.values[cell] = isKept ? element.float : operation.float;
      if (histogram !== null) {
        output.histograms ??= noHistograms(input.values.length);
        output.histograms[cell] = histogram;
      }
    }
  }
}
