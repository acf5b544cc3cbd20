import {
  addHistograms,
  type FloatHistogram,
  isCounterReset,
  multiplyHistogram,
  usesCustomBuckets,
} from '#libs/histogram';
import type { SampleWindow } from '#libs/samples';
import { isStaleMarker } from '#libs/samples';
import type { Span } from '../ast.ts';
import { ABSENT, FLOAT, HISTOGRAM, noHistograms, type MutableBlock } from './block.ts';
import type { Evaluation } from './evaluation.ts';
import { mixedFloatsHistograms, mixedSchemas } from './remarks.ts';
import type { Timeline } from './timeline.ts';

/**
 * Fills a row of `block` for a `smoothed` selector: between two samples the value is on the line through them, after the
 * last one within the lookback it stays, before the first there is none.
 */
export function readSmoothed(
  evaluation: Evaluation,
  window: SampleWindow,
  refs: Timeline,
  block: MutableBlock,
  row: number,
  span: Span,
): void {
  const { lookbackMs } = evaluation.options;
  const { timesMs, values, histograms } = window;
  const kept: number[] = [];
  for (let i = window.start; i < window.end; i++) if (!isStaleMarker(values, i)) kept.push(i);
  let next = 0;
  for (let step = 0; step < refs.count; step++) {
    const refMs = refs.startMs + step * refs.stepMs;
    while (next < kept.length && timesMs[kept[next]!]! <= refMs) next++;
    const before = next > 0 ? kept[next - 1]! : -1;
    if (before === -1 || timesMs[before]! <= refMs - lookbackMs) continue;
    const after = next < kept.length ? kept[next]! : -1;
    const cell = row * refs.count + step;
    const left = histograms?.[before] ?? null;
    const isLast =
      after === -1 || timesMs[after]! > refMs + lookbackMs || timesMs[before] === refMs;
    if (isLast) {
      block.values[cell] = values[before]!;
      block.present[cell] = left === null ? FLOAT : HISTOGRAM;
      if (left !== null) histogramsOf(block)[cell] = left;
      continue;
    }
    const right = histograms?.[after] ?? null;
    const share = (refMs - timesMs[before]!) / (timesMs[after]! - timesMs[before]!);
    if (isMixed(window, kept, refMs - lookbackMs, refMs + lookbackMs)) {
      mixedFloatsHistograms(evaluation, block.shape.metricNameAt(row), span);
      block.present[cell] = ABSENT;
    } else if (left === null || right === null) {
      block.values[cell] = values[before]! + (values[after]! - values[before]!) * share;
      block.present[cell] = FLOAT;
    } else {
      const between = interpolated(left, right, share);
      if (between === null) {
        mixedSchemas(evaluation, block.shape.metricNameAt(row), span);
        continue;
      }
      histogramsOf(block)[cell] = between;
      block.present[cell] = HISTOGRAM;
    }
  }
}

/** The histogram `share` of the way from one to the next; after a reset the counter rises from nothing. */
function interpolated(
  left: FloatHistogram,
  right: FloatHistogram,
  share: number,
): FloatHistogram | null {
  const risen = multiplyHistogram(right, share);
  const isCounter = left.counterResetHint !== 'gauge' && right.counterResetHint !== 'gauge';
  if (isCounter && usesCustomBuckets(left) === usesCustomBuckets(right)) {
    if (isCounterReset(left, right)) return risen;
  }
  return addHistograms(multiplyHistogram(left, 1 - share), risen)?.histogram ?? null;
}

/** Whether the samples around a time are partly floats and partly histograms. */
function isMixed(
  window: SampleWindow,
  kept: readonly number[],
  afterMs: number,
  untilMs: number,
): boolean {
  if (window.histograms === null) return false;
  let hasFloat = false;
  let hasHistogram = false;
  for (const i of kept) {
    if (window.timesMs[i]! <= afterMs || window.timesMs[i]! > untilMs) continue;
    if ((window.histograms[i] ?? null) === null) hasFloat = true;
    else hasHistogram = true;
  }
  return hasFloat && hasHistogram;
}

function histogramsOf(block: MutableBlock): NonNullable<MutableBlock['histograms']> {
  block.histograms ??= noHistograms(block.present.length);
  return block.histograms;
}
