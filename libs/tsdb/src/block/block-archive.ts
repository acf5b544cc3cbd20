import { BlockError, type BlockFiles } from '#libs/block-files';
import { compareUtf8, type Labels, Matcher } from '#libs/labels';
import type { Pace } from '#libs/pace';
import { Block, type BlockSeries, type ScannedSeries } from './block.ts';
import type { BlockContents, BlockSummary } from './block-format.ts';
import { BlockWriter } from './block-writer.ts';
import type { ChunkError } from '../xor-chunk.ts';
import { type FetchedSeries, fetchChunks } from './fetch-chunks.ts';
import { joinBlocks } from './join-blocks.ts';
import { type CompactionPlan, planCompaction } from './plan-compaction.ts';
import { PageCache } from './page-cache.ts';
import { type HiddenRanges, isCovered, type TimeRange } from '../tombstones.ts';

export interface BlockArchiveOptions {
  /** Pages kept in memory, in bytes. */
  readonly cacheBytes: number;
  /** Bytes of chunks that one selection may fetch. */
  readonly maxFetchBytes: number;
  /** Blocks are joined to such stretches of time, in milliseconds, ascending; each a multiple of the one before. */
  readonly compactionRangesMs: readonly number[];
}

const HOUR_MS = 3_600_000;

export const DEFAULT_ARCHIVE_OPTIONS: BlockArchiveOptions = {
  cacheBytes: 32 * 1_024 * 1_024,
  maxFetchBytes: 512 * 1_024 * 1_024,
  compactionRangesMs: [2 * HOUR_MS, 8 * HOUR_MS, 24 * HOUR_MS],
};

/** A query that asks for more than may be held in memory. */
export class FetchLimitError extends Error {
  override readonly name = 'FetchLimitError';
}

/** The archive is being closed; what was under way has been given up. */
export class ArchiveClosedError extends Error {
  override readonly name = 'ArchiveClosedError';
  constructor() {
    super('the store is being closed');
  }
}

/** What opening an archive found. */
export interface ArchiveReport {
  readonly blocks: number;
  readonly bytes: number;
  /** Blocks that could not be used, with the reason; they have been set aside. */
  readonly damaged: readonly { readonly name: string; readonly reason: string }[];
}

/** Numbers about an archive; the counters start at zero with the process. */
export interface ArchiveStatistics {
  readonly blocks: number;
  readonly bytes: number;
  readonly samples: number;
  readonly cacheBytes: number;
  readonly written: number;
  readonly compactions: number;
  readonly expired: number;
  readonly damaged: number;
}

interface OpenBlock {
  readonly block: Block;
  readers: number;
  isGone: boolean;
}

const BLOCK_NAME = /^(\d{8,15})\.block$/;

/** The name of the file of the block with that number. */
function blockFileName(sequence: number): string {
  return `${String(sequence).padStart(8, '0')}.block`;
}

function numberOf(name: string): number {
  return Number(BLOCK_NAME.exec(name)?.[1]);
}

/**
 * The blocks of a store: which there are, reading across them, joining small ones to larger ones, and dropping the oldest.
 * Blocks may overlap in time. At most one of `write`, `compact` and `retain` may run at a time; reading goes on meanwhile.
 */
export class BlockArchive {
  readonly #files: BlockFiles;
  readonly #pace: Pace;
  readonly #options: BlockArchiveOptions;
  readonly #cache: PageCache;
  /** Ascending by their oldest sample. */
  #blocks: OpenBlock[] = [];
  #nextSequence = 1;
  #isStopped = false;
  #written = 0;
  #compactions = 0;
  #expired = 0;
  #damaged = 0;
  /** Told of everything damaged that reading comes across. */
  onDamage: (block: string, error: Error) => void = () => {};
  /** Asked what is hidden in a block, of samples in a range; null for nothing. */
  hiddenIn: (number: number, range: TimeRange) => HiddenRanges | null = () => null;

  constructor(files: BlockFiles, pace: Pace, options: Partial<BlockArchiveOptions> = {}) {
    this.#files = files;
    this.#pace = {
      isDue: () => this.#isStopped || pace.isDue(),
      rest: () => (this.#isStopped ? Promise.reject(new ArchiveClosedError()) : pace.rest()),
    };
    this.#options = { ...DEFAULT_ARCHIVE_OPTIONS, ...options };
    this.#cache = new PageCache(this.#options.cacheBytes);
  }

