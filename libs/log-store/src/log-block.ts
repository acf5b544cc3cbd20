import { crc32 } from 'node:zlib';
import { BlockError, type BlockFiles, FOOTER_BYTES, readFooter } from '#libs/block-files';
import type { ChunkRef, ChunkSpan, ChunkVisitor } from './chunk-ref.ts';
import type { DecodedChunk } from './decoded-chunk.ts';
import {
  type BlockChunkEntry,
  LOG_BLOCK_MAGIC,
  type LogBlockContents,
  readLogContents,
} from './log-block-format.ts';
import { toMs } from './nanos.ts';
import { mayContain } from './needle-filter.ts';
import { overlapsRange, type TimeRange } from './overlaps.ts';
import { type PackedChunk, unpackChunk } from './sealed-chunk.ts';
import type { StreamRegistry } from './stream-registry.ts';

/** What a block reports about itself while it is read. */
export interface BlockReading {
  /** A part is damaged and left out. */
  onDamage(block: string, error: unknown): void;
  /** The filters of a block, of which the ones read last are kept. */
  filters(block: LogBlock, read: () => Promise<Buffer | null>): Promise<Buffer | null>;
}

const COLUMNS = 9;

/** A block that is open for reading. Its file is opened for each read, so that there can be thousands. */
export class LogBlock {
  readonly name: string;
  readonly bytes: number;
  readonly firstSegment: number;
  /** Numbers of the blocks it was joined of. */
  readonly replaces: readonly number[];
  readonly chunkCount: number;
  readonly lineCount: number;
  /** Bytes of its lines. */
  readonly byteLength: number;
  /** Of its youngest line. */
  readonly maxMs: number;
  /** Of its oldest line. */
  readonly minMs: number;
  readonly #files: BlockFiles;
  readonly #registry: StreamRegistry;
  readonly #reading: BlockReading;
  /** The registry's numbers of its streams. */
  readonly #streamIds: Uint32Array;
  /** Of each chunk: stream, times, count, bytes, length, checksum. */
  readonly #columns: Uint32Array;
  readonly #offsets: Float64Array;
  /** Where each chunk's filter begins; the last one is where they end. */
  readonly #filterStarts: Uint32Array;
  readonly #filtersOffset: number;
  readonly #filtersChecksum: number;
  #isDropped = false;
  #readers = 0;
  #onUnread: (() => void) | null = null;

  constructor(
    name: string,
    bytes: number,
    contents: LogBlockContents,
    files: BlockFiles,
    registry: StreamRegistry,
    reading: BlockReading,
  ) {
    this.name = name;
    this.bytes = bytes;
    this.firstSegment = contents.firstSegment;
    this.replaces = contents.replaces;
    this.#files = files;
    this.#registry = registry;
    this.#reading = reading;
    this.#streamIds = Uint32Array.from(contents.streams, (labels) => registry.hold(labels));
    const { chunks } = contents;
    this.chunkCount = chunks.length;
    this.#columns = new Uint32Array(COLUMNS * chunks.length);
    this.#offsets = new Float64Array(chunks.length);
    this.#filterStarts = new Uint32Array(chunks.length + 1);
    let [minMs, maxMs, lines, byteLength] = [Infinity, -Infinity, 0, 0];
    for (const [i, chunk] of chunks.entries()) {
      this.#columns.set(columnsOf(chunk), COLUMNS * i);
      this.#offsets[i] = chunk.offset;
      this.#filterStarts[i + 1] = this.#filterStarts[i]! + chunk.filterLength;
      minMs = Math.min(minMs, toMs(chunk.minLow, chunk.minHigh));
      maxMs = Math.max(maxMs, toMs(chunk.maxLow, chunk.maxHigh));
      lines += chunk.count;
      byteLength += chunk.byteLength;
    }
    this.minMs = minMs;
    this.maxMs = maxMs;
    this.lineCount = lines;
    this.byteLength = byteLength;
    this.#filtersOffset = contents.filtersOffset;
    this.#filtersChecksum = contents.filtersChecksum;
  }

  /** @throws BlockError when it is damaged, and whatever the disk says */
  static async open(
    name: string,
    files: BlockFiles,
    registry: StreamRegistry,
    reading: BlockReading,
  ): Promise<LogBlock> {
    const handle = await files.open(name);
    try {
      const { bytes } = handle;
      if (bytes < FOOTER_BYTES) throw new BlockError('a file that ends early');
      const footer = await handle.read(bytes - FOOTER_BYTES, FOOTER_BYTES);
      const { offset, length } = readFooter(footer, bytes, LOG_BLOCK_MAGIC);
      const contents = readLogContents(await handle.read(offset, length));
      return new LogBlock(name, bytes, contents, files, registry, reading);
    } finally {
      await handle.close();
    }
  }

  /** Its chunks of the streams that are marked, as far as they may have lines in the range. */
  chunks(matched: Uint8Array, range: TimeRange): ChunkRef[] {
    const refs: ChunkRef[] = [];
    this.#eachIn(matched, range, (index) => refs.push(this.chunkAt(index)));
    return refs;
  }

