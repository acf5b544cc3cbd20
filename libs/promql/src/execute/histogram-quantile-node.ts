import type { FloatHistogram } from '#libs/histogram';
import type { Span } from '../ast.ts';
import { ClassicBuckets, classicFraction, classicQuantile } from '../functions/classic-quantile.ts';
import { nativeFraction, nativeQuantile } from '../functions/native-quantile.ts';
import { type Block, FLOAT, HISTOGRAM, type MutableBlock } from './block.ts';
import { type ClassicGroups, classicGroupsOf, nameOfGroup } from './classic-histograms.ts';
import { mergeCollisions, shapeWithoutMetadata } from './drop-metadata.ts';
import type { Evaluation } from './evaluation.ts';
import {
  badBucketLabel,
  forcedMonotonicity,
  fractionOfNaNs,
  invalidQuantile,
  mixedClassicNative,
  quantileOfNaNs,
} from './remarks.ts';
import type { SeriesShape } from './series-shape.ts';
import { timeAt, type Timeline } from './timeline.ts';
import { type ScalarNode, VectorNode } from './vector-node.ts';

/** How one histogram, classic or native, becomes a number at a step. */
export interface HistogramReading {
  ofClassic(buckets: ClassicBuckets, step: number, name: string): number;
  ofNative(histogram: FloatHistogram, step: number, name: string): number;
}

/**
 * Reads every histogram of a vector: native ones element by element, classic ones from the elements that differ in `le`
 * only. The result has a row for each histogram, `le` taken off and names kept.
 */
export async function readHistograms(
  evaluation: Evaluation,
  input: Block,
  reading: HistogramReading,
  span: Span,
): Promise<Block> {
  const groups = classicGroupsOf(input.shape);
  const natives = input.histograms === null ? null : nativeRowsOf(groups, input);
  const steps = input.stepCount;
  const rows = groups.shape.count;
  const output: MutableBlock = {
    shape: groups.shape,
    stepCount: steps,
    values: new Float64Array(rows * steps),
    present: new Uint8Array(rows * steps),
    histograms: null,
  };
  remarkOnBadBounds(evaluation, input, groups, span);
  const buckets = new ClassicBuckets();
  for (let group = 0; group < rows; group++) {
    if ((group & 63) === 0 && evaluation.isPauseDue()) await evaluation.pause();
    const bucketRows = groups.bucketRows[group]!;
    const name = nameOfGroup(groups, group);
    for (let step = 0; step < steps; step++) {
      buckets.clear();
      for (const row of bucketRows) {
        const cell = row * steps + step;
        if (input.present[cell] === FLOAT) {
          buckets.push(groups.boundOfRow[row]!, input.values[cell]!);
        }
      }
      const native = natives === null ? null : nativeAt(natives[group]!, input, step);
      const cell = group * steps + step;
      if (native !== null) {
        if (buckets.length > 0) {
          mixedClassicNative(evaluation, name, span);
          continue;
        }
        output.values[cell] = reading.ofNative(native, step, name);
      } else if (buckets.length > 0) {
        output.values[cell] = reading.ofClassic(buckets, step, name);
      } else {
        continue;
      }
      output.present[cell] = FLOAT;
    }
  }
  return output;
}

function nativeRowsOf(groups: ClassicGroups, input: Block): number[][] {
  const rows: number[][] = Array.from({ length: groups.shape.count }, () => []);
  for (let row = 0; row < input.shape.count; row++) {
    for (let step = 0; step < input.stepCount; step++) {
      if (input.present[row * input.stepCount + step] !== HISTOGRAM) continue;
      rows[groups.groupOfRow[row]!]!.push(row);
      break;
    }
  }
  return rows;
}

function nativeAt(rows: readonly number[], input: Block, step: number): FloatHistogram | null {
  for (const row of rows) {
    const cell = row * input.stepCount + step;
    if (input.present[cell] === HISTOGRAM) return input.histograms![cell]!;
  }
  return null;
}

