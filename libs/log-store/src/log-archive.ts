import { BlockError, type BlockFiles } from '#libs/block-files';
import type { Pace } from '#libs/pace';
import type { ChunkRef, ChunkVisitor } from './chunk-ref.ts';
import { BlockJoinError, chooseJoin, joinBlocks, type JoinLimits } from './block-join.ts';
import { LogBlockWriter } from './log-block-writer.ts';
import { LogBlock, type BlockReading } from './log-block.ts';
import { toMs } from './nanos.ts';
import type { NeedleFilterBuilder } from './needle-filter.ts';
import type { TimeRange } from './overlaps.ts';
import type { SealedChunk } from './sealed-chunk.ts';
import type { StreamRegistry } from './stream-registry.ts';

/** What opening found. */
export interface LogArchiveReport {
  readonly blocks: number;
  readonly bytes: number;
  /** Blocks that were set aside, and why. */
  readonly damaged: readonly { readonly name: string; readonly reason: string }[];
}

/** Numbers about an archive; the counters start at zero with the process. */
export interface LogArchiveStatistics {
  readonly blocks: number;
  readonly bytes: number;
  readonly chunks: number;
  readonly lines: number;
  /** Bytes of its lines before they were compressed. */
  readonly lineBytes: number;
  readonly written: number;
  readonly expiredBlocks: number;
  readonly expiredLines: number;
  /** Blocks that were joined to larger ones. */
  readonly joined: number;
  readonly failedJoins: number;
  /** Blocks set aside, and damaged parts that reading came across. */
  readonly damaged: number;
}

/** More segments than come between two starts: each of them has megabytes. */
const SEGMENTS_TO_SKIP = 1_000_000;
/** Filters of blocks read last take no more. */
const FILTER_CACHE_BYTES = 32 * 1_024 * 1_024;
const BLOCK_NAME = /^(\d{8,15})\.block$/;

function numberOf(name: string): number | null {
  const match = BLOCK_NAME.exec(name);
  return match === null ? null : Number(match[1]);
}

/** The blocks of a log store: lines that are no longer in memory. */
export class LogArchive {
  /** Told of what is damaged and left out. */
  onDamage: (block: string, error: unknown) => void = () => {};
  readonly #files: BlockFiles;
  readonly #registry: StreamRegistry;
  readonly #pace: Pace;
  readonly #reading: BlockReading;
  #blocks: LogBlock[] = [];
  readonly #filters = new Map<LogBlock, Buffer>();
  #filterBytes = 0;
  #nextNumber = 1;
  #written = 0;
  #expiredBlocks = 0;
  #expiredLines = 0;
  #joined = 0;
  #failedJoins = 0;
  /** Blocks that cannot be read whole, and so stay as they are. */
  readonly #unjoinable = new WeakSet<LogBlock>();
  #damaged = 0;
  #hasUnreadable = false;

