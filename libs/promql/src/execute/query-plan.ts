import type { FloatHistogram } from '#libs/histogram';
import type { Labels } from '#libs/labels';
import type { Expr, ValueType, VectorSelector } from '../ast.ts';
import { ABSENT, type Block, FLOAT, HISTOGRAM, noHistograms } from './block.ts';
import { dropPendingMetadata, mergeCollisions } from './drop-metadata.ts';
import { Evaluation, type EvaluationOptions, PieceTooLarge } from './evaluation.ts';
import { compareLabels } from './label-set-order.ts';
import { MatrixBuilder } from './matrix-builder.ts';
import type { SharablePart, SharingPlan } from './evaluation-cache.ts';
import type { Plan, QueryEngineOptions, QueryOptions } from './plan.ts';
import { QueryError } from './query-error.ts';
import type {
  MatrixResult,
  MatrixSeries,
  QueryResult,
  QueryValue,
  VectorResult,
} from './query-result.ts';
import { createRowSamples } from './range-reader.ts';
import { sortInPieces } from './sort-in-pieces.ts';
import { singleTime, type Timeline } from './timeline.ts';
import type { PlanNode, RangeNode } from './vector-node.ts';

const DEFAULT_LOOKBACK_MS = 300_000;
const DEFAULT_MAX_SAMPLES = 10_000_000;
const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_SUBQUERY_STEP_MS = 60_000;
/** Steps of the first piece of a range query; shorter ones follow if the series are many. */
const FIRST_PIECE_STEPS = 4_096;
/** Nine bytes each. With fewer, chunks that two pieces reach into are decoded twice more often than they need be. */
const DEFAULT_PIECE_CELLS = 3_000_000;

/** A compiled query with what it needs to run. */
export class QueryPlan implements Plan {
  readonly expr: Expr;
  readonly valueType: ValueType;
  readonly sharableParts: readonly SharablePart[];
  readonly selectors: readonly VectorSelector[];
  readonly #text: string;
  readonly #root: PlanNode;
  readonly #engine: QueryEngineOptions;

  constructor(
    expr: Expr,
    text: string,
    root: PlanNode,
    { sharableParts, selectors }: SharingPlan,
    engine: QueryEngineOptions,
  ) {
    this.expr = expr;
    this.valueType = root.kind;
    this.sharableParts = sharableParts;
    this.selectors = selectors;
    this.#text = text;
    this.#root = root;
    this.#engine = engine;
  }

  async instant(timeMs: number, options: QueryOptions = {}): Promise<QueryResult> {
    const evaluation = this.#begin(timeMs, timeMs, 0, options);
    evaluation.check();
    const value = await this.#instantValue(evaluation, timeMs);
    return this.#result(evaluation, value);
  }

  async #instantValue(evaluation: Evaluation, timeMs: number): Promise<QueryValue> {
    const root = this.#root;
    switch (root.kind) {
      case 'string':
        return { kind: 'string', timeMs, value: root.value };
      case 'scalar': {
        const values = await root.evaluate(evaluation, singleTime(timeMs));
        return { kind: 'scalar', timeMs, value: values[0]! };
      }
      case 'vector': {
        const block = await root.evaluate(evaluation, singleTime(timeMs));
        return vectorOf(evaluation, dropPendingMetadata(block), timeMs);
      }
      case 'matrix':
        return matrixOf(evaluation, root, timeMs);
    }
  }

  async range(
    startMs: number,
    endMs: number,
    stepMs: number,
    options: QueryOptions = {},
  ): Promise<QueryResult<MatrixResult>> {
    if (!(stepMs > 0))
      throw new QueryError(
        'bad_data',
        'zero or negative query resolution step widths are not accepted. Try a positive integer',
      );
    if (!(endMs >= startMs))
      throw new QueryError(
        'bad_data',
        'invalid parameter "end": end timestamp must not be before start time',
      );
    const root = this.#root;
    if (root.kind !== 'vector' && root.kind !== 'scalar') {
      const type = root.kind === 'string' ? 'string' : 'range vector';
      throw new QueryError(
        'bad_data',
        `invalid expression type "${type}" for range query, must be Scalar or instant Vector`,
      );
    }
    const evaluation = this.#begin(startMs, endMs, stepMs, options);
    evaluation.check();
    const count = Math.floor((endMs - startMs) / stepMs) + 1;
    const builder = new MatrixBuilder(startMs, stepMs, count);
    let pieceSteps = FIRST_PIECE_STEPS;
    for (let first = 0; first < count;) {
      const steps = Math.min(pieceSteps, count - first);
      const piece: Timeline = { startMs: startMs + first * stepMs, stepMs, count: steps };
      evaluation.mayShrink = steps > 1;
      evaluation.memo.clear();
      const mark = evaluation.heldSamples;
      const remarks = evaluation.annotations.save();
      try {
        if (root.kind === 'scalar') {
          builder.addScalars(first, await root.evaluate(evaluation, piece));
        } else {
          const block = mergeCollisions(
            dropPendingMetadata(await root.evaluate(evaluation, piece)),
          );
          evaluation.releaseDownTo(mark);
          evaluation.hold(await builder.addBlock(evaluation, first, block));
        }
      } catch (error) {
        if (!(error instanceof PieceTooLarge)) throw error;
        evaluation.releaseDownTo(mark);
        // They are made again, and some count how often.
        evaluation.annotations.restore(remarks);
        pieceSteps = stepsOfPieces(count - first, evaluation.options.pieceCells / error.rows);
        if (pieceSteps >= steps) pieceSteps = Math.max(1, steps >> 1);
        continue;
      }
      first += steps;
      if (evaluation.isPauseDue()) await evaluation.pause();
    }
    return this.#result(evaluation, await builder.build(evaluation));
  }

  #begin(startMs: number, endMs: number, stepMs: number, options: QueryOptions): Evaluation {
    const engine = this.#engine;
    const source = options.source ?? engine.source;
    if (source === undefined)
      throw new QueryError('execution', 'the query has no source of series');
    const run: EvaluationOptions = {
      source,
      nowMs: engine.nowMs,
      yieldToLoop: engine.yieldToLoop,
      signal: options.signal ?? null,
      lookbackMs: options.lookbackMs ?? engine.lookbackMs ?? DEFAULT_LOOKBACK_MS,
      maxSamples: options.maxSamples ?? engine.maxSamples ?? DEFAULT_MAX_SAMPLES,
      timeoutMs: options.timeoutMs ?? engine.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      pieceCells: engine.pieceCells ?? DEFAULT_PIECE_CELLS,
      subqueryStepMs: engine.subqueryStepMs ?? DEFAULT_SUBQUERY_STEP_MS,
      delayedNameRemoval: engine.delayedNameRemoval ?? false,
      startTimestamps: engine.startTimestamps ?? false,
      typeAndUnitLabels: engine.typeAndUnitLabels ?? false,
      cache: options.cache ?? null,
      startMs,
      endMs,
      stepMs,
    };
    return new Evaluation(run);
  }

  #result<V extends QueryValue>(evaluation: Evaluation, value: V): QueryResult<V> {
    return {
      value,
      annotations: evaluation.annotations.toAnnotations(this.#text),
      stats: { samplesRead: evaluation.samplesRead, peakSamples: evaluation.peakSamples },
    };
  }
}

