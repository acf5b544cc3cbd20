import type { SampleWindow } from '#libs/samples';
import type { FloatHistogram } from '#libs/histogram';
import { firstAtOrAfter } from './first-at-or-after.ts';
import { HistogramSamples, mergeHistograms } from './histogram-samples.ts';
import { grown, nextCapacity } from './growing-columns.ts';
import { OutOfOrderSamples } from './out-of-order-samples.ts';
import { type ChunkView, NO_CHUNK, SealedChunks } from './sealed-chunks.ts';
import { ByteSlots, MAX_RAW_SAMPLES, MAX_SLOT_BYTES, NO_SLOT, RawSlots } from './slot-heap.ts';
import { StartTimes } from './start-times.ts';
import { decodeXorChunk, LOW_WORD, MAX_SAMPLE_BYTES, XorAppender } from './xor-chunk.ts';

/** A chunk is sealed at so many samples: an hour at one every 15 s. Longer chunks are smaller but slower to read into. */
const CHUNK_SAMPLES = 240;
/** So many of the oldest raw samples are encoded at a time. */
const SPILL_SAMPLES = MAX_RAW_SAMPLES / 2;
/** Room that one spill may need at worst. */
const SPILL_BYTES = SPILL_SAMPLES * MAX_SAMPLE_BYTES;

const NO_TIME = -Infinity;

/** What a window's decoded samples are written to; belongs to one window. */
interface Scratch {
  timesMs: Float64Array;
  values: Float64Array;
  words: Uint32Array;
  startTimesMs: Float64Array;
}

/**
 * The samples of every row, newest to oldest in three places:
 *
 * 1. raw, up to 16 in a slot of a shared page, where a reader gets a view without any decoding;
 * 2. an open XOR chunk in a byte slot, to which the 8 oldest raw samples go when the slot is full;
 * 3. sealed XOR chunks, 240 samples each, chained from the newest to the oldest.
 *
 * All times of one place are below those of the place before it. Samples that come late are kept apart
 * ({@link OutOfOrderSamples}) and merged on reading.
 */
export class RowSamples {
  readonly #raw = new RawSlots();
  readonly #open = new ByteSlots();
  readonly #sealed = new SealedChunks();
  readonly #late = new OutOfOrderSamples();
  readonly #histograms = new HistogramSamples();
  readonly starts = new StartTimes();
  readonly #appender = new XorAppender();
  /** What a spill adds to an open chunk. */
  readonly #spilled = new Uint8Array(SPILL_BYTES + 1);
  readonly #sealing = new Uint8Array(MAX_SLOT_BYTES);

  // One entry per row.
  #firstMs = new Float64Array(0);
  #lastMs = new Float64Array(0);
  #rawClass = new Uint8Array(0);
  #rawSlot = new Uint32Array(0);
  #rawCount = new Uint8Array(0);
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

  readonly #scratches = new WeakMap<SampleWindow, Scratch>();
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

  /** Time of the row's youngest sample, -Infinity before the first. */
  lastMs(row: number): number {
    return this.#lastMs[row]!;
  }

  /** No sample of the row is older. May lag behind what retention has dropped. */
  firstMs(row: number): number {
    return this.#firstMs[row]!;
  }

  /** Whether the row may have a sample with `minMs <= t <= maxMs`. */
  reaches(row: number, minMs: number, maxMs: number): boolean {
    return this.#lastMs[row]! >= minMs && this.#firstMs[row]! <= maxMs;
  }

  get lateSampleCount(): number {
    return this.#late.sampleCount + this.#histograms.lateCount;
  }

  /** Sealed and open chunks; raw samples not yet in one are not counted. */
  get chunkCount(): number {
    return this.#sealed.chunkCount + this.#open.liveCount;
  }

  /** Bytes held for samples, free places in pages included. */
  get bytes(): number {
    return this.#raw.bytes + this.#open.bytes + this.#sealed.bytes + this.#histograms.bytes;
  }

