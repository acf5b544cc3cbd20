import { assert } from '#libs/invariant';
import type { GatheringLog } from './group-commit.ts';
import type { LogRecords, LogSegment } from './log-records.ts';
import type { RecordLogOptions } from './record-log-options.ts';
import type { SegmentStore } from './segment-store.ts';

/** Records could not be made durable. They are in memory and will be written as soon as that works again. */
export class LogWriteError extends Error {
  override readonly name = 'LogWriteError';
  readonly isRetryable = true;
}

interface Waiter {
  readonly position: number;
  readonly resolve: () => void;
  readonly reject: (error: LogWriteError) => void;
}

/** Frames on their way to one segment. */
interface PendingFrames<Batch> {
  readonly chunks: Buffer[];
  bytes: number;
  readonly batch: Batch;
  /** The position that is durable once these are. */
  position: number;
}

const NO_SEGMENT = 0;

/**
 * The write side of a log. Appending only encodes; {@link flush} writes and syncs what has gathered, and {@link committed}
 * tells when a position is on disk. A store's log extends this with its ways to append.
 *
 * When a write or a sync fails, the segment is given up, because nobody knows what it holds now. The frames that were not
 * confirmed are kept and go to a new one. So a record may reach the disk twice; a store has to know it again at replay.
 */
export class RecordLog<Segment extends LogSegment, Batch> implements GatheringLog {
  readonly #store: SegmentStore;
  readonly #options: RecordLogOptions;
  readonly #records: LogRecords<Segment, Batch>;
  readonly #waiters: Waiter[] = [];
  readonly #segments: Segment[] = [];

  /** Number of the segment that frames are being encoded for. */
  #sequence = NO_SEGMENT;
  #openSequence = NO_SEGMENT;
  /** The last segment in which something was confirmed. */
  #confirmedSequence = NO_SEGMENT;
  #pending: PendingFrames<Batch>;
  #inFlight: PendingFrames<Batch> | null = null;
  #pendingSinceMs = 0;
  #position = 0;
  #durablePosition = 0;
  #failure: LogWriteError | null = null;
  #failedAtMs = 0;
  #flushing: Promise<void> | null = null;
  /** The next flush ends its segment, however small that is. */
  #onRoll: (() => void) | null = null;
  #flushCount = 0;
  #failedFlushCount = 0;
  #writtenBytes = 0;

  constructor(store: SegmentStore, options: RecordLogOptions, records: LogRecords<Segment, Batch>) {
    this.#store = store;
    this.#options = options;
    this.#records = records;
    this.#pending = this.#noPending();
    this.#enterSegment(1);
  }

  /** Why writing does not work at present, or null. */
  get failure(): LogWriteError | null {
    return this.#failure;
  }

  /** Of what was appended last. */
  get position(): number {
    return this.#position;
  }

  /** What is appended now goes to this segment, or to a later one if that fails. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Bytes that wait to be written or confirmed. */
  get pendingBytes(): number {
    return this.#pending.bytes + this.#records.length + (this.#inFlight?.bytes ?? 0);
  }

