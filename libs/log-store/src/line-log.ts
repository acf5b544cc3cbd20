import type { SegmentStore } from '#libs/record-log';
import { LineRecordWriter } from './line-record.ts';
import type { OpenChunk } from './open-chunk.ts';

/** How the log groups what it writes, and its bounds. */
export interface LineLogOptions {
  /** A segment that has reached this size is closed and another begun. */
  readonly segmentBytes: number;
  /** What was appended waits at most so long for more before it is written. */
  readonly groupDelayMs: number;
  /** So many bytes are written without waiting. */
  readonly groupBytes: number;
  /** Nothing more is taken while so many bytes wait to be written. */
  readonly maxPendingBytes: number;
  /** After a failed write the next attempt comes so much later. */
  readonly retryDelayMs: number;
}

/** Options that fit a disk whose sync takes some milliseconds. */
export const DEFAULT_LINE_LOG_OPTIONS: LineLogOptions = {
  segmentBytes: 64 * 1_024 * 1_024,
  groupDelayMs: 5,
  groupBytes: 1_024 * 1_024,
  maxPendingBytes: 64 * 1_024 * 1_024,
  retryDelayMs: 1_000,
};

/** Lines could not be made durable. They are in memory and will be written as soon as that works again. */
export class LineLogError extends Error {
  override readonly name = 'LineLogError';
  readonly isRetryable = true;
}

/** A segment of the log. */
export interface LineSegment {
  readonly sequence: number;
  bytes: number;
}

interface Waiter {
  readonly position: number;
  readonly resolve: () => void;
  readonly reject: (error: LineLogError) => void;
}

interface PendingBytes {
  readonly chunks: Buffer[];
  bytes: number;
  /** The position that is durable once these are. */
  position: number;
}

const NO_SEGMENT = 0;

/**
 * The write side of the log, as `SeriesLog` of the store of samples is one: appending only encodes, {@link flush} writes and
 * syncs what has gathered, {@link committed} tells when a position is on disk. When a write or a sync fails, the segment is
 * given up, because nobody knows what it holds now; the frames that were not confirmed go to a new one. What reaches the
 * disk twice that way does no harm: a line that is there already is not taken again.
 */
export class LineLog {
  readonly #store: SegmentStore;
  readonly #options: LineLogOptions;
  readonly #writer = new LineRecordWriter();
  readonly #waiters: Waiter[] = [];
  readonly #segments: LineSegment[] = [];
  /** Number of the segment that frames are being encoded for. */
  #sequence = 1;
  #openSequence = NO_SEGMENT;
  /** The last segment in which something was confirmed. */
  #confirmedSequence = NO_SEGMENT;
  #pending: PendingBytes = { chunks: [], bytes: 0, position: 0 };
  #inFlight: PendingBytes | null = null;
  #pendingSinceMs = 0;
  #position = 0;
  #durablePosition = 0;
  #failure: LineLogError | null = null;
  #failedAtMs = 0;
  #flushing: Promise<void> | null = null;
  #onRoll: (() => void) | null = null;
  #flushCount = 0;
  #failedFlushCount = 0;
  #writtenBytes = 0;

  constructor(store: SegmentStore, options: LineLogOptions) {
    this.#store = store;
    this.#options = options;
  }

  /** Why writing does not work at present, or null. */
  get failure(): LineLogError | null {
    return this.#failure;
  }

  get position(): number {
    return this.#position;
  }

  /** Bytes that wait to be written or confirmed. */
  get pendingBytes(): number {
    return this.#pending.bytes + this.#writer.length + (this.#inFlight?.bytes ?? 0);
  }

  get hasRoom(): boolean {
    return this.pendingBytes < this.#options.maxPendingBytes;
  }

  /** All segments, oldest first. */
  get segments(): readonly LineSegment[] {
    return this.#segments;
  }

  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  get flushCount(): number {
    return this.#flushCount;
  }

