import type { ChunkRef } from './chunk-ref.ts';
import { copyOfLines, type DecodedChunk } from './decoded-chunk.ts';
import { firstNotBefore } from './nanos.ts';
import type { TimeRange } from './overlaps.ts';

/** Rough bytes of a line's columns. */
const LINE_COLUMN_BYTES = 16;

/**
 * A chunk that is being read. Where many chunks of a stream overlap, only the lines that come next are held, and the chunk
 * is read again for those behind them.
 */
export class ActiveChunk {
  readonly #ref: ChunkRef;
  readonly #isForward: boolean;
  /** What is held; of these the lines from {@link at} to {@link end} are to come. */
  chunk: DecodedChunk;
  at: number;
  end: number;
  /** The place of the first line held in the whole chunk. */
  #base = 0;
  /** The lines that are wanted, by their places in the whole chunk. */
  readonly #from: number;
  readonly #to: number;
  /** Time of the next line. */
  low = 0;
  high = 0;

  private constructor(
    ref: ChunkRef,
    chunk: DecodedChunk,
    from: number,
    to: number,
    isForward: boolean,
  ) {
    this.#ref = ref;
    this.#isForward = isForward;
    this.chunk = chunk;
    this.at = this.#from = from;
    this.end = this.#to = to;
    this.#setTime();
  }

  /** @returns null where no line of the chunk is in the range */
  static of(
    ref: ChunkRef,
    chunk: DecodedChunk,
    { start, end }: TimeRange,
    isForward: boolean,
  ): ActiveChunk | null {
    const from = firstNotBefore(chunk.words, 0, chunk.count, start.low, start.high);
    const to = firstNotBefore(chunk.words, from, chunk.count, end.low, end.high);
    return from === to ? null : new ActiveChunk(ref, chunk, from, to, isForward);
  }

  /** The place of the next line in {@link chunk}. */
  get next(): number {
    return this.#isForward ? this.at : this.end - 1;
  }

  /** Whether all lines to come are held. */
  get isWhole(): boolean {
    return this.#isForward
      ? this.#base + this.end === this.#to
      : this.#base + this.at === this.#from;
  }

  /** Goes on to the next line. @returns false where none is held */
  advance(): boolean {
    if (this.#isForward) this.at++;
    else this.end--;
    if (this.at === this.end) return false;
    this.#setTime();
    return true;
  }

  /** Takes the lines up to `to`, or backward those from it on. @returns false where none is left */
  skipTo(place: number): boolean {
    if (this.#isForward) this.at = place;
    else this.end = place;
    if (this.at === this.end) return false;
    this.#setTime();
    return true;
  }

  /** Lets go of all but the next lines, with about so many bytes. */
  shrink(maxBytes: number): void {
    const { chunk, at, end } = this;
    if (chunk.bytes.length + LINE_COLUMN_BYTES * chunk.count <= 2 * maxBytes) return;
    let bytes = 0;
    let count = 0;
    while (count < end - at && (bytes < maxBytes || count === 0)) {
      const index = this.#isForward ? at + count : end - 1 - count;
      bytes += chunk.ends[index]! - chunk.starts[index]! + LINE_COLUMN_BYTES;
      count++;
    }
    const from = this.#isForward ? at : end - count;
    this.chunk = copyOfLines(chunk, from, from + count);
    this.#base += from;
    this.at = 0;
    this.end = count;
  }

  /** Reads the chunk again for the lines behind those that were held. @returns false where it is gone or damaged */
  async reload(): Promise<boolean> {
    const place = this.#base + this.at;
    const chunk = await this.#ref.load();
    if (chunk === null) return false;
    this.chunk = chunk;
    this.#base = 0;
    this.at = this.#isForward ? place : this.#from;
    this.end = this.#isForward ? this.#to : place;
    this.#setTime();
    return true;
  }

  #setTime(): void {
    const { words } = this.chunk;
    this.low = words[2 * this.next]!;
    this.high = words[2 * this.next + 1]!;
  }
}
