import { ActiveChunk } from './active-chunk.ts';
import { BatchMerge } from './batch-merge.ts';
import type { ChunkRef } from './chunk-ref.ts';
import { type DecodedChunk, reversedChunk, sliceChunk } from './decoded-chunk.ts';
import { firstNotBefore, isBefore } from './nanos.ts';
import type { TimeRange } from './overlaps.ts';
import { hasAll } from './sealed-chunk.ts';
import { TimeHeap } from './time-heap.ts';

/** Lines that are gathered from chunks which overlap make a batch of about so many bytes. */
const MERGED_BYTES = 1_024 * 1_024;
/**
 * A batch ends between two times, so that a line that comes twice is found. Where a single nanosecond has more than this,
 * it ends within.
 */
const MERGED_BYTES_OF_ONE_TIME = 32 * 1_024 * 1_024;
/** So many chunks of one stream that overlap are held as they are; of more, a part of each. */
const WHOLE_CHUNKS = 32;
/** The parts that are held take about so much together, unless it is said. */
const PARTS_BYTES = 32 * 1_024 * 1_024;
/** And each at least so much, since a chunk is read again for every one of its parts. */
const LEAST_PART_BYTES = 8 * 1_024;

/** Which lines are wanted, and in which direction. */
interface CursorRange extends TimeRange {
  readonly isForward: boolean;
}

/**
 * The lines of one stream in order of time. Chunks that overlap are merged, and a line that lies in two of them comes once.
 * Backward the lines come from the last to the first.
 */
export class StreamCursor {
  readonly streamId: number;
  readonly #range: CursorRange;
  readonly #needles: readonly Buffer[];
  readonly #signal: AbortSignal | undefined;
  readonly #partsBytes: number;
  /** In the order they are needed. */
  readonly #waiting: readonly ChunkRef[];
  #nextWaiting = 0;
  readonly #active: TimeHeap<ActiveChunk>;
  /** Which of the waiting came first of those that are active, if nothing was taken of them; or -1. */
  #freshSince = -1;
  #releasedAt = -1;
  #releasedLow = 0;
  #releasedHigh = 0;

  /** @param needles chunks whose lines lack one of these are passed over */
  constructor(
    streamId: number,
    chunks: readonly ChunkRef[],
    range: CursorRange,
    needles: readonly Buffer[],
    signal?: AbortSignal,
    partsBytes = PARTS_BYTES,
  ) {
    this.streamId = streamId;
    this.#range = range;
    this.#needles = needles;
    this.#signal = signal;
    this.#partsBytes = partsBytes;
    this.#waiting = chunks.toSorted(range.isForward ? byFirst : byLast);
    this.#active = new TimeHeap(range.isForward);
  }

  /** A time that the next line does not come before (backward: is not after). */
  low = 0;
  high = 0;