function remarkOnBadBounds(
  evaluation: Evaluation,
  input: Block,
  groups: ClassicGroups,
  span: Span,
): void {
  for (let row = 0; row < input.shape.count; row++) {
    if (!Number.isNaN(groups.boundOfRow[row]!)) continue;
    const from = row * input.stepCount;
    for (let cell = from; cell < from + input.stepCount; cell++) {
      if (input.present[cell] !== FLOAT) continue;
      const name = input.shape.metricNameAt(row);
      badBucketLabel(evaluation, name, input.shape.labelAt(row, 'le'), span);
      break;
    }
  }
}

/** The result without metadata labels, now or later. */
function finish(evaluation: Evaluation, block: Block): Block {
  const shape: SeriesShape = shapeWithoutMetadata(evaluation, block.shape);
  const output: Block = { ...block, shape };
  return evaluation.options.delayedNameRemoval ? output : mergeCollisions(output);
}

/** The reading of `histogram_quantile`. */
export function quantileReading(
  evaluation: Evaluation,
  phis: Float64Array,
  timeline: Timeline,
  span: Span,
): HistogramReading {
  return {
    ofClassic: (buckets, step, name) => {
      const value = classicQuantile(phis[step]!, buckets);
      if (buckets.wasForced) {
        forcedMonotonicity(evaluation, name, buckets.raised, timeAt(timeline, step), span);
      }
      return value;
    },
    ofNative: (histogram, step, name) => {
      const { value, remark } = nativeQuantile(phis[step]!, histogram);
      if (remark !== null) quantileOfNaNs(evaluation, remark, name, span);
      return value;
    },
  };
}

/** Remarks on quantiles that are out of range. */
export function checkQuantiles(evaluation: Evaluation, phis: Float64Array, span: Span): void {
  for (const phi of phis) {
    if (Number.isNaN(phi) || phi < 0 || phi > 1) invalidQuantile(evaluation, phi, span);
  }
}

/** `histogram_quantile(φ, v)`. */
export class HistogramQuantileNode extends VectorNode {
  readonly input: VectorNode;
  readonly #phi: ScalarNode;

  constructor(phi: ScalarNode, input: VectorNode, span: Span) {
    super(
      `histogram_quantile(${phi.key};${input.key})`,
      input.isStepInvariant && phi.isStepInvariant,
      span,
    );
    this.input = input;
    this.#phi = phi;
  }

  protected async compute(evaluation: Evaluation, timeline: Timeline): Promise<Block> {
    const phis = await this.#phi.evaluate(evaluation, timeline);
    const input = await this.input.evaluate(evaluation, timeline);
    checkQuantiles(evaluation, phis, this.#phi.span);
    const reading = quantileReading(evaluation, phis, timeline, this.input.span);
    return finish(evaluation, await readHistograms(evaluation, input, reading, this.input.span));
  }
}

/** `histogram_fraction(lower, upper, v)`. */
export class HistogramFractionNode extends VectorNode {
  readonly input: VectorNode;
  readonly #lower: ScalarNode;
  readonly #upper: ScalarNode;

  constructor(lower: ScalarNode, upper: ScalarNode, input: VectorNode, span: Span) {
    super(
      `histogram_fraction(${lower.key};${upper.key};${input.key})`,
      input.isStepInvariant && lower.isStepInvariant && upper.isStepInvariant,
      span,
    );
    this.input = input;
    this.#lower = lower;
    this.#upper = upper;
  }

  protected async compute(evaluation: Evaluation, timeline: Timeline): Promise<Block> {
    const lowers = await this.#lower.evaluate(evaluation, timeline);
    const uppers = await this.#upper.evaluate(evaluation, timeline);
    const input = await this.input.evaluate(evaluation, timeline);
    const { span } = this.input;
    const reading: HistogramReading = {
      ofClassic: (buckets, step) => classicFraction(lowers[step]!, uppers[step]!, buckets),
      ofNative: (histogram, step, name) => {
        if (Number.isNaN(histogram.sum)) fractionOfNaNs(evaluation, name, span);
        return nativeFraction(lowers[step]!, uppers[step]!, histogram);
      },
    };
    return finish(evaluation, await readHistograms(evaluation, input, reading, span));
  }
}
