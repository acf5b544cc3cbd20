import { BlockError, ByteReader, ByteWriter } from '#libs/block-files';
import type { SampleWindow } from '#libs/samples';
import {
  ChunkError,
  decodeXorChunk,
  LOW_WORD,
  MAX_SAMPLE_BYTES,
  XorAppender,
} from '../xor-chunk.ts';
import { firstAtOrAfter } from '../first-at-or-after.ts';
import type { TimeRange } from '../tombstones.ts';
import {
  decodeHistograms,
  encodeHistograms,
  inOrder,
  mergeHistograms,
  withoutHidden,
} from '../histogram-samples.ts';
import type { TimedHistogram } from '../histogram-codec.ts';
import {
  ENCODING_HISTOGRAMS,
  ENCODING_STARTS_AND_FLOATS,
  ENCODING_STARTS_AND_HISTOGRAMS,
  ENCODING_XOR_FLOATS,
} from './block-format.ts';
import type { ChunkSource } from './block-writer.ts';
import { readChunkStarts, writeChunkStarts } from './chunk-starts.ts';

/** Samples in a chunk of a block at most. */
const CHUNK_SAMPLES = 240;
/** A run of one start time and the number of runs take no more. */
const MAX_START_BYTES = 24;

/** Samples in growing columns, ascending in time once {@link SampleColumns.sort} has run. */
export class SampleColumns {
  timesMs = new Float64Array(512);
  values = new Float64Array(512);
  words = new Uint32Array(this.values.buffer);
  /** Start times of the floats, 0 where they are not known; null while none is. */
  startTimesMs: Float64Array<ArrayBuffer> | null = null;
  length = 0;
  /** Where samples begin that are not younger than the one before. */
  readonly #runStarts: number[] = [];

  #encoded = new Uint8Array(0);
  /** What a merge writes to; it changes places with the columns. */
  #spareTimes = new Float64Array(0);
  #spareValues = new Float64Array(0);
  #spareWords = new Uint32Array(0);
  #spareStarts = new Float64Array(0);

  /** Room for what the samples are encoded to; the same memory each time. */
  encodingBuffer(bytes: number): Uint8Array {
    if (this.#encoded.length < bytes) this.#encoded = new Uint8Array(2 * bytes);
    return this.#encoded;
  }

  clear(): void {
    this.length = 0;
    this.histograms.length = 0;
    this.startTimesMs = null;
    this.#runStarts.length = 0;
  }

  /** Histograms, ascending in time once {@link SampleColumns.sort} has run; apart from the floats. */
  histograms: TimedHistogram[] = [];

  /** Adds the samples of a chunk. @throws BlockError for an encoding that is not known @throws ChunkError */
  addChunk(chunk: Pick<ChunkSource, 'bytes' | 'start' | 'end' | 'count' | 'encoding'>): void {
    const { bytes, start, end, count, encoding } = chunk;
    const part = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
    switch (encoding) {
      case ENCODING_XOR_FLOATS:
        this.#addFloats(chunk, start, count);
        return;
      case ENCODING_HISTOGRAMS:
        decodeHistograms({ bytes: part, count }, this.histograms);
        return;
      case ENCODING_STARTS_AND_FLOATS: {
        const reader = new ByteReader(part);
        const starts = new Float64Array(count);
        readChunkStarts(reader, count, (sample, startMs) => (starts[sample] = startMs));
        const from = this.length;
        this.#addFloats(chunk, start + reader.at, count);
        this.#startsColumn().set(starts, from);
        return;
      }
      case ENCODING_STARTS_AND_HISTOGRAMS: {
        const reader = new ByteReader(part);
        const starts: number[] = [];
        readChunkStarts(reader, count, (_, startMs) => starts.push(startMs));
        const found: TimedHistogram[] = [];
        decodeHistograms({ bytes: part, count, start: reader.at }, found);
        for (const [i, one] of found.entries()) {
          this.histograms.push({ ...one, startMs: starts[i] ?? 0 });
        }
        return;
      }
      default:
        throw new BlockError(`chunk of the unknown encoding ${encoding}`);
    }
  }

  #addFloats(chunk: Pick<ChunkSource, 'bytes' | 'end'>, start: number, count: number): void {
    const from = this.length;
    this.#reserve(count);
    decodeXorChunk(chunk.bytes, start, chunk.end, count, this.timesMs, this.words, from);
    this.length += count;
    this.startTimesMs?.fill(0, from, this.length);
    this.#noticeOrder(from);
  }

