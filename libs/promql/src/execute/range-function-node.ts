import type { Span } from '../ast.ts';
import { RangeContext, type RangeKernel } from '../functions/range-context.ts';
import { ABSENT, type Block, FLOAT, noHistograms, type MutableBlock } from './block.ts';
import { mergeCollisions, SAME_LABELSET, shapeWithoutMetadata } from './drop-metadata.ts';
import type { Evaluation } from './evaluation.ts';
import { QueryError } from './query-error.ts';
import { possibleNonCounter, possibleNonCounterLabel } from './remarks.ts';
import type { SeriesShape } from './series-shape.ts';
import { timeAt, type Timeline } from './timeline.ts';
import { type RangeNode, type RangeReader, type ScalarNode, VectorNode } from './vector-node.ts';

/** What the engine has to know of a function of a range vector. */
export interface RangeFunction {
  readonly kernel: RangeKernel;
  /** Whether the metric name stays, as it does where a sample is only picked. */
  readonly keepsName: boolean;
  /** Whether a name that is not a counter's is worth a remark. */
  readonly expectsCounter: boolean;
  /** Whether the result changes with the time of evaluation even where the window does not. */
  readonly dependsOnTime: boolean;
  /** The window modifiers it can be used with. */
  readonly extensions: readonly ('anchored' | 'smoothed')[];
}

const WORK_PER_CHECK = 20_000;
const MAX_RESTARTS = 3;
const COUNTER_NAME = /(?:_total|_sum|_count|_bucket)$/;

/** A call of a function on a range vector: one pass over each row's samples, with the window sliding over them. */
export class RangeFunctionNode extends VectorNode {
  readonly range: RangeNode;
  readonly #function: RangeFunction;
  readonly #scalars: readonly ScalarNode[];

  constructor(
    name: string,
    range: RangeNode,
    scalars: readonly ScalarNode[],
    fn: RangeFunction,
    span: Span,
  ) {
    const scalarKeys = scalars.map((scalar) => scalar.key).join(',');
    super(
      `${name}(${range.key};${scalarKeys})`,
      range.isStepInvariant &&
        !fn.dependsOnTime &&
        scalars.every((scalar) => scalar.isStepInvariant),
      span,
    );
    this.range = range;
    this.#scalars = scalars;
    this.#function = fn;
  }

  protected async compute(evaluation: Evaluation, timeline: Timeline): Promise<Block> {
    const scalars: Float64Array[] = [];
    for (const scalar of this.#scalars) scalars.push(await scalar.evaluate(evaluation, timeline));
    for (let attempt = 0; ; attempt++) {
      const reader = await this.range.open(evaluation, timeline);
      const block = await this.#slide(
        evaluation,
        timeline,
        reader,
        scalars,
        attempt < MAX_RESTARTS,
      );
      if (block !== null) return this.#finish(evaluation, block);
    }
  }

