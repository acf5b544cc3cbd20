import type { SampleWindow } from '#libs/samples';
import {
  ChunkError,
  decodeXorChunk,
  LOW_WORD,
  MAX_SAMPLE_BYTES,
  XorAppender,
} from '../xor-chunk.ts';
import { firstAtOrAfter } from '../first-at-or-after.ts';
import {
  decodeHistograms,
  encodeHistograms,
  inOrder,
  mergeHistograms,
} from '../histogram-samples.ts';
import type { TimedHistogram } from '../histogram-codec.ts';
import { ENCODING_HISTOGRAMS, ENCODING_XOR_FLOATS } from './block-format.ts';
import type { ChunkSource } from './block-writer.ts';
import { BlockError } from './byte-reader.ts';

/** Samples in a chunk of a block at most. */
const CHUNK_SAMPLES = 240;

/** Samples in growing columns, ascending in time once {@link SampleColumns.sort} has run. */
export class SampleColumns {
  timesMs = new Float64Array(512);
  values = new Float64Array(512);
  words = new Uint32Array(this.values.buffer);
  length = 0;
  /** Where samples begin that are not younger than the one before. */
  readonly #runStarts: number[] = [];

  #encoded = new Uint8Array(0);
  /** What a merge writes to; it changes places with the columns. */
  #spareTimes = new Float64Array(0);
  #spareValues = new Float64Array(0);
  #spareWords = new Uint32Array(0);

  /** Room for what the samples are encoded to; the same memory each time. */
  encodingBuffer(bytes: number): Uint8Array {
    if (this.#encoded.length < bytes) this.#encoded = new Uint8Array(2 * bytes);
    return this.#encoded;
  }

  clear(): void {
    this.length = 0;
    this.histograms.length = 0;
    this.#runStarts.length = 0;
  }

  /** Histograms, ascending in time once {@link SampleColumns.sort} has run; apart from the floats. */
  histograms: TimedHistogram[] = [];

  /** Adds the samples of a chunk. @throws BlockError for an encoding that is not known @throws ChunkError */
  addChunk(chunk: Pick<ChunkSource, 'bytes' | 'start' | 'end' | 'count' | 'encoding'>): void {
    if (chunk.encoding === ENCODING_HISTOGRAMS) {
      const { bytes, start, end, count } = chunk;
      const part = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
      decodeHistograms({ bytes: part, count }, this.histograms);
      return;
    }
    if (chunk.encoding !== ENCODING_XOR_FLOATS) {
      throw new BlockError(`chunk of the unknown encoding ${chunk.encoding}`);
    }
    const from = this.length;
    this.#reserve(chunk.count);
    const { bytes, start, end, count } = chunk;
    decodeXorChunk(bytes, start, end, count, this.timesMs, this.words, from);
    this.length += count;
    this.#noticeOrder(from);
  }

  /** Adds the samples of a window. */
  addWindow(window: SampleWindow): void {
    const count = window.end - window.start;
    if (count === 0) return;
    if (window.histograms !== null) {
      this.#addMixed(window, window.histograms);
      return;
    }
    const from = this.length;
    this.#reserve(count);
    this.timesMs.set(window.timesMs.subarray(window.start, window.end), from);
    const { buffer, byteOffset } = window.values;
    const words = new Uint32Array(buffer, byteOffset + 8 * window.start, 2 * count);
    this.words.set(words, 2 * from);
    this.length += count;
    this.#noticeOrder(from);
  }

  #addMixed(window: SampleWindow, histograms: NonNullable<SampleWindow['histograms']>): void {
    const words = new Uint32Array(window.values.buffer, window.values.byteOffset);
    for (let i = window.start; i < window.end; i++) {
      const timeMs = window.timesMs[i]!;
      const histogram = histograms[i] ?? null;
      if (histogram !== null) {
        this.histograms.push({ timeMs, histogram });
        continue;
      }
      this.#reserve(1);
      const at = this.length++;
      this.timesMs[at] = timeMs;
      this.words[2 * at] = words[2 * i]!;
      this.words[2 * at + 1] = words[2 * i + 1]!;
      this.#noticeOrder(at);
    }
  }

  /** Puts the samples in order; of several at one time the one added first stays. */
  sort(): void {
    this.#sortHistograms();
    const starts = this.#runStarts;
    if (starts.length === 0) return;
    let end = starts[0]!;
    for (const [i, start] of starts.entries()) {
      end = this.#mergeRuns(end, start, starts[i + 1] ?? this.length);
    }
    this.length = end;
    starts.length = 0;
  }

