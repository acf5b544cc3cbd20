import { crc32 } from 'node:zlib';
import {
  type BlockPart,
  type BlockSink,
  ByteWriter,
  CRC_BYTES,
  framed,
  writeFooter,
} from '#libs/block-files';
import { compareUtf8, type Labels } from '#libs/labels';
import { type Pace, sortInTurns } from '#libs/pace';
import {
  BLOCK_MAGIC,
  type BlockContents,
  SERIES_PER_PAGE,
  type ValuePage,
  VALUES_PER_PAGE,
  writeContents,
} from './block-format.ts';

/** A chunk to be written: `bytes` from `start` to `end`. */
export interface ChunkSource {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly encoding: number;
  readonly count: number;
  readonly minMs: number;
  readonly maxMs: number;
}

export interface BlockWriterOptions {
  readonly level: number;
  /** Names of the blocks that this one replaces. */
  readonly sources: readonly string[];
}

const WRITE_BYTES = 1_024 * 1_024;

/** The numbers of the series that have one pair, as they are written. */
interface PostingBytes {
  bytes: Uint8Array;
  length: number;
  count: number;
  last: number;
}

/** Writes one block. Series come in the order of {@link compareLabels}; of each, chunks ascending in time. */
export class BlockWriter {
  readonly #sink: BlockSink;
  readonly #options: BlockWriterOptions;
  readonly #pace: Pace;
  readonly #buffer = new ByteWriter(2 * WRITE_BYTES);
  readonly #crc = Buffer.alloc(CRC_BYTES);
  readonly #page = new ByteWriter();
  readonly #texts = new Map<string, number>();
  readonly #seriesPages: BlockPart[] = [];
  readonly #postings = new Map<string, Map<string, PostingBytes>>();
  #offset = 0;
  #seriesCount = 0;
  #chunkCount = 0;
  #sampleCount = 0;
  #minMs = Infinity;
  #maxMs = -Infinity;
  #inPage = 0;
  /** Times in a page are written as differences. */
  #pageTimeMs = 0;

  constructor(sink: BlockSink, options: BlockWriterOptions, pace: Pace) {
    this.#sink = sink;
    this.#options = options;
    this.#pace = pace;
  }

  get seriesCount(): number {
    return this.#seriesCount;
  }

  get sampleCount(): number {
    return this.#sampleCount;
  }

  /** Bytes of the file so far. */
  get bytes(): number {
    return this.#offset + this.#buffer.length;
  }

