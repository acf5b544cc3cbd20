import { Matcher } from '#libs/labels';
import type { SampleSlice } from '#libs/remote-write';
import { createSampleWindow, type SampleBatch } from '#libs/samples';
import type { TimeSeriesStore } from '#libs/tsdb';

/**
 * Keeps account of every sample: what was scraped may be in the store, what was acknowledged must be, nothing else can be.
 * Values are compared by their bits, stale markers included.
 */
export class SampleOracle {
  readonly #scraped = new Map<string, string>();
  readonly #acknowledged = new Set<string>();

  get acknowledgedCount(): number {
    return this.#acknowledged.size;
  }

  scraped(batch: SampleBatch): void {
    forEachSample(batch, 0, 0, batch.sampleCount, (key, bits) => this.#scraped.set(key, bits));
  }

  acknowledged(slices: readonly SampleSlice[]): void {
    for (const { batch, firstSeries, start, end } of slices) {
      forEachSample(batch, firstSeries, start, end, (key) => this.#acknowledged.add(key));
    }
  }

  /** Compares with what the store holds. @returns what is wrong, nothing where all is well */
  violations(store: TimeSeriesStore, nowMs: number): string[] {
    const found: string[] = [];
    const seen = new Set<string>();
    const selection = store.select([new Matcher('job', '=', 'shop')], 0, nowMs);
    const window = createSampleWindow();
    for (const row of selection.rows) {
      const series = selection.labelsOf(row);
      if (series.has('alertname')) continue;
      selection.read(row, 0, nowMs + 60_000, window);
      let lastMs = -Infinity;
      for (let i = window.start; i < window.end; i++) {
        const timeMs = window.timesMs[i]!;
        const key = `${timeMs} ${series.toString()}`;
        seen.add(key);
        if (timeMs <= lastMs) found.push(`out of order in the store: ${key}`);
        lastMs = timeMs;
        const scraped = this.#scraped.get(key);
        if (scraped === undefined) found.push(`never scraped: ${key}`);
        else if (scraped !== bitsAt(window.values, i)) found.push(`another value: ${key}`);
      }
    }
    for (const key of this.#acknowledged) {
      if (!seen.has(key)) found.push(`acknowledged and lost: ${key}`);
    }
    return found;
  }

  /** Scraped samples that were not acknowledged; none where nothing was dropped and all was sent. */
  get unacknowledged(): string[] {
    return [...this.#scraped.keys()].filter((key) => !this.#acknowledged.has(key));
  }
}

function forEachSample(
  batch: SampleBatch,
  firstSeries: number,
  start: number,
  end: number,
  visit: (key: string, bits: string) => void,
): void {
  let series = firstSeries;
  for (let i = start; i < end; i++) {
    while (i >= batch.firstSample[series + 1]!) series++;
    visit(`${batch.timesMs[i]!} ${batch.labels[series]!.toString()}`, bitsAt(batch.values, i));
  }
}

function bitsAt(values: Float64Array, index: number): string {
  const words = new Uint32Array(values.buffer, values.byteOffset + index * 8, 2);
  return `${words[0]!.toString(16)}:${words[1]!.toString(16)}`;
}
