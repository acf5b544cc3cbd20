import { grown, nextCapacity } from './growing-columns.ts';
import { type ReadScratch, reserve, type SampleWords } from './read-scratch.ts';
import { type ChunkView, NO_CHUNK, SealedChunks } from './sealed-chunks.ts';
import { ByteSlots, MAX_RAW_SAMPLES, MAX_SLOT_BYTES, NO_SLOT } from './slot-heap.ts';
import { decodeXorChunk, LOW_WORD, MAX_SAMPLE_BYTES, XorAppender } from './xor-chunk.ts';

/** A chunk is sealed at so many samples: an hour at one every 15 s. Longer chunks are smaller but slower to read into. */
const CHUNK_SAMPLES = 240;
/** So many samples are encoded at a time. */
export const SPILL_SAMPLES = MAX_RAW_SAMPLES / 2;
/** Room that one spill may need at worst. */
const SPILL_BYTES = SPILL_SAMPLES * MAX_SAMPLE_BYTES;

const NO_TIME = -Infinity;

/**
 * The older samples of every row, in XOR chunks: an open one in a byte slot, and before it sealed ones, 240 samples each,
 * chained from the newest to the oldest. All times of a chunk are above those of the one before it.
 */
export class EncodedSamples {
  readonly #open = new ByteSlots();
  readonly #sealed = new SealedChunks();
  readonly #appender = new XorAppender();
  /** What a spill adds to an open chunk. */
  readonly #spilled = new Uint8Array(SPILL_BYTES + 1);
  readonly #sealing = new Uint8Array(MAX_SLOT_BYTES);

  // One entry per row.
  #openClass = new Uint8Array(0);
  #openSlot = new Uint32Array(0);
  #openCount = new Uint8Array(0);
  #openBits = new Uint16Array(0);
  #openDeltaMs = new Float64Array(0);
  #openHigh = new Uint32Array(0);
  #openLow = new Uint32Array(0);
  #openLeading = new Uint8Array(0);
  #openTrailing = new Uint8Array(0);
  /** The youngest time that is in a chunk, open or sealed. */
  #encodedMs = new Float64Array(0);
  #newestChunk = new Float64Array(0);

