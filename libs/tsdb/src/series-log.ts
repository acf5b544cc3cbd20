import type { Labels } from '#libs/labels';
import type { SegmentStore } from '#libs/record-log';
import type { SampleBatch } from '#libs/samples';
import { RecordWriter } from './log-record.ts';
import { type PresentStarts, SegmentDefinitions } from './segment-definitions.ts';
import type { SeriesLogOptions } from './series-log-options.ts';
import type { StartChanges } from './start-times.ts';
import { LOW_WORD } from './xor-chunk.ts';

/** Samples could not be made durable. They are in memory and will be written as soon as that works again. */
export class LogWriteError extends Error {
  override readonly name = 'LogWriteError';
  readonly isRetryable = true;
}

/** A closed segment or the one being written. */
export interface LogSegment {
  readonly sequence: number;
  bytes: number;
  /** Time of its youngest sample. */
  maxMs: number;
}

interface Waiter {
  readonly position: number;
  readonly resolve: () => void;
  readonly reject: (error: LogWriteError) => void;
}

/** Frames on their way to one segment. */
interface PendingBytes {
  chunks: Buffer[];
  bytes: number;
  /** Rows that occur in the frames, in case these have to go to another segment. */
  rows: Uint32Array[];
  maxMs: number;
  /** The position that is durable once these are. */
  position: number;
}

const NO_SEGMENT = 0;
const MAX_SAMPLES_PER_FRAME = 16_384;
const MAX_HISTOGRAMS_PER_FRAME = 512;

/**
 * The write side of the log. Appending only encodes; {@link flush} writes and syncs what has gathered, and
 * {@link committed} tells when a position is on disk.
 *
 * Every segment stands alone: a series is defined again in a segment when it first occurs there. When a write or a sync
 * fails, the segment is given up, because nobody knows what it holds now. The frames that were not confirmed are kept and
 * go to a new segment, with the definitions they need in front. What reaches the disk twice that way does no harm: a
 * sample that is there already is ignored at replay.
 */
export class SeriesLog {
  readonly #store: SegmentStore;
  readonly #options: SeriesLogOptions;
  readonly #writer = new RecordWriter();
  readonly #definitions: SegmentDefinitions;
  readonly #waiters: Waiter[] = [];
  readonly #segments: LogSegment[] = [];

  /** Number of the segment that frames are being encoded for. */
  #sequence: number = NO_SEGMENT;
  #openSequence: number = NO_SEGMENT;
  /** The last segment in which something was confirmed. */
  #confirmedSequence: number = NO_SEGMENT;
  #pending: PendingBytes = noPending(0);
  #inFlight: PendingBytes | null = null;
  #pendingSinceMs = 0;
  #position = 0;
  #durablePosition = 0;
  #failure: LogWriteError | null = null;
  #failedAtMs = 0;
  #flushing: Promise<void> | null = null;
  /** The next flush ends its segment, however small that is. */
  #rollsNext = false;
  #rolledTo: number = NO_SEGMENT;

  #flushCount = 0;
  #failedFlushCount = 0;
  #writtenBytes = 0;

  constructor(
    store: SegmentStore,
    options: SeriesLogOptions,
    labelsOf: (row: number) => Labels,
    starts: PresentStarts,
  ) {
    this.#store = store;
    this.#options = options;
    this.#definitions = new SegmentDefinitions(this.#writer, labelsOf, starts);
  }

  /** Why writing does not work at present, or null. */
  get failure(): LogWriteError | null {
    return this.#failure;
  }

  get position(): number {
    return this.#position;
  }