  /** Sets {@link low} and {@link high}: after {@link activate} to the next line's time. @returns false at the end */
  look(): boolean {
    const isSet = this.#lookAtActive();
    const next = this.#waiting[this.#nextWaiting];
    if (next === undefined) return isSet;
    const { isForward, start, end } = this.#range;
    let [low, high] = isForward ? [next.minLow, next.minHigh] : [next.maxLow, next.maxHigh];
    if (this.#releasedAt === this.#nextWaiting) {
      [low, high] = [this.#releasedLow, this.#releasedHigh];
    } else if (isForward && isBefore(low, high, start.low, start.high)) {
      [low, high] = [start.low, start.high];
    } else if (!isForward && !isBefore(low, high, end.low, end.high)) {
      [low, high] = [end.low, end.high];
    }
    if (!isSet || this.#active.precedes({ low, high }, this)) {
      this.low = low;
      this.high = high;
    }
    return true;
  }

  /** Lets go of chunks of which nothing was taken, but not of what is known of their first line. They are read again. */
  release(): void {
    if (this.#freshSince < 0 || !this.#lookAtActive()) return;
    this.#releasedAt = this.#nextWaiting = this.#freshSince;
    this.#releasedLow = this.low;
    this.#releasedHigh = this.high;
    this.#active.clear();
    this.#freshSince = -1;
  }

  /** The next lines, after {@link activate}; null at the end. */
  async take(): Promise<DecodedChunk | null> {
    const { first, size } = this.#active;
    if (first === undefined) return null;
    this.#freshSince = -1;
    if (size === 1 && first.isWhole) {
      const alone = this.#sliceBeforeOthers(first);
      if (alone !== null) return this.#range.isForward ? alone : reversedChunk(alone);
    }
    return this.#merge();
  }

  /** Holds no more than about so many bytes until it is this stream's turn again. */
  rest(maxBytes: number): void {
    const { items, size } = this.#active;
    for (const active of items) active.shrink(Math.max(LEAST_PART_BYTES, maxBytes / size));
  }

  /** Sets the time to that of the first line of what is active, if anything is. */
  #lookAtActive(): boolean {
    const { first } = this.#active;
    if (first === undefined) return false;
    this.low = first.low;
    this.high = first.high;
    return true;
  }

  /** Makes chunks active until the next line must be among them. */
  async activate(): Promise<void> {
    if (this.#active.size === 0) this.#freshSince = this.#nextWaiting;
    while (this.#isNextDue()) {
      this.#signal?.throwIfAborted();
      const next = this.#waiting[this.#nextWaiting++]!;
      const needles = this.#needles;
      if (needles.length > 0 && !(await next.mayContain(needles))) continue;
      const chunk = await next.load();
      if (chunk === null || !hasAll(chunk.bytes, needles)) continue;
      const active = ActiveChunk.of(next, chunk, this.#range, this.#range.isForward);
      if (active === null) continue;
      this.#active.push(active);
      if (this.#active.size === WHOLE_CHUNKS + 1) this.#shrinkAll();
      else this.#shrinkOne(active);
    }
  }

  /** Whether a chunk that waits may hold a line that is not after the next one there is. */
  #isNextDue(): boolean {
    const next = this.#waiting[this.#nextWaiting];
    if (next === undefined) return false;
    const { first } = this.#active;
    if (first === undefined) return true;
    return this.#range.isForward
      ? !isBefore(first.low, first.high, next.minLow, next.minHigh)
      : !isBefore(next.maxLow, next.maxHigh, first.low, first.high);
  }

  #shrinkAll(): void {
    for (const active of this.#active.items) this.#shrinkOne(active);
  }

  #shrinkOne(active: ActiveChunk): void {
    const { size } = this.#active;
    if (size > WHOLE_CHUNKS) active.shrink(Math.max(LEAST_PART_BYTES, this.#partsBytes / size));
  }

  /** What comes of a chunk that is alone before the next one begins; null where that begins with the next line. */
  #sliceBeforeOthers(active: ActiveChunk): DecodedChunk | null {
    const next = this.#waiting[this.#nextWaiting];
    const { chunk, at, end } = active;
    if (this.#range.isForward) {
      const to =
        next === undefined ? end : firstNotBefore(chunk.words, at, end, next.minLow, next.minHigh);
      if (to === at) return null;
      if (!active.skipTo(to)) this.#active.pop();
      return sliceChunk(chunk, at, to);
    }
    // Lines with the time of the next chunk's last one are merged with it.
    const from = next === undefined ? at : firstAfter(chunk, at, end, next.maxLow, next.maxHigh);
    if (from === end) return null;
    if (!active.skipTo(from)) this.#active.pop();
    return sliceChunk(chunk, from, end);
  }

  async #merge(): Promise<DecodedChunk> {
    const merge = new BatchMerge();
    for (;;) {
      if (this.#isNextDue()) await this.activate();
      const { first, size } = this.#active;
      if (first === undefined) break;
      if (merge.count > 0) {
        const isAlone = size === 1 && first.isWhole;
        const isLarge = merge.memoryBytes >= MERGED_BYTES;
        if ((isLarge || isAlone) && !merge.endsAt(first.low, first.high)) break;
        if (merge.memoryBytes >= MERGED_BYTES_OF_ONE_TIME) break;
      }
      merge.add(first.chunk, first.next);
      const { isWhole } = first;
      if (first.advance()) this.#active.firstChanged();
      else if (isWhole || !(await this.#reload(first))) this.#active.pop();
    }
    return merge.build();
  }

  /** @returns false where nothing more comes of a chunk that is held in parts */
  async #reload(active: ActiveChunk): Promise<boolean> {
    this.#signal?.throwIfAborted();
    if (!(await active.reload())) return false;
    this.#shrinkOne(active);
    this.#active.firstChanged();
    return true;
  }
}

function firstAfter(
  chunk: DecodedChunk,
  start: number,
  end: number,
  low: number,
  high: number,
): number {
  let at = firstNotBefore(chunk.words, start, end, low, high);
  while (at < end && chunk.words[2 * at] === low && chunk.words[2 * at + 1] === high) at++;
  return at;
}

function byFirst(a: ChunkRef, b: ChunkRef): number {
  return a.minHigh - b.minHigh || a.minLow - b.minLow;
}

function byLast(a: ChunkRef, b: ChunkRef): number {
  return b.maxHigh - a.maxHigh || b.maxLow - a.maxLow;
}
