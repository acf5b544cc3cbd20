import type { Matcher } from '#libs/labels';
import type { SeriesSelection, SeriesSource } from '#libs/promql';
import type { SampleWindow } from '#libs/samples';
import type { EvaluatedSeries } from './evaluated-series.ts';

/** The label by which an expression of PromQL names one of the evaluated aggregations. */
export const LEAF_LABEL = '__logql__';

/** Evaluated aggregations over lines as series that PromQL computes with. */
export class EvaluatedSource implements SeriesSource {
  readonly #leaves: readonly (readonly EvaluatedSeries[])[];

  constructor(leaves: readonly (readonly EvaluatedSeries[])[]) {
    this.#leaves = leaves;
  }

  select(matchers: readonly Matcher[]): SeriesSelection {
    const name = matchers.find((matcher) => matcher.name === LEAF_LABEL)?.value ?? '';
    const series = this.#leaves[Number(name)] ?? [];
    return {
      version: 1,
      rows: Uint32Array.from(series, (_, i) => i),
      labelsOf: (row) => series[row]!.labels,
      read: (row, minMs, maxMs, window) => readSeries(series[row]!, minMs, maxMs, window),
    };
  }
}

function readSeries(
  { timesMs, values }: EvaluatedSeries,
  minMs: number,
  maxMs: number,
  window: SampleWindow,
): void {
  window.timesMs = timesMs;
  window.values = values;
  window.histograms = null;
  window.startTimesMs = null;
  window.start = firstAtOrAfter(timesMs, minMs);
  window.end = firstAtOrAfter(timesMs, maxMs + 1);
}

function firstAtOrAfter(timesMs: Float64Array, timeMs: number): number {
  let low = 0;
  let high = timesMs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (timesMs[middle]! < timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}
