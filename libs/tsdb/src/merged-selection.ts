import type { Labels } from '#libs/labels';
import { createSampleWindow, type SampleWindow } from '#libs/samples';
import { SampleColumns } from './block/chunk-merge.ts';
import type { FetchedSeries } from './block/block-archive.ts';
import type { SampleReader } from './selection.ts';

/** Row of a series that is not in memory. */
const NO_ROW = -1;

interface MergedSeries {
  readonly labels: Labels;
  readonly fetched: FetchedSeries | null;
  readonly headRow: number;
}

/**
 * Series of blocks and of the head as one selection, for one query: its rows are numbered on their own and never change.
 * Where a sample is in both, the one of the block is given. It fits the query engine's `SeriesSelection`.
 */
export class MergedSelection {
  readonly version = 1;
  readonly rows: Uint32Array;
  readonly #series: MergedSeries[] = [];
  readonly #head: SampleReader;
  readonly #headWindow = createSampleWindow();
  readonly #columns = new WeakMap<SampleWindow, SampleColumns>();

  /** @param headRows rows of the head with their labels; those labels are used where a series is in both */
  constructor(
    fetched: readonly FetchedSeries[],
    headRows: Iterable<readonly [number, Labels]>,
    head: SampleReader,
  ) {
    this.#head = head;
    const byKey = new Map<string, FetchedSeries>();
    for (const series of fetched) byKey.set(series.labels.key, series);
    for (const [headRow, labels] of headRows) {
      this.#series.push({ labels, fetched: byKey.get(labels.key) ?? null, headRow });
      byKey.delete(labels.key);
    }
    for (const series of byKey.values()) {
      this.#series.push({ labels: series.labels, fetched: series, headRow: NO_ROW });
    }
    this.rows = Uint32Array.from(this.#series, (_, row) => row);
  }

  labelsOf(row: number): Labels {
    return this.#series[row]!.labels;
  }

  /** See `Selection.read`. */
  read(row: number, minMs: number, maxMs: number, window: SampleWindow): void {
    const { fetched, headRow } = this.#series[row]!;
    if (fetched === null) {
      this.#head.read(headRow, minMs, maxMs, window);
      return;
    }
    let columns = this.#columns.get(window);
    if (columns === undefined) this.#columns.set(window, (columns = new SampleColumns()));
    columns.clear();
    for (const chunk of fetched.chunks) {
      if (chunk.minMs <= maxMs && chunk.maxMs >= minMs) columns.addChunk(chunk);
    }
    if (headRow !== NO_ROW) {
      this.#head.read(headRow, minMs, maxMs, this.#headWindow);
      columns.addWindow(this.#headWindow);
    }
    columns.sort();
    window.startTimesMs = null;
    columns.show(minMs, maxMs, window);
  }
}