  /** Tells what these chunks hold. */
  visit(matched: Uint8Array, range: TimeRange, visit: ChunkVisitor): void {
    this.#eachIn(matched, range, (index) => visit(this.#streamIdAt(index), this.#spanAt(index)));
  }

  chunkAt(index: number): ChunkRef {
    return {
      streamId: this.#streamIdAt(index),
      ...this.#spanAt(index),
      mayContain: (needles) => this.#mayContain(index, needles),
      load: () => this.#load(index),
    };
  }

  /** A chunk as it lies in the block; null where it is damaged or gone. */
  async packedAt(index: number): Promise<PackedChunk | null> {
    const filters = await this.#reading.filters(this, () => this.#readFilters());
    const bytes = await this.#readPacked(index);
    if (filters === null || bytes === null) return null;
    const filter = filters.subarray(this.#filterStarts[index], this.#filterStarts[index + 1]);
    return { bytes, filter, checksum: this.#columns[COLUMNS * index + 8]! };
  }

  /** Keeps its file and its streams until the end of the reading, also when the block is to go meanwhile. */
  beginReading(): void {
    this.#readers++;
  }

  endReading(): void {
    this.#readers--;
    if (this.#readers === 0) this.#onUnread?.();
  }

  get isRead(): boolean {
    return this.#readers > 0;
  }

  /** Calls back once, when nobody reads it any more, which is not so at present. */
  whenUnread(run: () => void): void {
    this.#onUnread = () => {
      this.#onUnread = null;
      run();
    };
  }

  #eachIn(matched: Uint8Array, range: TimeRange, visit: (index: number) => void): void {
    const columns = this.#columns;
    for (let i = 0; i < this.chunkCount; i++) {
      const at = COLUMNS * i;
      if (matched[this.#streamIds[columns[at]!]!] !== 1) continue;
      const [minLow, minHigh] = [columns[at + 1]!, columns[at + 2]!];
      const [maxLow, maxHigh] = [columns[at + 3]!, columns[at + 4]!];
      if (overlapsRange(minLow, minHigh, maxLow, maxHigh, range)) visit(i);
    }
  }

  #streamIdAt(index: number): number {
    return this.#streamIds[this.#columns[COLUMNS * index]!]!;
  }

  #spanAt(index: number): ChunkSpan {
    const columns = this.#columns;
    const at = COLUMNS * index;
    return {
      minLow: columns[at + 1]!,
      minHigh: columns[at + 2]!,
      maxLow: columns[at + 3]!,
      maxHigh: columns[at + 4]!,
      count: columns[at + 5]!,
      byteLength: columns[at + 6]!,
    };
  }

  /** Lets go of its streams; its chunks are gone. */
  drop(): void {
    if (this.#isDropped) return;
    this.#isDropped = true;
    for (const id of this.#streamIds) this.#registry.release(id);
  }

  async #load(index: number): Promise<DecodedChunk | null> {
    const bytes = await this.#readPacked(index);
    if (bytes === null) return null;
    try {
      return await unpackChunk(bytes);
    } catch (error) {
      this.#damaged(error);
      return null;
    }
  }

  async #readPacked(index: number): Promise<Buffer | null> {
    const at = COLUMNS * index;
    try {
      const bytes = await this.#read(this.#offsets[index]!, this.#columns[at + 7]!);
      if (crc32(bytes) !== this.#columns[at + 8]!) throw new BlockError('checksum does not fit');
      return bytes;
    } catch (error) {
      this.#damaged(error);
      return null;
    }
  }

  #damaged(error: unknown): void {
    if (!this.#isDropped) this.#reading.onDamage(this.name, error);
  }

  async #mayContain(index: number, needles: readonly Buffer[]): Promise<boolean> {
    const filters = await this.#reading.filters(this, () => this.#readFilters());
    if (filters === null) return true;
    const filter = filters.subarray(this.#filterStarts[index], this.#filterStarts[index + 1]);
    return needles.every((needle) => mayContain(filter, needle));
  }

  async #readFilters(): Promise<Buffer | null> {
    try {
      const length = this.#filterStarts[this.chunkCount]!;
      const filters = await this.#read(this.#filtersOffset, length);
      if (crc32(filters) !== this.#filtersChecksum) throw new BlockError('damaged filters');
      return filters;
    } catch (error) {
      this.#damaged(error);
      return null;
    }
  }

  async #read(offset: number, length: number): Promise<Buffer> {
    const handle = await this.#files.open(this.name);
    try {
      return await handle.read(offset, length);
    } finally {
      await handle.close();
    }
  }
}

function columnsOf(chunk: BlockChunkEntry): number[] {
  return [
    chunk.stream,
    chunk.minLow,
    chunk.minHigh,
    chunk.maxLow,
    chunk.maxHigh,
    chunk.count,
    chunk.byteLength,
    chunk.length,
    chunk.checksum,
  ];
}
