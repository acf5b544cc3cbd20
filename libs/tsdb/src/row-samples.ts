import type { SampleWindow } from '#libs/samples';
import type { FloatHistogram } from '#libs/histogram';
import { EncodedSamples, SPILL_SAMPLES } from './encoded-samples.ts';
import { firstAtOrAfter } from './first-at-or-after.ts';
import { HistogramSamples, mergeHistograms } from './histogram-samples.ts';
import { grown, nextCapacity } from './growing-columns.ts';
import { OutOfOrderSamples } from './out-of-order-samples.ts';
import { copySamples, createReadScratch, type ReadScratch, reserve } from './read-scratch.ts';
import { NO_SLOT, RawSlots } from './slot-heap.ts';
import { StartTimes } from './start-times.ts';

const NO_TIME = -Infinity;

/**
 * The samples of every row: the newest raw, up to 16 in a slot of a shared page, where a reader gets a view without any
 * decoding; older ones in XOR chunks ({@link EncodedSamples}), to which the 8 oldest go when the slot is full. Samples that come late are kept apart
 * ({@link OutOfOrderSamples}) and merged on reading.
 */
export class RowSamples {
  readonly #raw = new RawSlots();
  readonly #encoded = new EncodedSamples();
  readonly #late = new OutOfOrderSamples();
  readonly #histograms = new HistogramSamples();
  readonly starts = new StartTimes();

  // One entry per row.
  #firstMs = new Float64Array(0);
  #lastMs = new Float64Array(0);
  #rawClass = new Uint8Array(0);
  #rawSlot = new Uint32Array(0);
  #rawCount = new Uint8Array(0);
  readonly #scratches = new WeakMap<SampleWindow, ReadScratch>();
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
    return this.#encoded.chunkCount;
  }

  /** Bytes held for samples, free places in pages included. */
  get bytes(): number {
    return this.#raw.bytes + this.#encoded.bytes + this.#histograms.bytes;
  }

  /** Makes a row ready for its first sample. */
  startRow(row: number): void {
    if (row >= this.#lastMs.length) this.#growTo(nextCapacity(row + 1));
    this.#firstMs[row] = Infinity;
    this.#lastMs[row] = NO_TIME;
    this.#rawClass[row] = NO_SLOT;
    this.#rawCount[row] = 0;
    this.#encoded.startRow(row);
  }

  /** Gives back everything a row holds; sealed chunks go with their pages. */
  clearRow(row: number): void {
    if (this.#rawClass[row] !== NO_SLOT) {
      this.#raw.give(this.#rawClass[row]!, this.#rawSlot[row]!);
    }
    this.#encoded.clearRow(row);
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
    if (minMs > this.#encoded.lastMs(row) && !this.#late.has(row)) {
      this.#readRaw(row, minMs, maxMs, window);
      return;
    }
    this.#readAll(row, minMs, maxMs, window);
  }

  /** Drops sealed chunks and late samples that are older than `cutoffMs`; a row's raw and open samples stay. */
  dropBefore(cutoffMs: number): void {
    this.#encoded.dropBefore(cutoffMs);
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
    let count = this.#encoded.decode(row, minMs, maxMs, scratch);
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
  #copyRaw(row: number, scratch: ReadScratch, count: number): number {
    const slotClass = this.#rawClass[row]!;
    const page = this.#raw.pageOf(slotClass, this.#rawSlot[row]!);
    const offset = this.#raw.offsetOf(slotClass, this.#rawSlot[row]!);
    const rawCount = this.#rawCount[row]!;
    reserve(scratch, count + rawCount, count);
    copySamples(page, offset, scratch, count, rawCount);
    return count + rawCount;
  }

  /** Merges the late samples in, from the back. @returns the new count */
  #mergeLate(row: number, scratch: ReadScratch, count: number): number {
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

  #scratchOf(window: SampleWindow): ReadScratch {
    let scratch = this.#scratches.get(window);
    if (scratch === undefined) {
      scratch = createReadScratch();
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
    this.#encoded.append(row, page, offset);
    const kept = this.#rawCount[row]! - SPILL_SAMPLES;
    copySamples(page, offset + SPILL_SAMPLES, page, offset, kept);
    this.#rawCount[row] = kept;
  }

  #growTo(capacity: number): void {
    this.#firstMs = grown(this.#firstMs, capacity);
    this.#lastMs = grown(this.#lastMs, capacity);
    this.#rawClass = grown(this.#rawClass, capacity);
    this.#rawSlot = grown(this.#rawSlot, capacity);
    this.#rawCount = grown(this.#rawCount, capacity);
  }
}
