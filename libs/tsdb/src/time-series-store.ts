import { assert } from '#libs/invariant';
import type { Labels, Matcher } from '#libs/labels';
import type { Pace } from '#libs/pace';
import { GroupCommit, type SegmentStore, type Timer } from '#libs/record-log';
import type { SampleBatch } from '#libs/samples';
import {
  type AppendResult,
  noRejections,
  REJECT_REASONS,
  type RejectReason,
} from './append-result.ts';
import { type BatchExtras, NO_EXTRAS } from './batch-extras.ts';
import type { ExemplarRing } from './exemplar-ring.ts';
import { DEFAULT_EXTRAS_OPTIONS, ExtrasLog, type ExtrasOptions } from './extras-log.ts';
import type { CardinalityStatistics } from './cardinality.ts';
import { Head } from './head.ts';
import { DEFAULT_HEAD_OPTIONS, type HeadOptions } from './head-options.ts';
import type { MetadataCatalogue } from './metric-metadata.ts';
import { replayLog, type ReplayProgress, type ReplayReport } from './replay-log.ts';
import type { Selection } from './selection.ts';
import { SeriesLog } from './series-log.ts';
import { DEFAULT_LOG_OPTIONS, type SeriesLogOptions } from './series-log-options.ts';
import type { SeriesSegment } from './series-records.ts';
import type { BudgetOffender } from './series-budgets.ts';

/** So many series are dropped without a pause. */
const SERIES_PER_TURN = 8_192;

/** Options of a {@link TimeSeriesStore}; what is left out has its default. */
export interface TimeSeriesStoreOptions
  extends Partial<HeadOptions>, Partial<SeriesLogOptions>, Partial<ExtrasOptions> {
  /** Removes the oldest segments while the log is larger; Infinity for no bound. */
  readonly maxLogBytes?: number;
}

/** Why a store takes no samples at present. */
export type UnavailableReason =
  'replaying' | 'log_failing' | 'log_backlog' | 'disk_full' | 'handing_over' | 'closed';

/** The store takes no samples at present; nothing of the batch was stored. To be tried again later. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
  readonly code: UnavailableReason;
  readonly isRetryable = true;
  constructor(code: UnavailableReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Numbers about a store, for its operator; the counters start at zero with the process. */
export interface StoreStatistics {
  readonly series: number;
  readonly labelPairs: number;
  readonly chunks: number;
  readonly outOfOrderSamples: number;
  readonly sampleBytes: number;
  /** Infinity without samples. */
  readonly minTimeMs: number;
  /** -Infinity without samples. */
  readonly maxTimeMs: number;
  readonly seriesCreated: number;
  readonly seriesRemoved: number;
  readonly appended: number;
  readonly repeated: number;
  readonly rejected: Readonly<Record<RejectReason, number>>;
  readonly offenders: readonly BudgetOffender[];
  /** Samples of {@link TimeSeriesStore.appendVolatile} that no log holds. */
  readonly unlogged: number;
  readonly logSegments: number;
  readonly logBytes: number;
  readonly logPendingBytes: number;
  readonly logFlushes: number;
  readonly logFailedFlushes: number;
  readonly logWrittenBytes: number;
}

/**
 * The embedded time-series store: series and samples in memory, and a log from which they come back.
 *
 * A sample can be queried as soon as it has been appended, which is some milliseconds before it is on disk; whoever
 * acknowledges it waits for {@link committed} first. Use: {@link open}, then append and select, then {@link close}.
 */
export class TimeSeriesStore {
  readonly #options: HeadOptions;
  readonly #maxLogBytes: number;
  readonly #head: Head;
  readonly #log: SeriesLog;
  readonly #extras: ExtrasLog;
  readonly #segments: SegmentStore;
  readonly #timer: Timer;
  readonly #groupCommit: GroupCommit;
  #state: 'new' | 'replaying' | 'open' | 'closed' = 'new';
  #opening: Promise<ReplayReport> | null = null;
  #isDiskFull = false;
  /** While samples from before are being handed over, none may come for that time. */
  #closedBeforeMs = -Infinity;
  #appended = 0;
  #repeated = 0;
  #unlogged = 0;
  readonly #rejected = noRejections();

