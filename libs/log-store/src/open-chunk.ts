import { crc32 } from 'node:zlib';
import type { DecodedChunk } from './decoded-chunk.ts';
import { widened } from './line-batch.ts';
import { MetadataTable } from './line-metadata.ts';
import { firstNotBefore, isBefore } from './nanos.ts';
import { releaseBytes } from './release-bytes.ts';

/** Rough bytes that a line takes besides its text: time, end, metadata. */
const LINE_COLUMN_BYTES = 16;

const FIRST_BYTES = 512;
const FIRST_LINES = 8;
/** A map's entry of two numbers takes about so much. */
const HASH_ENTRY_BYTES = 48;

/**
 * The lines of one stream that came last, as columns that grow. They lie in the order they came; a line that is there
 * already, with the same time and text, is not taken again.
 */
export class OpenChunk {
  count = 0;
  /** Bytes of the lines. */
  byteLength = 0;
  minLow = 0xffff_ffff;
  minHigh = 0xffff_ffff;
  maxLow = 0;
  maxHigh = 0;
  #bytes: Buffer;
  #words: Uint32Array<ArrayBuffer>;
  #ends: Uint32Array<ArrayBuffer>;
  #metadata: Uint32Array<ArrayBuffer> | null = null;
  readonly #table = new MetadataTable();
  /** Where lines came out of order: their times and texts, to find one that comes again. */
  #known: Map<number, number> | null = null;
  /** Whether a reader may have views of the columns. */
  #isShared = false;

