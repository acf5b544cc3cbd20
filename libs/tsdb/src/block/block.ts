import { crc32 } from 'node:zlib';
import {
  BlockError,
  type BlockHandle,
  type BlockPart,
  type ByteReader,
  CRC_BYTES,
  FOOTER_BYTES,
  openFrame,
  readFooter,
} from '#libs/block-files';
import { compareUtf8, Labels, type Matcher } from '#libs/labels';
import type { Pace } from '#libs/pace';
import type { ChunkSource } from './block-writer.ts';
import {
  BLOCK_MAGIC,
  type BlockContents,
  readContents,
  SERIES_PER_PAGE,
  type ValuePage,
} from './block-format.ts';
import type { PageCache } from './page-cache.ts';

/** A chunk as the index of a block describes it; `offset` and `length` are those of its bytes, its checksum in front of them. */
export interface BlockChunk {
  readonly offset: number;
  readonly length: number;
  readonly minMs: number;
  readonly maxMs: number;
  readonly count: number;
  readonly encoding: number;
}

export interface BlockSeries {
  readonly labels: Labels;
  readonly chunks: readonly BlockChunk[];
}

/** A series with the bytes of its chunks. */
export interface ScannedSeries {
  readonly labels: Labels;
  readonly chunks: readonly ChunkSource[];
}

/** A value of a label, and where the numbers of its series lie. */
interface ValueEntry extends BlockPart {
  readonly value: string;
  readonly count: number;
}

const NO_SERIES = new Uint32Array(0);
const MAX_TEXTS_PER_SERIES = 20_000;
/** A sample takes two bits at least. */
const MAX_SAMPLES_PER_BYTE = 4;

/**
 * A block open for reading. In memory are its contents alone; everything else is read when asked for, a page at a time, and
 * checked against its checksum.
 */
export class Block {
  readonly name: string;
  readonly bytes: number;
  readonly contents: BlockContents;
  readonly #handle: BlockHandle;
  readonly #cache: PageCache;
  readonly #pace: Pace;

  private constructor(
    name: string,
    handle: BlockHandle,
    contents: BlockContents,
    cache: PageCache,
    pace: Pace,
  ) {
    this.name = name;
    this.bytes = handle.bytes;
    this.contents = contents;
    this.#handle = handle;
    this.#cache = cache;
    this.#pace = pace;
  }

  /** Takes the handle over. @throws BlockError for what is no sound block @throws what the disk says */
  static async open(
    name: string,
    handle: BlockHandle,
    cache: PageCache,
    pace: Pace,
  ): Promise<Block> {
    if (handle.bytes < BLOCK_MAGIC.length + FOOTER_BYTES) throw new BlockError('file too short');
    const magic = await handle.read(0, BLOCK_MAGIC.length);
    if (!magic.equals(BLOCK_MAGIC)) throw new BlockError('not a block');
    const footer = await handle.read(handle.bytes - FOOTER_BYTES, FOOTER_BYTES);
    const part = readFooter(footer, handle.bytes, BLOCK_MAGIC);
    const contents = readContents(await handle.read(part.offset, part.length));
    return new Block(name, handle, contents, cache, pace);
  }

  /** To be called once nothing reads any more. */
  async close(): Promise<void> {
    this.#cache.forget(this.name);
    await this.#handle.close();
  }

  /** Whether a sample may lie in the range, both ends included. */
  overlaps(minMs: number, maxMs: number): boolean {
    const { contents } = this;
    return contents.seriesCount > 0 && contents.minMs <= maxMs && contents.maxMs >= minMs;
  }

  /** Names of all labels, in byte order. */
  labelNames(): string[] {
    return [...this.contents.values.keys()];
  }