  /** Makes a row ready for its first sample. */
  startRow(row: number): void {
    if (row >= this.#lastMs.length) this.#growTo(nextCapacity(row + 1));
    this.#firstMs[row] = Infinity;
    this.#lastMs[row] = NO_TIME;
    this.#rawClass[row] = NO_SLOT;
    this.#rawCount[row] = 0;
    this.#openClass[row] = NO_SLOT;
    this.#openCount[row] = 0;
    this.#encodedMs[row] = NO_TIME;
    this.#newestChunk[row] = NO_CHUNK;
  }

  /** Gives back everything a row holds; sealed chunks go with their pages. */
  clearRow(row: number): void {
    if (this.#rawClass[row] !== NO_SLOT) {
      this.#raw.give(this.#rawClass[row]!, this.#rawSlot[row]!);
    }
    if (this.#openClass[row] !== NO_SLOT) {
      this.#open.give(this.#openClass[row]!, this.#openSlot[row]!);
    }
    this.#late.removeRow(row);
    this.#histograms.removeRow(row);
    this.starts.removeRow(row);
    this.startRow(row);
  }

  /**
   * Appends a sample younger than all in the row. The value comes as its two words in the machine's order, so that a
   * NaN's bits never pass through a floating-point register.
   */
  push(row: number, timeMs: number, firstWord: number, secondWord: number): void {
    let slotClass = this.#rawClass[row]!;
    let count = this.#rawCount[row]!;
    if (slotClass === NO_SLOT || count === this.#raw.sizeOf(slotClass)) {
      this.#makeRoom(row);
      slotClass = this.#rawClass[row]!;
      count = this.#rawCount[row]!;
    }
    const slot = this.#rawSlot[row]!;
    const page = this.#raw.pageOf(slotClass, slot);
    const at = this.#raw.offsetOf(slotClass, slot) + count;
    page.timesMs[at] = timeMs;
    page.words[2 * at] = firstWord;
    page.words[2 * at + 1] = secondWord;
    this.#rawCount[row] = count + 1;
    this.#lastMs[row] = timeMs;
    if (timeMs < this.#firstMs[row]!) this.#firstMs[row] = timeMs;
  }

  /** Adds a sample older than the row's youngest; no sample of the row may have its time. */
  insertLate(row: number, timeMs: number, firstWord: number, secondWord: number): void {
    this.#late.insert(row, timeMs, firstWord, secondWord);
    if (timeMs < this.#firstMs[row]!) this.#firstMs[row] = timeMs;
  }

  /** Appends a histogram younger than all histograms of the row; no sample may have its time. */
  pushHistogram(row: number, timeMs: number, histogram: FloatHistogram): void {
    const followsFloat = this.#lastMs[row]! > this.#histograms.lastMs(row);
    this.#histograms.push(row, timeMs, histogram, followsFloat);
    if (timeMs > this.#lastMs[row]!) this.#lastMs[row] = timeMs;
    if (timeMs < this.#firstMs[row]!) this.#firstMs[row] = timeMs;
  }

  /** Adds a histogram older than the row's youngest sample; no sample of the row may have its time. */
  insertLateHistogram(row: number, timeMs: number, histogram: FloatHistogram): void {
    this.#histograms.insertLate(row, timeMs, histogram);
    if (timeMs < this.#firstMs[row]!) this.#firstMs[row] = timeMs;
  }

  /** Time of the row's youngest histogram, late ones aside, -Infinity without any. */
  lastHistogramMs(row: number): number {
    return this.#histograms.lastMs(row);
  }

  /** Whether the row's youngest histogram, late ones aside, is this one. */
  isLastHistogram(row: number, timeMs: number, histogram: FloatHistogram): boolean {
    return this.#histograms.isLast(row, timeMs, histogram);
  }

  /** Points `window` at the samples with `minMs <= t <= maxMs`; see `Selection.read`. */
  read(row: number, minMs: number, maxMs: number, window: SampleWindow): void {
    this.#readFloats(row, minMs, maxMs, window);
    if (this.#histograms.isUsed && this.#histograms.has(row)) {
      mergeHistograms(window, this.#histograms.read(row, minMs, maxMs));
    }
    if (this.starts.isUsed && this.starts.has(row)) this.#showStarts(row, window);
  }

  #showStarts(row: number, window: SampleWindow): void {
    const scratch = this.#scratchOf(window);
    if (scratch.startTimesMs.length < window.end) {
      scratch.startTimesMs = new Float64Array(2 * window.end);
    }
    this.starts.read(row, window.timesMs, window.start, window.end, scratch.startTimesMs);
    window.startTimesMs = scratch.startTimesMs;
  }

  #readFloats(row: number, minMs: number, maxMs: number, window: SampleWindow): void {
    window.histograms = null;
    window.startTimesMs = null;
    // A row number kept beyond its series' life may never have had samples.
    const isEmpty = row >= this.#lastMs.length || this.#rawClass[row] === NO_SLOT;
    // A row of histograms may have floats that came late and no others.
    if (isEmpty && !this.#late.has(row)) {
      window.start = 0;
      window.end = 0;
      return;
    }
    if (minMs > this.#encodedMs[row]! && !this.#late.has(row)) {
      this.#readRaw(row, minMs, maxMs, window);
      return;
    }
    this.#readAll(row, minMs, maxMs, window);
  }

  /** Drops sealed chunks and late samples that are older than `cutoffMs`; a row's raw and open samples stay. */
  dropBefore(cutoffMs: number): void {
    this.#sealed.dropBefore(cutoffMs);
    this.#late.dropBefore(cutoffMs);
    this.#histograms.dropBefore(cutoffMs);
    this.starts.dropBefore(cutoffMs);
  }

  #readRaw(row: number, minMs: number, maxMs: number, window: SampleWindow): void {
    const slotClass = this.#rawClass[row]!;
    const slot = this.#rawSlot[row]!;
    const page = this.#raw.pageOf(slotClass, slot);
    const offset = this.#raw.offsetOf(slotClass, slot);
    const { timesMs } = page;
    let end = offset + this.#rawCount[row]!;
    while (end > offset && timesMs[end - 1]! > maxMs) end--;
    let start = end;
    while (start > offset && timesMs[start - 1]! >= minMs) start--;
    window.timesMs = timesMs;
    window.values = page.values;
    window.start = start;
    window.end = end;
  }

  #readAll(row: number, minMs: number, maxMs: number, window: SampleWindow): void {
    const scratch = this.#scratchOf(window);
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
    if (this.#rawClass[row] !== NO_SLOT) count = this.#copyRaw(row, scratch, count);
    if (this.#late.has(row)) count = this.#mergeLate(row, scratch, count);
    window.timesMs = scratch.timesMs;
    window.values = scratch.values;
    window.start = firstAtOrAfter(scratch.timesMs, count, minMs);
    window.end = firstAtOrAfter(scratch.timesMs, count, maxMs);
    while (window.end < count && scratch.timesMs[window.end] === maxMs) window.end++;
    if (window.end < window.start) window.end = window.start;
  }

  /** Adds the raw samples. @returns the new count */
  #copyRaw(row: number, scratch: Scratch, count: number): number {
    const slotClass = this.#rawClass[row]!;
    const page = this.#raw.pageOf(slotClass, this.#rawSlot[row]!);
    const offset = this.#raw.offsetOf(slotClass, this.#rawSlot[row]!);
    const rawCount = this.#rawCount[row]!;
    reserve(scratch, count + rawCount, count);
    copySamples(page, offset, scratch, count, rawCount);
    return count + rawCount;
  }

  /** Decodes every sealed chunk that reaches into the range, oldest first. @returns how many samples that were */
  #decodeSealed(row: number, minMs: number, maxMs: number, scratch: Scratch): number {
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

  /** Merges the late samples in, from the back. @returns the new count */
  #mergeLate(row: number, scratch: Scratch, count: number): number {
    const late = this.#late.columnsOf(row);
    const total = count + late.length;
    reserve(scratch, total, count);
    const { timesMs, words } = scratch;
    let left = count - 1;
    let right = late.length - 1;
    for (let place = total - 1; right >= 0; place--) {
      const isLeft = left >= 0 && timesMs[left]! > late.timesMs[right]!;
      const from = isLeft ? left-- : right--;
      const source = isLeft ? words : late.words;
      timesMs[place] = (isLeft ? timesMs : late.timesMs)[from]!;
      words[2 * place] = source[2 * from]!;
      words[2 * place + 1] = source[2 * from + 1]!;
    }
    return total;
  }

  #scratchOf(window: SampleWindow): Scratch {
    let scratch = this.#scratches.get(window);
    if (scratch === undefined) {
      const values = new Float64Array(256);
      scratch = {
        timesMs: new Float64Array(256),
        values,
        words: new Uint32Array(values.buffer),
        startTimesMs: new Float64Array(0),
      };
      this.#scratches.set(window, scratch);
    }
    return scratch;
  }

  #makeRoom(row: number): void {
    const slotClass = this.#rawClass[row]!;
    if (slotClass === NO_SLOT) {
      this.#rawClass[row] = 0;
      this.#rawSlot[row] = this.#raw.take(0);
    } else if (this.#raw.isLargest(slotClass)) {
      this.#spill(row);
    } else {
      this.#growRaw(row, slotClass);
    }
  }

  #growRaw(row: number, slotClass: number): void {
    const slot = this.#rawSlot[row]!;
    const larger = this.#raw.take(slotClass + 1);
    const from = this.#raw.pageOf(slotClass, slot);
    const to = this.#raw.pageOf(slotClass + 1, larger);
    copySamples(
      from,
      this.#raw.offsetOf(slotClass, slot),
      to,
      this.#raw.offsetOf(slotClass + 1, larger),
      this.#rawCount[row]!,
    );
    this.#raw.give(slotClass, slot);
    this.#rawClass[row] = slotClass + 1;
    this.#rawSlot[row] = larger;
  }