  #sortHistograms(): void {
    const { histograms } = this;
    if (histograms.every((one, i) => i === 0 || one.timeMs > histograms[i - 1]!.timeMs)) return;
    this.histograms = inOrder(histograms);
  }

  /**
   * Merges the samples before `leftEnd` with those from `start` to `end`, both ascending, to the front.
   * @returns how many there are now
   */
  #mergeRuns(leftEnd: number, start: number, end: number): number {
    const { timesMs, words } = this;
    if (this.#spareTimes.length !== this.timesMs.length) {
      this.#spareTimes = new Float64Array(this.timesMs.length);
      this.#spareValues = new Float64Array(this.timesMs.length);
      this.#spareWords = new Uint32Array(this.#spareValues.buffer);
    }
    const mergedTimes = this.#spareTimes;
    const mergedValues = this.#spareValues;
    const mergedWords = this.#spareWords;
    let left = 0;
    let right = start;
    let count = 0;
    while (left < leftEnd || right < end) {
      const takesLeft = left < leftEnd && (right >= end || timesMs[left]! <= timesMs[right]!);
      const from = takesLeft ? left++ : right++;
      const timeMs = timesMs[from]!;
      if (count > 0 && mergedTimes[count - 1] === timeMs) continue;
      mergedTimes[count] = timeMs;
      mergedWords[2 * count] = words[2 * from]!;
      mergedWords[2 * count + 1] = words[2 * from + 1]!;
      count++;
    }
    // What comes after stays where it is.
    mergedTimes.set(timesMs.subarray(end, this.length), end);
    mergedWords.set(words.subarray(2 * end, 2 * this.length), 2 * end);
    this.#spareTimes = this.timesMs;
    this.#spareValues = this.values;
    this.#spareWords = this.words;
    this.timesMs = mergedTimes;
    this.values = mergedValues;
    this.words = mergedWords;
    return count;
  }

  /** Points a window at the samples with `minMs <= t <= maxMs`. */
  show(minMs: number, maxMs: number, window: SampleWindow): void {
    window.timesMs = this.timesMs;
    window.values = this.values;
    window.start = firstAtOrAfter(this.timesMs, this.length, minMs);
    window.end = firstAtOrAfter(this.timesMs, this.length, maxMs);
    while (window.end < this.length && this.timesMs[window.end] === maxMs) window.end++;
    if (window.end < window.start) window.end = window.start;
    window.histograms = null;
    if (this.histograms.length === 0) return;
    const shown = this.histograms.filter(({ timeMs }) => timeMs >= minMs && timeMs <= maxMs);
    mergeHistograms(window, shown);
  }

  #noticeOrder(from: number): void {
    for (let i = Math.max(from, 1); i < this.length; i++) {
      if (this.timesMs[i]! <= this.timesMs[i - 1]!) this.#runStarts.push(i);
    }
  }

  #reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.timesMs.length) return;
    const capacity = Math.max(needed, 2 * this.timesMs.length);
    const timesMs = new Float64Array(capacity);
    const values = new Float64Array(capacity);
    const words = new Uint32Array(values.buffer);
    timesMs.set(this.timesMs.subarray(0, this.length));
    words.set(this.words.subarray(0, 2 * this.length));
    this.timesMs = timesMs;
    this.values = values;
    this.words = words;
  }
}

/** Encodes the columns' samples. The chunks of floats lie in a buffer of the columns, until these are encoded again. */
export function encodeChunks(columns: SampleColumns): ChunkSource[] {
  columns.sort();
  const { timesMs, words, length } = columns;
  const bytes = columns.encodingBuffer(length * MAX_SAMPLE_BYTES + 1);
  const appender = new XorAppender();
  const chunks: ChunkSource[] = [];
  let start = 0;
  for (let from = 0; from < length;) {
    // The last two are halved, so that none is left with a few.
    const left = length - from;
    const count = left > CHUNK_SAMPLES && left < 2 * CHUNK_SAMPLES ? left >> 1 : left;
    const end = from + Math.min(count, CHUNK_SAMPLES);
    appender.reset(bytes, start);
    for (let i = from; i < end; i++) {
      appender.append(timesMs[i]!, words[2 * i + 1 - LOW_WORD]!, words[2 * i + LOW_WORD]!);
    }
    const used = (appender.bitLength + 7) >> 3;
    chunks.push({
      bytes,
      start,
      end: start + used,
      encoding: ENCODING_XOR_FLOATS,
      count: end - from,
      minMs: timesMs[from]!,
      maxMs: timesMs[end - 1]!,
    });
    start += used;
    from = end;
  }
  for (const chunk of encodeHistograms(columns.histograms)) {
    const { bytes: encoded, count, minMs, maxMs } = chunk;
    chunks.push({
      bytes: encoded,
      start: 0,
      end: encoded.length,
      encoding: ENCODING_HISTOGRAMS,
      count,
      minMs,
      maxMs,
    });
  }
  return chunks;
}

/**
 * One series' chunks from several blocks as chunks of one: copied where that will do, else decoded and written anew. What
 * cannot be decoded is told of and left out.
 */
export function mergeChunks(
  chunks: readonly ChunkSource[],
  scratch: SampleColumns,
  onDamage: (error: Error) => void,
): ChunkSource[] {
  const ordered = chunks.toSorted((a, b) => a.minMs - b.minMs);
  let isFine = true;
  for (let i = 1; i < ordered.length; i++) {
    const [before, after] = [ordered[i - 1]!, ordered[i]!];
    const isApart =
      after.minMs > before.maxMs &&
      (before.count + after.count > CHUNK_SAMPLES || after.encoding === ENCODING_HISTOGRAMS);
    isFine &&= isApart;
  }
  if (isFine) return ordered;
  scratch.clear();
  for (const chunk of chunks) {
    try {
      scratch.addChunk(chunk);
    } catch (error) {
      if (!(error instanceof BlockError || error instanceof ChunkError)) throw error;
      onDamage(error);
    }
  }
  return encodeChunks(scratch);
}