  /** Values of a label, in byte order. @throws BlockError */
  async labelValues(name: string): Promise<string[]> {
    const values: string[] = [];
    for await (const entry of this.#valuesOf(name)) values.push(entry.value);
    return values;
  }

  /**
   * Series that fulfil all matchers and have a chunk that reaches into the range, in order; of each only those chunks.
   * @throws BlockError
   */
  async *select(
    matchers: readonly Matcher[],
    minMs: number,
    maxMs: number,
  ): AsyncGenerator<BlockSeries, void, undefined> {
    const numbers = await this.#resolve(matchers);
    if (numbers !== null) {
      yield* this.#seriesOf(numbers, minMs, maxMs);
      return;
    }
    yield* this.all(minMs, maxMs);
  }

  /** All series with a chunk that reaches into the range. @throws BlockError */
  async *all(minMs = -Infinity, maxMs = Infinity): AsyncGenerator<BlockSeries, void, undefined> {
    for (const part of this.contents.seriesPages) {
      for (const series of await this.#readSeriesPage(part, minMs, maxMs, false)) yield series!;
      if (this.#pace.isDue()) await this.#pace.rest();
    }
  }

  /**
   * All series with their chunks' bytes, read page by page. A damaged chunk is left out and told of; a damaged page costs
   * its series.
   */
  async *scan(
    onDamage: (error: BlockError) => void,
  ): AsyncGenerator<ScannedSeries, void, undefined> {
    for (const part of this.contents.seriesPages) {
      const page = await this.#pageOrNull(part, onDamage);
      if (page === null) continue;
      const start = page[0]!.chunks[0]!.offset - CRC_BYTES;
      const last = page.at(-1)!.chunks.at(-1)!;
      const bytes = await this.#handle.read(start, last.offset + last.length - start);
      for (const { labels, chunks } of page) {
        const sources: ChunkSource[] = [];
        for (const chunk of chunks) {
          const at = chunk.offset - start;
          if (isSoundChunk(bytes, at, chunk.length)) {
            sources.push({ ...chunk, bytes, start: at, end: at + chunk.length });
          } else {
            onDamage(new BlockError(`a chunk of ${labels.toString()} is damaged`));
          }
        }
        if (sources.length > 0) yield { labels, chunks: sources };
      }
    }
  }

  /** Bytes of the file; nothing is checked. */
  read(offset: number, length: number): Promise<Buffer> {
    return this.#handle.read(offset, length);
  }

  async #pageOrNull(
    part: BlockPart,
    onDamage: (error: BlockError) => void,
  ): Promise<BlockSeries[] | null> {
    try {
      const page = await this.#readSeriesPage(part, -Infinity, Infinity, false);
      const series = page.filter((one) => one !== null);
      return series.length === 0 ? null : series;
    } catch (error) {
      if (!(error instanceof BlockError)) throw error;
      onDamage(error);
      return null;
    }
  }

  async *#seriesOf(
    numbers: Uint32Array,
    minMs: number,
    maxMs: number,
  ): AsyncGenerator<BlockSeries, void, undefined> {
    let page: (BlockSeries | null)[] = [];
    let pageNumber = -1;
    for (const number of numbers) {
      const wanted = Math.floor(number / SERIES_PER_PAGE);
      if (wanted !== pageNumber) {
        const part = this.contents.seriesPages[wanted];
        if (part === undefined) throw new BlockError('posting of a series that is not there');
        page = await this.#readSeriesPage(part, minMs, maxMs, true);
        pageNumber = wanted;
        if (this.#pace.isDue()) await this.#pace.rest();
      }
      const series = page[number % SERIES_PER_PAGE];
      if (series === undefined) throw new BlockError('posting of a series that is not there');
      if (series !== null) yield series;
    }
  }

  /** @param keepsPlaces whether a series without a chunk in the range leaves a null */
  async #readSeriesPage(
    part: BlockPart,
    minMs: number,
    maxMs: number,
    keepsPlaces: boolean,
  ): Promise<(BlockSeries | null)[]> {
    const reader = await this.#open(part);
    const page: (BlockSeries | null)[] = [];
    const texts: string[] = [];
    let offset = reader.varint();
    let timeMs = 0;
    while (reader.at < reader.bytes.length) {
      const flat = readFlat(reader, texts);
      const chunks: BlockChunk[] = [];
      for (let left = reader.count(); left > 0; left--) {
        const length = reader.varint();
        const chunkMinMs = timeMs + reader.signed();
        const chunkMaxMs = chunkMinMs + reader.varint();
        const count = reader.varint();
        const encoding = reader.varint();
        if (count === 0 || count > MAX_SAMPLES_PER_BYTE * length) {
          throw new BlockError(`chunk of ${length} bytes with ${count} samples`);
        }
        this.#requireInside(offset, CRC_BYTES + length);
        if (chunkMinMs <= maxMs && chunkMaxMs >= minMs) {
          chunks.push({
            offset: offset + CRC_BYTES,
            length,
            minMs: chunkMinMs,
            maxMs: chunkMaxMs,
            count,
            encoding,
          });
        }
        offset += CRC_BYTES + length;
        timeMs = chunkMaxMs;
      }
      if (chunks.length > 0) page.push({ labels: Labels.fromSortedFlat(flat), chunks });
      else if (keepsPlaces) page.push(null);
    }
    return page;
  }

  /** Ascending numbers of the series that fulfil all matchers; null for all. */
  async #resolve(matchers: readonly Matcher[]): Promise<Uint32Array | null> {
    let result: Uint32Array | null = null;
    for (const matcher of matchers) {
      // A matcher that accepts the absent label is answered by the values that it does not accept.
      const isInverted = matcher.matchesEmpty;
      const marks = await this.#mark(matcher, !isInverted);
      if (marks === null) {
        if (isInverted) continue;
        return NO_SERIES;
      }
      result = isInverted ? this.#without(result, marks) : this.#within(result, marks);
      if (result.length === 0) return result;
    }
    return result;
  }