  constructor(segments: SegmentStore, timer: Timer, options: TimeSeriesStoreOptions = {}) {
    this.#options = { ...DEFAULT_HEAD_OPTIONS, ...options };
    this.#maxLogBytes = options.maxLogBytes ?? Infinity;
    this.#head = new Head(this.#options);
    this.#segments = segments;
    this.#timer = timer;
    this.#log = new SeriesLog(
      segments,
      { ...DEFAULT_LOG_OPTIONS, ...options },
      (row) => this.#head.labelsOf(row),
      this.#head.starts,
    );
    this.#extras = new ExtrasLog(this.#log, { ...DEFAULT_EXTRAS_OPTIONS, ...options });
    this.#groupCommit = new GroupCommit(this.#log, timer);
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /**
   * Reads the log back. Until it resolves nothing can be appended and queries see a part only.
   * @param oldestMsOf samples of a segment from before are left out, besides those beyond the retention
   * @param firstSequence segments to come have this number or a higher one, even where there are none
   * @throws what the segment store throws when it cannot even list its segments
   * @throws StoreUnavailableError when the store is closed meanwhile
   */
  open(
    onProgress: (progress: ReplayProgress) => void = () => {},
    oldestMsOf: (sequence: number) => number = () => -Infinity,
    firstSequence = 1,
  ): Promise<ReplayReport> {
    assert(this.#state === 'new', 'a store opens once');
    this.#state = 'replaying';
    this.#opening = this.#open(onProgress, oldestMsOf, firstSequence);
    return this.#opening;
  }

  async #open(
    onProgress: (progress: ReplayProgress) => void,
    oldestMsOf: (sequence: number) => number,
    firstSequence: number,
  ): Promise<ReplayReport> {
    const retainedMs = this.#timer.nowMs() - this.#options.retentionMs;
    const result = await replayLog(this.#segments, this.#head, this.#extras, {
      oldestMsOf: (sequence) => Math.max(retainedMs, oldestMsOf(sequence)),
      isStopped: () => this.#state === 'closed',
      onProgress,
    });
    if (result === null) throw this.notOpen();
    this.#log.resume(result.liveSegments, firstSequence);
    this.#log.skipSeriesIds(result.highestSeriesId);
    this.#log.adoptSeriesIds(result.idsOfRows);
    this.#state = 'open';
    return result.report;
  }

  /**
   * Stores a batch as far as the limits allow. It can be queried at once; it is durable when {@link committed} has resolved
   * for the result's position.
   * @param extras exemplars and metadata that came with it
   * @throws StoreUnavailableError when nothing can be made durable at present; nothing is stored then
   */
  append(batch: SampleBatch, extras: BatchExtras = NO_EXTRAS): AppendResult {
    const unavailable = this.unavailability();
    if (unavailable !== null) throw unavailable;
    this.#requireOpenTimes(batch);
    return this.#append(batch, true, extras);
  }

  /**
   * Stores a batch that may be lost at a restart, such as the results of rules: while nothing can be written it is kept in
   * memory, so that alerts go on while the disk is full.
   * @throws StoreUnavailableError only before the store has opened and after it has closed
   */
  appendVolatile(batch: SampleBatch): AppendResult {
    if (this.#state !== 'open') throw this.notOpen();
    this.#requireOpenTimes(batch);
    const isLogged = this.#log.failure === null && this.#log.hasRoom && !this.#isDiskFull;
    return this.#append(batch, isLogged, NO_EXTRAS);
  }

  /** Resolves once everything up to a position is on disk. @throws LogWriteError when that has failed */
  committed(position: number): Promise<void> {
    return this.#log.committed(position);
  }

  /** Why {@link append} would refuse at present, or null. */
  unavailability(): StoreUnavailableError | null {
    if (this.#state !== 'open') return this.notOpen();
    if (this.#isDiskFull) {
      return new StoreUnavailableError('disk_full', 'the disk under the store is nearly full');
    }
    const { failure } = this.#log;
    if (failure !== null) {
      return new StoreUnavailableError('log_failing', failure.message, { cause: failure });
    }
    if (this.#log.hasRoom) return null;
    return new StoreUnavailableError(
      'log_backlog',
      `${this.#log.pendingBytes} bytes wait for the disk; more are taken when it has caught up`,
    );
  }

  /** Tells the store whether there is room on the disk; without it {@link append} refuses. */
  setDiskFull(isFull: boolean): void {
    this.#isDiskFull = isFull;
  }

  /** The series that fulfil all matchers, as a selection that is kept current. Fits the query engine's `SeriesSource`. */
  select(matchers: readonly Matcher[], _minMs: number, _maxMs: number): Selection {
    return this.#head.select(matchers);
  }

  /** Label sets that fulfil all matchers and may have samples in the range, in row order. */
  series(matchers: readonly Matcher[], minMs: number, maxMs: number): Labels[] {
    return this.#head.lookups.series(matchers, minMs, maxMs);
  }

  /** Label names of the series that fulfil all matchers and may have samples in the range, sorted. */
  labelNames(matchers: readonly Matcher[], minMs: number, maxMs: number): string[] {
    return this.#head.lookups.labelNames(matchers, minMs, maxMs);
  }

  /** Values of one label among those series, sorted. */
  labelValues(name: string, matchers: readonly Matcher[], minMs: number, maxMs: number): string[] {
    return this.#head.lookups.labelValues(name, matchers, minMs, maxMs);
  }

  /** Where the series come from; the `limit` largest of each kind. */
  cardinality(limit: number): CardinalityStatistics {
    return this.#head.lookups.cardinality(limit);
  }

  /** Drops what is beyond the retention, in memory and on disk. To be called every minute or so. */
  async dropExpired(): Promise<void> {
    if (this.#state !== 'open') return;
    const nowMs = this.#timer.nowMs();
    const vanished = this.#head.dropExpired(nowMs, this.#log.pendingRows());
    for (const row of vanished) this.#log.forgetRow(row);
    await this.#removeSegments(this.#log.segmentsBefore(nowMs - this.#options.retentionMs));
    await this.#removeSegments(this.#log.segmentsBeyond(this.#maxLogBytes));
  }

  /** The exemplars kept, for reading. */
  get exemplars(): ExemplarRing {
    return this.#extras.exemplars;
  }

  /** What is known of metric families, for reading. */
  get metadata(): MetadataCatalogue {
    return this.#extras.metadata;
  }

  /** Samples and series in memory, for whoever takes over what is old. */
  get head(): Head {
    return this.#head;
  }

  /**
   * Begins to hand over all samples from before a time: batches with such samples are refused, to be sent again later, until
   * {@link endHandover}; and what was appended so far lies in log segments of their own.
   * @returns the number of the first segment after these; no sample before `beforeMs` is in it
   * @throws LogWriteError when the log cannot be written; nothing has begun then
   */
  async beginHandover(beforeMs: number): Promise<number> {
    if (this.#state !== 'open') throw this.notOpen();
    assert(this.#closedBeforeMs === -Infinity, 'one handover at a time');
    this.#closedBeforeMs = beforeMs;
    try {
      return await this.#log.roll(this.#timer.nowMs());
    } catch (error) {
      this.#closedBeforeMs = -Infinity;
      throw error;
    }
  }

  /** Takes batches for any time again. */
  endHandover(): void {
    this.#closedBeforeMs = -Infinity;
  }

  /** Removes from the log what was handed over: segments below `endSequence` with nothing from `beforeMs` on. */
  async dropLogged(beforeMs: number, endSequence: number): Promise<void> {
    await this.#removeSegments(this.#log.segmentsBefore(beforeMs, endSequence));
  }

  /** Removes segments, after their exemplars and metadata have got into one that stays. */
  async #removeSegments(segments: readonly SeriesSegment[]): Promise<void> {
    const last = segments.at(-1);
    if (last === undefined) return;
    await this.#extras.carryOver(
      last.sequence + 1,
      () => this.#timer.nowMs(),
      (position) => {
        this.#groupCommit.notice();
        return this.#log.committed(position);
      },
    );
    await this.#log.remove(segments);
  }

  /**
   * Drops samples in memory from before a time, and the series that have none left, many of them in turns. Some of the
   * samples may stay.
   */
  async dropBefore(cutoffMs: number, pace: Pace): Promise<void> {
    for (;;) {
      const vanished = this.#head.dropBefore(
        cutoffMs,
        this.#timer.nowMs(),
        this.#log.pendingRows(),
        SERIES_PER_TURN,
      );
      for (const row of vanished) this.#log.forgetRow(row);
      if (vanished.length < SERIES_PER_TURN) return;
      await pace.rest();
    }
  }

  statistics(): StoreStatistics {
    const head = this.#head;
    const log = this.#log;
    return {
      series: head.seriesCount,
      labelPairs: head.labelPairCount,
      chunks: head.chunkCount,
      outOfOrderSamples: head.outOfOrderSampleCount,
      sampleBytes: head.sampleBytes,
      minTimeMs: head.minTimeMs,
      maxTimeMs: head.maxTimeMs,
      seriesCreated: head.createdSeries,
      seriesRemoved: head.removedSeries,
      appended: this.#appended,
      repeated: this.#repeated,
      rejected: { ...this.#rejected },
      offenders: head.offenders,
      unlogged: this.#unlogged,
      logSegments: log.segments.length,
      logBytes: log.segments.reduce((sum, segment) => sum + segment.bytes, 0),
      logPendingBytes: log.pendingBytes,
      logFlushes: log.flushCount,
      logFailedFlushes: log.failedFlushCount,
      logWrittenBytes: log.writtenBytes,
    };
  }

  /** Stops a replay, writes what is left. Closing twice, or before opening, is harmless. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    const wasOpen = this.#state === 'open';
    this.#state = 'closed';
    this.#groupCommit.stop();
    // A replay that is under way stops at the next chunk.
    await this.#opening?.catch(() => null);
    if (wasOpen) await this.#log.close(this.#timer.nowMs());
  }

  #requireOpenTimes(batch: SampleBatch): void {
    if (this.#closedBeforeMs === -Infinity) return;
    for (let i = 0; i < batch.sampleCount; i++) {
      if (batch.timesMs[i]! >= this.#closedBeforeMs) continue;
      throw new StoreUnavailableError(
        'handing_over',
        'samples as old as these are being moved to a block; they can be sent again in a moment',
      );
    }
  }

  #append(batch: SampleBatch, isLogged: boolean, extras: BatchExtras): AppendResult {
    const nowMs = this.#timer.nowMs();
    const taken = this.#head.append(batch, nowMs);
    const extrasTaken = this.#extras.append(extras, nowMs);
    if (isLogged) {
      const { values } = batch;
      const words = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
      this.#log.append(
        taken.rows,
        taken.samples,
        taken.accepted,
        batch.timesMs,
        words,
        nowMs,
        batch.histograms,
        taken.starts,
      );
      this.#groupCommit.notice();
    } else {
      this.#unlogged += taken.accepted;
    }
    this.#appended += taken.accepted;
    this.#repeated += taken.repeated;
    if (taken.rejectedTotal > 0) this.#countRejections(taken.rejected);
    return {
      accepted: taken.accepted,
      repeated: taken.repeated,
      histograms: taken.histograms,
      rejected: taken.rejected,
      rejectedTotal: taken.rejectedTotal,
      firstRejection: taken.firstRejection,
      extras: extrasTaken,
      position: this.#log.position,
    };
  }

  #countRejections(rejected: Readonly<Record<RejectReason, number>>): void {
    for (const reason of REJECT_REASONS) this.#rejected[reason] += rejected[reason];
  }

  /** Why nothing can be done before the store has opened or after it has closed. */
  notOpen(): StoreUnavailableError {
    return this.#state === 'closed'
      ? new StoreUnavailableError('closed', 'the store is closed')
      : new StoreUnavailableError('replaying', 'the store is still reading its log');
  }
}
