import type { DecodedChunk } from './decoded-chunk.ts';
import { widened } from './line-batch.ts';

/** So many lines of one time are compared one by one; more are looked up by their text. */
const MAX_COMPARED = 16;

/** Gathers lines of several chunks into one, in the order they are given, each of them once. */
export class BatchMerge {
  #words = new Uint32Array(512);
  #starts = new Uint32Array(256);
  #ends = new Uint32Array(256);
  #metadata = new Uint32Array(256);
  #bytes = Buffer.allocUnsafeSlow(64 * 1_024);
  readonly #table: Buffer[] = [];
  /** By table, the number its first entry has here. */
  readonly #offsets = new Map<readonly Buffer[], number>();
  #count = 0;
  #length = 0;
  /** Where the lines with the time of the last one begin. */
  #sameTime = 0;
  /** Their texts, once they are many. */
  #texts: Set<string> | null = null;

  get count(): number {
    return this.#count;
  }

  /** What the lines take, about. */
  get memoryBytes(): number {
    return this.#length + 16 * this.#count;
  }

  /** Whether the last line has this time. */
  endsAt(low: number, high: number): boolean {
    const at = this.#count;
    return at > 0 && this.#words[2 * at - 2] === low && this.#words[2 * at - 1] === high;
  }

  /** Adds a line, unless the same text has come with the same time. */
  add(chunk: DecodedChunk, index: number): void {
    const at = this.#count;
    const low = chunk.words[2 * index]!;
    const high = chunk.words[2 * index + 1]!;
    const start = chunk.starts[index]!;
    const end = chunk.ends[index]!;
    if (!this.endsAt(low, high)) {
      this.#sameTime = at;
      this.#texts = null;
    }
    if (this.#isThere(chunk.bytes, start, end)) return;
    if (at === this.#starts.length) this.#grow();
    const from = this.#length;
    if (from + end - start > this.#bytes.length) this.#growBytes(from + end - start);
    chunk.bytes.copy(this.#bytes, from, start, end);
    this.#length = from + end - start;
    this.#words[2 * at] = low;
    this.#words[2 * at + 1] = high;
    this.#starts[at] = from;
    this.#ends[at] = this.#length;
    this.#metadata[at] = this.#metadataOf(chunk, index);
    this.#count = at + 1;
  }

  build(): DecodedChunk {
    const count = this.#count;
    return {
      count,
      words: this.#words.subarray(0, 2 * count),
      bytes: this.#bytes.subarray(0, this.#length),
      starts: this.#starts.subarray(0, count),
      ends: this.#ends.subarray(0, count),
      metadata: this.#table.length === 0 ? null : this.#metadata.subarray(0, count),
      metadataTable: this.#table,
    };
  }

  /** Whether a line of the last time has this text. */
  #isThere(bytes: Buffer, start: number, end: number): boolean {
    const at = this.#count;
    if (at - this.#sameTime < MAX_COMPARED) {
      for (let i = this.#sameTime; i < at; i++) {
        const [from, to] = [this.#starts[i]!, this.#ends[i]!];
        if (to - from !== end - start) continue;
        if (this.#bytes.compare(bytes, start, end, from, to) === 0) return true;
      }
      return false;
    }
    if (this.#texts === null) {
      this.#texts = new Set();
      for (let i = this.#sameTime; i < at; i++) {
        this.#texts.add(this.#bytes.toString('latin1', this.#starts[i], this.#ends[i]));
      }
    }
    const { size } = this.#texts;
    return this.#texts.add(bytes.toString('latin1', start, end)).size === size;
  }

  #metadataOf({ metadata, metadataTable }: DecodedChunk, index: number): number {
    const number = metadata?.[index] ?? 0;
    if (number === 0) return 0;
    let offset = this.#offsets.get(metadataTable);
    if (offset === undefined) {
      offset = this.#table.length;
      for (const entry of metadataTable) this.#table.push(entry);
      this.#offsets.set(metadataTable, offset);
    }
    return offset + number;
  }

  #grow(): void {
    const capacity = 2 * this.#starts.length;
    this.#words = widened(this.#words, 2 * capacity);
    this.#starts = widened(this.#starts, capacity);
    this.#ends = widened(this.#ends, capacity);
    this.#metadata = widened(this.#metadata, capacity);
  }

  #growBytes(needed: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, needed));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
