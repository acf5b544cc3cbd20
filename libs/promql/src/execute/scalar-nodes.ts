import type { Span } from '../ast.ts';
import { FLOAT } from './block.ts';
import type { Evaluation } from './evaluation.ts';
import { shortKey } from './short-key.ts';
import { singleTime, timeAt, type Timeline } from './timeline.ts';
import type { ScalarNode, StringNode, VectorNode } from './vector-node.ts';

/** A number that is the same at every step. */
export function constantNode(value: number, span: Span): ScalarNode {
  return {
    kind: 'scalar',
    key: Object.is(value, -0) ? '-0' : String(value),
    isStepInvariant: true,
    span,
    constant: value,
    evaluate: async (_, timeline) => new Float64Array(timeline.count).fill(value),
  };
}

export function stringNode(value: string, span: Span): StringNode {
  return {
    kind: 'string',
    key: shortKey(JSON.stringify(value)),
    isStepInvariant: true,
    span,
    value,
  };
}

/** `time()`: the time of the step in seconds. */
export function timeNode(span: Span): ScalarNode {
  return {
    kind: 'scalar',
    key: 'time()',
    isStepInvariant: false,
    span,
    constant: null,
    evaluate: async (_, timeline) => {
      const seconds = new Float64Array(timeline.count);
      for (let i = 0; i < seconds.length; i++) seconds[i] = timeAt(timeline, i) / 1_000;
      return seconds;
    },
  };
}

/** A number that depends on the query's own times: `start()`, `end()`, `step()` and `range()`. */
export function queryTimeNode(
  name: string,
  valueOf: (evaluation: Evaluation) => number,
  span: Span,
): ScalarNode {
  return {
    kind: 'scalar',
    key: `${name}()`,
    isStepInvariant: true,
    span,
    constant: null,
    evaluate: async (evaluation, timeline) =>
      new Float64Array(timeline.count).fill(valueOf(evaluation)),
  };
}

/** `scalar(v)`: the value of a vector of one element, NaN for any other. */
export function scalarOfVector(input: VectorNode, span: Span): ScalarNode {
  return {
    kind: 'scalar',
    key: `scalar(${input.key})`,
    isStepInvariant: input.isStepInvariant,
    span,
    constant: null,
    evaluate: async (evaluation, timeline) => {
      if (input.isStepInvariant && timeline.count > 1) {
        const once = await evaluateScalar(input, evaluation, singleTime(timeline.startMs));
        return new Float64Array(timeline.count).fill(once[0]!);
      }
      return evaluateScalar(input, evaluation, timeline);
    },
  };
}

async function evaluateScalar(
  input: VectorNode,
  evaluation: Evaluation,
  timeline: Timeline,
): Promise<Float64Array> {
  const { shape, present, values } = await input.evaluate(evaluation, timeline);
  const result = new Float64Array(timeline.count).fill(Number.NaN);
  const found = new Uint32Array(timeline.count);
  for (let row = 0; row < shape.count; row++) {
    for (let step = 0; step < timeline.count; step++) {
      const cell = row * timeline.count + step;
      if (present[cell] !== FLOAT) continue;
      found[step] = found[step]! + 1;
      result[step] = found[step] === 1 ? values[cell]! : Number.NaN;
    }
  }
  return result;
}

/** A number computed from others at each step. */
export function combinedScalar(
  key: string,
  operands: readonly ScalarNode[],
  combine: (...values: number[]) => number,
  span: Span,
): ScalarNode {
  const isConstant = operands.every((operand) => operand.constant !== null);
  if (isConstant) {
    return constantNode(combine(...operands.map((operand) => operand.constant!)), span);
  }
  return {
    kind: 'scalar',
    key: shortKey(`${key}(${operands.map((operand) => operand.key).join(',')})`),
    isStepInvariant: operands.every((operand) => operand.isStepInvariant),
    span,
    constant: null,
    evaluate: async (evaluation, timeline) => {
      const columns: Float64Array[] = [];
      for (const operand of operands) columns.push(await operand.evaluate(evaluation, timeline));
      const result = new Float64Array(timeline.count);
      for (let i = 0; i < result.length; i++) {
        result[i] = combine(...columns.map((column) => column[i]!));
      }
      return result;
    },
  };
}
