/** A segment of a log, closed or being written. */
export interface LogSegment {
  readonly sequence: number;
  bytes: number;
}

/**
 * What a store puts into its log: it encodes records to frames, which the log takes from here.
 *
 * @typeParam Segment a segment with what the store has to know about it
 * @typeParam Batch what the store has to know about the records of one write until they are on disk
 */
export interface LogRecords<Segment extends LogSegment, Batch> {
  /** A segment that has reached this size is closed and another begun. */
  readonly segmentBytes: number;
  /** Bytes encoded since the last {@link take}. */
  readonly length: number;
  /** The frames encoded so far; encoding starts afresh. */
  take(): Buffer;
  /** Memory that was taken and is no longer needed. */
  giveBack(frames: Buffer): void;
  /** The records encoded from here on are written together; those before are on their way. */
  beginBatch(): Batch;
  /** What is encoded from here on goes to this segment. */
  enterSegment(sequence: number): void;
  /** A segment in which there is nothing yet. */
  createSegment(sequence: number): Segment;
  /** The frames a segment begins with. */
  firstFrames(sequence: number): Buffer;
  /** The batch is about to be written to the segment. */
  noteWritten(segment: Segment, batch: Batch): void;
  /**
   * The frames of two batches go to the segment entered last, unlike what was said when they were encoded. What is encoded by
   * this call goes in front of them.
   */
  joinBatches(failed: Batch, later: Batch): Batch;
}
