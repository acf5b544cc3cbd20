import {
  DEFAULT_RECORD_LOG_OPTIONS,
  type LogRecords,
  type LogSegment,
  RecordLog,
  type RecordLogOptions,
  type SegmentStore,
} from '#libs/record-log';
import { LineRecordWriter } from './line-record.ts';
import type { OpenChunk } from './open-chunk.ts';

/** How the log groups what it writes, and its bounds. */
export interface LineLogOptions extends RecordLogOptions {
  /** A segment that has reached this size is closed and another begun. */
  readonly segmentBytes: number;
}

/** Options that fit a disk whose sync takes some milliseconds. */
export const DEFAULT_LINE_LOG_OPTIONS: LineLogOptions = {
  ...DEFAULT_RECORD_LOG_OPTIONS,
  segmentBytes: 64 * 1_024 * 1_024,
};

/** Records of lines for a log. Each can be read on its own, so nothing has to be known about those that wait. */
class LineRecords implements LogRecords<LogSegment, null> {
  readonly writer = new LineRecordWriter();
  readonly segmentBytes: number;

  constructor({ segmentBytes }: LineLogOptions) {
    this.segmentBytes = segmentBytes;
  }

  get length(): number {
    return this.writer.length;
  }

  take(): Buffer {
    return this.writer.take();
  }

  giveBack(frames: Buffer): void {
    this.writer.giveBack(frames);
  }

  beginBatch(): null {
    return null;
  }

  enterSegment(): void {}

  createSegment(sequence: number): LogSegment {
    return { sequence, bytes: 0 };
  }

  firstFrames(): Buffer {
    const header = new LineRecordWriter();
    header.writeSegment();
    return header.take();
  }

  noteWritten(): void {}

  joinBatches(): null {
    return null;
  }
}

/** The log of the store. A line that reaches the disk twice does no harm: one that is there already is not taken again. */
export class LineLog extends RecordLog<LogSegment, null> {
  readonly #writer: LineRecordWriter;

  constructor(store: SegmentStore, options: LineLogOptions) {
    const records = new LineRecords(options);
    super(store, options, records);
    this.#writer = records.writer;
  }

  /** Encodes lines that a chunk has just got. */
  append(
    labels: Buffer,
    chunk: OpenChunk,
    fromLine: number,
    fromByte: number,
    nowMs: number,
  ): void {
    this.beginAppend(nowMs);
    this.#writer.writeSlice(labels, chunk, fromLine, fromByte);
  }

  /** Removes the closed segments with lower numbers. */
  removeBefore(sequence: number): Promise<void> {
    return this.remove(this.closedSegments().filter((one) => one.sequence < sequence));
  }
}
