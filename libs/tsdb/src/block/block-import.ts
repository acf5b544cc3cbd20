import type { Labels } from '#libs/labels';
import { type Pace, sortInTurns } from '#libs/pace';
import { createSampleWindow } from '#libs/samples';
import type { RejectReason } from '../append-result.ts';
import type { HeadOptions } from '../head-options.ts';
import { labelProblem } from '../label-limits.ts';
import type { BlockArchive } from './block-archive.ts';
import { compareLabels } from './block-writer.ts';
import { encodeChunks, SampleColumns } from './chunk-merge.ts';

const DAY_MS = 24 * 3_600_000;
/** Beyond, times are not exact any more; the head has the same bound. */
const MAX_TIME_MS = 2 ** 52;
/** Blocks are joined while samples are still coming, so that there are never too many files. */
const RETENTION_MS = Infinity;

export interface BlockImportOptions {
  /** A block holds so much time, aligned to its multiples. */
  readonly blockMs: number;
  /** So many samples are collected before they are written. */
  readonly maxSamples: number;
  /** So many series are collected before they are written. */
  readonly maxSeries: number;
  /** Younger samples are not taken. */
  readonly maxTimeMs: number;
}

export const DEFAULT_IMPORT_OPTIONS: Omit<BlockImportOptions, 'maxTimeMs'> = {
  blockMs: DAY_MS,
  maxSamples: 2_000_000,
  maxSeries: 200_000,
};

/** What an import has come to; counters only grow. */
export interface BlockImportCounts {
  readonly written: number;
  /** Samples whose series has another one at the same time, in what was collected together. */
  readonly repeated: number;
  readonly blocks: number;
  readonly oldestMs: number;
  readonly youngestMs: number;
}

/**
 * Puts old samples, which come in any order, into blocks of an archive that nothing else writes to: collects a bounded
 * number of them, writes these as blocks of a day each, and joins the blocks of a day. A sample that is there already,
 * in a block or in the log, is read once.
 */
export class BlockImport {
  readonly #archive: BlockArchive;
  readonly #pace: Pace;
  readonly #options: BlockImportOptions;
  readonly #limits: HeadOptions;
  #series = new Map<string, number>();
  #labels: Labels[] = [];
  readonly #seriesOf: Uint32Array;
  readonly #timesMs: Float64Array;
  readonly #values: Float64Array;
  #length = 0;
  #written = 0;
  #repeated = 0;
  #blocks = 0;
  #oldestMs = Infinity;
  #youngestMs = -Infinity;

  constructor(archive: BlockArchive, pace: Pace, options: BlockImportOptions, limits: HeadOptions) {
    this.#archive = archive;
    this.#pace = pace;
    this.#options = options;
    this.#limits = limits;
    this.#seriesOf = new Uint32Array(options.maxSamples);
    this.#timesMs = new Float64Array(options.maxSamples);
    this.#values = new Float64Array(options.maxSamples);
  }

  get counts(): BlockImportCounts {
    return {
      written: this.#written,
      repeated: this.#repeated,
      blocks: this.#blocks,
      oldestMs: this.#oldestMs,
      youngestMs: this.#youngestMs,
    };
  }

  /** Whether `flush` is to be called before more is added. */
  get isFull(): boolean {
    return (
      this.#length >= this.#options.maxSamples || this.#labels.length >= this.#options.maxSeries
    );
  }