/** Divides steps into pieces of about the same length, the last of which is not a small rest. */
function stepsOfPieces(count: number, most: number): number {
  const pieces = Math.ceil(count / Math.max(1, Math.floor(most)));
  return Math.ceil(count / pieces);
}

async function vectorOf(
  evaluation: Evaluation,
  block: Block,
  timeMs: number,
): Promise<VectorResult> {
  const { shape, present } = block;
  let count = 0;
  for (let row = 0; row < shape.count; row++) if (present[row] !== ABSENT) count++;
  const labels: Labels[] = [];
  const values = new Float64Array(count);
  let histograms: (FloatHistogram | null)[] | null = null;
  const seen = block.shape.collisions() === null ? null : new Set<string>();
  for (let row = 0; row < shape.count; row++) {
    const kind = present[row]!;
    if (kind === ABSENT) continue;
    // Labels may only be made here.
    if ((labels.length & 2_047) === 0 && evaluation.isPauseDue()) await evaluation.pause();
    const own = shape.labelsAt(row);
    if (seen !== null) {
      if (seen.has(own.key)) {
        throw new QueryError('execution', 'vector cannot contain metrics with the same labelset');
      }
      seen.add(own.key);
    }
    const index = labels.length;
    labels.push(own);
    values[index] = kind === FLOAT ? block.values[row]! : Number.NaN;
    if (kind === HISTOGRAM) {
      histograms ??= noHistograms(count);
      histograms[index] = block.histograms![row]!;
    }
  }
  return { kind: 'vector', timeMs, labels, values, histograms };
}

/** The samples of a range vector as they are. */
async function matrixOf(
  evaluation: Evaluation,
  node: RangeNode,
  timeMs: number,
): Promise<MatrixResult> {
  const reader = await node.open(evaluation, singleTime(timeMs));
  const endMs = reader.endsMs[0]!;
  const startMs = endMs - reader.rangeMs;
  const samples = createRowSamples();
  const series: MatrixSeries[] = [];
  for (let row = 0; row < reader.shape.count; row++) {
    if ((row & 255) === 0 && evaluation.isPauseDue()) {
      await evaluation.pause();
      if (reader.isOutdated()) return matrixOf(evaluation, node, timeMs);
    }
    reader.load(row, samples);
    let { start, end } = samples;
    while (start < end && samples.timesMs[start]! <= startMs) start++;
    while (end > start && samples.timesMs[end - 1]! > endMs) end--;
    if (start === end) continue;
    evaluation.hold(end - start);
    series.push({
      labels: reader.shape.labelsAt(row),
      timesMs: samples.timesMs.slice(start, end),
      values: samples.values.slice(start, end),
      histograms: samples.histograms?.slice(start, end) ?? null,
    });
  }
  const sorted = await sortInPieces(evaluation, series, (a, b) =>
    compareLabels(a.labels, b.labels),
  );
  return { kind: 'matrix', series: sorted };
}
