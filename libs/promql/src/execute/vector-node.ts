import type { FloatHistogram } from '#libs/histogram';
import type { Span } from '../ast.ts';
import { type Annotation, AnnotationCollector } from './annotations.ts';
import type { RememberedBlock } from './block-memo.ts';
import { ABSENT, type Block, repeatBlock } from './block.ts';
import type { Evaluation } from './evaluation.ts';
import type { SeriesShape } from './series-shape.ts';
import { shortKey } from './short-key.ts';
import { singleTime, type Timeline } from './timeline.ts';

/** A part of a plan whose value is an instant vector. */
export abstract class VectorNode {
  readonly kind = 'vector';
  /** Two nodes with the same key have the same value at the same time. */
  readonly key: string;
  /** Whether the value is the same at every step. */
  readonly isStepInvariant: boolean;
  readonly span: Span;
  /** Whether the node stands more than once in its plan, so that its value is worth keeping. */
  isRepeated = false;

  constructor(key: string, isStepInvariant: boolean, span: Span) {
    this.key = shortKey(key);
    this.isStepInvariant = isStepInvariant;
    this.span = span;
  }

  protected abstract compute(evaluation: Evaluation, timeline: Timeline): Promise<Block>;

  /** The value at each step. @throws QueryError, PieceTooLarge */
  async evaluate(evaluation: Evaluation, timeline: Timeline): Promise<Block> {
    if (this.isStepInvariant && timeline.count > 1) {
      const once = await this.#evaluateOnce(evaluation, singleTime(timeline.startMs));
      evaluation.planBlock(once.shape.count, timeline.count);
      const repeated = repeatBlock(once, timeline.count);
      holdBlock(evaluation, repeated);
      return repeated;
    }
    return this.#evaluateOnce(evaluation, timeline);
  }

  async #evaluateOnce(evaluation: Evaluation, timeline: Timeline): Promise<Block> {
    const { cache } = evaluation.options;
    const isShared = cache?.isShared(this.key) === true;
    if (!isShared && !this.isRepeated && !this.isStepInvariant) {
      return this.#computeCounted(evaluation, timeline);
    }
    const time = this.isStepInvariant
      ? 'once'
      : `${timeline.startMs},${timeline.stepMs},${timeline.count}`;
    let isOwn = false;
    let remembered: RememberedBlock;
    try {
      const compute = async (): Promise<RememberedBlock> => {
        isOwn = true;
        return this.#computeRemembered(evaluation, timeline);
      };
      if (isShared) {
        remembered = await cache.get(this.key, `${evaluation.memoPrefix}${time}`, compute);
      } else {
        const memo = this.isStepInvariant ? evaluation.lastingMemo : evaluation.memo;
        remembered = await memo.get(`${evaluation.memoPrefix}${time}|${this.key}`, compute);
      }
    } catch (error) {
      if (isOwn) throw error;
      // Another query was evaluating this and failed, perhaps for its own limits or because it was canceled.
      return this.#computeCounted(evaluation, timeline);
    }
    replay(evaluation, remembered.remarks, this.span.start - remembered.offset);
    return remembered.block;
  }

  async #computeRemembered(evaluation: Evaluation, timeline: Timeline): Promise<RememberedBlock> {
    const outer = evaluation.annotations;
    evaluation.annotations = new AnnotationCollector();
    try {
      const block = await this.#computeCounted(evaluation, timeline);
      return { block, remarks: evaluation.annotations.entries, offset: this.span.start };
    } finally {
      evaluation.annotations = outer;
    }
  }

  async #computeCounted(evaluation: Evaluation, timeline: Timeline): Promise<Block> {
    const mark = evaluation.heldSamples;
    const block = await this.compute(evaluation, timeline);
    // Whatever the operands held is garbage from here on.
    evaluation.releaseDownTo(mark);
    holdBlock(evaluation, block);
    if (evaluation.isPauseDue()) await evaluation.pause();
    return block;
  }
}

function replay(evaluation: Evaluation, remarks: readonly Annotation[], shift: number): void {
  for (const remark of remarks) {
    evaluation.annotations.addEntry({ ...remark, offset: remark.offset + shift });
  }
}

/** Counts a block's samples; cells are counted one by one only where the budget is near. */
function holdBlock(evaluation: Evaluation, block: Block): void {
  const { present } = block;
  if (evaluation.heldSamples + present.length <= evaluation.options.maxSamples) {
    evaluation.hold(present.length);
    return;
  }
  let samples = 0;
  for (let i = 0; i < present.length; i++) if (present[i] !== ABSENT) samples++;
  evaluation.hold(samples);
}

/** A part of a plan whose value is a number at each step. */
export interface ScalarNode {
  readonly kind: 'scalar';
  readonly key: string;
  readonly isStepInvariant: boolean;
  readonly span: Span;
  /** The literal's value, or null where it has to be evaluated. */
  readonly constant: number | null;
  evaluate(evaluation: Evaluation, timeline: Timeline): Promise<Float64Array>;
}

/** A string literal. */
export interface StringNode {
  readonly kind: 'string';
  readonly key: string;
  readonly isStepInvariant: true;
  readonly span: Span;
  readonly value: string;
}

/** One series' samples for all windows of a timeline, without stale markers; indices `start` up to `end`. */
export interface RowSamples {
  timesMs: Float64Array;
  values: Float64Array;
  histograms: readonly (FloatHistogram | null)[] | null;
  startTimesMs: Float64Array | null;
  start: number;
  end: number;
}

/** The windows of a range vector over a timeline. */
export interface RangeReader {
  readonly shape: SeriesShape;
  readonly rangeMs: number;
  /** The right end of each step's window, `offset` and `@` applied. */
  readonly endsMs: Float64Array;
  /** Points `samples` at a row's samples; valid until the next call. */
  load(row: number, samples: RowSamples): void;
  /** Whether the rows have changed since the reader was opened, so that it can't be trusted after a pause. */
  isOutdated(): boolean;
}

/** A part of a plan whose value is a range vector. */
export interface RangeNode {
  readonly kind: 'matrix';
  readonly key: string;
  readonly isStepInvariant: boolean;
  readonly span: Span;
  /** The modifier that changes what the window's ends are. */
  readonly extension: 'anchored' | 'smoothed' | null;
  open(evaluation: Evaluation, timeline: Timeline): Promise<RangeReader>;
}

export type PlanNode = VectorNode | ScalarNode | StringNode | RangeNode;
