import type { BlockCopy, BlockFiles } from '#libs/block-files';
import { compareUtf8, type Labels, type Matcher } from '#libs/labels';
import type { Pace } from '#libs/pace';
import type { Timer } from '#libs/record-log';
import { createSampleWindow } from '#libs/samples';
import { ArchiveClosedError, type ArchiveReport, BlockArchive } from './block/block-archive.ts';
import { encodeChunks, SampleColumns } from './block/chunk-merge.ts';
import type { BlockWriter } from './block/block-writer.ts';
import { MergedSelection, SelectionKeeper } from './merged-selection.ts';
import type { ReplayProgress, ReplayReport } from './replay-log.ts';
import type { Selection } from './selection.ts';
import { type Handover, readMarks, writeMarks } from './store-marks.ts';
import { type Tombstone, Tombstones, touchedBy } from './tombstones.ts';
import { type StoreUnavailableError, type TimeSeriesStore } from './time-series-store.ts';

const MINUTE_MS = 60_000;
const FETCH_WINDOW_MS = 120 * MINUTE_MS;
/** For dashboards, which ask the same again and again. */
const KEPT_SELECTION_BYTES = 96 * 1_024 * 1_024;

export interface TieredStoreOptions {
  /** A block holds so much time, aligned to its multiples. */
  readonly blockMs: number;
  /** A block is written so long after its time is over; samples that come later still go to a block of their own. */
  readonly graceMs: number;
  /** Samples stay in memory for so long, in a block or not: what rules look back for, an hour, needs no block then. */
  readonly memoryMs: number;
  /** Samples older than this are dropped. */
  readonly retentionMs: number;
  /** The oldest blocks go while all of them are larger; Infinity for no bound. */
  readonly maxBlockBytes: number;
}

export const DEFAULT_TIERED_OPTIONS: TieredStoreOptions = {
  blockMs: 30 * MINUTE_MS,
  graceMs: 10 * MINUTE_MS,
  memoryMs: 70 * MINUTE_MS,
  retentionMs: 15 * 24 * 60 * MINUTE_MS,
  maxBlockBytes: Infinity,
};

/** What opening found. */
export interface TieredReport {
  readonly log: ReplayReport;
  readonly blocks: ArchiveReport;
  /** Deletions that cannot be read any more: what they hid is seen again. */
  readonly lostTombstones: number;
}

/**
 * The embedded store as a whole: what is young is in memory and in the log ({@link TimeSeriesStore}), what is old in block
 * files ({@link BlockArchive}); a query sees both as one.
 *
 * {@link maintain} moves samples from the one to the other. A sample is taken out of memory and log only once the block it
 * is in is durable, so a crash at any point leaves it in at least one of the two.
 */
export class TieredStore {
  readonly #recent: TimeSeriesStore;
  readonly #archive: BlockArchive;
  readonly #files: BlockFiles;
  readonly #timer: Timer;
  readonly #pace: Pace;
  readonly #options: TieredStoreOptions;
  readonly #merged = new SelectionKeeper(KEPT_SELECTION_BYTES);
  #handovers: readonly Handover[] = [];
  readonly #tombstones = new Tombstones();
  /** From here on everything is in memory. */
  #inMemoryFromMs = -Infinity;
  /** What moves blocks or needs them to stay as they are; one at a time. */
  #maintaining: Promise<void> | null = null;
  /** The blocks of a copy being made. */
  #copied: BlockArchive | null = null;
  #isClosed = false;

  constructor(
    recent: TimeSeriesStore,
    archive: BlockArchive,
    files: BlockFiles,
    timer: Timer,
    pace: Pace,
    options: Partial<TieredStoreOptions> = {},
  ) {
    this.#recent = recent;
    this.#archive = archive;
    this.#files = files;
    this.#timer = timer;
    this.#pace = pace;
    this.#options = { ...DEFAULT_TIERED_OPTIONS, ...options };
    archive.hiddenIn = (number, range) => this.#tombstones.inBlock(number, range);
  }

