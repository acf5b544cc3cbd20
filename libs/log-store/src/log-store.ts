import type { BlockFiles } from '#libs/block-files';
import { assert } from '#libs/invariant';
import type { Matcher } from '#libs/labels';
import type { Pace } from '#libs/pace';
import { GroupCommit, type SegmentStore, type Timer } from '#libs/record-log';
import {
  LINE_REJECT_REASONS,
  type LineAppendReport,
  type LineRejectReason,
  LogsUnavailableError,
  noLineRejections,
} from './append-report.ts';
import type { ChunkSpan } from './chunk-ref.ts';
import { ColumnBatch } from './decoded-chunk.ts';
import { LineHead } from './line-head.ts';
import type { LineBatch } from './line-batch.ts';
import { LineLog } from './line-log.ts';
import { LogArchive, type LogArchiveReport, type LogArchiveStatistics } from './log-archive.ts';
import type { LogBatch, LogReadRequest, LogStream, StreamVolume } from './log-source.ts';
import { DEFAULT_LOG_STORE_OPTIONS, type LogStoreOptions } from './log-store-options.ts';
import { NeedleFilterBuilder } from './needle-filter.ts';
import type { OpenChunk } from './open-chunk.ts';
import { rangeOf, type TimeRange } from './overlaps.ts';
import { PackQueue } from './pack-queue.ts';
import { RateBucket } from './rate-bucket.ts';
import { readLines } from './read-lines.ts';
import { type LineReplayProgress, type LineReplayReport, replayLines } from './replay-lines.ts';
import type { SealedChunk } from './sealed-chunk.ts';
import { StreamRegistry } from './stream-registry.ts';
import { shareOf } from './stream-volume.ts';

/** What opening found. */
export interface LogStoreReport {
  readonly log: LineReplayReport;
  readonly blocks: LogArchiveReport;
}

/** Numbers about a store, for its operator; the counters start at zero with the process. */
export interface LogStoreStatistics {
  /** Streams that lines come for at present. */
  readonly activeStreams: number;
  /** Streams that the store holds anything of. */
  readonly streams: number;
  readonly memoryBytes: number;
  readonly memoryChunks: number;
  readonly acceptedLines: number;
  readonly acceptedBytes: number;
  readonly repeatedLines: number;
  readonly rejectedLines: Readonly<Record<LineRejectReason, number>>;
  readonly logSegments: number;
  readonly logBytes: number;
  readonly logPendingBytes: number;
  readonly logFlushes: number;
  readonly logFailedFlushes: number;
  readonly logWrittenBytes: number;
  readonly failedMoves: number;
  readonly blocks: LogArchiveStatistics;
}

const TWO_32 = 0x1_0000_0000;
/** A joined block may hold lines so much apart, of the time that they are kept. */
const JOINED_SPANS = 8;
/** After joining has failed. */
const JOIN_RETRY_MS = 10 * 60_000;

type Listener = (batch: LogBatch) => void;

/**
 * The embedded log store: young lines in memory and in a log from which they come back, older ones in block files.
 *
 * A line can be read as soon as it has been taken, some milliseconds before it is on disk; {@link append} resolves after
 * that. Use: {@link open}, then append and read, {@link maintain} every some seconds, then {@link close}.
 */
export class LogStore {
  readonly #options: LogStoreOptions;
  readonly #segments: SegmentStore;
  readonly #timer: Timer;
  readonly #pace: Pace;
  readonly #registry = new StreamRegistry();
  readonly #filters = new NeedleFilterBuilder();
  readonly #packing: PackQueue;
  readonly #head: LineHead;
  readonly #log: LineLog;
  readonly #archive: LogArchive;
  readonly #groupCommit: GroupCommit;
  readonly #rate: RateBucket;
  readonly #subscribers = new Map<Listener, readonly Matcher[]>();
  #state: 'new' | 'replaying' | 'open' | 'closed' = 'new';
  #opening: Promise<LogStoreReport> | null = null;
  #moving: Promise<void> | null = null;
  #joining: Promise<unknown> | null = null;
  #joinAfterMs = -Infinity;
  #isMaintaining = false;
  #movedAtMs = -Infinity;
  #moveFailure: Error | null = null;
  #isDiskFull = false;
  #acceptedLines = 0;
  #acceptedBytes = 0;
  #repeatedLines = 0;
  #failedMoves = 0;
  readonly #rejectedLines = noLineRejections();

