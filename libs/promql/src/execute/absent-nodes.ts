import { Labels, METRIC_NAME } from '#libs/labels';
import type { Matcher } from '#libs/labels';
import type { Span } from '../ast.ts';
import { ABSENT, type Block, FLOAT } from './block.ts';
import type { Evaluation } from './evaluation.ts';
import { createRowSamples } from './range-reader.ts';
import { SeriesShape } from './series-shape.ts';
import type { Timeline } from './timeline.ts';
import { type RangeNode, VectorNode } from './vector-node.ts';

/** The labels an absent series would have: those a selector asks for by `=`, each once. */
export function labelsOfAbsent(matchers: readonly Matcher[]): Labels {
  let labels = Labels.EMPTY;
  const seen = new Set<string>();
  for (const matcher of matchers) {
    if (matcher.name === METRIC_NAME) continue;
    const isFirstEquality = matcher.kind === '=' && !seen.has(matcher.name);
    if (isFirstEquality) seen.add(matcher.name);
    labels = labels.with(matcher.name, isFirstEquality ? matcher.value : '');
  }
  return labels;
}

function absentBlock(isPresent: Uint8Array, labels: Labels): Block {
  const present = isPresent.map((flag) => (flag === 1 ? ABSENT : FLOAT));
  return {
    shape: SeriesShape.ofDistinct([labels]),
    stepCount: present.length,
    values: new Float64Array(present.length).fill(1),
    present,
    histograms: null,
  };
}

/** `absent(v)`. */
export class AbsentNode extends VectorNode {
  readonly input: VectorNode;
  readonly #labels: Labels;

  constructor(input: VectorNode, labels: Labels, span: Span) {
    super(`absent(${input.key};${labels.key})`, input.isStepInvariant, span);
    this.input = input;
    this.#labels = labels;
  }

  protected async compute(evaluation: Evaluation, timeline: Timeline): Promise<Block> {
    const { present } = await this.input.evaluate(evaluation, timeline);
    const found = new Uint8Array(timeline.count);
    for (let cell = 0; cell < present.length; cell++) {
      if (present[cell] !== ABSENT) found[cell % timeline.count] = 1;
    }
    return absentBlock(found, this.#labels);
  }
}

/** `absent_over_time(m)`. */
export class AbsentOverTimeNode extends VectorNode {
  readonly #range: RangeNode;
  readonly #labels: Labels;

  constructor(range: RangeNode, labels: Labels, span: Span) {
    super(`absent_over_time(${range.key};${labels.key})`, range.isStepInvariant, span);
    this.#range = range;
    this.#labels = labels;
  }

  protected async compute(evaluation: Evaluation, timeline: Timeline): Promise<Block> {
    const reader = await this.#range.open(evaluation, timeline);
    const found = new Uint8Array(timeline.count);
    const samples = createRowSamples();
    for (let row = 0; row < reader.shape.count; row++) {
      // An outdated reader may still be read here: no label is taken from it.
      if ((row & 255) === 0 && evaluation.isPauseDue()) await evaluation.pause();
      reader.load(row, samples);
      const { timesMs, start, end } = samples;
      let next = start;
      for (let step = 0; step < timeline.count; step++) {
        const endMs = reader.endsMs[step]!;
        while (next < end && timesMs[next]! <= endMs) next++;
        if (next > start && timesMs[next - 1]! > endMs - reader.rangeMs) found[step] = 1;
      }
    }
    return absentBlock(found, this.#labels);
  }
}