  /** @throws what the sink throws */
  async addSeries(labels: Labels, chunks: readonly ChunkSource[]): Promise<void> {
    if (this.bytes === 0) this.#buffer.raw(BLOCK_MAGIC);
    if (this.#inPage === 0) this.#beginPage();
    this.#post(labels, this.#seriesCount);
    const page = this.#page;
    page.varint(labels.size);
    for (const text of labels.flat) this.#writeText(text);
    page.varint(chunks.length);
    for (const chunk of chunks) {
      const content = chunk.bytes.subarray(chunk.start, chunk.end);
      this.#crc.writeUInt32LE(crc32(content), 0);
      this.#buffer.raw(this.#crc);
      this.#buffer.raw(content);
      page.varint(content.length);
      page.signed(chunk.minMs - this.#pageTimeMs);
      page.varint(chunk.maxMs - chunk.minMs);
      page.varint(chunk.count);
      page.varint(chunk.encoding);
      this.#pageTimeMs = chunk.maxMs;
      if (chunk.minMs < this.#minMs) this.#minMs = chunk.minMs;
      if (chunk.maxMs > this.#maxMs) this.#maxMs = chunk.maxMs;
      this.#chunkCount++;
      this.#sampleCount += chunk.count;
    }
    this.#seriesCount++;
    if (++this.#inPage === SERIES_PER_PAGE) this.#endPage();
    if (this.#buffer.length >= WRITE_BYTES) await this.#flush();
    if (this.#pace.isDue()) await this.#pace.rest();
  }

  /** Writes the index and commits. @throws what the sink throws */
  async finish(): Promise<BlockContents> {
    if (this.bytes === 0) this.#buffer.raw(BLOCK_MAGIC);
    if (this.#inPage > 0) this.#endPage();
    const values = await this.#writeIndex();
    const contents: BlockContents = {
      level: this.#options.level,
      minMs: this.#seriesCount === 0 ? 0 : this.#minMs,
      maxMs: this.#seriesCount === 0 ? 0 : this.#maxMs,
      seriesCount: this.#seriesCount,
      chunkCount: this.#chunkCount,
      sampleCount: this.#sampleCount,
      sources: this.#options.sources,
      seriesPages: this.#seriesPages,
      values,
    };
    const part = this.#append(writeContents(contents));
    this.#buffer.raw(writeFooter(part, BLOCK_MAGIC));
    await this.#flush();
    await this.#sink.commit();
    return contents;
  }

  #beginPage(): void {
    this.#page.clear();
    this.#texts.clear();
    this.#page.varint(this.bytes);
    this.#pageTimeMs = 0;
  }

  #endPage(): void {
    this.#seriesPages.push(this.#append(framed(this.#page.view())));
    this.#inPage = 0;
  }

  #writeText(text: string): void {
    const known = this.#texts.get(text);
    if (known !== undefined) {
      this.#page.varint(known + 1);
      return;
    }
    this.#texts.set(text, this.#texts.size);
    this.#page.varint(0);
    this.#page.text(text);
  }

  #post(labels: Labels, series: number): void {
    const { flat } = labels;
    for (let i = 0; i < flat.length; i += 2) {
      const name = flat[i]!;
      let values = this.#postings.get(name);
      if (values === undefined) this.#postings.set(name, (values = new Map()));
      let posting = values.get(flat[i + 1]!);
      if (posting === undefined) {
        posting = { bytes: new Uint8Array(8), length: 0, count: 0, last: -1 };
        values.set(flat[i + 1]!, posting);
      }
      let left = series - posting.last - 1;
      if (posting.length + 5 > posting.bytes.length) {
        const larger = new Uint8Array(posting.bytes.length * 2);
        larger.set(posting.bytes);
        posting.bytes = larger;
      }
      while (left >= 0x80) {
        posting.bytes[posting.length++] = (left & 0x7f) | 0x80;
        left >>>= 7;
      }
      posting.bytes[posting.length++] = left;
      posting.last = series;
      posting.count++;
    }
  }

  /** The postings and pages of values of every name. */
  async #writeIndex(): Promise<Map<string, ValuePage[]>> {
    const pagesOfNames = new Map<string, ValuePage[]>();
    const names = [...this.#postings.keys()].toSorted(compareUtf8);
    for (const name of names) {
      const postings = this.#postings.get(name)!;
      const values = [...postings.keys()];
      await sortInTurns(values, compareUtf8, this.#pace);
      const pages: ValuePage[] = [];
      for (let start = 0; start < values.length; start += VALUES_PER_PAGE) {
        const page = new ByteWriter(8 * 1_024);
        const end = Math.min(start + VALUES_PER_PAGE, values.length);
        page.varint(end - start);
        page.varint(this.bytes);
        for (const value of values.slice(start, end)) {
          const posting = postings.get(value)!;
          const part = this.#append(framed(posting.bytes.subarray(0, posting.length)));
          page.text(value);
          page.varint(part.length);
          page.varint(posting.count);
        }
        pages.push({ firstValue: values[start]!, ...this.#append(framed(page.view())) });
        if (this.#buffer.length >= WRITE_BYTES) await this.#flush();
        if (this.#pace.isDue()) await this.#pace.rest();
      }
      pagesOfNames.set(name, pages);
    }
    return pagesOfNames;
  }

  #append(part: Buffer): BlockPart {
    const offset = this.bytes;
    this.#buffer.raw(part);
    return { offset, length: part.length };
  }

  async #flush(): Promise<void> {
    const bytes = this.#buffer.view();
    await this.#sink.append(bytes);
    this.#offset += bytes.length;
    this.#buffer.clear();
  }
}

/** The order of series in a block: names and values in turn, in UTF-8 byte order. */
export function compareLabels(a: Labels, b: Labels): number {
  if (a === b) return 0;
  const length = Math.min(a.flat.length, b.flat.length);
  for (let i = 0; i < length; i++) {
    const left = a.flat[i]!;
    const right = b.flat[i]!;
    if (left !== right) return compareUtf8(left, right);
  }
  return a.flat.length - b.flat.length;
}