  /** Opens every block there is. What is no sound block is set aside. @throws what the disk says when it cannot list them */
  async open(): Promise<ArchiveReport> {
    const damaged: { name: string; reason: string }[] = [];
    for (const { name } of await this.#files.list()) {
      const match = BLOCK_NAME.exec(name);
      if (match === null) continue;
      this.#nextSequence = Math.max(this.#nextSequence, Number(match[1]) + 1);
      const reason = await this.#openBlock(name);
      if (reason !== null) damaged.push({ name, reason });
    }
    await this.#dropReplaced();
    this.#damaged += damaged.length;
    return { blocks: this.#blocks.length, bytes: this.bytes, damaged };
  }

  /** Makes what runs end soon with {@link ArchiveClosedError}. */
  stop(): void {
    this.#isStopped = true;
  }

  async close(): Promise<void> {
    this.#isStopped = true;
    const blocks = this.#blocks;
    this.#blocks = [];
    for (const { block } of blocks) await block.close();
  }

  get blocks(): readonly BlockSummary[] {
    return this.#blocks.map(({ block }) => block);
  }

  /** The number of the block that is written next; all that there are have lower ones. */
  get nextNumber(): number {
    return this.#nextSequence;
  }

  get bytes(): number {
    return this.#blocks.reduce((sum, { block }) => sum + block.bytes, 0);
  }

  statistics(): ArchiveStatistics {
    return {
      blocks: this.#blocks.length,
      bytes: this.bytes,
      samples: this.#blocks.reduce((sum, { block }) => sum + block.contents.sampleCount, 0),
      cacheBytes: this.#cache.bytes,
      written: this.#written,
      compactions: this.#compactions,
      expired: this.#expired,
      damaged: this.#damaged,
    };
  }

  /** Names of the blocks that may hold a sample in the range, oldest first. */
  namesOf(minMs: number, maxMs: number): string[] {
    return this.#blocks
      .filter(({ block }) => block.overlaps(minMs, maxMs))
      .map(({ block }) => block.name);
  }

  /** Numbers of those blocks. */
  numbersOf({ minMs, maxMs }: TimeRange): number[] {
    return this.namesOf(minMs, maxMs).map(numberOf);
  }

  /** Whether any block may hold a sample in the range, both ends included. */
  overlaps(minMs: number, maxMs: number): boolean {
    return this.#blocks.some(({ block }) => block.overlaps(minMs, maxMs));
  }

  /**
   * Writes a block. When it resolves, the block is durable and is read.
   * @param fill adds the series, in order; a block without any is not kept
   * @throws what `fill` and the disk throw; nothing is left behind then
   */
  async write(
    options: { readonly level: number; readonly sources: readonly string[] },
    fill: (writer: BlockWriter) => Promise<void>,
  ): Promise<BlockContents | null> {
    const name = blockFileName(this.#nextSequence++);
    const sink = await this.#files.create(name);
    let contents: BlockContents;
    try {
      const writer = new BlockWriter(sink, options, this.#pace);
      await fill(writer);
      if (writer.seriesCount === 0) {
        await sink.abort();
        return null;
      }
      contents = await writer.finish();
    } catch (error) {
      // The first error is the one to tell; what is left of the file goes at the next start.
      await sink.abort().catch(() => undefined);
      throw error;
    }
    this.#written++;
    const reason = await this.#openBlock(name);
    if (reason !== null) throw new BlockError(`the block just written cannot be read: ${reason}`);
    return contents;
  }

  /**
   * Joins the blocks that a plan names, if there are any to be joined. @param completeMs no block will come for samples before
   * @returns whether there were
   */
  async compact(completeMs: number, retentionMs: number): Promise<boolean> {
    const ranges = this.#options.compactionRangesMs;
    const plan = planCompaction(this.blocks, ranges, completeMs, retentionMs);
    if (plan === null) return false;
    const sources = this.#blocks.filter(({ block }) => plan.names.includes(block.name));
    await this.#replace(sources, plan);
    this.#compactions++;
    return true;
  }

  /** Writes one block anew without what is hidden in it. @returns false when nothing is hidden in any */
  async rewriteHidden(): Promise<boolean> {
    const one = this.#blocks.find(({ block }) => this.#hiddenIn(block) !== null);
    if (one === undefined) return false;
    await this.#replace([one], { names: [one.block.name], level: one.block.contents.level });
    return true;
  }

  /** Writes a block in place of others. */
  async #replace(sources: readonly OpenBlock[], plan: CompactionPlan): Promise<void> {
    const damaged = new Set<string>();
    const joined = await this.#using(sources, () => this.#join(sources, plan, damaged));
    // What could not be copied is still in the old file, for whoever wants to look.
    for (const one of sources) {
      if (damaged.has(one.block.name)) await this.#files.setAside(one.block.name);
      if (joined === null) await this.#remove(one);
    }
    await this.#dropReplaced();
  }

  /** Drops blocks in which everything is older than `oldestMs`, and the oldest while all are larger than `maxBytes`. */
  async retain(oldestMs: number, maxBytes: number): Promise<void> {
    const blocks = this.#blocks;
    for (const one of blocks) {
      if (one.block.contents.maxMs < oldestMs || (this.bytes > maxBytes && this.#isOldest(one))) {
        await this.#remove(one);
        this.#expired++;
      }
    }
  }

  /**
   * The chunks of all series that fulfil the matchers and reach into the range.
   * @throws FetchLimitError @throws what the disk says
   */
  async fetch(
    matchers: readonly Matcher[],
    minMs: number,
    maxMs: number,
    signal?: AbortSignal,
  ): Promise<FetchedSeries[]> {
    const found = new Map<string, FetchedSeries>();
    let bytes = 0;
    await this.#each(minMs, maxMs, async (block) => {
      const wanted: BlockSeries[] = [];
      const hidden = this.#hiddenIn(block);
      for await (const series of block.select(matchers, minMs, maxMs)) {
        signal?.throwIfAborted();
        const chunks = shownChunks(series, hidden);
        for (const chunk of chunks) bytes += chunk.length;
        if (bytes > this.#options.maxFetchBytes) throw this.#tooMuch();
        if (chunks.length > 0) wanted.push({ ...series, chunks });
      }
      const onDamage = (error: BlockError | ChunkError): void =>
        this.#noticeDamage(block.name, error);
      await fetchChunks(block, wanted, found, this.#pace, onDamage, hidden, signal);
    });
    return [...found.values()];
  }

  /** The label sets that fulfil the matchers and may have samples in the range, each once, in no particular order. */
  async series(matchers: readonly Matcher[], minMs: number, maxMs: number): Promise<Labels[]> {
    const found = new Map<string, Labels>();
    await this.#each(minMs, maxMs, async (block) => {
      const hidden = this.#hiddenIn(block);
      for await (const series of block.select(matchers, minMs, maxMs)) {
        const isShown = shownChunks(series, hidden).length > 0;
        if (isShown) found.set(series.labels.key, series.labels);
      }
    });
    return [...found.values()];
  }

  /** Names of labels in the blocks that overlap the range. */
  async labelNames(minMs: number, maxMs: number): Promise<Set<string>> {
    const names = new Set<string>();
    await this.#each(minMs, maxMs, async (block) => {
      for (const name of block.labelNames()) names.add(name);
    });
    return names;
  }

  /** Values of one label in the blocks that overlap the range. */
  async labelValues(name: string, minMs: number, maxMs: number): Promise<Set<string>> {
    const values = new Set<string>();
    await this.#each(minMs, maxMs, async (block) => {
      for (const value of await block.labelValues(name)) values.add(value);
    });
    return values;
  }

  /** Every series of every block, as it is written; for checks. */
  async *scan(name: string): AsyncGenerator<ScannedSeries, void, undefined> {
    const one = this.#blocks.find(({ block }) => block.name === name);
    if (one === undefined) return;
    yield* one.block.scan((error) => this.#noticeDamage(name, error));
  }

  /** Reads every page of values and every posting of a block; what is damaged is told of. */
  async checkIndex(name: string): Promise<void> {
    const one = this.#blocks.find(({ block }) => block.name === name);
    if (one === undefined) return;
    for (const label of one.block.labelNames()) {
      const matchers = [new Matcher(label, '!=', '')];
      try {
        for await (const _ of one.block.select(matchers, Infinity, -Infinity));
      } catch (error) {
        if (!(error instanceof BlockError)) throw error;
        this.#noticeDamage(name, error);
      }
    }
  }

  /** Writes what is sound of a block to a new one and sets the old one aside. @returns how many samples that are */
  async repair(name: string): Promise<{ readonly kept: number }> {
    const sources = this.#blocks.filter(({ block }) => block.name === name);
    const [one] = sources;
    if (one === undefined) return { kept: 0 };
    const plan = { names: [name], level: one.block.contents.level };
    const joined = await this.#using(sources, () => this.#join(sources, plan, new Set()));
    await this.#files.setAside(name);
    await this.#remove(one);
    return { kept: joined?.sampleCount ?? 0 };
  }

  /** Runs something for each block that overlaps, oldest first. A damaged index costs what it was about, not the query. */
  async #each(minMs: number, maxMs: number, run: (block: Block) => Promise<void>): Promise<void> {
    const touched = this.#blocks.filter(({ block }) => block.overlaps(minMs, maxMs));
    await this.#using(touched, async () => {
      for (const { block } of touched) {
        try {
          await run(block);
        } catch (error) {
          if (!(error instanceof BlockError)) throw error;
          this.#noticeDamage(block.name, error);
        }
      }
    });
  }

  /** @returns null when nothing in the sources was sound */
  async #join(
    sources: readonly OpenBlock[],
    plan: CompactionPlan,
    damaged: Set<string>,
  ): Promise<BlockContents | null> {
    const blocks = sources.map(({ block }) => block);
    return this.write({ level: plan.level, sources: plan.names }, (writer) =>
      joinBlocks(
        blocks.map((block) => ({ block, hidden: this.#hiddenIn(block) })),
        writer,
        (found, error) => {
          for (const name of found) damaged.add(name);
          this.#noticeDamage(found.join(', '), error);
        },
      ),
    );
  }

  /** @returns why it could not be opened, or null */
  async #openBlock(name: string): Promise<string | null> {
    try {
      const handle = await this.#files.open(name);
      let block: Block;
      try {
        block = await Block.open(name, handle, this.#cache, this.#pace);
      } catch (error) {
        await handle.close();
        throw error;
      }
      this.#blocks.push({ block, readers: 0, isGone: false });
      this.#blocks.sort(
        (a, b) =>
          a.block.contents.minMs - b.block.contents.minMs ||
          compareUtf8(a.block.name, b.block.name),
      );
      return null;
    } catch (error) {
      // What the disk does not give may be there at the next start; only what is certainly no block is set aside.
      if (error instanceof BlockError) await this.#files.setAside(name).catch(() => undefined);
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** Removes the sources of blocks made by compaction, also those that a crash has left. */
  async #dropReplaced(): Promise<void> {
    const replaced = new Set(this.#blocks.flatMap(({ block }) => block.contents.sources));
    const blocks = this.#blocks;
    for (const one of blocks) if (replaced.has(one.block.name)) await this.#remove(one);
  }

  async #remove(one: OpenBlock): Promise<void> {
    this.#blocks = this.#blocks.filter((other) => other !== one);
    one.isGone = true;
    await this.#files.remove(one.block.name);
    if (one.readers === 0) await one.block.close();
  }

  /** Keeps blocks open while something reads them. */
  async #using<T>(blocks: readonly OpenBlock[], run: () => Promise<T>): Promise<T> {
    for (const one of blocks) one.readers++;
    try {
      return await run();
    } finally {
      for (const one of blocks) {
        if (--one.readers === 0 && one.isGone) await one.block.close();
      }
    }
  }

  #hiddenIn({ name, contents }: Block): HiddenRanges | null {
    return this.hiddenIn(numberOf(name), contents);
  }

  #isOldest(one: OpenBlock): boolean {
    return this.#blocks.every(({ block }) => block.contents.maxMs >= one.block.contents.maxMs);
  }

  #noticeDamage(block: string, error: Error): void {
    this.#damaged++;
    this.onDamage(block, error);
  }

  #tooMuch(): FetchLimitError {
    const mebibytes = Math.floor(this.#options.maxFetchBytes / 1_048_576);
    return new FetchLimitError(
      `the query needs more than ${mebibytes} MiB of chunks of one selector; ask for fewer series or a shorter time`,
    );
  }
}

/** Those of a series' chunks of which something is to be seen. */
function shownChunks(
  { labels, chunks }: BlockSeries,
  hidden: HiddenRanges | null,
): BlockSeries['chunks'] {
  const ranges = hidden?.(labels) ?? [];
  return ranges.length === 0 ? chunks : chunks.filter((chunk) => !isCovered(chunk, ranges));
}