  get failedFlushCount(): number {
    return this.#failedFlushCount;
  }

  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** Tells what replay found, before the first append. @param firstSequence segments to come have this number or a higher one */
  resume(segments: readonly LineSegment[], firstSequence: number): void {
    this.#segments.push(...segments);
    const last = segments.at(-1)?.sequence ?? NO_SEGMENT;
    this.#sequence = Math.max(last + 1, firstSequence, 1);
  }

  /** Encodes lines that a chunk has just got. */
  append(
    labels: Buffer,
    chunk: OpenChunk,
    fromLine: number,
    fromByte: number,
    nowMs: number,
  ): void {
    if (this.#pending.bytes + this.#writer.length === 0) this.#pendingSinceMs = nowMs;
    this.#writer.writeSlice(labels, chunk, fromLine, fromByte);
    this.#pending.position = ++this.#position;
  }

  /** When the next {@link flush} is due, or null if there is nothing to write. */
  flushDueMs(): number | null {
    const bytes = this.#pending.bytes + this.#writer.length;
    if (bytes === 0) return null;
    if (this.#failure !== null) return this.#failedAtMs + this.#options.retryDelayMs;
    return bytes >= this.#options.groupBytes
      ? this.#pendingSinceMs
      : this.#pendingSinceMs + this.#options.groupDelayMs;
  }

  /** Resolves once everything up to `position` is on disk. @throws LineLogError when writing it has failed */
  committed(position: number): Promise<void> {
    if (position <= this.#durablePosition) return Promise.resolve();
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiters.push({ position, resolve, reject });
    });
  }

  /** Writes and syncs what has gathered. Whoever calls while a flush runs gets that one. It does not fail; see {@link failure}. */
  flush(nowMs: number): Promise<void> {
    this.#flushing ??= this.#flushOnce(nowMs).finally(() => {
      this.#flushing = null;
    });
    return this.#flushing;
  }

  /**
   * Begins a segment. `onRoll` runs at the moment from which on lines go to it: what was appended before is on disk in
   * segments with lower numbers once this has resolved.
   * @returns the segment's number
   * @throws LineLogError when what was appended before cannot be written; `onRoll` may have run then or not
   */
  async roll(nowMs: number, onRoll: () => void): Promise<number> {
    while (this.#flushing !== null) await this.#flushing;
    let sequence = NO_SEGMENT;
    this.#onRoll = () => {
      onRoll();
      sequence = this.#sequence;
    };
    await this.flush(nowMs);
    this.#onRoll = null;
    if (this.#failure !== null) throw this.#failure;
    return sequence;
  }

  /** Removes the closed segments with lower numbers. */
  async removeBefore(sequence: number): Promise<void> {
    for (const segment of this.#segments.filter((one) => one.sequence < sequence)) {
      if (segment.sequence === this.#openSequence) continue;
      await this.#store.remove(segment.sequence);
      this.#segments.splice(this.#segments.indexOf(segment), 1);
    }
  }

  /** Writes what is left and closes the segment. */
  async close(nowMs: number): Promise<void> {
    await this.#flushing;
    if (this.#durablePosition < this.#position) await this.flush(nowMs);
    if (this.#openSequence !== NO_SEGMENT) await this.#store.close(this.#openSequence);
    this.#openSequence = NO_SEGMENT;
  }

  async #flushOnce(nowMs: number): Promise<void> {
    this.#gather();
    const batch = this.#pending;
    const sequence = this.#sequence;
    const isRolling = this.#onRoll !== null;
    const written = this.#segments.find((one) => one.sequence === sequence)?.bytes ?? 0;
    const isFull = isRolling || written + batch.bytes >= this.#options.segmentBytes;
    this.#pending = { chunks: [], bytes: 0, position: this.#position };
    // Frames encoded from here on go to the next segment.
    if (isFull) this.#sequence = sequence + 1;
    this.#onRoll?.();
    this.#onRoll = null;
    if (batch.bytes === 0) {
      if (isRolling) await this.#closeOpen().catch(() => undefined);
      return;
    }
    this.#inFlight = batch;
    try {
      await this.#write(sequence, batch);
      if (isFull) await this.#closeOpen();
    } catch (error) {
      this.#giveUp(sequence, batch, nowMs, error);
      return;
    }
    this.#inFlight = null;
    for (const chunk of batch.chunks) this.#writer.giveBack(chunk);
    this.#flushCount++;
    this.#confirmedSequence = sequence;
    this.#failure = null;
    this.#durablePosition = batch.position;
    this.#settleWaiters();
  }

  async #write(sequence: number, batch: PendingBytes): Promise<void> {
    let segment = this.#segments.find((one) => one.sequence === sequence);
    if (segment === undefined) {
      if (this.#openSequence !== NO_SEGMENT) await this.#closeOpen();
      segment = { sequence, bytes: 0 };
      await this.#store.create(sequence);
      this.#segments.push(segment);
      this.#openSequence = sequence;
      const header = new LineRecordWriter();
      header.writeSegment();
      await this.#appendTo(segment, header.take());
    }
    for (const chunk of batch.chunks) await this.#appendTo(segment, chunk);
    await this.#store.sync(sequence);
  }

  async #appendTo(segment: LineSegment, bytes: Buffer): Promise<void> {
    await this.#store.append(segment.sequence, bytes);
    segment.bytes += bytes.length;
    this.#writtenBytes += bytes.length;
  }

  async #closeOpen(): Promise<void> {
    const sequence = this.#openSequence;
    this.#openSequence = NO_SEGMENT;
    if (sequence !== NO_SEGMENT) await this.#store.close(sequence);
  }

  /** Moves everything unconfirmed to a segment to come and tells those who wait. */
  #giveUp(sequence: number, batch: PendingBytes, nowMs: number, error: unknown): void {
    this.#failedFlushCount++;
    this.#failedAtMs = nowMs;
    const reason = error instanceof Error ? error.message : String(error);
    this.#failure = new LineLogError(`the log of lines cannot be written: ${reason}`, {
      cause: error,
    });
    this.#gather();
    const chunks = [...batch.chunks, ...this.#pending.chunks];
    // A number is never used twice, so what the failed segment holds cannot be continued by mistake.
    this.#sequence = Math.max(this.#sequence, sequence) + 1;
    this.#pending = { chunks, bytes: batch.bytes + this.#pending.bytes, position: this.#position };
    this.#inFlight = null;
    void this.#abandon(sequence);
    for (const waiter of this.#waiters.splice(0)) waiter.reject(this.#failure);
  }

  /** Lets go of a segment after a failure. One in which nothing was ever confirmed is removed. */
  async #abandon(sequence: number): Promise<void> {
    if (this.#openSequence !== sequence) return;
    this.#openSequence = NO_SEGMENT;
    const isUseless = sequence !== this.#confirmedSequence;
    const at = this.#segments.findIndex((one) => one.sequence === sequence);
    if (isUseless && at !== -1) this.#segments.splice(at, 1);
    try {
      // This may fail as well; what is left behind does no harm.
      await this.#store.close(sequence).catch(() => undefined);
      if (isUseless) await this.#store.remove(sequence);
    } catch {
      // A start reads it like any other.
    }
  }

  #settleWaiters(): void {
    let kept = 0;
    for (const waiter of this.#waiters) {
      if (waiter.position <= this.#durablePosition) waiter.resolve();
      else this.#waiters[kept++] = waiter;
    }
    this.#waiters.length = kept;
  }

  /** Moves what the writer holds to the pending frames. */
  #gather(): void {
    if (this.#writer.length === 0) return;
    const frames = this.#writer.take();
    this.#pending.chunks.push(frames);
    this.#pending.bytes += frames.length;
  }
}