  /** @param before the stream's last chunk, which tells how large this one may become */
  constructor(before: { readonly count: number; readonly byteLength: number } | null = null) {
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(FIRST_BYTES, before?.byteLength ?? 0));
    const lines = Math.max(FIRST_LINES, before?.count ?? 0);
    this.#words = new Uint32Array(2 * lines);
    this.#ends = new Uint32Array(lines);
  }

  /** What it takes in memory, about: pages that were never written to take none. */
  get memoryBytes(): number {
    return (
      FIRST_BYTES +
      this.byteLength +
      this.count * LINE_COLUMN_BYTES +
      this.#table.memoryBytes +
      (this.#known === null ? 0 : this.#known.size * HASH_ENTRY_BYTES)
    );
  }

  /** What it would take as it is written. */
  get rawBytes(): number {
    return this.byteLength + this.count * LINE_COLUMN_BYTES + this.#table.memoryBytes;
  }

  /** The columns as they came, for the log. Valid until the next line. */
  get bytes(): Buffer {
    return this.#bytes;
  }
  get words(): Uint32Array {
    return this.#words;
  }
  get ends(): Uint32Array {
    return this.#ends;
  }
  get metadata(): Uint32Array | null {
    return this.#metadata;
  }
  get metadataTable(): readonly Buffer[] {
    return this.#table.entries;
  }

  /** @returns false where the line is there already */
  append(
    low: number,
    high: number,
    source: Buffer,
    start: number,
    end: number,
    metadata: Buffer,
    metadataStart: number,
    metadataEnd: number,
  ): boolean {
    const at = this.count;
    if (at > 0 && !isBefore(this.maxLow, this.maxHigh, low, high)) {
      if (this.#isKnown(low, high, source, start, end)) return false;
    } else if (this.#known !== null) {
      this.#known.set(lineKey(low, high, source, start, end), at);
    }
    if (at === this.#ends.length) this.#growLines();
    const length = end - start;
    const from = this.byteLength;
    if (from + length > this.#bytes.length) this.#growBytes(from + length);
    source.copy(this.#bytes, from, start, end);
    this.byteLength = from + length;
    this.#words[2 * at] = low;
    this.#words[2 * at + 1] = high;
    this.#ends[at] = from + length;
    if (metadataEnd > metadataStart) {
      this.#metadata ??= new Uint32Array(this.#ends.length);
      this.#metadata[at] = this.#table.numberOf(metadata, metadataStart, metadataEnd);
    }
    this.count = at + 1;
    if (isBefore(this.maxLow, this.maxHigh, low, high)) {
      this.maxLow = low;
      this.maxHigh = high;
    }
    if (isBefore(low, high, this.minLow, this.minHigh)) {
      this.minLow = low;
      this.minHigh = high;
    }
    return true;
  }

  /** The lines from `start` to `end`, in the order they came. What is appended later does not show. */
  inOrder(start: number, end: number): DecodedChunk {
    this.#isShared = true;
    return this.#inOrder(start, end);
  }

  #inOrder(start: number, end: number): DecodedChunk {
    const count = end - start;
    const ends = this.#ends.subarray(start, end);
    const starts = new Uint32Array(count);
    if (count > 0) starts[0] = start === 0 ? 0 : this.#ends[start - 1]!;
    if (count > 1) starts.set(ends.subarray(0, count - 1), 1);
    return {
      count,
      words: this.#words.subarray(2 * start, 2 * end),
      bytes: this.#bytes.subarray(0, this.#ends[end - 1] ?? 0),
      starts,
      ends,
      metadata: this.#metadata?.subarray(start, end) ?? null,
      metadataTable: this.#table.entries.slice(),
    };
  }

  /** The first so many lines, all unless it is said, by time. What is appended later does not show. */
  decoded(lines = this.count): DecodedChunk {
    this.#isShared = true;
    return this.#decoded(lines);
  }

  /** All lines by time, valid until {@link free}. */
  beforeFree(): DecodedChunk {
    return this.#decoded(this.count);
  }

  /** Has the lines stay for somebody who will read them later. */
  share(): void {
    this.#isShared = true;
  }

  /** Gives the memory back at once where no reader may have a part of it. The chunk is of no use after this. */
  free(): void {
    if (this.#isShared) return;
    for (const column of [this.#bytes, this.#words, this.#ends, this.#metadata]) {
      if (column !== null) releaseBytes(column);
    }
  }

  #decoded(lines: number): DecodedChunk {
    const came = this.#inOrder(0, lines);
    if (this.#known === null) return came;
    const { count, starts } = came;
    const order = this.#orderByTime(count);
    const words = new Uint32Array(2 * count);
    for (let i = 0; i < count; i++) {
      words[2 * i] = this.#words[2 * order[i]!]!;
      words[2 * i + 1] = this.#words[2 * order[i]! + 1]!;
    }
    const column = this.#metadata;
    return {
      ...came,
      words,
      starts: Uint32Array.from(order, (from) => starts[from]!),
      ends: Uint32Array.from(order, (from) => this.#ends[from]!),
      metadata: column === null ? null : Uint32Array.from(order, (from) => column[from]!),
    };
  }

  #orderByTime(count: number): Uint32Array {
    const words = this.#words;
    const order = Array.from({ length: count }, (_, i) => i);
    order.sort((a, b) => words[2 * a + 1]! - words[2 * b + 1]! || words[2 * a]! - words[2 * b]!);
    return Uint32Array.from(order);
  }

  /** Whether the line, which is not the youngest, is there. If not, it is known from here on. */
  #isKnown(low: number, high: number, source: Buffer, start: number, end: number): boolean {
    if (this.#known === null) {
      const first = firstNotBefore(this.#words, 0, this.count, low, high);
      for (let i = first; i < this.count; i++) {
        if (this.#words[2 * i] !== low || this.#words[2 * i + 1] !== high) break;
        if (this.#isLine(i, source, start, end)) return true;
      }
      // As young as the youngest: the order stays.
      if (low === this.maxLow && high === this.maxHigh && this.count - first < MAX_EQUAL_TIMES) {
        return false;
      }
      this.#known = this.#hashAll();
    }
    const key = lineKey(low, high, source, start, end);
    const same = this.#known.get(key);
    if (same !== undefined) {
      const isSameTime = this.#words[2 * same] === low && this.#words[2 * same + 1] === high;
      if (isSameTime && this.#isLine(same, source, start, end)) return true;
    }
    this.#known.set(key, this.count);
    return false;
  }

  #hashAll(): Map<number, number> {
    const known = new Map<number, number>();
    for (let i = 0; i < this.count; i++) {
      const start = i === 0 ? 0 : this.#ends[i - 1]!;
      const [low, high] = [this.#words[2 * i]!, this.#words[2 * i + 1]!];
      known.set(lineKey(low, high, this.#bytes, start, this.#ends[i]!), i);
    }
    return known;
  }

  #isLine(index: number, source: Buffer, start: number, end: number): boolean {
    const from = index === 0 ? 0 : this.#ends[index - 1]!;
    const to = this.#ends[index]!;
    if (to - from !== end - start) return false;
    return this.#bytes.compare(source, start, end, from, to) === 0;
  }

  #growLines(): void {
    const capacity = 2 * this.#ends.length;
    this.#words = widened(this.#words, 2 * capacity);
    this.#ends = widened(this.#ends, capacity);
    if (this.#metadata !== null) this.#metadata = widened(this.#metadata, capacity);
  }

  #growBytes(needed: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, needed));
    this.#bytes.copy(larger, 0, 0, this.byteLength);
    if (!this.#isShared) releaseBytes(this.#bytes);
    this.#bytes = larger;
  }
}

/** So many lines of one time are compared one by one. */
const MAX_EQUAL_TIMES = 64;

/** 53 bits at most, of the time and the text. */
function lineKey(low: number, high: number, source: Buffer, start: number, end: number): number {
  const hash = crc32(source.subarray(start, end), (low ^ Math.imul(high, 0x9e37_79b1)) >>> 0);
  return (low & 0x1f_ffff) * 0x1_0000_0000 + hash;
}
