import { createSampleWindow, isStaleMarker, type SampleWindow } from '#libs/samples';
import type { VectorSelector } from '../ast.ts';
import { type Block, FLOAT, HISTOGRAM, noHistograms, type MutableBlock } from './block.ts';
import { withDetectedHints } from './detected-hints.ts';
import { atKey, atTimeMs, durationKey, durationMs } from './durations.ts';
import type { Evaluation } from './evaluation.ts';
import type { RowResolver, ResolvedRows } from './row-resolver.ts';
import { timeAt, type Timeline } from './timeline.ts';
import { VectorNode } from './vector-node.ts';
import { readSmoothed } from './smoothed-selector.ts';

/**
 * What a selector gives for the sample it finds. With `value-with-resets`, counter resets of histograms are found out
 * where the store left them open.
 */
export type SelectedAspect = 'value' | 'value-with-resets' | 'timestamp' | 'start-timestamp';

/** Samples read between two looks at the clock. */
const WORK_PER_CHECK = 20_000;
/** The part of the lookback that is looked at first. */
const PROBE_SHARE = 4;
/** How often a scan starts over when rows change under it before it stops pausing. */
const MAX_RESTARTS = 3;

export class SelectorNode extends VectorNode {
  readonly selector: VectorSelector;
  readonly resolver: RowResolver;
  readonly #aspect: SelectedAspect;

  constructor(selector: VectorSelector, resolver: RowResolver, aspect: SelectedAspect = 'value') {
    super(`${aspect}:${selectorKey(selector)}`, selector.at !== null, selector.span);
    this.selector = selector;
    this.resolver = resolver;
    this.#aspect = aspect;
  }

  protected async compute(evaluation: Evaluation, timeline: Timeline): Promise<Block> {
    const { lookbackMs } = evaluation.options;
    const { offset, at, extension } = this.selector;
    const offsetMs = offset === null ? 0 : durationMs(offset, evaluation);
    const fixedMs = atTimeMs(at, evaluation);
    const firstMs = (fixedMs ?? timeline.startMs) - offsetMs;
    const refs: Timeline = { startMs: firstMs, stepMs: timeline.stepMs, count: timeline.count };
    const lastMs = timeAt(refs, refs.count - 1);
    const isSmoothed = extension === 'smoothed';
    for (let attempt = 0; ; attempt++) {
      const resolved = await this.resolver.resolve(
        evaluation,
        firstMs - lookbackMs + 1,
        isSmoothed ? lastMs + lookbackMs : lastMs,
      );
      const block = await this.#scan(evaluation, refs, resolved, attempt < MAX_RESTARTS);
      if (block !== null) return block;
    }
  }

