import type { Labels } from '#libs/labels';
import { RecordLog, type SegmentStore } from '#libs/record-log';
import type { SampleBatch } from '#libs/samples';
import { RecordWriter } from './log-record.ts';
import { type PresentStarts, SegmentDefinitions } from './segment-definitions.ts';
import type { SeriesLogOptions } from './series-log-options.ts';
import { type SeriesFrames, SeriesRecords, type SeriesSegment } from './series-records.ts';
import type { StartChanges } from './start-times.ts';
import { LOW_WORD } from './xor-chunk.ts';

const MAX_SAMPLES_PER_FRAME = 16_384;
const MAX_HISTOGRAMS_PER_FRAME = 512;

/** The log of the store: samples, with the definitions of their series, and what `ExtrasLog` keeps beside them. */
export class SeriesLog extends RecordLog<SeriesSegment, SeriesFrames> {
  readonly #writer: RecordWriter;
  readonly #definitions: SegmentDefinitions;

  constructor(
    store: SegmentStore,
    options: SeriesLogOptions,
    labelsOf: (row: number) => Labels,
    starts: PresentStarts,
  ) {
    const writer = new RecordWriter();
    const definitions = new SegmentDefinitions(writer, labelsOf, starts);
    super(store, options, new SeriesRecords(writer, definitions, options));
    this.#writer = writer;
    this.#definitions = definitions;
  }

  /** Rows whose samples are not confirmed; their labels may be needed for another attempt. */
  pendingRows(): ReadonlySet<number> {
    const pending = new Set<number>();
    for (const { rows } of this.pendingBatches()) {
      for (const column of rows) for (const row of column) pending.add(row);
    }
    return pending;
  }

  /** No series gets an id up to this one. */
  skipSeriesIds(highest: number): void {
    this.#definitions.skipIds(highest);
  }

  /** Gives each row the id its series has in the log, 0 for none. */
  adoptSeriesIds(ids: Float64Array): void {
    this.#definitions.adoptIds(ids);
  }

  /** Forgets what a row stood for. */
  forgetRow(row: number): void {
    this.#definitions.forgetRow(row);
  }

  /**
   * Encodes samples given as columns: sample i is of series `rows[i]` and stands at `samples[i]` in the others.
   * @returns the position to wait for
   */
  append(
    rows: Uint32Array,
    samples: Uint32Array,
    count: number,
    timesMs: Float64Array,
    words: Uint32Array,
    nowMs: number,
    histograms: SampleBatch['histograms'] = null,
    starts: StartChanges | null = null,
  ): number {
    if (count === 0) return this.position;
    const frames = this.beginAppend(nowMs);
    this.#definitions.repeat();
    this.#definitions.define(rows, count);
    if (starts !== null) this.#definitions.writeStarts(starts);
    if (histograms === null) {
      this.#appendFloats(frames, rows, samples, count, timesMs, words);
    } else {
      this.#appendMixed(frames, rows, samples, count, timesMs, words, histograms);
    }
    frames.rows.push(rows.slice(0, count));
    return this.position;
  }

  /** Adds a frame with a payload that names no series; it is as old as samples of now. @returns the position to wait for */
  appendPayload(kind: number, payload: Buffer, nowMs: number): number {
    const frames = this.beginAppend(nowMs);
    this.#writer.writePayload(kind, payload);
    if (nowMs > frames.maxMs) frames.maxMs = nowMs;
    return this.position;
  }

  #appendFloats(
    frames: SeriesFrames,
    rows: Uint32Array,
    samples: Uint32Array,
    count: number,
    timesMs: Float64Array,
    words: Uint32Array,
  ): void {
    const seriesIds = this.#definitions.ids;
    for (let start = 0; start < count; start += MAX_SAMPLES_PER_FRAME) {
      const end = Math.min(count, start + MAX_SAMPLES_PER_FRAME);
      this.#writer.beginSamples(end - start);
      for (let i = start; i < end; i++) {
        const at = samples[i]!;
        const timeMs = timesMs[at]!;
        this.#writer.writeSample(
          seriesIds[rows[i]!]!,
          timeMs,
          words[2 * at + 1 - LOW_WORD]!,
          words[2 * at + LOW_WORD]!,
        );
        if (timeMs > frames.maxMs) frames.maxMs = timeMs;
      }
      this.#writer.end();
    }
  }

  /** The floats first, then the histograms; a frame of histograms ends when it is large. */
  #appendMixed(
    frames: SeriesFrames,
    rows: Uint32Array,
    samples: Uint32Array,
    count: number,
    timesMs: Float64Array,
    words: Uint32Array,
    histograms: NonNullable<SampleBatch['histograms']>,
  ): void {
    const floats: number[] = [];
    const others: number[] = [];
    for (let i = 0; i < count; i++) {
      ((histograms[samples[i]!] ?? null) === null ? floats : others).push(i);
    }
    this.#appendFloats(
      frames,
      Uint32Array.from(floats, (i) => rows[i]!),
      Uint32Array.from(floats, (i) => samples[i]!),
      floats.length,
      timesMs,
      words,
    );
    const seriesIds = this.#definitions.ids;
    for (let start = 0; start < others.length; start += MAX_HISTOGRAMS_PER_FRAME) {
      const part = others.slice(start, start + MAX_HISTOGRAMS_PER_FRAME);
      this.#writer.beginHistograms(part.length);
      for (const i of part) {
        const at = samples[i]!;
        const timeMs = timesMs[at]!;
        this.#writer.writeHistogram(seriesIds[rows[i]!]!, timeMs, histograms[at]!);
        if (timeMs > frames.maxMs) frames.maxMs = timeMs;
      }
      this.#writer.end();
    }
  }

  /** Closed segments in which every sample is older than `cutoffMs`, and whose number is below `endSequence`. */
  segmentsBefore(cutoffMs: number, endSequence = Infinity): SeriesSegment[] {
    return this.closedSegments().filter(
      ({ sequence, maxMs }) => sequence < endSequence && maxMs < cutoffMs,
    );
  }

  /** The oldest closed segments without which all of them together have at most `maxBytes`. */
  segmentsBeyond(maxBytes: number): SeriesSegment[] {
    let { bytes } = this;
    const beyond: SeriesSegment[] = [];
    for (const segment of this.closedSegments()) {
      if (bytes <= maxBytes) break;
      beyond.push(segment);
      bytes -= segment.bytes;
    }
    return beyond;
  }
}