  readonly #view: ChunkView = {
    previous: NO_CHUNK,
    maxMs: 0,
    count: 0,
    encoding: 0,
    bytes: new Uint8Array(0),
    start: 0,
    end: 0,
  };
  readonly #chain: number[] = [];

  /** Time of the row's youngest encoded sample, -Infinity before the first. */
  lastMs(row: number): number {
    return this.#encodedMs[row]!;
  }

  get chunkCount(): number {
    return this.#sealed.chunkCount + this.#open.liveCount;
  }

  /** Bytes held, free places in pages included. */
  get bytes(): number {
    return this.#open.bytes + this.#sealed.bytes;
  }

  /** Makes a row ready for its first sample. */
  startRow(row: number): void {
    if (row >= this.#encodedMs.length) this.#growTo(nextCapacity(row + 1));
    this.#openClass[row] = NO_SLOT;
    this.#openCount[row] = 0;
    this.#encodedMs[row] = NO_TIME;
    this.#newestChunk[row] = NO_CHUNK;
  }

  /** Gives back a row's open chunk; sealed chunks go with their pages. */
  clearRow(row: number): void {
    if (this.#openClass[row] !== NO_SLOT) {
      this.#open.give(this.#openClass[row]!, this.#openSlot[row]!);
    }
    this.startRow(row);
  }

  /** Drops sealed chunks that are older than `cutoffMs`. */
  dropBefore(cutoffMs: number): void {
    this.#sealed.dropBefore(cutoffMs);
  }

  /** Encodes the {@link SPILL_SAMPLES} samples from `offset` on, all younger than what the row has here. */
  append(row: number, from: SampleWords, offset: number): void {
    const appender = this.#loadOpen(row);
    const { timesMs, words } = from;
    for (let i = offset; i < offset + SPILL_SAMPLES; i++) {
      appender.append(timesMs[i]!, words[2 * i + 1 - LOW_WORD]!, words[2 * i + LOW_WORD]!);
    }
    this.#storeOpen(row, appender);
  }

  /**
   * Decodes every chunk that reaches into the range to the front of `scratch`, oldest first; some of its samples may be
   * outside. The open chunk is decoded in any case.
   * @returns how many samples that were
   */
  decode(row: number, minMs: number, maxMs: number, scratch: ReadScratch): number {
    let count = this.#decodeSealed(row, minMs, maxMs, scratch);
    if (this.#openClass[row] !== NO_SLOT && this.#openCount[row]! > 0) {
      const slotClass = this.#openClass[row]!;
      const slot = this.#openSlot[row]!;
      const start = this.#open.offsetOf(slotClass, slot);
      const openCount = this.#openCount[row]!;
      reserve(scratch, count + openCount, count);
      decodeXorChunk(
        this.#open.pageOf(slotClass, slot),
        start,
        start + this.#open.sizeOf(slotClass),
        openCount,
        scratch.timesMs,
        scratch.words,
        count,
      );
      count += openCount;
    }
    return count;
  }

  /** Decodes every sealed chunk that reaches into the range, oldest first. @returns how many samples that were */
  #decodeSealed(row: number, minMs: number, maxMs: number, scratch: ReadScratch): number {
    const chain = this.#chain;
    const view = this.#view;
    chain.length = 0;
    let total = 0;
    // Chunks do not say when they begin; one whose predecessor ends beyond the range cannot reach into it.
    for (let address = this.#newestChunk[row]!; this.#sealed.isKept(address);) {
      this.#sealed.view(address, view);
      if (view.maxMs < minMs) break;
      if (view.maxMs >= maxMs) {
        chain.length = 0;
        total = 0;
      }
      chain.push(address);
      total += view.count;
      address = view.previous;
    }
    reserve(scratch, total, 0);
    let count = 0;
    for (let i = chain.length - 1; i >= 0; i--) {
      this.#sealed.view(chain[i]!, view);
      decodeXorChunk(
        view.bytes,
        view.start,
        view.end,
        view.count,
        scratch.timesMs,
        scratch.words,
        count,
      );
      count += view.count;
    }
    return count;
  }

  /**
   * The appender, ready to take a spill of this row. It writes to scratch memory what comes after the last whole byte of
   * the open chunk (the negative `start` puts that byte at index 0), so the slot grows only as far as needed.
   */
  #loadOpen(row: number): XorAppender {
    const appender = this.#appender;
    appender.reset(this.#spilled, 0);
    if (this.#openClass[row] === NO_SLOT) return appender;
    const bits = this.#openBits[row]!;
    const whole = bits >> 3;
    const slotClass = this.#openClass[row]!;
    const slot = this.#openSlot[row]!;
    if ((bits & 7) !== 0) {
      const last = this.#open.offsetOf(slotClass, slot) + whole;
      this.#spilled[0] = this.#open.pageOf(slotClass, slot)[last]!;
    }
    appender.start = -whole;
    appender.bitLength = bits;
    appender.previousTimeMs = this.#encodedMs[row]!;
    appender.previousDeltaMs = this.#openDeltaMs[row]!;
    appender.previousHigh = this.#openHigh[row]!;
    appender.previousLow = this.#openLow[row]!;
    appender.leading = this.#openLeading[row]!;
    appender.trailing = this.#openTrailing[row]!;
    return appender;
  }

  #storeOpen(row: number, appender: XorAppender): void {
    const whole = this.#openClass[row] === NO_SLOT ? 0 : this.#openBits[row]! >> 3;
    const used = (appender.bitLength + 7) >> 3;
    const count = this.#openCount[row]! + SPILL_SAMPLES;
    this.#encodedMs[row] = appender.previousTimeMs;
    if (count >= this.#samplesPerChunk(row) || used + SPILL_BYTES > MAX_SLOT_BYTES) {
      this.#seal(row, count, whole, used);
      return;
    }
    if (this.#openClass[row] === NO_SLOT || this.#open.sizeOf(this.#openClass[row]!) < used) {
      this.#moveOpen(row, this.#open.classFor(used), whole);
    }
    const slotClass = this.#openClass[row]!;
    const page = this.#open.pageOf(slotClass, this.#openSlot[row]!);
    const offset = this.#open.offsetOf(slotClass, this.#openSlot[row]!);
    for (let i = whole; i < used; i++) page[offset + i] = this.#spilled[i - whole]!;
    this.#openCount[row] = count;
    this.#openBits[row] = appender.bitLength;
    this.#openDeltaMs[row] = appender.previousDeltaMs;
    this.#openHigh[row] = appender.previousHigh;
    this.#openLow[row] = appender.previousLow;
    this.#openLeading[row] = appender.leading;
    this.#openTrailing[row] = appender.trailing;
  }

  /**
   * A row's first chunk is cut short by a number that differs from row to row. Otherwise series that began together, as
   * after a restart, would be sealed together for ever: a burst of work and, before it, all open chunks at their largest.
   */
  #samplesPerChunk(row: number): number {
    if (this.#newestChunk[row] !== NO_CHUNK) return CHUNK_SAMPLES;
    return CHUNK_SAMPLES - (row % (CHUNK_SAMPLES / SPILL_SAMPLES)) * SPILL_SAMPLES;
  }

  /** Seals what the slot holds up to byte `whole` and the spilled bytes after it. */
  #seal(row: number, count: number, whole: number, used: number): void {
    const sealing = this.#sealing;
    const slotClass = this.#openClass[row]!;
    if (slotClass !== NO_SLOT) {
      const slot = this.#openSlot[row]!;
      const page = this.#open.pageOf(slotClass, slot);
      const offset = this.#open.offsetOf(slotClass, slot);
      for (let i = 0; i < whole; i++) sealing[i] = page[offset + i]!;
      this.#open.give(slotClass, slot);
      this.#openClass[row] = NO_SLOT;
    }
    for (let i = whole; i < used; i++) sealing[i] = this.#spilled[i - whole]!;
    this.#openCount[row] = 0;
    this.#newestChunk[row] = this.#sealed.add(
      this.#newestChunk[row]!,
      this.#encodedMs[row]!,
      count,
      sealing,
      0,
      used,
    );
  }

  /** Gives the open chunk a slot of another class and takes its first `whole` bytes along. */
  #moveOpen(row: number, toClass: number, whole: number): void {
    const fromClass = this.#openClass[row]!;
    const slot = this.#open.take(toClass);
    if (fromClass !== NO_SLOT) {
      const fromSlot = this.#openSlot[row]!;
      const from = this.#open.pageOf(fromClass, fromSlot);
      const start = this.#open.offsetOf(fromClass, fromSlot);
      const to = this.#open.pageOf(toClass, slot);
      const target = this.#open.offsetOf(toClass, slot);
      for (let i = 0; i < whole; i++) to[target + i] = from[start + i]!;
      this.#open.give(fromClass, fromSlot);
    }
    this.#openClass[row] = toClass;
    this.#openSlot[row] = slot;
  }

  #growTo(capacity: number): void {
    this.#openClass = grown(this.#openClass, capacity);
    this.#openSlot = grown(this.#openSlot, capacity);
    this.#openCount = grown(this.#openCount, capacity);
    this.#openBits = grown(this.#openBits, capacity);
    this.#openDeltaMs = grown(this.#openDeltaMs, capacity);
    this.#openHigh = grown(this.#openHigh, capacity);
    this.#openLow = grown(this.#openLow, capacity);
    this.#openLeading = grown(this.#openLeading, capacity);
    this.#openTrailing = grown(this.#openTrailing, capacity);
    this.#encodedMs = grown(this.#encodedMs, capacity);
    this.#newestChunk = grown(this.#newestChunk, capacity);
  }
}
