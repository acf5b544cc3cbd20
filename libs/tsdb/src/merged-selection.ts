import type { Labels } from '#libs/labels';
import { createSampleWindow, type SampleWindow } from '#libs/samples';
import { SampleColumns } from './block/chunk-merge.ts';
import type { FetchedSeries } from './block/fetch-chunks.ts';
import type { SampleReader } from './selection.ts';

/** What is needed of the head. */
interface HeadReader extends SampleReader {
  isLate(row: number): boolean;
}

/** Row of a series that is not in memory. */
const NO_ROW = -1;
const BYTES_PER_SERIES = 600;
const BYTES_PER_CHUNK = 150;

interface MergedSeries {
  readonly labels: Labels;
  readonly fetched: FetchedSeries | null;
  readonly headRow: number;
}

/**
 * Series of blocks and of the head as one selection, as they were when it was made: its rows are numbered on their own and
 * never change.
 * Where a sample is in both, the one of the block is given. It fits the query engine's `SeriesSelection`.
 */
export class MergedSelection {
  readonly version = 1;
  readonly rows: Uint32Array;
  readonly #series: MergedSeries[] = [];
  readonly #head: HeadReader;
  readonly #headFromMs: number;
  readonly #headWindow = createSampleWindow();
  readonly #columns = new WeakMap<SampleWindow, SampleColumns>();

  /**
   * @param headRows rows of the head with their labels; those labels are used where a series is in both
   * @param headFromMs what is older is among `fetched`, but for late rows
   */
  constructor(
    fetched: readonly FetchedSeries[],
    headRows: Iterable<readonly [number, Labels]>,
    head: HeadReader,
    headFromMs: number,
  ) {
    this.#head = head;
    this.#headFromMs = headFromMs;
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

  /** About how much memory it holds. */
  get bytes(): number {
    let bytes = this.#series.length * BYTES_PER_SERIES;
    for (const { fetched } of this.#series) {
      for (const chunk of fetched?.chunks ?? []) bytes += chunk.end - chunk.start + BYTES_PER_CHUNK;
    }
    return bytes;
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
      const fromMs = this.#head.isLate(headRow) ? minMs : Math.max(minMs, this.#headFromMs);
      this.#head.read(headRow, fromMs, maxMs, this.#headWindow);
      columns.addWindow(this.#headWindow);
    }
    columns.sort();
    columns.show(minMs, maxMs, window);
  }
}

/** The selections asked for last, bounded in bytes. */
export class SelectionKeeper {
  readonly #maxBytes: number;
  /** Oldest first. */
  readonly #kept = new Map<
    string,
    { readonly selection: MergedSelection; readonly bytes: number }
  >();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get(key: string): MergedSelection | null {
    const known = this.#kept.get(key);
    if (known === undefined) return null;
    this.#kept.delete(key);
    this.#kept.set(key, known);
    return known.selection;
  }

  put(key: string, selection: MergedSelection): void {
    this.#drop(key);
    const { bytes } = selection;
    if (bytes > this.#maxBytes / 2) return;
    this.#kept.set(key, { selection, bytes });
    this.#bytes += bytes;
    while (this.#bytes > this.#maxBytes) this.#drop(this.#kept.keys().next().value!);
  }

  /** Lets go of selections of which a block is not among `names` any more. */
  keepOnly(names: readonly string[]): void {
    const alive = new Set(names);
    for (const key of this.#kept.keys()) {
      const blocks = key.slice(0, key.indexOf(' ')).split(',');
      if (!blocks.every((name) => alive.has(name))) this.#drop(key);
    }
  }

  #drop(key: string): void {
    const known = this.#kept.get(key);
    if (known === undefined) return;
    this.#kept.delete(key);
    this.#bytes -= known.bytes;
  }
}
