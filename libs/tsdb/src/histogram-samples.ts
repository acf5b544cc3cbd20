import { ByteReader, ByteWriter } from '#libs/block-files';
import { histogramsEqual, type FloatHistogram, storedResetHint } from '#libs/histogram';
import type { SampleWindow } from '#libs/samples';
import { LateHistograms } from './late-histograms.ts';
import { readHistogram, type TimedHistogram, writeHistogram } from './histogram-codec.ts';

/** Histograms of one stretch of time, encoded one after the other. */
export interface HistogramChunk {
  readonly bytes: Buffer;
  readonly count: number;
  readonly minMs: number;
  readonly maxMs: number;
}

interface HistogramRow {
  readonly sealed: HistogramChunk[];
  readonly writer: ByteWriter;
  count: number;
  firstMs: number;
  last: TimedHistogram | null;
}

const CHUNK_HISTOGRAMS = 120;
const FIRST_BYTES = 256;

/** The native histograms of the rows that have any, ascending in time. */
export class HistogramSamples {
  readonly #rows = new Map<number, HistogramRow>();
  readonly #late = new LateHistograms();

  /** Whether any row has any. */
  get isUsed(): boolean {
    return this.#rows.size + this.#late.rowCount > 0;
  }

  get lateCount(): number {
    return this.#late.count;
  }

  has(row: number): boolean {
    return this.#rows.has(row) || this.#late.has(row);
  }

  /** Bytes of encoded histograms. */
  get bytes(): number {
    let { bytes } = this.#late;
    for (const { sealed, writer } of this.#rows.values()) {
      bytes += writer.length;
      for (const chunk of sealed) bytes += chunk.bytes.length;
    }
    return bytes;
  }

  /** Adds a histogram that is younger than all samples of its row. @param followsFloat whether a float came between */
  push(row: number, timeMs: number, histogram: FloatHistogram, followsFloat: boolean): void {
    let known = this.#rows.get(row);
    if (known === undefined) {
      known = { sealed: [], writer: new ByteWriter(FIRST_BYTES), count: 0, firstMs: 0, last: null };
      this.#rows.set(row, known);
    }
    if (known.count === CHUNK_HISTOGRAMS) seal(known);
    const previous = followsFloat ? null : (known.last?.histogram ?? null);
    const counterResetHint = storedResetHint(previous, histogram);
    const timed = { timeMs, histogram: { ...histogram, counterResetHint } };
    writeHistogram(known.writer, known.count === 0 ? null : known.last, timed);
    if (known.count === 0) known.firstMs = timeMs;
    known.count++;
    known.last = timed;
  }

  /** Adds one that is older than the row's youngest sample; no sample of the row may have its time. */
  insertLate(row: number, timeMs: number, histogram: FloatHistogram): void {
    const counterResetHint = storedResetHint(null, histogram);
    this.#late.insert(row, { timeMs, histogram: { ...histogram, counterResetHint } });
  }

  /** Time of the row's youngest histogram, late ones aside, -Infinity without any. */
  lastMs(row: number): number {
    return this.#rows.get(row)?.last?.timeMs ?? -Infinity;
  }

  /** Whether the row's youngest histogram is this one, hint aside. */
  isLast(row: number, timeMs: number, histogram: FloatHistogram): boolean {
    const last = this.#rows.get(row)?.last ?? null;
    return last !== null && last.timeMs === timeMs && histogramsEqual(last.histogram, histogram);
  }

