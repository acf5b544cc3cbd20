import type { FloatHistogram } from '#libs/histogram';
import { createSampleWindow, isStaleMarker } from '#libs/samples';
import type { MatrixSelector, Subquery } from '../ast.ts';
import { ABSENT, type Block, HISTOGRAM, noHistograms } from './block.ts';
import { withDetectedHints } from './detected-hints.ts';
import { atKey, atTimeMs, durationKey, durationMs, positiveDurationMs } from './durations.ts';
import type { Evaluation } from './evaluation.ts';
import type { RowResolver } from './row-resolver.ts';
import { selectorKey } from './selector-node.ts';
import { SeriesShape } from './series-shape.ts';
import { timeAt, type Timeline } from './timeline.ts';
import type { RangeNode, RangeReader, RowSamples, VectorNode } from './vector-node.ts';

/** Row samples to be filled by a {@link RangeReader}. */
export function createRowSamples(): RowSamples {
  const none = new Float64Array(0);
  return { timesMs: none, values: none, histograms: null, startTimesMs: null, start: 0, end: 0 };
}

/** A range vector selector such as `x[5m]`. */
export function matrixSelectorNode(
  expr: MatrixSelector,
  resolver: RowResolver,
  detectsResets: boolean,
): RangeNode {
  const { selector } = expr;
  return {
    kind: 'matrix',
    key: `${selectorKey(selector)}[${durationKey(expr.range)}]${detectsResets ? 'resets' : ''}`,
    isStepInvariant: selector.at !== null,
    span: expr.span,
    extension: selector.extension,
    open: async (evaluation, timeline) =>
      openSelector(expr, resolver, detectsResets, evaluation, timeline),
  };
}

async function openSelector(
  expr: MatrixSelector,
  resolver: RowResolver,
  detectsResets: boolean,
  evaluation: Evaluation,
  timeline: Timeline,
): Promise<RangeReader> {
  const { selector } = expr;
  const rangeMs = positiveDurationMs(expr.range, evaluation);
  const offsetMs = selector.offset === null ? 0 : durationMs(selector.offset, evaluation);
  const endsMs = windowEnds(timeline, atTimeMs(selector.at, evaluation), offsetMs);
  const { lookbackMs } = evaluation.options;
  const before = selector.extension === null ? 0 : lookbackMs;
  const after = selector.extension === 'smoothed' ? lookbackMs : 0;
  // Windows are open on the left.
  const minMs = endsMs[0]! - rangeMs - before + 1;
  const maxMs = endsMs[endsMs.length - 1]! + after;
  const resolved = await resolver.resolve(evaluation, minMs, maxMs);
  const { selection, rows, shape, version } = resolved;
  const window = createSampleWindow();
  return {
    shape,
    rangeMs,
    endsMs,
    load: (row, samples) => {
      window.histograms = null;
      window.startTimesMs = null;
      selection.read(rows[row]!, minMs, maxMs, window);
      evaluation.samplesRead += window.end - window.start;
      samples.timesMs = window.timesMs;
      samples.values = window.values;
      samples.histograms = window.histograms;
      samples.startTimesMs = window.startTimesMs;
      samples.start = window.start;
      samples.end = window.end;
      if (detectsResets && window.histograms !== null) {
        samples.histograms = withDetectedHints(samples);
      }
      const { values } = window;
      for (let i = window.start; i < window.end; i++) {
        const value = values[i]!;
        if (value !== value && isStaleMarker(values, i)) {
          dropStaleMarkers(samples, i);
          return;
        }
      }
    },
    isOutdated: () => selection.version !== version,
  };
}

/** Copies what is no stale marker; `first` is the first that is. */
function dropStaleMarkers(samples: RowSamples, first: number): void {
  const { start, end, histograms, startTimesMs } = samples;
  const timesMs = new Float64Array(end - start);
  const values = new Float64Array(end - start);
  const keptHistograms = histograms === null ? null : histograms.slice(start, first);
  const keptStarts = startTimesMs === null ? null : new Float64Array(end - start);
  timesMs.set(samples.timesMs.subarray(start, first));
  values.set(samples.values.subarray(start, first));
  keptStarts?.set(startTimesMs!.subarray(start, first));
  let kept = first - start;
  for (let i = first; i < end; i++) {
    if (isStaleMarker(samples.values, i)) continue;
    timesMs[kept] = samples.timesMs[i]!;
    values[kept] = samples.values[i]!;
    keptHistograms?.push(histograms![i] ?? null);
    if (keptStarts !== null) keptStarts[kept] = startTimesMs![i]!;
    kept++;
  }
  samples.timesMs = timesMs;
  samples.values = values;
  samples.histograms = keptHistograms;
  samples.startTimesMs = keptStarts;
  samples.start = 0;
  samples.end = kept;
}

