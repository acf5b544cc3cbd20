import { crc32 } from 'node:zlib';
import { BlockError, type BlockFiles, type Pace } from '#libs/block-files';
import type { ChunkRef } from './chunk-ref.ts';
import {
  type BlockChunkEntry,
  blockMagic,
  writeLogContents,
  writeLogFooter,
} from './log-block-format.ts';
import { LogBlock, type BlockReading } from './log-block.ts';
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
  /** Blocks set aside, and damaged parts that reading came across. */
  readonly damaged: number;
}

/** More segments than come between two starts: each of them has megabytes. */
const SEGMENTS_TO_SKIP = 1_000_000;
/** Filters of blocks read last take no more. */
const FILTER_CACHE_BYTES = 32 * 1_024 * 1_024;
const BLOCK_NAME = /^(\d{8,15})\.block$/;

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
      const number = BLOCK_NAME.exec(name)?.[1];
      if (number === undefined) continue;
      this.#nextNumber = Math.max(this.#nextNumber, Number(number) + 1);
      try {
        this.#blocks.push(await LogBlock.open(name, this.#files, this.#registry, this.#reading));
      } catch (error) {
        this.#damaged++;
        damaged.push({ name, reason: error instanceof Error ? error.message : String(error) });
        // A disk that cannot be read now may be read at the next start.
        if (error instanceof BlockError) await this.#files.setAside(name).catch(() => undefined);
        else this.#hasUnreadable = true;
      }
      if (this.#pace.isDue()) await this.#pace.rest();
    }
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
    const name = `${String(this.#nextNumber++).padStart(8, '0')}.block`;
    const sorted = chunks.toSorted((a, b) => a.streamId - b.streamId);
    const sink = await this.#files.create(name);
    try {
      const streams: Buffer[] = [];
      const entries: BlockChunkEntry[] = [];
      const filterParts: Buffer[] = [];
      let offset = blockMagic().length;
      let streamId = -1;
      await sink.append(blockMagic());
      for (const chunk of sorted) {
        if (chunk.streamId !== streamId) {
          streamId = chunk.streamId;
          streams.push(this.#registry.stream(streamId).encoded);
        }
        const { bytes, filter, checksum } = await chunk.pack(filters);
        await sink.append(bytes);
        filterParts.push(filter);
        entries.push({
          stream: streams.length - 1,
          minLow: chunk.minLow,
          minHigh: chunk.minHigh,
          maxLow: chunk.maxLow,
          maxHigh: chunk.maxHigh,
          count: chunk.count,
          byteLength: chunk.byteLength,
          offset,
          length: bytes.length,
          checksum,
          filterLength: filter.length,
        });
        offset += bytes.length;
        if (this.#pace.isDue()) await this.#pace.rest();
      }
      const filtersOffset = offset;
      const allFilters = Buffer.concat(filterParts);
      await sink.append(allFilters);
      offset += allFilters.length;
      const contents = writeLogContents(
        {
          firstSegment,
          streams: [],
          chunks: entries,
          filtersOffset,
          filtersChecksum: crc32(allFilters),
        },
        streams,
      );
      await sink.append(contents);
      await sink.append(writeLogFooter(offset, contents.length));
      await sink.commit();
    } catch (error) {
      await sink.abort().catch(() => undefined);
      throw error;
    }
    // Read back: what cannot be read must not take its lines from memory.
    const block = await LogBlock.open(name, this.#files, this.#registry, this.#reading);
    this.#blocks.push(block);
    this.#written++;
    onWritten();
  }

  /** The chunks of the streams that are marked, as far as they may have lines in the range. */
  chunks(matched: Uint8Array, range: TimeRange): ChunkRef[] {
    return this.#blocks.flatMap((block) => block.chunks(matched, range));
  }

  /** Drops blocks whose youngest line is from before `beforeMs`, and the oldest while all have more than `maxBytes`. */
  async dropExpired(beforeMs: number, maxBytes: number): Promise<void> {
    let bytes = this.bytes;
    for (const block of this.#blocks.toSorted((a, b) => a.maxMs - b.maxMs)) {
      if (block.maxMs >= beforeMs && bytes <= maxBytes) break;
      await this.#files.remove(block.name);
      bytes -= block.bytes;
      this.#blocks = this.#blocks.filter((other) => other !== block);
      this.#forgetFilters(block);
      block.drop();
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
      damaged: this.#damaged,
    };
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
