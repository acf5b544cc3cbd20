import { BatchMerge } from './batch-merge.ts';
import type { ChunkRef } from './chunk-ref.ts';
import { type DecodedChunk, reversedChunk, sliceChunk } from './decoded-chunk.ts';
import { hasAll } from './sealed-chunk.ts';
import { firstNotBefore, isBefore } from './nanos.ts';
import type { TimeRange } from './overlaps.ts';

/** Lines that are gathered from chunks which overlap make a batch of about so many bytes. */
const MERGED_BYTES = 1_024 * 1_024;
/** So many chunks of one stream may overlap at one time; more would not fit into memory. */
const MAX_OVERLAP = 128;

/** A stream cannot be read as it lies. */
export class LogReadError extends Error {
  override readonly name = 'LogReadError';
}

/** Which lines are wanted, and in which direction. */
interface CursorRange extends TimeRange {
  readonly isForward: boolean;
}

/** A chunk that is being read, of which the lines from `at` to `end` are in the range and to come. */
interface ActiveChunk {
  readonly chunk: DecodedChunk;
  at: number;
  end: number;
}

/**
 * The lines of one stream in order of time. Chunks that overlap are merged, and a line that lies in two of them comes once.
 * Backward the lines come from the last to the first.
 */
export class StreamCursor {
  readonly streamId: number;
  readonly #range: CursorRange;
  readonly #needles: readonly Buffer[];
  /** In the order they are needed. */
  readonly #waiting: readonly ChunkRef[];
  #nextWaiting = 0;
  #active: ActiveChunk[] = [];
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
  ) {
    this.streamId = streamId;
    this.#range = range;
    this.#needles = needles;
    this.#waiting = chunks.toSorted(range.isForward ? byFirst : byLast);
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
    if (!isSet || this.#precedes(low, high, this.low, this.high)) {
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
    this.#active = [];
    this.#freshSince = -1;
  }

  /** The next lines, after {@link activate}; null at the end. */
  async take(): Promise<DecodedChunk | null> {
    const first = this.#active[0];
    if (first === undefined) return null;
    this.#freshSince = -1;
    if (this.#active.length === 1) {
      const alone = this.#sliceBeforeOthers(first);
      if (alone !== null) return this.#range.isForward ? alone : reversedChunk(alone);
    }
    return this.#merge();
  }

  /** Sets the time to that of the first line of what is active, if anything is. */
  #lookAtActive(): boolean {
    const { isForward } = this.#range;
    let isSet = false;
    for (const active of this.#active) {
      const index = isForward ? active.at : active.end - 1;
      const [low, high] = [active.chunk.words[2 * index]!, active.chunk.words[2 * index + 1]!];
      if (isSet && !this.#precedes(low, high, this.low, this.high)) continue;
      this.low = low;
      this.high = high;
      isSet = true;
    }
    return isSet;
  }

  /** Makes chunks active until the next line must be among them. */
  async activate(): Promise<void> {
    if (this.#active.length === 0) this.#freshSince = this.#nextWaiting;
    for (;;) {
      const next = this.#waiting[this.#nextWaiting];
      if (next === undefined || (this.#active.length > 0 && !this.#isDue(next))) return;
      this.#nextWaiting++;
      const needles = this.#needles;
      if (needles.length > 0 && !(await next.mayContain(needles))) continue;
      const chunk = await next.load();
      if (chunk === null || !hasAll(chunk.bytes, needles)) continue;
      const { start, end } = this.#range;
      const at = firstNotBefore(chunk.words, 0, chunk.count, start.low, start.high);
      const last = firstNotBefore(chunk.words, at, chunk.count, end.low, end.high);
      if (at === last) continue;
      if (this.#active.length === MAX_OVERLAP) {
        throw new LogReadError(
          `more than ${MAX_OVERLAP} chunks of one stream overlap; ask for a shorter range`,
        );
      }
      this.#active.push({ chunk, at, end: last });
    }
  }

  /** Whether a chunk may hold a line that is not after the next one there is. */
  #isDue(chunk: ChunkRef): boolean {
    const { isForward } = this.#range;
    for (const active of this.#active) {
      const index = isForward ? active.at : active.end - 1;
      const low = active.chunk.words[2 * index]!;
      const high = active.chunk.words[2 * index + 1]!;
      const isAfter = isForward
        ? isBefore(low, high, chunk.minLow, chunk.minHigh)
        : isBefore(chunk.maxLow, chunk.maxHigh, low, high);
      if (isAfter) return false;
    }
    return true;
  }

  /** What comes of a chunk that is alone before the next one begins; null where that begins with the next line. */
  #sliceBeforeOthers(active: ActiveChunk): DecodedChunk | null {
    const next = this.#waiting[this.#nextWaiting];
    const { chunk, at, end } = active;
    if (this.#range.isForward) {
      const to =
        next === undefined ? end : firstNotBefore(chunk.words, at, end, next.minLow, next.minHigh);
      if (to === at) return null;
      active.at = to;
      if (to === end) this.#active = [];
      return sliceChunk(chunk, at, to);
    }
    // Lines with the time of the next chunk's last one are merged with it.
    const from = next === undefined ? at : firstAfter(chunk, at, end, next.maxLow, next.maxHigh);
    if (from === end) return null;
    active.end = from;
    if (from === at) this.#active = [];
    return sliceChunk(chunk, from, end);
  }

  async #merge(): Promise<DecodedChunk> {
    const { isForward } = this.#range;
    const merge = new BatchMerge();
    for (;;) {
      await this.activate();
      let first: ActiveChunk | null = null;
      let [low, high] = [0, 0];
      for (const active of this.#active) {
        const index = isForward ? active.at : active.end - 1;
        const [at, above] = [active.chunk.words[2 * index]!, active.chunk.words[2 * index + 1]!];
        if (first !== null && !this.#precedes(at, above, low, high)) continue;
        first = active;
        [low, high] = [at, above];
      }
      if (first === null) break;
      // A batch ends between two times only, so that a line that comes twice is found.
      const isLarge = merge.byteLength + 16 * merge.count >= MERGED_BYTES;
      if ((isLarge || this.#active.length === 1) && merge.count > 0 && !merge.endsAt(low, high))
        break;
      merge.add(first.chunk, isForward ? first.at++ : --first.end);
      if (first.at === first.end) this.#active.splice(this.#active.indexOf(first), 1);
    }
    return merge.build();
  }

  #precedes(low: number, high: number, otherLow: number, otherHigh: number): boolean {
    return this.#range.isForward
      ? isBefore(low, high, otherLow, otherHigh)
      : isBefore(otherLow, otherHigh, low, high);
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