  /**
   * Opens the blocks and reads the log back.
   * @throws what the disk throws when blocks or segments cannot even be listed
   * @throws StoreUnavailableError when the store is closed meanwhile
   */
  async open(onProgress: (progress: ReplayProgress) => void = () => {}): Promise<TieredReport> {
    const blocks = await this.#archive.open();
    const marks = readMarks(await this.#files.readMarks());
    this.#handovers = marks.handovers;
    this.#tombstones.replace(marks.tombstones);
    // A number below would say of new samples that they are in blocks, once the old segments are gone.
    const firstSequence = Math.max(1, ...this.#handovers.map(({ endSequence }) => endSequence));
    const log = await this.#recent.open(
      onProgress,
      (sequence) => this.#handedOverIn(sequence),
      firstSequence,
    );
    for (const stone of marks.tombstones) this.#recent.head.hide(stone.matchers, stone);
    // Marks may be lost; what is in a block has left the log, whatever they say.
    const inBlocksMs = this.#archive.blocks.map(({ contents }) => contents.maxMs + 1);
    this.#inMemoryFromMs = Math.max(this.#handedOverIn(0), ...inBlocksMs);
    return { log, blocks, lostTombstones: marks.lostTombstones };
  }

  /** Why samples cannot be taken at present, or null. */
  unavailability(): StoreUnavailableError | null {
    return this.#recent.unavailability();
  }

  /** From this time on a query needs no blocks. */
  get inMemoryFromMs(): number {
    return this.#inMemoryFromMs;
  }

  /** The series that fulfil all matchers. Fits the query engine's `SeriesSource`. */
  select(
    matchers: readonly Matcher[],
    minMs: number,
    maxMs: number,
    signal?: AbortSignal,
  ): Selection | MergedSelection | Promise<MergedSelection> {
    if (!this.#needsBlocks(minMs, maxMs)) return this.#recent.select(matchers, minMs, maxMs);
    const known = this.#merged.get(this.#mergedKey(matchers, minMs, maxMs));
    if (known !== null) return known;
    return this.#selectMerged(matchers, minMs, maxMs, signal);
  }

  /** Label sets that fulfil all matchers and may have samples in the range, in any order; `limit` of them are enough. */
  async series(
    matchers: readonly Matcher[],
    minMs: number,
    maxMs: number,
    limit = Infinity,
  ): Promise<readonly Labels[]> {
    const { head } = this.#recent;
    const recent = await head.lookups.seriesInTurns(matchers, minMs, maxMs, limit, this.#pace);
    if (recent.length >= limit || !this.#needsBlocks(minMs, maxMs)) return recent;
    return this.#seriesMerged(recent, matchers, minMs, maxMs);
  }

  /** Label names of those series, in byte order. Without matchers, blocks are taken as wholes. */
  labelNames(
    matchers: readonly Matcher[],
    minMs: number,
    maxMs: number,
  ): readonly string[] | Promise<readonly string[]> {
    const recent = this.#recent.labelNames(matchers, minMs, maxMs);
    if (!this.#needsBlocks(minMs, maxMs)) return recent;
    return this.#namesMerged(recent, matchers, minMs, maxMs);
  }

  /** Values of one label among those series, in byte order. Without matchers, blocks are taken as wholes. */
  labelValues(
    name: string,
    matchers: readonly Matcher[],
    minMs: number,
    maxMs: number,
  ): readonly string[] | Promise<readonly string[]> {
    const recent = this.#recent.labelValues(name, matchers, minMs, maxMs);
    if (!this.#needsBlocks(minMs, maxMs)) return recent;
    return this.#valuesMerged(recent, name, matchers, minMs, maxMs);
  }

  /**
   * Moves what is old enough to blocks, joins blocks, drops what is beyond the retention. To be called every minute or so;
   * while a call runs, another one waits for it.
   * @throws what the disk throws; nothing is lost then, and the next call tries again
   */
  maintain(): Promise<void> {
    this.#maintaining ??= this.#maintain().finally(() => {
      this.#maintaining = null;
    });
    return this.#maintaining;
  }

  /**
   * Makes a copy that another store can open: the blocks there are and, unless `skipsMemory`, blocks of what is in memory
   * only. Samples that come meanwhile may be in it or not.
   * @throws StoreUnavailableError before the store has opened and after it has closed
   * @throws ArchiveClosedError when the store is closed meanwhile
   * @throws what the disk throws; nothing is left of the copy then
   */
  copyTo(copy: BlockCopy, skipsMemory: boolean): Promise<void> {
    return this.#alone(() => this.#copyTo(copy, skipsMemory));
  }

  /**
   * Deletes the samples that there are in a range, of the series that fulfil all matchers. When it resolves they are not
   * seen any more, and that survives a power cut. Blocks keep them until they are joined, or until {@link clean}. A sample
   * that comes later for a time in the range may stay hidden.
   * @throws StoreUnavailableError before the store has opened and after it has closed
   * @throws TombstoneLimitError @throws what the disk throws; nothing is deleted then
   */
  deleteSamples(matchers: readonly Matcher[], minMs: number, maxMs: number): Promise<void> {
    return this.#alone(async () => {
      if (!this.#recent.isOpen) throw this.#recent.notOpen();
      const { head } = this.#recent;
      const youngestMs = this.#archive.blocks.map(({ contents }) => contents.maxMs);
      const stone: Tombstone = {
        matchers,
        minMs: Math.max(minMs, -Number.MAX_SAFE_INTEGER),
        maxMs: Math.min(maxMs, Math.max(head.maxTimeMs, ...youngestMs)),
        beforeBlock: this.#archive.nextNumber,
      };
      if (stone.maxMs < stone.minMs) return;
      await this.#bury(this.#tombstones.with(stone));
      head.hide(matchers, stone);
    });
  }

  /**
   * Writes the blocks with deleted samples anew, one after the other, without them. What is deleted of memory and log is
   * never written to a block.
   * @throws ArchiveClosedError when the store is closed meanwhile
   * @throws what the disk throws; a later call goes on
   */
  async clean(): Promise<void> {
    let isLeft = true;
    while (isLeft) {
      isLeft = await this.#alone(async () => {
        if (!this.#recent.isOpen) throw this.#recent.notOpen();
        const wasLeft = await this.#archive.rewriteHidden();
        await this.#forgetTombstones();
        return wasLeft;
      });
    }
  }

  /** Deletions that something is still kept of. */
  get tombstones(): readonly Tombstone[] {
    return this.#tombstones.all;
  }

  /** Waits for what runs, then closes. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#archive.stop();
    this.#copied?.stop();
    // Whoever called it is told of its failure.
    await this.#maintaining?.catch(() => undefined);
    await this.#recent.close();
    await this.#archive.close();
  }

  /** Runs something that needs blocks to stay as they are, once nothing else does. Its failure is its caller's alone. */
  async #alone<T>(run: () => Promise<T>): Promise<T> {
    while (this.#maintaining !== null) await this.#maintaining.catch(() => undefined);
    const running = run();
    const settled = (): void => {
      this.#maintaining = null;
    };
    this.#maintaining = running.then(settled, settled);
    return running;
  }

  async #maintain(): Promise<void> {
    if (!this.#recent.isOpen) return;
    const { memoryMs, retentionMs, maxBlockBytes } = this.#options;
    const { head } = this.#recent;
    // First, since what follows needs room on the disk.
    await this.#archive.retain(this.#timer.nowMs() - retentionMs, maxBlockBytes);
    const beforeMs = this.#dueBeforeMs();
    if (head.oldestNewMs < beforeMs) await this.#handOver(beforeMs);
    await this.#forget(this.#timer.nowMs() - memoryMs);
    const completeMs = this.#handedOverIn(0);
    while (!this.#isClosed && (await this.#archive.compact(completeMs, retentionMs)));
    await this.#forgetTombstones();
  }

  /**
   * Samples from before this time are to be in blocks by now. It follows the samples, since a clock may run ahead of them;
   * where none come any more, it goes beyond the youngest.
   */
  #dueBeforeMs(): number {
    const { blockMs, graceMs } = this.#options;
    const youngestMs = this.#recent.head.maxTimeMs;
    const nowMs = this.#timer.nowMs();
    const isQuiet = nowMs > youngestMs + blockMs + graceMs;
    const dueMs = Math.floor((Math.min(nowMs, youngestMs) - graceMs) / blockMs) * blockMs;
    return isQuiet ? (Math.floor(youngestMs / blockMs) + 1) * blockMs : dueMs;
  }

  /** Writes blocks of everything before a time that is in none, then forgets it. */
  async #handOver(beforeMs: number): Promise<void> {
    const { head } = this.#recent;
    const endSequence = await this.#recent.beginHandover(beforeMs);
    try {
      await this.#writeBlocks(this.#archive, beforeMs);
      await this.#mark({ beforeMs, endSequence });
      head.handedOn(beforeMs);
    } finally {
      this.#recent.endHandover();
    }
    await this.#recent.dropLogged(beforeMs, endSequence);
  }

  /** Drops samples from memory that are from before a time and in blocks. */
  async #forget(beforeMs: number): Promise<void> {
    const { head } = this.#recent;
    const cutoffMs = Math.min(beforeMs, head.oldestNewMs);
    // What is younger than all that has come so far cannot have been dropped, wherever a clock has been.
    const completeMs = Math.min(cutoffMs, head.maxTimeMs + 1);
    if (completeMs > this.#inMemoryFromMs) this.#inMemoryFromMs = completeMs;
    await this.#recent.dropBefore(cutoffMs, this.#pace);
    this.#merged.keepOnly(this.#archive.namesOf(-Infinity, Infinity));
  }

  async #copyTo(copy: BlockCopy, skipsMemory: boolean): Promise<void> {
    try {
      if (!this.#recent.isOpen) throw this.#recent.notOpen();
      for (const { name } of this.#archive.blocks) {
        await copy.take(name);
        if (this.#isClosed) throw new ArchiveClosedError();
      }
      if (!skipsMemory) {
        this.#copied = new BlockArchive(copy.files, this.#pace);
        await this.#copied.open();
        await this.#writeBlocks(this.#copied, this.#recent.head.maxTimeMs + 1);
      }
      const tombstones = this.#tombstones.all;
      if (tombstones.length > 0) await copy.files.writeMarks(writeMarks([], tombstones));
      await copy.commit();
    } catch (error) {
      // The first error is the one to tell; what is left goes at the next start.
      await copy.abort().catch(() => undefined);
      throw error;
    } finally {
      await this.#copied?.close();
      this.#copied = null;
    }
  }

  /** Writes blocks of everything before a time that is in none. */
  async #writeBlocks(archive: BlockArchive, beforeMs: number): Promise<void> {
    const { blockMs } = this.#options;
    const { head } = this.#recent;
    const first = Math.floor(head.oldestNewMs / blockMs) * blockMs;
    for (let fromMs = first; fromMs < beforeMs; fromMs += blockMs) {
      const maxMs = Math.min(fromMs + blockMs, beforeMs) - 1;
      const rows = await head.rowsToHandOn(fromMs, maxMs, this.#pace);
      if (rows.length > 0) await this.#writeBlock(archive, rows, fromMs, maxMs);
      if (this.#pace.isDue()) await this.#pace.rest();
    }
  }

  async #writeBlock(
    archive: BlockArchive,
    rows: number[],
    minMs: number,
    maxMs: number,
  ): Promise<void> {
    const { head } = this.#recent;
    await head.sortRows(rows, this.#pace);
    const window = createSampleWindow();
    const columns = new SampleColumns();
    await archive.write({ level: 0, sources: [] }, async (writer: BlockWriter) => {
      for (const row of rows) {
        head.read(row, minMs, maxMs, window);
        if (window.start === window.end) continue;
        columns.clear();
        columns.addWindow(window);
        await writer.addSeries(head.labelsOf(row), encodeChunks(columns));
      }
    });
  }

  /** Writes down that a handover is done, so that a start does not read its samples from the log again. */
  async #mark(handover: Handover): Promise<void> {
    // One that reached no further and covers fewer segments says nothing any more.
    const kept = this.#handovers.filter(({ beforeMs }) => beforeMs > handover.beforeMs);
    const handovers = [...kept, handover];
    await this.#files.writeMarks(writeMarks(handovers, this.#tombstones.all));
    this.#handovers = handovers;
  }

  async #bury(tombstones: readonly Tombstone[]): Promise<void> {
    await this.#files.writeMarks(writeMarks(this.#handovers, tombstones));
    this.#tombstones.replace(tombstones);
  }

  /** Forgets deletions of which nothing is left: not in a block, and what the log has of that time is not read again. */
  async #forgetTombstones(): Promise<void> {
    const youngestMs = Math.min(this.#handedOverIn(0), this.#recent.head.oldestNewMs);
    const inBlock = (stone: Tombstone): boolean =>
      this.#archive.numbersOf(touchedBy(stone)).some((one) => one < stone.beforeBlock);
    const all = this.#tombstones.all;
    const left = all.filter((stone) => stone.maxMs >= youngestMs || inBlock(stone));
    if (left.length < all.length) await this.#bury(left);
  }

  /** Before this time, samples of that segment are in blocks. */
  #handedOverIn(sequence: number): number {
    let beforeMs = -Infinity;
    for (const handover of this.#handovers) {
      if (sequence < handover.endSequence) beforeMs = Math.max(beforeMs, handover.beforeMs);
    }
    return beforeMs;
  }

