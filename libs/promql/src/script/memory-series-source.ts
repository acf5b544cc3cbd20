import { type FloatHistogram, isCounterReset } from '#libs/histogram';
import { type Labels, type Matcher, matchesAll } from '#libs/labels';
import { type SampleWindow, writeStaleMarker } from '#libs/samples';
import type { SeriesSelection, SeriesSource } from '../series-source.ts';

/** A sample to be added: a float, a histogram or a stale marker. */
export type MemorySample =
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'histogram'; readonly histogram: FloatHistogram }
  | { readonly kind: 'stale' };

/** One series in columns. */
interface Row {
  readonly labels: Labels;
  count: number;
  timesMs: Float64Array;
  values: Float64Array;
  histograms: (FloatHistogram | null)[] | null;
  /** The histograms with the hints that a store gives them, or null before they are worked out. */
  hinted: readonly (FloatHistogram | null)[] | null;
  startTimesMs: Float64Array | null;
}

/** A small store in memory, for test scripts and rule unit tests. Selecting looks at every series. */
export class MemorySeriesSource implements SeriesSource {
  #rows: Row[] = [];
  readonly #rowOf = new Map<string, number>();
  /** Counts the series ever added and the times all were dropped; what selections have as their version. */
  #version = 0;

  /** How many series there are. */
  get seriesCount(): number {
    return this.#rows.length;
  }

  /** Drops everything. */
  clear(): void {
    this.#rows = [];
    this.#rowOf.clear();
    this.#version++;
  }

  /**
   * Adds a sample to a series, or replaces the one at the same time. Cheapest in the order of time.
   * @param startMs when its counting began, 0 where that is not known
   */
  add(labels: Labels, timeMs: number, sample: MemorySample, startMs = 0): void {
    const row = this.#rowFor(labels);
    let place = row.count;
    while (place > 0 && row.timesMs[place - 1]! > timeMs) place--;
    if (place > 0 && row.timesMs[place - 1] === timeMs) place--;
    else insertGap(row, place);
    row.timesMs[place] = timeMs;
    row.values[place] = sample.kind === 'float' ? sample.value : 0;
    if (sample.kind === 'stale') writeStaleMarker(row.values, place);
    if (sample.kind === 'histogram') {
      row.histograms ??= Array.from({ length: row.count }, () => null);
    }
    row.hinted = null;
    if (row.histograms !== null) {
      row.histograms[place] = sample.kind === 'histogram' ? sample.histogram : null;
    }
    if (startMs !== 0) row.startTimesMs ??= new Float64Array(row.timesMs.length);
    if (row.startTimesMs !== null) row.startTimesMs[place] = startMs;
  }

  select(matchers: readonly Matcher[]): SeriesSelection {
    const all = this.#rows;
    const rows: number[] = [];
    for (let row = 0; row < all.length; row++) {
      if (matchesAll(all[row]!.labels, matchers)) rows.push(row);
    }
    return {
      version: this.#version,
      rows: Uint32Array.from(rows),
      labelsOf: (row) => all[row]!.labels,
      read: (row, minMs, maxMs, window) => readRow(all[row]!, minMs, maxMs, window),
    };
  }

  #rowFor(labels: Labels): Row {
    const known = this.#rowOf.get(labels.key);
    if (known !== undefined) return this.#rows[known]!;
    const row: Row = {
      labels,
      count: 0,
      timesMs: new Float64Array(16),
      values: new Float64Array(16),
      histograms: null,
      hinted: null,
      startTimesMs: null,
    };
    this.#rowOf.set(labels.key, this.#rows.length);
    this.#rows.push(row);
    this.#version++;
    return row;
  }
}

function insertGap(row: Row, place: number): void {
  const { count } = row;
  if (count === row.timesMs.length) {
    row.timesMs = doubled(row.timesMs);
    row.values = doubled(row.values);
    if (row.startTimesMs !== null) row.startTimesMs = doubled(row.startTimesMs);
  }
  if (place < count) {
    row.timesMs.copyWithin(place + 1, place, count);
    row.values.copyWithin(place + 1, place, count);
    row.startTimesMs?.copyWithin(place + 1, place, count);
    row.histograms?.splice(place, 0, null);
  } else {
    row.histograms?.push(null);
  }
  if (row.startTimesMs !== null) row.startTimesMs[place] = 0;
  row.count++;
}

function doubled(column: Float64Array): Float64Array<ArrayBuffer> {
  const grown = new Float64Array(column.length * 2);
  grown.set(column);
  return grown;
}

function readRow(row: Row, minMs: number, maxMs: number, window: SampleWindow): void {
  window.timesMs = row.timesMs;
  window.values = row.values;
  window.histograms = row.histograms === null ? null : (row.hinted ??= withHints(row.histograms));
  window.startTimesMs = row.startTimesMs;
  window.start = firstAtOrAfter(row, minMs);
  window.end = firstAtOrAfter(row, maxMs + 1);
}

/** The first sample that is not before `timeMs`; times are whole milliseconds. */
function firstAtOrAfter(row: Row, timeMs: number): number {
  let low = 0;
  let high = row.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (row.timesMs[middle]! < timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The histograms of a series with the counter reset hints that Prometheus's storage gives them: it compares each with the
 * one before it in the same chunk, and begins a chunk after a float, a stale marker and a reset. The first of a chunk is
 * always `unknown`, even after a reset (https://github.com/prometheus/prometheus/issues/15346).
 */
function withHints(histograms: readonly (FloatHistogram | null)[]): (FloatHistogram | null)[] {
  let previous: FloatHistogram | null = null;
  return histograms.map((histogram) => {
    if (histogram === null || histogram.counterResetHint === 'gauge') {
      previous = null;
      return histogram;
    }
    const before = previous;
    previous = histogram;
    const continues =
      before !== null &&
      before.schema === histogram.schema &&
      before.zeroThreshold === histogram.zeroThreshold &&
      !isCounterReset(before, { ...histogram, counterResetHint: 'unknown' });
    return { ...histogram, counterResetHint: continues ? 'not_reset' : 'unknown' };
  });
}