function windowEnds(timeline: Timeline, fixedMs: number | null, offsetMs: number): Float64Array {
  const ends = new Float64Array(timeline.count);
  for (let i = 0; i < ends.length; i++) ends[i] = (fixedMs ?? timeAt(timeline, i)) - offsetMs;
  return ends;
}

/** A subquery such as `rate(x[1m])[1h:5m]`. */
export function subqueryNode(expr: Subquery, inner: VectorNode): RangeNode {
  const modifiers = `${durationKey(expr.range)}:${durationKey(expr.step)}${durationKey(expr.offset)}${atKey(expr.at)}`;
  return {
    kind: 'matrix',
    key: `(${inner.key})[${modifiers}]`,
    isStepInvariant: expr.at !== null,
    span: expr.span,
    extension: null,
    open: async (evaluation, timeline) => openSubquery(expr, inner, evaluation, timeline),
  };
}

async function openSubquery(
  expr: Subquery,
  inner: VectorNode,
  evaluation: Evaluation,
  timeline: Timeline,
): Promise<RangeReader> {
  const rangeMs = positiveDurationMs(expr.range, evaluation);
  const stepMs =
    expr.step === null
      ? evaluation.options.subqueryStepMs
      : positiveDurationMs(expr.step, evaluation);
  const offsetMs = expr.offset === null ? 0 : durationMs(expr.offset, evaluation);
  const endsMs = windowEnds(timeline, atTimeMs(expr.at, evaluation), offsetMs);
  // The inner steps are multiples of the step, whatever the time of the query, after the open left end of the window.
  const firstStart = endsMs[0]! - rangeMs;
  const startMs = stepMs * (Math.floor(firstStart / stepMs) + 1);
  const lastMs = endsMs[endsMs.length - 1]!;
  const count = Math.max(0, Math.floor((lastMs - startMs) / stepMs) + 1);
  const block = await evaluateInner(inner, evaluation, { startMs, stepMs, count });
  return readerOfBlock(block, startMs, stepMs, rangeMs, endsMs);
}

async function evaluateInner(
  inner: VectorNode,
  evaluation: Evaluation,
  timeline: Timeline,
): Promise<Block | null> {
  if (timeline.count === 0) return null;
  // Before anything is made for each of the inner steps, of which a text of ten characters can ask for billions.
  evaluation.planBlock(1, timeline.count);
  return inner.evaluate(evaluation, timeline);
}

function readerOfBlock(
  block: Block | null,
  startMs: number,
  stepMs: number,
  rangeMs: number,
  endsMs: Float64Array,
): RangeReader {
  const steps = block?.stepCount ?? 0;
  const timesMs = new Float64Array(steps);
  const values = new Float64Array(steps);
  return {
    shape: block?.shape ?? NO_ROWS,
    rangeMs,
    endsMs,
    load: (row, samples) => {
      const { present, values: cells, histograms } = block!;
      const first = row * steps;
      let kept = 0;
      let rowHistograms: RowHistograms | null = null;
      for (let step = 0; step < steps; step++) {
        const kind = present[first + step]!;
        if (kind === ABSENT) continue;
        timesMs[kept] = startMs + step * stepMs;
        values[kept] = cells[first + step]!;
        if (kind === HISTOGRAM) {
          rowHistograms ??= noHistograms(steps);
          rowHistograms[kept] = withoutHint(histograms![first + step]!);
        }
        kept++;
      }
      samples.timesMs = timesMs;
      samples.values = values;
      samples.histograms = rowHistograms;
      samples.startTimesMs = null;
      samples.start = 0;
      samples.end = kept;
    },
    isOutdated: () => false,
  };
}

/** What is known of a sample and the one before it in its series says nothing of the one before it in a subquery. */
function withoutHint(histogram: FloatHistogram): FloatHistogram {
  const { counterResetHint } = histogram;
  if (counterResetHint === 'gauge' || counterResetHint === 'unknown') return histogram;
  return { ...histogram, counterResetHint: 'unknown' };
}

type RowHistograms = NonNullable<Block['histograms']>;

const NO_ROWS = SeriesShape.ofDistinct([]);