  /** Those in the range, ascending. */
  read(row: number, minMs: number, maxMs: number): TimedHistogram[] {
    const known = this.#rows.get(row);
    const found: TimedHistogram[] = [];
    for (const chunk of known?.sealed ?? []) {
      if (chunk.minMs <= maxMs && chunk.maxMs >= minMs) decodeHistograms(chunk, found);
    }
    if (known !== undefined && known.count > 0 && known.firstMs <= maxMs) {
      decodeHistograms({ bytes: known.writer.view(), count: known.count }, found);
    }
    const shown = found.filter(({ timeMs }) => timeMs >= minMs && timeMs <= maxMs);
    if (!this.#late.has(row)) return shown;
    this.#late.read(row, minMs, maxMs, shown);
    return inOrder(shown);
  }

  removeRow(row: number): void {
    this.#rows.delete(row);
    this.#late.removeRow(row);
  }

  /** Drops chunks in which everything is older. */
  dropBefore(cutoffMs: number): void {
    this.#late.dropBefore(cutoffMs);
    for (const { sealed } of this.#rows.values()) {
      while (sealed.length > 0 && sealed[0]!.maxMs < cutoffMs) sealed.shift();
    }
  }
}

function seal(row: HistogramRow): void {
  const bytes = Buffer.from(row.writer.view());
  row.sealed.push({ bytes, count: row.count, minMs: row.firstMs, maxMs: row.last!.timeMs });
  row.writer.clear();
  row.count = 0;
}

/** Appends a chunk's histograms to `found`. @throws BlockError for bytes that are no such chunk */
export function decodeHistograms(
  chunk: { readonly bytes: Buffer; readonly count: number; readonly start?: number },
  found: TimedHistogram[],
): void {
  const reader = new ByteReader(chunk.bytes, chunk.start ?? 0);
  let before: TimedHistogram | null = null;
  for (let left = chunk.count; left > 0; left--) {
    before = readHistogram(reader, before);
    found.push(before);
  }
}

/**
 * Histograms ascending in time; of several at one time the first. One that is said to continue the one before, and has got
 * another one before it, says nothing of a reset any more.
 */
export function inOrder(histograms: readonly TimedHistogram[]): TimedHistogram[] {
  const places = Array.from(histograms, (_, place) => place);
  places.sort((a, b) => histograms[a]!.timeMs - histograms[b]!.timeMs);
  const ordered: TimedHistogram[] = [];
  let before = -1;
  for (const place of places) {
    const one = histograms[place]!;
    if (one.timeMs === ordered.at(-1)?.timeMs) continue;
    ordered.push(place === before + 1 ? one : withoutPredecessor(one));
    before = place;
  }
  return ordered;
}

/** Those whose time is not hidden, of histograms in order. @param isAfterHidden whether one before them is */
export function withoutHidden(
  histograms: readonly TimedHistogram[],
  isHidden: (timeMs: number) => boolean,
  isAfterHidden: boolean,
): TimedHistogram[] {
  const shown: TimedHistogram[] = [];
  let isNext = !isAfterHidden;
  for (const one of histograms) {
    const shows = !isHidden(one.timeMs);
    if (shows) shown.push(isNext ? one : withoutPredecessor(one));
    isNext = shows;
  }
  return shown;
}

/** What was known of a reset since the histogram before, of which that is not before it any more. */
function withoutPredecessor(one: TimedHistogram): TimedHistogram {
  if (one.histogram.counterResetHint !== 'not_reset') return one;
  return { ...one, histogram: { ...one.histogram, counterResetHint: 'unknown' } };
}

/** Chunks of at most so many histograms each. */
export function encodeHistograms(histograms: readonly TimedHistogram[]): HistogramChunk[] {
  const chunks: HistogramChunk[] = [];
  for (let start = 0; start < histograms.length; start += CHUNK_HISTOGRAMS) {
    const part = histograms.slice(start, start + CHUNK_HISTOGRAMS);
    const writer = new ByteWriter(FIRST_BYTES);
    let before: TimedHistogram | null = null;
    for (const one of part) {
      writeHistogram(writer, before, one);
      before = one;
    }
    chunks.push({
      bytes: Buffer.from(writer.view()),
      count: part.length,
      minMs: part[0]!.timeMs,
      maxMs: part.at(-1)!.timeMs,
    });
  }
  return chunks;
}

/** Puts histograms among the floats that a window shows; at a time that both have, the float stays. */
export function mergeHistograms(window: SampleWindow, histograms: readonly TimedHistogram[]): void {
  if (histograms.length === 0) return;
  const floats = window.end - window.start;
  const timesMs = new Float64Array(floats + histograms.length);
  const values = new Float64Array(floats + histograms.length);
  const words = new Uint32Array(values.buffer);
  const source = new Uint32Array(window.values.buffer, window.values.byteOffset);
  const merged: (FloatHistogram | null)[] = [];
  const floatStarts = window.startTimesMs;
  const hasStarts = floatStarts !== null || histograms.some(({ startMs }) => (startMs ?? 0) !== 0);
  const startTimesMs = hasStarts ? new Float64Array(timesMs.length) : null;
  let left = window.start;
  let right = 0;
  while (left < window.end || right < histograms.length) {
    const at = merged.length;
    const histogram = histograms[right];
    if (
      histogram === undefined ||
      (left < window.end && window.timesMs[left]! <= histogram.timeMs)
    ) {
      if (histogram?.timeMs === window.timesMs[left]) right++;
      timesMs[at] = window.timesMs[left]!;
      words[2 * at] = source[2 * left]!;
      words[2 * at + 1] = source[2 * left + 1]!;
      if (startTimesMs !== null) startTimesMs[at] = floatStarts?.[left] ?? 0;
      merged.push(null);
      left++;
    } else {
      timesMs[at] = histogram.timeMs;
      if (startTimesMs !== null) startTimesMs[at] = histogram.startMs ?? 0;
      merged.push(histogram.histogram);
      right++;
    }
  }
  window.timesMs = timesMs;
  window.values = values;
  window.start = 0;
  window.end = merged.length;
  window.histograms = merged;
  window.startTimesMs = startTimesMs;
}
