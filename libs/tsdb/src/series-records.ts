import type { LogRecords, LogSegment } from '#libs/record-log';
import { RecordWriter } from './log-record.ts';
import type { SegmentDefinitions } from './segment-definitions.ts';
import type { SeriesLogOptions } from './series-log-options.ts';

/** A closed segment or the one being written. */
export interface SeriesSegment extends LogSegment {
  /** Time of its youngest sample. */
  maxMs: number;
}

/** What is known about samples that wait to be written. */
export interface SeriesFrames {
  /** Rows that occur in the frames, in case these have to go to another segment. */
  readonly rows: Uint32Array[];
  maxMs: number;
}

/**
 * Records of samples for a log. Every segment stands alone: a series is defined again in a segment when it first occurs
 * there, and frames that have to go to another segment get their definitions in front.
 */
export class SeriesRecords implements LogRecords<SeriesSegment, SeriesFrames> {
  readonly #writer: RecordWriter;
  readonly #definitions: SegmentDefinitions;
  readonly #options: SeriesLogOptions;

  constructor(writer: RecordWriter, definitions: SegmentDefinitions, options: SeriesLogOptions) {
    this.#writer = writer;
    this.#definitions = definitions;
    this.#options = options;
  }

  get segmentBytes(): number {
    const { segmentBytes, segmentPerDefinitions } = this.#options;
    return Math.max(segmentBytes, segmentPerDefinitions * this.#definitions.bytes);
  }

  get length(): number {
    return this.#writer.length;
  }

  take(): Buffer {
    return this.#writer.take();
  }

  giveBack(): void {}

  beginBatch(): SeriesFrames {
    this.#definitions.endFlush();
    return { rows: [], maxMs: -Infinity };
  }

  enterSegment(sequence: number): void {
    this.#definitions.beginSegment(sequence);
  }

  createSegment(sequence: number): SeriesSegment {
    return { sequence, bytes: 0, maxMs: -Infinity };
  }

  firstFrames(sequence: number): Buffer {
    const header = new RecordWriter();
    header.writeSegment(sequence);
    return header.take();
  }

  noteWritten(segment: SeriesSegment, { maxMs }: SeriesFrames): void {
    if (maxMs > segment.maxMs) segment.maxMs = maxMs;
  }

  joinBatches(failed: SeriesFrames, later: SeriesFrames): SeriesFrames {
    const rows = [...failed.rows, ...later.rows];
    for (const column of rows) this.#definitions.define(column, column.length);
    return { rows, maxMs: Math.max(failed.maxMs, later.maxMs) };
  }
}