  /** Which series have a value that the matcher accepts, or does not; null for none. */
  async #mark(matcher: Matcher, accepted: boolean): Promise<Uint8Array | null> {
    let marks: Uint8Array | null = null;
    const entries =
      matcher.kind === '=' && accepted
        ? this.#valueOf(matcher.name, matcher.value)
        : this.#valuesOf(matcher.name);
    for await (const entry of entries) {
      if (matcher.matches(entry.value) !== accepted) continue;
      marks ??= new Uint8Array(this.contents.seriesCount);
      const reader = await this.#open(entry);
      let number = -1;
      for (let left = entry.count; left > 0; left--) {
        number += reader.varint() + 1;
        if (number >= marks.length) throw new BlockError('posting of a series that is not there');
        marks[number] = 1;
      }
      if (this.#pace.isDue()) await this.#pace.rest();
    }
    return marks;
  }

  #within(before: Uint32Array | null, marks: Uint8Array): Uint32Array {
    return before === null ? numbersOf(marks, 1) : before.filter((number) => marks[number] === 1);
  }

  #without(before: Uint32Array | null, marks: Uint8Array): Uint32Array {
    return before === null ? numbersOf(marks, 0) : before.filter((number) => marks[number] === 0);
  }

  async *#valueOf(name: string, value: string): AsyncGenerator<ValueEntry, void, undefined> {
    const pages = this.contents.values.get(name) ?? [];
    let low = 0;
    let high = pages.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareUtf8(pages[middle]!.firstValue, value) <= 0) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return;
    for (const entry of await this.#readValuePage(pages[low - 1]!)) {
      if (entry.value === value) yield entry;
    }
  }

  async *#valuesOf(name: string): AsyncGenerator<ValueEntry, void, undefined> {
    for (const page of this.contents.values.get(name) ?? []) {
      yield* await this.#readValuePage(page);
      if (this.#pace.isDue()) await this.#pace.rest();
    }
  }

  async #readValuePage(page: ValuePage): Promise<ValueEntry[]> {
    const reader = await this.#open(page);
    const entries: ValueEntry[] = [];
    const count = reader.count();
    let offset = reader.varint();
    for (let left = count; left > 0; left--) {
      const value = reader.text();
      const length = reader.varint();
      entries.push({ value, offset, length, count: reader.varint() });
      offset += length;
    }
    return entries;
  }

  #requireInside(offset: number, length: number): void {
    if (offset + length > this.bytes) throw new BlockError('refers beyond the end of the file');
  }

  async #open(part: BlockPart): Promise<ByteReader> {
    this.#requireInside(part.offset, part.length);
    const known = this.#cache.get(this.name, part.offset);
    if (known !== null) return openFrame(known);
    const bytes = await this.#handle.read(part.offset, part.length);
    this.#cache.put(this.name, part.offset, bytes);
    return openFrame(bytes);
  }
}

/** Whether the bytes of a chunk are what was written; `at` is where the chunk begins, after its checksum. */
export function isSoundChunk(bytes: Buffer, at: number, length: number): boolean {
  return crc32(bytes.subarray(at, at + length)) === bytes.readUInt32LE(at - CRC_BYTES);
}

function readFlat(reader: ByteReader, texts: string[]): string[] {
  const flat: string[] = [];
  const wanted = 2 * reader.varint();
  if (wanted > MAX_TEXTS_PER_SERIES) throw new BlockError('series with too many labels');
  while (flat.length < wanted) {
    const reference = reader.varint();
    if (reference > texts.length) throw new BlockError('reference to a text that is not there');
    if (reference === 0) texts.push(reader.text());
    flat.push(reference === 0 ? texts.at(-1)! : texts[reference - 1]!);
  }
  return flat;
}

function numbersOf(marks: Uint8Array, wanted: 0 | 1): Uint32Array {
  let count = 0;
  for (const mark of marks) if (mark === wanted) count++;
  const numbers = new Uint32Array(count);
  let at = 0;
  for (let number = 0; number < marks.length; number++) {
    if (marks[number] === wanted) numbers[at++] = number;
  }
  return numbers;
}