  /** Encodes the oldest raw samples and moves the others to the front. */
  #spill(row: number): void {
    const slotClass = this.#rawClass[row]!;
    const slot = this.#rawSlot[row]!;
    const page = this.#raw.pageOf(slotClass, slot);
    const offset = this.#raw.offsetOf(slotClass, slot);
    const appender = this.#loadOpen(row);
    for (let i = offset; i < offset + SPILL_SAMPLES; i++) {
      appender.append(
        page.timesMs[i]!,
        page.words[2 * i + 1 - LOW_WORD]!,
        page.words[2 * i + LOW_WORD]!,
      );
    }
    this.#storeOpen(row, appender);
    const kept = this.#rawCount[row]! - SPILL_SAMPLES;
    copySamples(page, offset + SPILL_SAMPLES, page, offset, kept);
    this.#rawCount[row] = kept;
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
    this.#firstMs = grown(this.#firstMs, capacity);
    this.#lastMs = grown(this.#lastMs, capacity);
    this.#rawClass = grown(this.#rawClass, capacity);
    this.#rawSlot = grown(this.#rawSlot, capacity);
    this.#rawCount = grown(this.#rawCount, capacity);
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

function copySamples(
  from: { readonly timesMs: Float64Array; readonly words: Uint32Array },
  fromIndex: number,
  to: { readonly timesMs: Float64Array; readonly words: Uint32Array },
  toIndex: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) {
    to.timesMs[toIndex + i] = from.timesMs[fromIndex + i]!;
    to.words[2 * (toIndex + i)] = from.words[2 * (fromIndex + i)]!;
    to.words[2 * (toIndex + i) + 1] = from.words[2 * (fromIndex + i) + 1]!;
  }
}

/** Makes room for `needed` samples, keeping the first `kept`. */
function reserve(scratch: Scratch, needed: number, kept: number): void {
  if (scratch.timesMs.length >= needed) return;
  const capacity = needed + (needed >> 1);
  const timesMs = new Float64Array(capacity);
  const values = new Float64Array(capacity);
  const words = new Uint32Array(values.buffer);
  timesMs.set(scratch.timesMs.subarray(0, kept));
  words.set(scratch.words.subarray(0, 2 * kept));
  scratch.timesMs = timesMs;
  scratch.values = values;
  scratch.words = words;
}