  /** Null when the rows have changed during a pause. */
  async #scan(
    evaluation: Evaluation,
    refs: Timeline,
    resolved: ResolvedRows,
    mayPause: boolean,
  ): Promise<Block | null> {
    const { selection, rows, shape } = resolved;
    evaluation.planBlock(rows.length, refs.count);
    const cells = rows.length * refs.count;
    const block: MutableBlock = {
      shape,
      stepCount: refs.count,
      values: new Float64Array(cells),
      present: new Uint8Array(cells),
      histograms: null,
    };
    const window = createSampleWindow();
    const { lookbackMs } = evaluation.options;
    const firstMs = refs.startMs - lookbackMs + 1;
    const isSmoothed = this.selector.extension === 'smoothed';
    const lastMs = timeAt(refs, refs.count - 1) + (isSmoothed ? lookbackMs : 0);
    // An instant query wants the newest sample alone, which mostly is among those a store need not decode.
    const isNewestEnough = refs.count === 1 && !isSmoothed && this.#aspect !== 'value-with-resets';
    const probeMs = isNewestEnough ? lastMs - Math.floor(lookbackMs / PROBE_SHARE) : firstMs;
    let work = 0;
    for (let i = 0; i < rows.length; i++) {
      if (work >= WORK_PER_CHECK && mayPause) {
        work = 0;
        if (evaluation.isPauseDue()) {
          await evaluation.pause();
          if (selection.version !== resolved.version) return null;
        }
      }
      window.histograms = null;
      window.startTimesMs = null;
      selection.read(rows[i]!, probeMs, lastMs, window);
      if (probeMs !== firstMs && window.start === window.end) {
        selection.read(rows[i]!, firstMs, lastMs, window);
      }
      const count = window.end - window.start;
      work += count + refs.count + 8;
      evaluation.samplesRead += count;
      if (count === 0) continue;
      if (window.histograms !== null && this.#aspect === 'value-with-resets') {
        window.histograms = withDetectedHints(window);
      }
      if (isSmoothed) readSmoothed(evaluation, window, refs, block, i, this.span);
      else if (refs.count === 1) readNewest(window, refs.startMs, lookbackMs, block, i);
      else readSteps(window, refs, lookbackMs, block, i);
      if (this.#aspect === 'timestamp' || this.#aspect === 'start-timestamp') {
        this.#replaceByTime(window, refs, block, i);
      }
    }
    return block;
  }

  /** Puts the time of the sample in place of its value, for `timestamp` and `start_timestamp`. */
  #replaceByTime(window: SampleWindow, refs: Timeline, block: MutableBlock, row: number): void {
    let at = window.start - 1;
    for (let step = 0; step < refs.count; step++) {
      const refMs = timeAt(refs, step);
      while (at + 1 < window.end && window.timesMs[at + 1]! <= refMs) at++;
      const cell = row * refs.count + step;
      if (block.present[cell] === 0) continue;
      if (this.#aspect === 'timestamp') {
        block.values[cell] = window.timesMs[at]! / 1_000;
        block.present[cell] = FLOAT;
        continue;
      }
      const startMs = window.startTimesMs === null ? 0 : window.startTimesMs[at]!;
      block.values[cell] = startMs / 1_000;
      block.present[cell] = FLOAT;
    }
  }
}

/** A text that two selectors share only if they select the same. */
export function selectorKey(selector: VectorSelector): string {
  const conditions = selector.matchers.map((matcher) => matcher.key).toSorted();
  return JSON.stringify([
    conditions,
    durationKey(selector.offset),
    atKey(selector.at),
    selector.extension,
  ]);
}

function readNewest(
  window: SampleWindow,
  refMs: number,
  lookbackMs: number,
  block: MutableBlock,
  row: number,
): void {
  let at = window.end - 1;
  while (at >= window.start && window.timesMs[at]! > refMs) at--;
  if (at >= window.start) setCell(window, at, refMs - lookbackMs, block, row);
}

function readSteps(
  window: SampleWindow,
  refs: Timeline,
  lookbackMs: number,
  block: MutableBlock,
  row: number,
): void {
  const { timesMs, end } = window;
  let at = window.start - 1;
  const firstCell = row * refs.count;
  for (let step = 0; step < refs.count; step++) {
    const refMs = refs.startMs + step * refs.stepMs;
    while (at + 1 < end && timesMs[at + 1]! <= refMs) at++;
    if (at >= window.start) setCell(window, at, refMs - lookbackMs, block, firstCell + step);
  }
}

/** Takes over sample `at` unless it is too old or a stale marker. */
function setCell(
  window: SampleWindow,
  at: number,
  tooOldMs: number,
  block: MutableBlock,
  cell: number,
): void {
  if (window.timesMs[at]! <= tooOldMs) return;
  const histogram = window.histograms === null ? null : (window.histograms[at] ?? null);
  if (histogram !== null) {
    block.histograms ??= noHistograms(block.present.length);
    block.histograms[cell] = histogram;
    block.present[cell] = HISTOGRAM;
    return;
  }
  const value = window.values[at]!;
  // The only comparison that anything but a NaN costs.
  if (value !== value && isStaleMarker(window.values, at)) return;
  block.values[cell] = value;
  block.present[cell] = FLOAT;
}