  constructor(files: BlockFiles, registry: StreamRegistry, pace: Pace) {
    this.#files = files;
    this.#registry = registry;
    this.#pace = pace;
    this.#reading = {
      onDamage: (block, error) => {
        this.#damaged++;
        this.onDamage(block, error);
      },
      filters: (block, read) => this.#filtersOf(block, read),
    };
  }

  /** Opens the blocks there are; a damaged one is set aside. @throws what listing them throws */
  async open(isStopped: () => boolean): Promise<LogArchiveReport> {
    const damaged: { name: string; reason: string }[] = [];
    for (const { name } of await this.#files.list()) {
      if (isStopped()) break;
      const number = numberOf(name);
      if (number === null) continue;
      this.#nextNumber = Math.max(this.#nextNumber, number + 1);
      try {
        this.#blocks.push(await LogBlock.open(name, this.#files, this.#registry, this.#reading));
      } catch (error) {
        this.#damaged++;
        damaged.push({ name, reason: error instanceof Error ? error.message : String(error) });
        // A disk that cannot be read now may be read at the next start.
        if (error instanceof BlockError) await this.#files.setAside(name).catch(() => undefined);
        else this.#hasUnreadable = true;
      }
      await this.#rest();
    }
    await this.#dropReplaced();
    return { blocks: this.#blocks.length, bytes: this.bytes, damaged };
  }

  get bytes(): number {
    return this.#blocks.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Segments of the log below this number are not needed. */
  get firstSegment(): number {
    return this.#blocks.reduce((most, block) => Math.max(most, block.firstSegment), 1);
  }

  /**
   * Segments to come have this number or a higher one. A block that could not be read now says at another start which
   * segments it stands for; none that is written meanwhile may be among them.
   */
  get nextSegment(): number {
    return this.firstSegment + (this.#hasUnreadable ? SEGMENTS_TO_SKIP : 0);
  }

  /**
   * Writes chunks to a block; when this resolves, they survive a power cut, and {@link chunks} has them.
   * @param onWritten runs at the moment from which on they are read from the block
   */
  async write(
    chunks: readonly SealedChunk[],
    firstSegment: number,
    filters: NeedleFilterBuilder,
    onWritten: () => void,
  ): Promise<void> {
    const sorted = chunks.toSorted((a, b) => a.streamId - b.streamId);
    const block = await this.#write(firstSegment, [], async (writer) => {
      for (const chunk of sorted) {
        const { encoded } = this.#registry.stream(chunk.streamId);
        await writer.add(chunk.streamId, encoded, chunk, await chunk.pack(filters));
        await this.#rest();
      }
    });
    this.#blocks.push(block);
    this.#written++;
    onWritten();
  }

  /**
   * Joins some neighbouring blocks to one, where that is worth it, with their chunks.
   * @param pause awaited between chunks; it throws to stop
   * @returns whether it did
   */
  async join(
    limits: JoinLimits,
    chunkBytes: number,
    filters: NeedleFilterBuilder,
    pause: () => Promise<void>,
  ): Promise<boolean> {
    const candidates = this.#blocks.filter((block) => !this.#unjoinable.has(block));
    const chosen = chooseJoin(
      candidates.toSorted((a, b) => a.maxMs - b.maxMs),
      limits,
    );
    if (chosen === null) return false;
    for (const block of chosen) block.beginReading();
    try {
      const firstSegment = chosen.reduce((most, block) => Math.max(most, block.firstSegment), 1);
      // With those that they were joined of themselves: one that could not be removed may still be there.
      const numbers = chosen.flatMap(({ name, replaces }) => [numberOf(name)!, ...replaces]);
      const joined = await this.#write(firstSegment, numbers, (writer) =>
        joinBlocks(chosen, {
          writer,
          filters,
          chunkBytes,
          encodedOf: (id) => this.#registry.stream(id).encoded,
          pause,
        }),
      );
      // From here on readers find the lines there; those who read the parts keep them until they are done.
      const parts = new Set(chosen);
      this.#blocks = this.#blocks.filter((block) => !parts.has(block));
      this.#blocks.push(joined);
    } catch (error) {
      this.#failedJoins++;
      if (error instanceof BlockJoinError) this.#unjoinable.add(error.block);
      throw error;
    } finally {
      for (const block of chosen) block.endReading();
    }
    this.#joined += chosen.length;
    // One that stays behind is removed by the next start.
    for (const block of chosen) await this.#discard(block).catch(() => this.#forget(block));
    return true;
  }

  /** Blocks in which a range may lie are kept for a reader until it calls what is returned. */
  beginReading(range: TimeRange): () => void {
    const blocks = this.#inRange(range);
    for (const block of blocks) block.beginReading();
    return () => {
      for (const block of blocks) block.endReading();
    };
  }

  /** The chunks of the streams that are marked, as far as they may have lines in the range. */
  chunks(matched: Uint8Array, range: TimeRange): ChunkRef[] {
    return this.#inRange(range).flatMap((block) => block.chunks(matched, range));
  }

  /** Tells what these chunks hold. */
  visit(matched: Uint8Array, range: TimeRange, visit: ChunkVisitor): void {
    for (const block of this.#inRange(range)) block.visit(matched, range, visit);
  }

  /**
   * Drops blocks whose youngest line is from before `beforeMs`, and the oldest while all have more than `maxBytes` or
   * more than `maxStreams` streams are known.
   */
  async dropExpired(beforeMs: number, maxBytes: number, maxStreams: number): Promise<void> {
    let bytes = this.bytes;
    for (const block of this.#blocks.toSorted((a, b) => a.maxMs - b.maxMs)) {
      const isExpired = block.maxMs < beforeMs || bytes > maxBytes;
      // Of a block that is being read the streams go later; until then it is not known whether that is enough.
      const hasTooMany = this.#registry.count > maxStreams && !block.isRead;
      if (!isExpired && !hasTooMany) break;
      bytes -= block.bytes;
      await this.#discard(block);
      this.#blocks = this.#blocks.filter((other) => other !== block);
      this.#expiredBlocks++;
      this.#expiredLines += block.lineCount;
    }
  }

  statistics(): LogArchiveStatistics {
    const sum = (read: (block: LogBlock) => number): number =>
      this.#blocks.reduce((total, block) => total + read(block), 0);
    return {
      blocks: this.#blocks.length,
      bytes: this.bytes,
      chunks: sum((block) => block.chunkCount),
      lines: sum((block) => block.lineCount),
      lineBytes: sum((block) => block.byteLength),
      written: this.#written,
      expiredBlocks: this.#expiredBlocks,
      expiredLines: this.#expiredLines,
      joined: this.#joined,
      failedJoins: this.#failedJoins,
      damaged: this.#damaged,
    };
  }

  #inRange({ start, end }: TimeRange): LogBlock[] {
    const startMs = toMs(start.low, start.high);
    const endMs = toMs(end.low, end.high);
    return this.#blocks.filter(({ minMs, maxMs }) => minMs <= endMs && maxMs >= startMs);
  }

  async #rest(): Promise<void> {
    if (this.#pace.isDue()) await this.#pace.rest();
  }

  /** Writes a block and opens it. What cannot be read back must not take the place of what it was made of. */
  async #write(
    firstSegment: number,
    replaces: readonly number[],
    writeChunks: (writer: LogBlockWriter) => Promise<void>,
  ): Promise<LogBlock> {
    const name = `${String(this.#nextNumber++).padStart(8, '0')}.block`;
    const sink = await this.#files.create(name);
    try {
      const writer = new LogBlockWriter(sink);
      await writeChunks(writer);
      await writer.finish(firstSegment, replaces);
    } catch (error) {
      await sink.abort().catch(() => undefined);
      throw error;
    }
    return LogBlock.open(name, this.#files, this.#registry, this.#reading);
  }

  /** Removes the blocks that were joined to others when the process ended. */
  async #dropReplaced(): Promise<void> {
    const replaced = new Set(this.#blocks.flatMap(({ replaces }) => replaces));
    for (const block of this.#blocks.filter(({ name }) => replaced.has(numberOf(name)!))) {
      this.#blocks = this.#blocks.filter((other) => other !== block);
      await this.#discard(block).catch(() => undefined);
    }
  }

  /** Removes a block's file, at once or when nobody reads it any more. */
  async #discard(block: LogBlock): Promise<void> {
    if (!block.isRead) {
      await this.#files.remove(block.name);
      this.#forget(block);
      return;
    }
    block.whenUnread(() => {
      this.#forget(block);
      // What stays behind is found by the next start.
      this.#files.remove(block.name).catch((error: unknown) => this.onDamage(block.name, error));
    });
  }

  #forget(block: LogBlock): void {
    this.#forgetFilters(block);
    block.drop();
  }

  async #filtersOf(block: LogBlock, read: () => Promise<Buffer | null>): Promise<Buffer | null> {
    const known = this.#filters.get(block);
    if (known !== undefined) {
      // To the end of the order in which they are forgotten.
      this.#filters.delete(block);
      this.#filters.set(block, known);
      return known;
    }
    const filters = await read();
    if (filters === null || this.#filters.has(block)) return filters;
    this.#filters.set(block, filters);
    this.#filterBytes += filters.length;
    for (const oldest of this.#filters.keys()) {
      if (this.#filterBytes <= FILTER_CACHE_BYTES) break;
      this.#forgetFilters(oldest);
    }
    return filters;
  }

  #forgetFilters(block: LogBlock): void {
    this.#filterBytes -= this.#filters.get(block)?.length ?? 0;
    this.#filters.delete(block);
  }
}