  get hasRoom(): boolean {
    return this.pendingBytes < this.#options.maxPendingBytes;
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

  /** All segments, oldest first. */
  get segments(): readonly Segment[] {
    return this.#segments;
  }

  /** Bytes of all segments. */
  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** The segments that nothing is written to any longer, oldest first. */
  closedSegments(): Segment[] {
    return this.#segments.filter(({ sequence }) => sequence !== this.#openSequence);
  }

  /**
   * Tells what replay found, before the first append.
   * @param firstSequence segments to come have this number or a higher one
   */
  resume(segments: readonly Segment[], firstSequence: number): void {
    assert(this.#position === 0, 'a log goes on before it is appended to');
    this.#segments.push(...segments);
    const last = segments.at(-1)?.sequence ?? NO_SEGMENT;
    this.#enterSegment(Math.max(last + 1, firstSequence));
  }

  /** To be called before records are encoded. @returns what is known about those that wait, to be added to */
  protected beginAppend(nowMs: number): Batch {
    if (this.#pending.bytes + this.#records.length === 0) this.#pendingSinceMs = nowMs;
    this.#pending.position = ++this.#position;
    return this.#pending.batch;
  }

  /** What is known about the records that are not confirmed. */
  protected pendingBatches(): Batch[] {
    const { batch } = this.#pending;
    return this.#inFlight === null ? [batch] : [batch, this.#inFlight.batch];
  }

  /**
   * In how many milliseconds the next {@link flush} is due, at least 0, or null if there is nothing to write. A clock that
   * has gone back since then makes nobody wait for longer than one that has not.
   */
  flushDelayMs(nowMs: number): number | null {
    const { retryDelayMs, groupBytes, groupDelayMs } = this.#options;
    const bytes = this.#pending.bytes + this.#records.length;
    if (bytes === 0) return null;
    if (this.#failure !== null) return remainingMs(this.#failedAtMs, retryDelayMs, nowMs);
    return bytes >= groupBytes ? 0 : remainingMs(this.#pendingSinceMs, groupDelayMs, nowMs);
  }

  /** Resolves once everything up to `position` is on disk. @throws LogWriteError when writing it has failed */
  committed(position: number): Promise<void> {
    if (position <= this.#durablePosition) return Promise.resolve();
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiters.push({ position, resolve, reject });
    });
  }

  /**
   * Writes and syncs what has been appended so far. Whoever calls while a flush runs gets that one. It does not fail; see
   * {@link failure}.
   */
  flush(nowMs: number): Promise<void> {
    this.#flushing ??= this.#flushOnce(nowMs).finally(() => {
      this.#flushing = null;
    });
    return this.#flushing;
  }

  /**
   * Begins a segment. `onRoll` runs at the moment from which on records go to it: what was appended before is on disk in
   * segments with lower numbers once this has resolved.
   * @returns the segment's number
   * @throws LogWriteError when what was appended before cannot be written; `onRoll` may have run then or not
   */
  async roll(nowMs: number, onRoll: () => void = () => {}): Promise<number> {
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

  /** Removes closed segments. */
  async remove(segments: readonly Segment[]): Promise<void> {
    for (const segment of segments) {
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
    const frames = this.#pending;
    const sequence = this.#sequence;
    if (frames.bytes === 0) {
      if (this.#onRoll === null) return;
      this.#endSegment();
      await this.#closeOpen().catch(() => undefined);
      return;
    }
    this.#inFlight = frames;
    this.#pending = this.#noPending();
    // Frames encoded from here on go to the next segment if this write fills the present one.
    const written = this.#segments.find((one) => one.sequence === sequence)?.bytes ?? 0;
    const isFull = this.#onRoll !== null || written + frames.bytes >= this.#records.segmentBytes;
    if (isFull) this.#endSegment();
    try {
      await this.#write(sequence, frames);
      if (isFull) await this.#closeOpen();
    } catch (error) {
      this.#giveUp(sequence, frames, nowMs, error);
      return;
    }
    this.#inFlight = null;
    for (const chunk of frames.chunks) this.#records.giveBack(chunk);
    this.#flushCount++;
    this.#confirmedSequence = sequence;
    this.#failure = null;
    this.#durablePosition = frames.position;
    this.#settleWaiters();
  }

  async #write(sequence: number, { chunks, batch }: PendingFrames<Batch>): Promise<void> {
    let segment = this.#segments.find((one) => one.sequence === sequence);
    if (segment === undefined) {
      if (this.#openSequence !== NO_SEGMENT) await this.#closeOpen();
      segment = this.#records.createSegment(sequence);
      await this.#store.create(sequence);
      this.#segments.push(segment);
      this.#openSequence = sequence;
      await this.#appendTo(segment, this.#records.firstFrames(sequence));
    }
    this.#records.noteWritten(segment, batch);
    for (const chunk of chunks) await this.#appendTo(segment, chunk);
    await this.#store.sync(sequence);
  }

  async #appendTo(segment: Segment, bytes: Buffer): Promise<void> {
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
  #giveUp(sequence: number, failed: PendingFrames<Batch>, nowMs: number, error: unknown): void {
    this.#failedFlushCount++;
    this.#failedAtMs = nowMs;
    const reason = error instanceof Error ? error.message : String(error);
    this.#failure = new LogWriteError(`the log cannot be written: ${reason}`, { cause: error });
    this.#gather();
    const later = this.#pending;
    // A number is never used twice, so what the failed segment holds cannot be continued by mistake.
    this.#enterSegment(Math.max(this.#sequence, sequence) + 1);
    const batch = this.#records.joinBatches(failed.batch, later.batch);
    const inFront = this.#records.length > 0 ? [this.#records.take()] : [];
    const chunks = [...inFront, ...failed.chunks, ...later.chunks];
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    this.#pending = { chunks, bytes, batch, position: this.#position };
    this.#inFlight = null;
    if (this.#openSequence === sequence) void this.#abandon(sequence);
    for (const waiter of this.#waiters.splice(0)) waiter.reject(this.#failure);
  }

  /**
   * Lets go of the open segment after a failure. One in which nothing was ever confirmed is removed, or a disk that fails for
   * hours would be full of them.
   */
  async #abandon(sequence: number): Promise<void> {
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

  #endSegment(): void {
    this.#enterSegment(this.#sequence + 1);
    this.#onRoll?.();
    this.#onRoll = null;
  }

  #enterSegment(sequence: number): void {
    this.#sequence = sequence;
    this.#records.enterSegment(sequence);
  }

  #settleWaiters(): void {
    let kept = 0;
    for (const waiter of this.#waiters) {
      if (waiter.position <= this.#durablePosition) waiter.resolve();
      else this.#waiters[kept++] = waiter;
    }
    this.#waiters.length = kept;
  }

  /** Moves what was encoded to the pending frames. */
  #gather(): void {
    if (this.#records.length === 0) return;
    const frames = this.#records.take();
    this.#pending.chunks.push(frames);
    this.#pending.bytes += frames.length;
  }

  #noPending(): PendingFrames<Batch> {
    return { chunks: [], bytes: 0, batch: this.#records.beginBatch(), position: this.#position };
  }
}

/** What is left of a delay that began at a time. */
function remainingMs(sinceMs: number, delayMs: number, nowMs: number): number {
  return Math.min(Math.max(sinceMs + delayMs - nowMs, 0), delayMs);
}