  /** What is appended now goes to this segment, or to a later one if that fails. */
  get sequence(): number {
    return Math.max(this.#sequence, 1);
  }

  /** Whether everything appended is on disk. */
  get isSettled(): boolean {
    return this.#durablePosition === this.#position;
  }

  /** Bytes that wait to be written or confirmed. */
  get pendingBytes(): number {
    return this.#pending.bytes + this.#writer.length + (this.#inFlight?.bytes ?? 0);
  }

  /** Rows whose samples are not confirmed; their labels may be needed for another attempt. */
  pendingRows(): ReadonlySet<number> {
    const pending = new Set<number>();
    for (const batch of [this.#pending, this.#inFlight]) {
      for (const rows of batch?.rows ?? []) for (const row of rows) pending.add(row);
    }
    return pending;
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
  get segments(): readonly LogSegment[] {
    return this.#segments;
  }

  /**
   * Tells what replay found, before the first append: the segments there are and the ids in use.
   * @param firstSequence segments to come have this number or a higher one
   */
  resume(segments: readonly LogSegment[], highestSeriesId: number, firstSequence: number): void {
    for (const segment of segments) this.#segments.push({ ...segment });
    const last = Math.max(this.#sequence, segments.at(-1)?.sequence ?? NO_SEGMENT);
    this.#beginSequence(Math.max(last + 1, firstSequence));
    this.#definitions.skipIds(highestSeriesId);
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
    if (count === 0) return this.#position;
    this.#noticeAppend(nowMs);
    this.#definitions.repeat();
    this.#definitions.define(rows, count);
    if (starts !== null) this.#definitions.writeStarts(starts);
    if (histograms === null) {
      this.#appendFloats(rows, samples, count, timesMs, words);
    } else {
      this.#appendMixed(rows, samples, count, timesMs, words, histograms);
    }
    this.#pending.rows.push(rows.slice(0, count));
    this.#pending.position = this.#position;
    return this.#position;
  }

  /** Adds a frame with a payload that names no series; it is as old as samples of now. @returns the position to wait for */
  appendPayload(kind: number, payload: Buffer, nowMs: number): number {
    this.#noticeAppend(nowMs);
    this.#writer.writePayload(kind, payload);
    if (nowMs > this.#pending.maxMs) this.#pending.maxMs = nowMs;
    this.#pending.position = this.#position;
    return this.#position;
  }

  #noticeAppend(nowMs: number): void {
    if (this.#pending.bytes + this.#writer.length === 0) this.#pendingSinceMs = nowMs;
    if (this.#sequence === NO_SEGMENT) this.#beginSequence(1);
    this.#position++;
  }

  #appendFloats(
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
        if (timeMs > this.#pending.maxMs) this.#pending.maxMs = timeMs;
      }
      this.#writer.end();
    }
  }

  /** The floats first, then the histograms; a frame of histograms ends when it is large. */
  #appendMixed(
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
        if (timeMs > this.#pending.maxMs) this.#pending.maxMs = timeMs;
      }
      this.#writer.end();
    }
  }

  /** When the next {@link flush} is due, or null if there is nothing to write. */
  flushDueMs(): number | null {
    if (this.#pending.bytes + this.#writer.length === 0) return null;
    if (this.#failure !== null) return this.#failedAtMs + this.#options.retryDelayMs;
    const isLarge = this.#pending.bytes + this.#writer.length >= this.#options.groupBytes;
    return isLarge ? this.#pendingSinceMs : this.#pendingSinceMs + this.#options.groupDelayMs;
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
   * Begins a segment. When it resolves, all that was appended before the call is on disk in segments with lower numbers.
   * @returns the segment's number
   * @throws LogWriteError when that cannot be written
   */
  async roll(nowMs: number): Promise<number> {
    while (this.#flushing !== null) await this.#flushing;
    this.#rollsNext = true;
    await this.flush(nowMs);
    this.#rollsNext = false;
    if (this.#failure !== null) throw this.#failure;
    return this.#rolledTo;
  }

  /** Closed segments in which every sample is older than `cutoffMs`, and whose number is below `endSequence`. */
  segmentsBefore(cutoffMs: number, endSequence = Infinity): LogSegment[] {
    return this.#segments.filter(
      ({ sequence, maxMs }) =>
        sequence !== this.#openSequence && sequence < endSequence && maxMs < cutoffMs,
    );
  }

  /** The oldest closed segments without which all of them together have at most `maxBytes`. */
  segmentsBeyond(maxBytes: number): LogSegment[] {
    let bytes = this.#segments.reduce((sum, segment) => sum + segment.bytes, 0);
    const beyond: LogSegment[] = [];
    for (const segment of this.#segments) {
      if (bytes <= maxBytes || segment.sequence === this.#openSequence) break;
      beyond.push(segment);
      bytes -= segment.bytes;
    }
    return beyond;
  }

  /** Removes closed segments. */
  async remove(segments: readonly LogSegment[]): Promise<void> {
    for (const segment of segments) {
      await this.#store.remove(segment.sequence);
      this.#segments.splice(this.#segments.indexOf(segment), 1);
    }
  }

  /** Writes what is left and closes the segment. */
  async close(nowMs: number): Promise<void> {
    await this.#flushing;
    if (!this.isSettled) await this.flush(nowMs);
    if (this.#openSequence !== NO_SEGMENT) await this.#store.close(this.#openSequence);
    this.#openSequence = NO_SEGMENT;
  }

  async #flushOnce(nowMs: number): Promise<void> {
    this.#gather();
    if (this.#pending.bytes === 0) {
      if (this.#rollsNext) this.#endSequence(Math.max(this.#sequence, 1));
      return;
    }
    const batch = this.#pending;
    const sequence = this.#sequence;
    this.#inFlight = batch;
    this.#pending = noPending(this.#position);
    this.#definitions.endFlush();
    // Frames encoded from here on go to the next segment if this write fills the present one.
    const written = this.#segments.find((one) => one.sequence === sequence)?.bytes ?? 0;
    const fullBytes = Math.max(
      this.#options.segmentBytes,
      this.#options.segmentPerDefinitions * this.#definitions.bytes,
    );
    const isFull = this.#rollsNext || written + batch.bytes >= fullBytes;
    if (isFull) this.#endSequence(sequence);
    try {
      await this.#write(sequence, batch);
      if (isFull) await this.#closeOpen();
    } catch (error) {
      this.#giveUp(sequence, batch, nowMs, error);
      return;
    }
    this.#inFlight = null;
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
      segment = { sequence, bytes: 0, maxMs: -Infinity };
      await this.#store.create(sequence);
      this.#segments.push(segment);
      this.#openSequence = sequence;
      const header = new RecordWriter();
      header.writeSegment(sequence);
      await this.#appendTo(segment, header.take());
    }
    if (batch.maxMs > segment.maxMs) segment.maxMs = batch.maxMs;
    for (const chunk of batch.chunks) await this.#appendTo(segment, chunk);
    await this.#store.sync(sequence);
  }

  async #appendTo(segment: LogSegment, bytes: Buffer): Promise<void> {
    await this.#store.append(segment.sequence, bytes);
    segment.bytes += bytes.length;
    this.#writtenBytes += bytes.length;
  }

  async #closeOpen(): Promise<void> {
    const sequence = this.#openSequence;
    this.#openSequence = NO_SEGMENT;
    await this.#store.close(sequence);
  }

  /** Moves everything unconfirmed to a segment to come and tells those who wait. */
  #giveUp(sequence: number, batch: PendingBytes, nowMs: number, error: unknown): void {
    this.#failedFlushCount++;
    this.#failedAtMs = nowMs;
    const reason = error instanceof Error ? error.message : String(error);
    this.#failure = new LogWriteError(`the log cannot be written: ${reason}`, { cause: error });
    this.#gather();
    const later = this.#pending;
    // A number is never used twice, so what the failed segment holds cannot be continued by mistake.
    this.#beginSequence(Math.max(this.#sequence, sequence) + 1);
    const rows = [...batch.rows, ...later.rows];
    for (const column of rows) this.#definitions.define(column, column.length);
    const definitions = this.#writer.take();
    const chunks = [definitions, ...batch.chunks, ...later.chunks];
    this.#pending = {
      chunks,
      bytes: chunks.reduce((sum, chunk) => sum + chunk.length, 0),
      rows,
      maxMs: Math.max(batch.maxMs, later.maxMs),
      position: this.#position,
    };
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

  #endSequence(sequence: number): void {
    this.#beginSequence(sequence + 1);
    this.#rollsNext = false;
    this.#rolledTo = sequence + 1;
  }

  #beginSequence(sequence: number): void {
    this.#sequence = sequence;
    this.#definitions.beginSegment(sequence);
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

function noPending(position: number): PendingBytes {
  return { chunks: [], bytes: 0, rows: [], maxMs: -Infinity, position };
}
