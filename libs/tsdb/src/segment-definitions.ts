import { ByteWriter } from '#libs/block-files';
import type { Labels } from '#libs/labels';
import { grown, nextCapacity } from './growing-columns.ts';
import { type RecordWriter, STARTS_RECORD } from './log-record.ts';
import type { StartChanges } from './start-times.ts';
import { writeStarts } from './starts-record.ts';

const NO_SEGMENT = 0;
const MAX_STARTS_PER_FRAME = 16_384;
const MAX_SERIES_FRAME_BYTES = 256 * 1_024;

/** The start times that rows have at present; see `StartTimes`. */
export interface PresentStarts {
  readonly isUsed: boolean;
  currentMs(row: number): number;
  sinceMs(row: number): number;
}

/**
 * What a segment has to say about its series: the id of each row, its labels, and its start time where there is one. Of each
 * row it knows the id, given once in the life of the log, and in which segment that was defined last.
 */
export class SegmentDefinitions {
  readonly #writer: RecordWriter;
  readonly #labelsOf: (row: number) => Labels;
  readonly #starts: PresentStarts;
  readonly #payload = new ByteWriter(1_024);
  /** Number of the segment that frames are being encoded for. */
  #segment: number = NO_SEGMENT;
  #bytes = 0;
  /** The rows about to be defined. */
  #fresh = new Uint32Array(1_024);
  /** Rows defined for the first time ever, in the frames being gathered and in those flushed last. */
  #firstDefined: number[] = [];
  #toRepeat: number[] = [];

  // One entry per row.
  #ids = new Float64Array(0);
  #definedIn = new Uint32Array(0);
  #nextId = 1;

  /** @param writer where the definitions are written to */
  constructor(writer: RecordWriter, labelsOf: (row: number) => Labels, starts: PresentStarts) {
    this.#writer = writer;
    this.#labelsOf = labelsOf;
    this.#starts = starts;
  }

  /** The id of each row that has been defined, 0 for others; valid until more are. */
  get ids(): Float64Array {
    return this.#ids;
  }

  /** Bytes of definitions encoded for the present segment. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What is defined from here on goes to another segment, in which nothing is defined yet. */
  beginSegment(sequence: number): void {
    this.#segment = sequence;
    this.#bytes = 0;
  }

  /** Tells that the definitions written so far are on their way to the disk. */
  endFlush(): void {
    this.#toRepeat = [...this.#toRepeat, ...this.#firstDefined];
    this.#firstDefined = [];
  }

  /** No id up to this one is given again. */
  skipIds(highest: number): void {
    this.#nextId = Math.max(this.#nextId, highest + 1);
  }

  /** Gives each row the id its series has in the log, 0 for none. */
  adoptIds(ids: Float64Array): void {
    this.#growTo(ids.length);
    this.#ids.set(ids);
  }

  /** Forgets what a row stood for. */
  forgetRow(row: number): void {
    if (row >= this.#ids.length) return;
    this.#ids[row] = 0;
    this.#definedIn[row] = NO_SEGMENT;
  }

  /** Defines the series that do not yet occur in the segment. */
  define(rows: Uint32Array, count: number): void {
    let fresh = 0;
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      if (row >= this.#ids.length) this.#growTo(row);
      if (this.#definedIn[row] === this.#segment) continue;
      this.#definedIn[row] = this.#segment;
      if (this.#ids[row] === 0) {
        this.#ids[row] = this.#nextId++;
        this.#firstDefined.push(row);
      }
      this.#freshRow(fresh++, row);
    }
    this.#defineFresh(fresh);
  }

  #defineFresh(count: number): void {
    const before = this.#writer.length;
    let from = 0;
    while (from < count) from = this.#writeDefinitions(from, count);
    if (this.#starts.isUsed) this.#writePresentStarts(count);
    this.#bytes += this.#writer.length - before;
  }

  /** A segment that stands alone needs the start times from before it. */
  #writePresentStarts(count: number): void {
    const present: StartChanges = { rows: [], fromMs: [], startsMs: [] };
    for (let i = 0; i < count; i++) {
      const row = this.#fresh[i]!;
      const startMs = this.#starts.currentMs(row);
      if (startMs === 0) continue;
      present.rows.push(row);
      present.fromMs.push(this.#starts.sinceMs(row));
      present.startsMs.push(startMs);
    }
    this.writeStarts(present);
  }

  /** Writes where start times change; the rows must have been defined. */
  writeStarts(changes: StartChanges): void {
    for (let start = 0; start < changes.rows.length; start += MAX_STARTS_PER_FRAME) {
      const end = Math.min(changes.rows.length, start + MAX_STARTS_PER_FRAME);
      this.#payload.clear();
      writeStarts(this.#payload, (row) => this.#ids[row]!, changes, start, end);
      this.#writer.writePayload(STARTS_RECORD, this.#payload.view());
    }
  }

  /**
   * Defines new series a second time, in the frames of the next flush: until another segment defines them again, damage to
   * one record would else cost samples in all that follow.
   */
  repeat(): void {
    if (this.#toRepeat.length === 0) return;
    let count = 0;
    for (const row of this.#toRepeat) if (this.#ids[row] !== 0) this.#freshRow(count++, row);
    this.#toRepeat = [];
    this.#defineFresh(count);
  }

  #freshRow(at: number, row: number): void {
    if (at === this.#fresh.length) this.#fresh = grown(this.#fresh, at * 2);
    this.#fresh[at] = row;
  }

  /** Writes one frame of definitions. @returns where the next one starts */
  #writeDefinitions(from: number, to: number): number {
    // The count stands in front of the frame, so it is made of as many as are sure to fit.
    let end = from;
    let estimate = 0;
    while (end < to && estimate < MAX_SERIES_FRAME_BYTES) {
      for (const text of this.#labelsOf(this.#fresh[end]!).flat) estimate += text.length + 2;
      end++;
    }
    this.#writer.beginSeries(end - from);
    for (let i = from; i < end; i++) {
      const row = this.#fresh[i]!;
      this.#writer.writeSeries(this.#ids[row]!, this.#labelsOf(row));
    }
    this.#writer.end();
    return end;
  }

  #growTo(row: number): void {
    if (row < this.#ids.length) return;
    const capacity = nextCapacity(row + 1);
    this.#ids = grown(this.#ids, capacity);
    this.#definedIn = grown(this.#definedIn, capacity);
  }
}