  /** Null when the rows have changed during a pause. */
  async #slide(
    evaluation: Evaluation,
    timeline: Timeline,
    reader: RangeReader,
    scalars: readonly Float64Array[],
    mayPause: boolean,
  ): Promise<MutableBlock | null> {
    const { shape, rangeMs, endsMs } = reader;
    const steps = timeline.count;
    evaluation.planBlock(shape.count, steps);
    const cells = shape.count * steps;
    const block: MutableBlock = {
      shape,
      stepCount: steps,
      values: new Float64Array(cells),
      present: new Uint8Array(cells),
      histograms: null,
    };
    const { kernel } = this.#function;
    const { extension, span } = this.range;
    const context = new RangeContext(
      evaluation,
      span,
      shape,
      rangeMs,
      scalars,
      this.#scalars.map((scalar) => scalar.span),
      extension,
    );
    context.windowCount = steps;
    const { lookbackMs } = evaluation.options;
    const before = rangeMs + (extension === null ? 0 : lookbackMs);
    const after = extension === 'smoothed' ? lookbackMs : 0;
    let work = 0;
    for (let row = 0; row < shape.count; row++) {
      if (work >= WORK_PER_CHECK && mayPause) {
        work = 0;
        if (evaluation.isPauseDue()) {
          await evaluation.pause();
          if (reader.isOutdated()) return null;
        }
      }
      reader.load(row, context);
      const { start, end, timesMs } = context;
      work += end - start + 8;
      if (start === end) continue;
      context.row = row;
      let lo = start;
      let hi = start;
      let cell = row * steps;
      for (let step = 0; step < steps; step++, cell++) {
        const endMs = endsMs[step]!;
        // At the last step, which is the only one of an instant query, the window usually ends where the samples do.
        if (timesMs[end - 1]! <= endMs + after) hi = end;
        else while (hi < end && timesMs[hi]! <= endMs + after) hi++;
        // A fixed window (with `@`) never moves; all others only to the right.
        while (lo < hi && timesMs[lo]! <= endMs - before) lo++;
        if (lo === hi) continue;
        work += hi - lo;
        context.step = step;
        context.timeMs = timeAt(timeline, step);
        context.endMs = endMs;
        context.startMs = endMs - rangeMs;
        const kind = kernel(context, lo, hi);
        if (kind === ABSENT) continue;
        block.present[cell] = kind;
        if (kind === FLOAT) {
          block.values[cell] = context.value;
        } else {
          block.histograms ??= noHistograms(cells);
          block.histograms[cell] = context.histogram;
        }
      }
    }
    return block;
  }

  #finish(evaluation: Evaluation, block: MutableBlock): Block {
    if (this.#function.expectsCounter) this.#remarkOnNames(evaluation, block);
    if (this.#function.keepsName) return block;
    block.shape = shapeWithoutMetadata(evaluation, block.shape);
    if (evaluation.options.delayedNameRemoval) return block;
    refuseCollidingRows(block);
    return mergeCollisions(block);
  }

  #remarkOnNames(evaluation: Evaluation, block: Block): void {
    const { shape, stepCount, present } = block;
    const { typeAndUnitLabels } = evaluation.options;
    for (const row of doubtfulCounters(shape, typeAndUnitLabels)) {
      if (!hasFloat(present, row * stepCount, stepCount)) continue;
      const name = shape.metricNameAt(row);
      if (typeAndUnitLabels) {
        const type = shape.labelAt(row, '__type__');
        possibleNonCounterLabel(evaluation, name, type, this.range.span);
      } else {
        possibleNonCounter(evaluation, name, this.range.span);
      }
    }
  }
}

/** The rows whose name (or type label, where there are such) does not say that they are counters; kept with the shape. */
function doubtfulCounters(shape: SeriesShape, byType: boolean): readonly number[] {
  return shape.derived<readonly number[]>(`doubtful-counters:${byType}`, () => {
    const rows: number[] = [];
    let trusted = '';
    for (let row = 0; row < shape.count; row++) {
      const name = shape.metricNameAt(row);
      if (name === trusted) continue;
      const type = byType ? shape.labelAt(row, '__type__') : '';
      if (byType ? type === 'counter' || type === 'histogram' : COUNTER_NAME.test(name)) {
        // Series of one name mostly stand together.
        if (!byType) trusted = name;
      } else if (name !== '') {
        rows.push(row);
      }
    }
    return rows;
  });
}

function hasFloat(present: Uint8Array, from: number, count: number): boolean {
  for (let i = from; i < from + count; i++) if (present[i] === FLOAT) return true;
  return false;
}

function hasAny(present: Uint8Array, from: number, count: number): boolean {
  for (let i = from; i < from + count; i++) if (present[i] !== ABSENT) return true;
  return false;
}

/** Of a range function's rows no two may have the same labels, even where they have values at different steps. */
function refuseCollidingRows(block: Block): void {
  const firstRow = block.shape.collisions();
  if (firstRow === null) return;
  const taken = new Set<number>();
  for (let row = 0; row < firstRow.length; row++) {
    if (!hasAny(block.present, row * block.stepCount, block.stepCount)) continue;
    if (taken.has(firstRow[row]!)) throw new QueryError('execution', SAME_LABELSET);
    taken.add(firstRow[row]!);
  }
}