  #needsBlocks(minMs: number, maxMs: number): boolean {
    return minMs < this.#inMemoryFromMs && this.#archive.overlaps(minMs, maxMs);
  }

  async #selectMerged(
    matchers: readonly Matcher[],
    minMs: number,
    maxMs: number,
    signal: AbortSignal | undefined,
  ): Promise<MergedSelection> {
    const { head } = this.#recent;
    const headFromMs = head.handedOnMs;
    const key = this.#mergedKey(matchers, minMs, maxMs);
    const fetched = await this.#archive.fetch(
      matchers,
      windowStart(minMs),
      windowEnd(maxMs),
      signal,
    );
    const recent = head.select(matchers);
    const headRows: [number, Labels][] = [];
    for (const row of recent.rows) headRows.push([row, recent.labelsOf(row)]);
    const selection = new MergedSelection(fetched, headRows, head, headFromMs);
    if (key === this.#mergedKey(matchers, minMs, maxMs)) this.#merged.put(key, selection);
    return selection;
  }

  /** Selections with one key hold the same: the same blocks, and the same series in memory. */
  #mergedKey(matchers: readonly Matcher[], minMs: number, maxMs: number): string {
    const head = this.#recent.head.select(matchers);
    const [fromMs, toMs] = [windowStart(minMs), windowEnd(maxMs)];
    const names = this.#archive.namesOf(fromMs, toMs);
    const conditions = matchers.map(({ key }) => `${key.length}:${key}`);
    const { version } = this.#tombstones;
    return `${names.join(',')} ${fromMs} ${toMs} ${head.version} ${version} ${conditions.join('')}`;
  }

  async #seriesMerged(
    recent: readonly Labels[],
    matchers: readonly Matcher[],
    minMs: number,
    maxMs: number,
  ): Promise<readonly Labels[]> {
    const found = new Map<string, Labels>();
    for (const labels of recent) found.set(labels.key, labels);
    for (const labels of await this.#archive.series(matchers, minMs, maxMs)) {
      if (!found.has(labels.key)) found.set(labels.key, labels);
    }
    return [...found.values()];
  }

  async #namesMerged(
    recent: readonly string[],
    matchers: readonly Matcher[],
    minMs: number,
    maxMs: number,
  ): Promise<readonly string[]> {
    const names = new Set(recent);
    if (matchers.length === 0) {
      for (const name of await this.#archive.labelNames(minMs, maxMs)) names.add(name);
    } else {
      for (const labels of await this.#archive.series(matchers, minMs, maxMs)) {
        for (const [name] of labels) names.add(name);
      }
    }
    return [...names].toSorted(compareUtf8);
  }

  async #valuesMerged(
    recent: readonly string[],
    name: string,
    matchers: readonly Matcher[],
    minMs: number,
    maxMs: number,
  ): Promise<readonly string[]> {
    const values = new Set(recent);
    if (matchers.length === 0) {
      for (const value of await this.#archive.labelValues(name, minMs, maxMs)) values.add(value);
    } else {
      for (const labels of await this.#archive.series(matchers, minMs, maxMs)) {
        const value = labels.get(name);
        if (value !== '') values.add(value);
      }
    }
    return [...values].toSorted(compareUtf8);
  }
}

/** What is fetched covers whole windows, so that it also serves a range that is a little later. */
function windowStart(minMs: number): number {
  return Math.floor(minMs / FETCH_WINDOW_MS) * FETCH_WINDOW_MS;
}

function windowEnd(maxMs: number): number {
  return (Math.floor(maxMs / FETCH_WINDOW_MS) + 1) * FETCH_WINDOW_MS - 1;
}