  constructor(
    segments: SegmentStore,
    blocks: BlockFiles,
    timer: Timer,
    pace: Pace,
    options: Partial<LogStoreOptions> = {},
  ) {
    this.#options = { ...DEFAULT_LOG_STORE_OPTIONS, ...options };
    this.#segments = segments;
    this.#timer = timer;
    this.#pace = pace;
    this.#packing = new PackQueue(this.#filters);
    this.#head = new LineHead(this.#registry, this.#options, this.#options.chunkBytes, (chunk) =>
      this.#packing.add(chunk),
    );
    this.#log = new LineLog(segments, this.#options);
    this.#archive = new LogArchive(blocks, this.#registry, pace);
    this.#groupCommit = new GroupCommit(this.#log, timer);
    this.#rate = new RateBucket(this.#options.burstBytes, timer.nowMs());
  }

  /** Told of parts of blocks that are damaged and left out. */
  set onDamage(listener: (block: string, error: unknown) => void) {
    this.#archive.onDamage = listener;
  }

  /** Why lines could not be moved to a block the last time, or null. */
  get moveFailure(): Error | null {
    return this.#moveFailure;
  }

  /**
   * Opens the blocks and reads the log back. Until it resolves nothing is taken and readers see a part only.
   * @throws what the ports throw when they cannot even list what they have
   * @throws LogsUnavailableError when the store is closed meanwhile
   */
  open(onProgress: (progress: LineReplayProgress) => void = () => {}): Promise<LogStoreReport> {
    assert(this.#state === 'new', 'a store opens once');
    this.#state = 'replaying';
    this.#opening = this.#open(onProgress);
    return this.#opening;
  }

  /**
   * Takes lines as far as the limits allow; resolves when these are on disk.
   * @throws LogsUnavailableError when nothing can be taken at present; nothing of the batch is stored then
   * @throws LogWriteError when the disk did not confirm the lines; they are to be sent again
   */
  async append(batch: LineBatch): Promise<LineAppendReport> {
    const unavailable = this.unavailability();
    if (unavailable !== null) throw unavailable;
    const nowMs = this.#timer.nowMs();
    this.#requireRate(batch, nowMs);
    const report = this.#head.append(batch, nowMs, (id, chunk, fromLine, fromByte) => {
      const stream = this.#registry.stream(id);
      this.#log.append(stream.encoded, chunk, fromLine, fromByte, nowMs);
      if (this.#subscribers.size > 0) this.#publish(stream, chunk, fromLine);
    });
    this.#acceptedLines += report.accepted;
    this.#acceptedBytes += report.bytes;
    this.#repeatedLines += report.repeated;
    if (report.rejectedTotal > 0) {
      for (const reason of LINE_REJECT_REASONS) {
        this.#rejectedLines[reason] += report.rejected[reason];
      }
    }
    this.#groupCommit.notice();
    if (this.#isMoveDue(nowMs)) void this.#move();
    await this.#log.committed(this.#log.position);
    return report;
  }

  /** Why {@link append} would refuse at present, or null. */
  unavailability(): LogsUnavailableError | null {
    if (this.#state !== 'open') return this.#notOpen();
    if (this.#isDiskFull) {
      return new LogsUnavailableError('disk_full', 'the disk under the log store is nearly full');
    }
    const { failure } = this.#log;
    if (failure !== null) {
      return new LogsUnavailableError('log_failing', failure.message, { cause: failure });
    }
    if (!this.#log.hasRoom) {
      return new LogsUnavailableError(
        'log_backlog',
        `${this.#log.pendingBytes} bytes of lines wait for the disk; more are taken when it has caught up`,
      );
    }
    if (this.#head.memoryBytes < this.#options.maxMemoryBytes) return null;
    return new LogsUnavailableError(
      'memory_full',
      'lines in memory wait to be moved to a block; more are taken when they have been',
    );
  }

  /** Tells the store whether there is room on the disk; without it {@link append} refuses. */
  setDiskFull(isFull: boolean): void {
    this.#isDiskFull = isFull;
  }

  /** Streams that hold something in the range and that all matchers accept. */
  async streams(
    matchers: readonly Matcher[],
    startNs: bigint,
    endNs: bigint,
  ): Promise<readonly LogStream[]> {
    const seen = new Set<number>();
    this.#visit(matchers, rangeOf(startNs, endNs), (id) => seen.add(id));
    return Array.from(seen, (id) => this.#registry.stream(id));
  }

  /**
   * Lines in batches of one stream each, in order of their first line in the wanted direction; so a reader that has enough
   * lines before the next batch's first one may stop. What is there when the first is asked for is read to its end,
   * whatever is moved, joined or dropped meanwhile.
   */
  async *read(request: LogReadRequest): AsyncGenerator<LogBatch, void, undefined> {
    const range = rangeOf(request.startNs, request.endNs);
    const endReading = this.#archive.beginReading(range);
    try {
      const matched = this.#registry.matching(request.matchers);
      const chunks = this.#archive.chunks(matched, range);
      for (const chunk of this.#head.chunks(matched, range)) chunks.push(chunk);
      yield* readLines(chunks, (id) => this.#registry.stream(id), request);
    } finally {
      endReading();
    }
  }

  /** What a query over the range would touch. */
  async volume(
    matchers: readonly Matcher[],
    startNs: bigint,
    endNs: bigint,
  ): Promise<readonly StreamVolume[]> {
    const range = rangeOf(startNs, endNs);
    const sums = new Map<number, { bytes: number; lines: number; chunks: number }>();
    this.#visit(matchers, range, (id, span) => {
      let sum = sums.get(id);
      if (sum === undefined) sums.set(id, (sum = { bytes: 0, lines: 0, chunks: 0 }));
      const share = shareOf(span, range);
      sum.bytes += Math.round(span.byteLength * share);
      sum.lines += Math.max(1, Math.round(span.count * share));
      sum.chunks++;
    });
    return Array.from(sums, ([id, sum]) => ({ stream: this.#registry.stream(id), ...sum }));
  }

  /**
   * Tells chunk by chunk how many bytes of lines there are, and from when to when: by nanoseconds since 1970, as numbers,
   * which are exact to a microsecond.
   */
  eachChunk(
    matchers: readonly Matcher[],
    startNs: bigint,
    endNs: bigint,
    visit: (stream: LogStream, fromNs: number, toNs: number, bytes: number) => void,
  ): void {
    this.#visit(matchers, rangeOf(startNs, endNs), (id, span) => {
      const fromNs = span.minHigh * TWO_32 + span.minLow;
      const toNs = span.maxHigh * TWO_32 + span.maxLow;
      visit(this.#registry.stream(id), fromNs, toNs, span.byteLength);
    });
  }

  /**
   * Tells of lines that come in from here on, in the order they come, as soon as they can be read.
   * @param onBatch must return quickly and not throw
   * @returns what ends it
   */
  subscribe(matchers: readonly Matcher[], onBatch: (batch: LogBatch) => void): () => void {
    const listener: Listener = (batch) => onBatch(batch);
    this.#subscribers.set(listener, matchers);
    return () => {
      this.#subscribers.delete(listener);
    };
  }

  /**
   * Moves lines to a block when that is due, drops what is beyond the retention, and joins small blocks. To be called every
   * some seconds; a call while another one is at work does nothing.
   * @throws what the ports throw when something old cannot be removed, or small blocks cannot be joined
   */
  async maintain(): Promise<void> {
    if (this.#state !== 'open' || this.#isMaintaining) return;
    this.#isMaintaining = true;
    try {
      const nowMs = this.#timer.nowMs();
      if (this.#isMoveDue(nowMs)) await this.#move();
      const { streamIdleMs, retentionMs, retentionBytes, maxKeptStreams } = this.#options;
      this.#head.forgetIdle(nowMs - streamIdleMs);
      await this.#archive.dropExpired(
        nowMs - retentionMs,
        retentionBytes - this.#log.bytes,
        Math.max(maxKeptStreams, 2 * this.#options.maxStreams),
      );
      await this.#join();
    } finally {
      this.#isMaintaining = false;
    }
  }

  /** Moves all lines in memory to a block. @throws what writing it throws; the lines stay where they are then */
  async moveToBlock(): Promise<void> {
    await this.#move();
    if (this.#moveFailure !== null) throw this.#moveFailure;
  }

  statistics(): LogStoreStatistics {
    return {
      activeStreams: this.#head.streamCount,
      streams: this.#registry.count,
      memoryBytes: this.#head.memoryBytes,
      memoryChunks: this.#head.chunkCount,
      acceptedLines: this.#acceptedLines,
      acceptedBytes: this.#acceptedBytes,
      repeatedLines: this.#repeatedLines,
      rejectedLines: { ...this.#rejectedLines },
      logSegments: this.#log.segments.length,
      logBytes: this.#log.bytes,
      logPendingBytes: this.#log.pendingBytes,
      logFlushes: this.#log.flushCount,
      logFailedFlushes: this.#log.failedFlushCount,
      logWrittenBytes: this.#log.writtenBytes,
      failedMoves: this.#failedMoves,
      blocks: this.#archive.statistics(),
    };
  }

  /** Stops a replay, writes what is left. Closing twice, or before opening, is harmless. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    const wasOpen = this.#state === 'open';
    this.#state = 'closed';
    this.#groupCommit.stop();
    await this.#opening?.catch(() => null);
    await this.#moving;
    await this.#joining?.catch(() => undefined);
    if (wasOpen) await this.#log.close(this.#timer.nowMs());
  }

  async #open(onProgress: (progress: LineReplayProgress) => void): Promise<LogStoreReport> {
    const isStopped = (): boolean => this.#state === 'closed';
    const blocks = await this.#archive.open(isStopped);
    const { firstSegment } = this.#archive;
    // What a block holds is not read back; an interrupted move left it behind.
    for (const { sequence } of await this.#segments.list()) {
      if (sequence < firstSegment) await this.#segments.remove(sequence);
    }
    const nowMs = this.#timer.nowMs();
    const replayed = await replayLines(
      this.#segments,
      (batch) => this.#head.append(batch, nowMs, () => {}, true).accepted,
      async (progress) => {
        onProgress(progress);
        await this.#packing.hasRoom();
        return !isStopped();
      },
    );
    if (replayed === null || isStopped()) throw this.#notOpen();
    this.#log.resume(replayed.segments, this.#archive.nextSegment);
    this.#state = 'open';
    return { log: replayed.report, blocks };
  }

  #requireRate(batch: LineBatch, nowMs: number): void {
    let bytes = 0;
    for (let i = 0; i < batch.count; i++) {
      bytes += batch.ends[i]! - batch.starts[i]!;
      bytes += batch.metadataEnds[i]! - batch.metadataStarts[i]!;
    }
    const { bytesPerSecond, burstBytes } = this.#options;
    if (this.#rate.take(bytes, bytesPerSecond, burstBytes, nowMs)) return;
    throw new LogsUnavailableError(
      'rate_limited',
      `more than ${bytesPerSecond} bytes of lines a second; ${batch.count} lines with ${bytes} bytes were refused`,
    );
  }

  #publish(stream: LogStream, chunk: OpenChunk, fromLine: number): void {
    const lines = new ColumnBatch(stream, chunk.inOrder(fromLine, chunk.count));
    for (const [listener, matchers] of this.#subscribers) {
      if (this.#registry.matches(stream.id, matchers)) listener(lines);
    }
  }

  #visit(
    matchers: readonly Matcher[],
    range: TimeRange,
    visit: (streamId: number, span: ChunkSpan) => void,
  ): void {
    const matched = this.#registry.matching(matchers);
    this.#archive.visit(matched, range, visit);
    this.#head.visit(matched, range, visit);
  }

  #isMoveDue(nowMs: number): boolean {
    const options = this.#options;
    if (this.#moveFailure !== null && nowMs < this.#movedAtMs + options.retryDelayMs) return false;
    return (
      this.#log.bytes >= options.blockLogBytes ||
      this.#head.memoryBytes >= options.blockMemoryBytes ||
      this.#head.sinceMs <= nowMs - options.blockAfterMs
    );
  }

  /** It does not fail; see {@link moveFailure}. */
  #move(): Promise<void> {
    this.#moving ??= this.#moveOnce().finally(() => {
      this.#moving = null;
    });
    return this.#moving;
  }

  async #moveOnce(): Promise<void> {
    try {
      let chunks: readonly SealedChunk[] = [];
      const firstSegment = await this.#log.roll(this.#timer.nowMs(), () => {
        chunks = this.#head.freeze();
      });
      if (chunks.length > 0) {
        await this.#archive.write(chunks, firstSegment, this.#filters, () => this.#head.drop());
      }
      this.#moveFailure = null;
      await this.#log.removeBefore(firstSegment);
    } catch (error) {
      this.#failedMoves++;
      this.#moveFailure = error instanceof Error ? error : new Error(String(error));
    }
    this.#movedAtMs = this.#timer.nowMs();
  }

  /** Joining takes room for a second copy, which there must be. */
  async #join(): Promise<void> {
    if (this.#isDiskFull || this.#state !== 'open') return;
    const { retentionMs, retentionBytes, joinedBytes, leastJoinedBlocks, chunkBytes } =
      this.#options;
    if (this.#timer.nowMs() < this.#joinAfterMs) return;
    const limits = {
      maxBytes: Math.min(joinedBytes, retentionBytes / JOINED_SPANS),
      maxSpanMs: retentionMs / JOINED_SPANS,
      leastBlocks: leastJoinedBlocks,
    };
    const pause = async (): Promise<void> => {
      if (this.#state !== 'open') throw this.#notOpen();
      if (this.#pace.isDue()) await this.#pace.rest();
    };
    this.#joining = this.#archive.join(limits, chunkBytes, this.#filters, pause);
    try {
      await this.#joining;
    } catch (error) {
      // The parts are as they were.
      if (error instanceof LogsUnavailableError) return;
      this.#joinAfterMs = this.#timer.nowMs() + JOIN_RETRY_MS;
      throw error;
    } finally {
      this.#joining = null;
    }
  }

  #notOpen(): LogsUnavailableError {
    return this.#state === 'closed'
      ? new LogsUnavailableError('closed', 'the log store is closed')
      : new LogsUnavailableError('replaying', 'the log store is still reading its log');
  }
}