  #startsColumn(): Float64Array<ArrayBuffer> {
    this.startTimesMs ??= new Float64Array(this.timesMs.length);
    return this.startTimesMs;
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
    if (window.startTimesMs === null) this.startTimesMs?.fill(0, from, this.length);
    else this.#startsColumn().set(window.startTimesMs.subarray(window.start, window.end), from);
    this.#noticeOrder(from);
  }

  #addMixed(window: SampleWindow, histograms: NonNullable<SampleWindow['histograms']>): void {
    const words = new Uint32Array(window.values.buffer, window.values.byteOffset);
    for (let i = window.start; i < window.end; i++) {
      const timeMs = window.timesMs[i]!;
      const histogram = histograms[i] ?? null;
      const startMs = window.startTimesMs === null ? 0 : window.startTimesMs[i]!;
      if (histogram !== null) {
        this.histograms.push({ timeMs, histogram, startMs });
        continue;
      }
      this.#reserve(1);
      const at = this.length++;
      this.timesMs[at] = timeMs;
      this.words[2 * at] = words[2 * i]!;
      this.words[2 * at + 1] = words[2 * i + 1]!;
      if (startMs !== 0) this.#startsColumn();
      if (this.startTimesMs !== null) this.startTimesMs[at] = startMs;
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
      this.#spareStarts = new Float64Array(0);
    }
    const { startTimesMs } = this;
    if (startTimesMs !== null && this.#spareStarts.length === 0) {
      this.#spareStarts = new Float64Array(this.timesMs.length);
    }
    const mergedStarts = this.#spareStarts;
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
      if (startTimesMs !== null) mergedStarts[count] = startTimesMs[from]!;
      count++;
    }
    // What comes after stays where it is.
    mergedTimes.set(timesMs.subarray(end, this.length), end);
    mergedWords.set(words.subarray(2 * end, 2 * this.length), 2 * end);
    if (startTimesMs !== null) {
      mergedStarts.set(startTimesMs.subarray(end, this.length), end);
      this.#spareStarts = startTimesMs;
      this.startTimesMs = mergedStarts;
    }
    this.#spareTimes = this.timesMs;
    this.#spareValues = this.values;
    this.#spareWords = this.words;
    this.timesMs = mergedTimes;
    this.values = mergedValues;
    this.words = mergedWords;
    return count;
  }

  /** Takes away the samples in the given ranges. */
  hide(ranges: readonly TimeRange[]): void {
    this.sort();
    const isHidden = (timeMs: number): boolean =>
      ranges.some(({ minMs, maxMs }) => timeMs >= minMs && timeMs <= maxMs);
    const { timesMs, words, startTimesMs } = this;
    let kept = 0;
    for (let i = 0; i < this.length; i++) {
      if (isHidden(timesMs[i]!)) continue;
      timesMs[kept] = timesMs[i]!;
      words[2 * kept] = words[2 * i]!;
      words[2 * kept + 1] = words[2 * i + 1]!;
      if (startTimesMs !== null) startTimesMs[kept] = startTimesMs[i]!;
      kept++;
    }
    this.length = kept;
    const isAfterHidden = ranges.some(({ maxMs }) => maxMs < (this.histograms[0]?.timeMs ?? 0));
    this.histograms = withoutHidden(this.histograms, isHidden, isAfterHidden);
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
    window.startTimesMs = this.startTimesMs;
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
    if (this.startTimesMs === null) return;
    const startTimesMs = new Float64Array(capacity);
    startTimesMs.set(this.startTimesMs.subarray(0, this.length));
    this.startTimesMs = startTimesMs;
  }
}

function isAllZero(column: Float64Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (column[i] !== 0) return false;
  return true;
}

/** Encodes the columns' samples. The chunks of floats lie in a buffer of the columns, until these are encoded again. */
export function encodeChunks(columns: SampleColumns): ChunkSource[] {
  columns.sort();
  const { timesMs, words, length, startTimesMs } = columns;
  const perSample = MAX_SAMPLE_BYTES + (startTimesMs === null ? 0 : MAX_START_BYTES);
  const bytes = columns.encodingBuffer(length * perSample + MAX_START_BYTES);
  const starts = new ByteWriter(startTimesMs === null ? 0 : 64);
  const appender = new XorAppender();
  const chunks: ChunkSource[] = [];
  let start = 0;
  for (let from = 0; from < length;) {
    // The last two are halved, so that none is left with a few.
    const left = length - from;
    const count = left > CHUNK_SAMPLES && left < 2 * CHUNK_SAMPLES ? left >> 1 : left;
    const end = from + Math.min(count, CHUNK_SAMPLES);
    const first = from;
    const hasStarts = startTimesMs !== null && !isAllZero(startTimesMs, from, end);
    const chunkStart = start;
    if (hasStarts) {
      starts.clear();
      writeChunkStarts(starts, end - from, (sample) => startTimesMs[first + sample]!);
      bytes.set(starts.view(), start);
      start += starts.length;
    }
    appender.reset(bytes, start);
    for (let i = from; i < end; i++) {
      appender.append(timesMs[i]!, words[2 * i + 1 - LOW_WORD]!, words[2 * i + LOW_WORD]!);
    }
    const used = (appender.bitLength + 7) >> 3;
    chunks.push({
      bytes,
      start: chunkStart,
      end: start + used,
      encoding: hasStarts ? ENCODING_STARTS_AND_FLOATS : ENCODING_XOR_FLOATS,
      count: end - from,
      minMs: timesMs[from]!,
      maxMs: timesMs[end - 1]!,
    });
    start += used;
    from = end;
  }
  let first = 0;
  for (const { bytes: encoded, count, minMs, maxMs } of encodeHistograms(columns.histograms)) {
    const part = columns.histograms.slice(first, first + count);
    const hasStarts = part.some(({ startMs }) => (startMs ?? 0) !== 0);
    if (hasStarts) {
      starts.clear();
      writeChunkStarts(starts, count, (sample) => part[sample]!.startMs ?? 0);
    }
    const whole = hasStarts ? Buffer.concat([starts.view(), encoded]) : encoded;
    const encoding = hasStarts ? ENCODING_STARTS_AND_HISTOGRAMS : ENCODING_HISTOGRAMS;
    chunks.push({ bytes: whole, start: 0, end: whole.length, encoding, count, minMs, maxMs });
    first += count;
  }
  return chunks;
}

export function holdsHistograms(encoding: number): boolean {
  return encoding === ENCODING_HISTOGRAMS || encoding === ENCODING_STARTS_AND_HISTOGRAMS;
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
      (before.count + after.count > CHUNK_SAMPLES || holdsHistograms(after.encoding));
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