  /**
   * Adds the sample `values[index]`, whose bits stay as they are.
   * @returns why it is not taken, or null
   */
  add(labels: Labels, timeMs: number, values: Float64Array, index: number): RejectReason | null {
    if (!(Math.abs(timeMs) < MAX_TIME_MS) || timeMs !== Math.floor(timeMs)) return 'invalid_time';
    if (timeMs > this.#options.maxTimeMs) return 'too_far_in_future';
    let series = this.#series.get(labels.key);
    if (series === undefined) {
      const problem = labelProblem(labels, this.#limits);
      if (problem !== null) return problem;
      series = this.#labels.length;
      this.#series.set(labels.key, series);
      this.#labels.push(labels);
    }
    const at = this.#length++;
    this.#seriesOf[at] = series;
    this.#timesMs[at] = timeMs;
    this.#values.set(values.subarray(index, index + 1), at);
    if (timeMs < this.#oldestMs) this.#oldestMs = timeMs;
    if (timeMs > this.#youngestMs) this.#youngestMs = timeMs;
    return null;
  }

  /**
   * Writes what was collected. When it resolves, that is durable.
   * @throws what the disk throws; the import is to be done again then, which repeats nothing
   */
  async flush(): Promise<void> {
    if (this.#length > 0) await this.#write();
    this.#series = new Map();
    this.#labels = [];
    this.#length = 0;
    while (await this.#archive.compact(Infinity, RETENTION_MS));
  }

  async #write(): Promise<void> {
    const { blockMs } = this.#options;
    const order = this.#labels.map((_, series) => series);
    await sortInTurns(
      order,
      (a, b) => compareLabels(this.#labels[a]!, this.#labels[b]!),
      this.#pace,
    );
    const runs = this.#runs();
    const sorted = await this.#sortRuns(runs);
    const firstWindow = Math.floor(sorted.oldestMs / blockMs);
    const lastWindow = Math.floor(sorted.youngestMs / blockMs);
    const cursors = Float64Array.from(runs.starts);
    const window = createSampleWindow();
    window.timesMs = runs.timesMs;
    window.values = runs.values;
    const columns = new SampleColumns();
    for (let day = firstWindow; day <= lastWindow;) {
      const endMs = (day + 1) * blockMs;
      let nextMs = Infinity;
      await this.#archive.write({ level: 0, sources: [] }, async (writer) => {
        for (const series of order) {
          const end = sorted.ends[series]!;
          let at = cursors[series]!;
          window.start = at;
          while (at < end && runs.timesMs[at]! < endMs) at++;
          window.end = at;
          cursors[series] = at;
          if (at < end && runs.timesMs[at]! < nextMs) nextMs = runs.timesMs[at]!;
          if (window.start === at) continue;
          columns.clear();
          columns.addWindow(window);
          this.#written += at - window.start;
          await writer.addSeries(this.#labels[series]!, encodeChunks(columns));
        }
      });
      this.#blocks++;
      // Days without any sample are passed over.
      day = Math.floor(nextMs / blockMs);
    }
  }

  /** The samples of each series together, in the order they came. */
  #runs(): {
    readonly starts: Uint32Array;
    readonly timesMs: Float64Array;
    readonly values: Float64Array;
  } {
    const starts = new Uint32Array(this.#labels.length + 1);
    for (let i = 0; i < this.#length; i++) starts[this.#seriesOf[i]! + 1]!++;
    for (let series = 1; series < starts.length; series++) starts[series]! += starts[series - 1]!;
    const next = starts.slice();
    const timesMs = new Float64Array(this.#length);
    const values = new Float64Array(this.#length);
    const from = new BigUint64Array(this.#values.buffer);
    const to = new BigUint64Array(values.buffer);
    for (let i = 0; i < this.#length; i++) {
      const at = next[this.#seriesOf[i]!]!++;
      timesMs[at] = this.#timesMs[i]!;
      to[at] = from[i]!;
    }
    return { starts, timesMs, values };
  }

  /** Puts each run in order of time, in place; of several samples at one time the first stays. */
  async #sortRuns(runs: {
    readonly starts: Uint32Array;
    readonly timesMs: Float64Array;
    readonly values: Float64Array;
  }): Promise<{
    readonly ends: Uint32Array;
    readonly oldestMs: number;
    readonly youngestMs: number;
  }> {
    const { starts, timesMs, values } = runs;
    const ends = new Uint32Array(this.#labels.length);
    let oldestMs = Infinity;
    let youngestMs = -Infinity;
    for (let series = 0; series < ends.length; series++) {
      const start = starts[series]!;
      const end = starts[series + 1]!;
      ends[series] = isAscending(timesMs, start, end) ? end : sortRun(timesMs, values, start, end);
      this.#repeated += end - ends[series]!;
      oldestMs = Math.min(oldestMs, timesMs[start]!);
      youngestMs = Math.max(youngestMs, timesMs[ends[series]! - 1]!);
      if (this.#pace.isDue()) await this.#pace.rest();
    }
    return { ends, oldestMs, youngestMs };
  }
}

function isAscending(timesMs: Float64Array, start: number, end: number): boolean {
  for (let i = start + 1; i < end; i++) if (timesMs[i]! <= timesMs[i - 1]!) return false;
  return true;
}

/** @returns where the run ends once only the first of several samples at one time is left */
function sortRun(timesMs: Float64Array, values: Float64Array, start: number, end: number): number {
  const times = timesMs.slice(start, end);
  const words = new BigUint64Array(values.buffer);
  const valueWords = words.slice(start, end);
  const order = Uint32Array.from(times, (_, i) => i).toSorted(
    (a, b) => times[a]! - times[b]! || a - b,
  );
  let at = start;
  for (const i of order) {
    if (at > start && timesMs[at - 1] === times[i]) continue;
    timesMs[at] = times[i]!;
    words[at++] = valueWords[i]!;
  }
  return at;
}
