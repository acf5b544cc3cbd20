import { type Labels, isValidLegacyName } from '#libs/labels';
import {
  type LineAppendReport,
  type LineRejection,
  type LineRejectReason,
  noLineRejections,
} from './append-report.ts';
import type { ChunkRef, ChunkVisitor } from './chunk-ref.ts';
import { hasAll, SealedChunk } from './sealed-chunk.ts';
import type { LineBatch } from './line-batch.ts';
import type { LogStoreLimits } from './log-store-options.ts';
import { isBefore, Nanos, toNanos } from './nanos.ts';
import { OpenChunk } from './open-chunk.ts';
import { isInRange, type TimeRange } from './overlaps.ts';
import { RateBucket } from './rate-bucket.ts';
import type { StreamRegistry } from './stream-registry.ts';

/** All labels of a stream together: each record of the log has them, and a record has a bound. */
const MAX_LABEL_BYTES = 256 * 1_024;

/** What is in memory of one stream. */
class HeadStream {
  readonly id: number;
  open: OpenChunk | null = null;
  /** How large its last chunk was. */
  last: { readonly count: number; readonly byteLength: number } | null = null;
  /** Its youngest line ever. */
  maxLow = 0;
  maxHigh = 0;
  lastMs: number;
  readonly rate: RateBucket;

  constructor(id: number, limits: LogStoreLimits, nowMs: number) {
    this.id = id;
    this.lastMs = nowMs;
    this.rate = new RateBucket(limits.streamBurstBytes, nowMs);
  }
}

/** Lines that were just taken: those of the chunk from `fromLine` on, whose bytes begin at `fromByte`. */
export type SliceListener = (
  streamId: number,
  chunk: OpenChunk,
  fromLine: number,
  fromByte: number,
) => void;

/** The youngest lines of all streams, in memory. */
export class LineHead {
  readonly #registry: StreamRegistry;
  readonly #limits: LogStoreLimits;
  readonly #chunkBytes: number;
  readonly #streams = new Map<number, HeadStream>();
  readonly #onSealed: (chunk: SealedChunk) => void;
  #sealed: SealedChunk[] = [];
  /** On their way to a block. */
  #frozen: SealedChunk[] = [];
  #openBytes = 0;
  /** Of the sealed and the frozen. */
  #closedBytes = 0;
  #sinceMs = Infinity;
  readonly #oldest = new Nanos();
  readonly #latest = new Nanos();
  readonly #behind = new Nanos();
  #rejected = noLineRejections();
  #firstRejection: LineRejection | null = null;
  #accepted = 0;
  #bytes = 0;
  #repeated = 0;

  /** @param onSealed is told of a chunk that can be compressed */
  constructor(
    registry: StreamRegistry,
    limits: LogStoreLimits,
    chunkBytes: number,
    onSealed: (chunk: SealedChunk) => void,
  ) {
    this.#registry = registry;
    this.#limits = limits;
    this.#chunkBytes = chunkBytes;
    this.#onSealed = onSealed;
  }

  /** Streams that lines came for lately. */
  get streamCount(): number {
    return this.#streams.size;
  }

  /** What all lines in memory take, about. */
  get memoryBytes(): number {
    return this.#openBytes + this.#closedBytes;
  }

  get chunkCount(): number {
    let count = this.#sealed.length + this.#frozen.length;
    for (const stream of this.#streams.values()) if (stream.open !== null) count++;
    return count;
  }

  /** When the first of the lines that are not frozen came; Infinity without any. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /**
   * Takes the lines that the limits allow.
   * @param onSlice is called for what was taken of each stream
   * @param isReplay lines that were taken before: only those that are there already are left out
   */
  append(
    batch: LineBatch,
    nowMs: number,
    onSlice: SliceListener,
    isReplay = false,
  ): LineAppendReport {
    this.#rejected = noLineRejections();
    this.#firstRejection = null;
    this.#accepted = 0;
    this.#bytes = 0;
    this.#repeated = 0;
    this.#oldest.setMs(nowMs - this.#limits.maxAgeMs);
    this.#latest.setMs(nowMs + this.#limits.maxFutureMs);
    let start = 0;
    for (let s = 0; s < batch.streams.length; s++) {
      const end = batch.streamEnds[s]!;
      if (end > start) this.#appendStream(batch, s, start, end, nowMs, onSlice, isReplay);
      start = end;
    }
    if (this.#accepted > 0 && this.#sinceMs === Infinity) this.#sinceMs = nowMs;
    const rejected = this.#rejected;
    let rejectedTotal = 0;
    for (const count of Object.values(rejected)) rejectedTotal += count;
    return {
      accepted: this.#accepted,
      bytes: this.#bytes,
      repeated: this.#repeated,
      rejected,
      rejectedTotal,
      firstRejection: this.#firstRejection,
    };
  }

  /**
   * Sets everything there is aside for a block, until {@link thaw} or {@link drop}; it is read as before. Lines that come
   * from here on are not part of it.
   */
  freeze(): readonly SealedChunk[] {
    for (const stream of this.#streams.values()) {
      if (stream.open !== null) this.#seal(stream);
    }
    this.#frozen.push(...this.#sealed);
    this.#sealed = [];
    this.#sinceMs = Infinity;
    return this.#frozen;
  }

  /** Forgets what was frozen, which lies in a block now. */
  drop(): void {
    for (const chunk of this.#frozen) {
      this.#registry.release(chunk.streamId);
      this.#closedBytes -= chunk.memoryBytes;
    }
    this.#frozen = [];
  }

  /** Lets go of streams that had no line since `beforeMs` and hold nothing. */
  forgetIdle(beforeMs: number): void {
    for (const stream of this.#streams.values()) {
      if (stream.open !== null || stream.lastMs >= beforeMs) continue;
      this.#streams.delete(stream.id);
      this.#registry.release(stream.id);
    }
  }

  /** The chunks of the streams that are marked, as far as they may have lines in the range. */
  chunks(matched: Uint8Array, range: TimeRange): ChunkRef[] {
    const refs: ChunkRef[] = [];
    this.#visitClosed(matched, range, (chunk) => refs.push(chunk));
    this.#visitOpen(matched, range, (id, open) => refs.push(snapshotOf(id, open)));
    return refs;
  }

  /** Tells what these chunks hold. */
  visit(matched: Uint8Array, range: TimeRange, visit: ChunkVisitor): void {
    this.#visitClosed(matched, range, (chunk) => visit(chunk.streamId, chunk));
    this.#visitOpen(matched, range, visit);
  }

  #visitClosed(matched: Uint8Array, range: TimeRange, visit: (chunk: SealedChunk) => void): void {
    for (const chunks of [this.#frozen, this.#sealed]) {
      for (const chunk of chunks) {
        if (matched[chunk.streamId] === 1 && isInRange(chunk, range)) visit(chunk);
      }
    }
  }

  #visitOpen(
    matched: Uint8Array,
    range: TimeRange,
    visit: (id: number, open: OpenChunk) => void,
  ): void {
    for (const { id, open } of this.#streams.values()) {
      if (open !== null && matched[id] === 1 && isInRange(open, range)) visit(id, open);
    }
  }

  #appendStream(
    batch: LineBatch,
    s: number,
    first: number,
    end: number,
    nowMs: number,
    onSlice: SliceListener,
    isReplay: boolean,
  ): void {
    const labels = batch.streams[s]!;
    const stream = this.#streamOf(labels, nowMs, isReplay);
    if (typeof stream === 'string') {
      this.#reject(stream, end - first, labels, batch, first);
      return;
    }
    if (!isReplay && !this.#takesRate(stream, batch, first, end, nowMs)) {
      this.#reject('stream_rate_limit', end - first, labels, batch, first);
      return;
    }
    stream.lastMs = nowMs;
    this.#behind.setMs(-1);
    const { words, starts, ends, metadataStarts, metadataEnds } = batch;
    const { maxLineBytes, maxMetadataBytes } = this.#limits;
    let chunk = stream.open;
    let fromLine = chunk?.count ?? 0;
    let fromByte = chunk?.byteLength ?? 0;
    let memoryBytes = chunk?.memoryBytes ?? 0;
    let windowHigh = -1;
    for (let i = first; i < end; i++) {
      const low = words[2 * i]!;
      const high = words[2 * i + 1]!;
      const start = starts[i]!;
      const lineEnd = ends[i]!;
      if (!isReplay) {
        // The window moves by four seconds at a time, which is what a high word counts.
        if (stream.maxHigh !== windowHigh) {
          windowHigh = stream.maxHigh;
          this.#setBehind(stream);
        }
        let reason: LineRejectReason | null = null;
        if (lineEnd - start > maxLineBytes) reason = 'line_too_long';
        else if (metadataEnds[i]! - metadataStarts[i]! > maxMetadataBytes)
          reason = 'metadata_too_large';
        else if (isBefore(low, high, this.#oldest.low, this.#oldest.high)) reason = 'too_old';
        else if (isBefore(this.#latest.low, this.#latest.high, low, high))
          reason = 'too_far_in_future';
        else if (isBefore(low, high, this.#behind.low, this.#behind.high)) reason = 'out_of_order';
        if (reason !== null) {
          this.#reject(reason, 1, labels, batch, i);
          continue;
        }
      }
      if (
        chunk !== null &&
        chunk.rawBytes + lineEnd - start > this.#chunkBytes &&
        chunk.count > 0
      ) {
        this.#openBytes += chunk.memoryBytes - memoryBytes;
        if (chunk.count > fromLine) onSlice(stream.id, chunk, fromLine, fromByte);
        this.#seal(stream);
        chunk = null;
        memoryBytes = 0;
      }
      if (chunk === null) {
        chunk = new OpenChunk(stream.last);
        stream.open = chunk;
        fromLine = 0;
        fromByte = 0;
      }
      const isNew = chunk.append(
        low,
        high,
        batch.bytes,
        start,
        lineEnd,
        batch.metadata,
        metadataStarts[i]!,
        metadataEnds[i]!,
      );
      if (!isNew) {
        this.#repeated++;
        continue;
      }
      this.#accepted++;
      this.#bytes += lineEnd - start;
      if (isBefore(stream.maxLow, stream.maxHigh, low, high)) {
        stream.maxLow = low;
        stream.maxHigh = high;
      }
    }
    if (chunk === null) return;
    this.#openBytes += chunk.memoryBytes - memoryBytes;
    if (chunk.count > fromLine) onSlice(stream.id, chunk, fromLine, fromByte);
  }

  /** Lines from before are too far behind. */
  #setBehind(stream: HeadStream): void {
    const windowNs = BigInt(this.#limits.outOfOrderWindowMs) * 1_000_000n;
    this.#behind.setClamped(toNanos(0, stream.maxHigh) - windowNs);
  }

  #takesRate(
    stream: HeadStream,
    batch: LineBatch,
    first: number,
    end: number,
    nowMs: number,
  ): boolean {
    let bytes = 0;
    for (let i = first; i < end; i++) {
      bytes +=
        batch.ends[i]! - batch.starts[i]! + batch.metadataEnds[i]! - batch.metadataStarts[i]!;
    }
    const { streamBytesPerSecond, streamBurstBytes } = this.#limits;
    return stream.rate.take(bytes, streamBytesPerSecond, streamBurstBytes, nowMs);
  }

  #streamOf(labels: Labels, nowMs: number, isReplay: boolean): HeadStream | LineRejectReason {
    const known = this.#registry.find(labels);
    const stream = known < 0 ? undefined : this.#streams.get(known);
    if (stream !== undefined) return stream;
    if (!isReplay) {
      const problem = this.#problemOf(labels);
      if (problem !== null) return problem;
    }
    const id = this.#registry.hold(labels);
    const created = new HeadStream(id, this.#limits, nowMs);
    this.#streams.set(id, created);
    return created;
  }

  #problemOf(labels: Labels): LineRejectReason | null {
    const limits = this.#limits;
    if (labels.size === 0) return 'invalid_labels';
    if (labels.size > limits.maxLabelsPerStream) return 'label_count_limit';
    let labelBytes = 0;
    for (const [name, value] of labels) {
      const nameBytes = Buffer.byteLength(name);
      const valueBytes = Buffer.byteLength(value);
      if (nameBytes > limits.maxLabelNameBytes) return 'label_name_too_long';
      if (valueBytes > limits.maxLabelValueBytes) return 'label_value_too_long';
      if (!isValidLegacyName(name, 'label')) return 'invalid_labels';
      labelBytes += nameBytes + valueBytes;
    }
    if (labelBytes > MAX_LABEL_BYTES) return 'label_value_too_long';
    return this.#streams.size >= limits.maxStreams ? 'stream_limit' : null;
  }

  #seal(stream: HeadStream): void {
    const chunk = stream.open!;
    stream.open = null;
    this.#openBytes -= chunk.memoryBytes;
    this.#registry.hold(this.#registry.stream(stream.id).labels);
    const sealed = new SealedChunk(stream.id, chunk, (bytes) => {
      this.#closedBytes += bytes;
    });
    this.#closedBytes += sealed.memoryBytes;
    stream.last = { count: chunk.count, byteLength: chunk.byteLength };
    this.#sealed.push(sealed);
    this.#onSealed(sealed);
  }

  #reject(
    reason: LineRejectReason,
    count: number,
    labels: Labels,
    batch: LineBatch,
    line: number,
  ): void {
    this.#rejected[reason] += count;
    this.#firstRejection ??= {
      reason,
      stream: labels.toString().slice(0, 500),
      timeNs: toNanos(batch.words[2 * line]!, batch.words[2 * line + 1]!),
    };
  }
}

/** The open chunk as it is now; its lines are put in order when they are asked for. */
function snapshotOf(streamId: number, open: OpenChunk): ChunkRef {
  const { minLow, minHigh, maxLow, maxHigh, count, byteLength } = open;
  open.share();
  return {
    streamId,
    minLow,
    minHigh,
    maxLow,
    maxHigh,
    count,
    byteLength,
    mayContain: (needles) => hasAll(open.inOrder(0, count).bytes, needles),
    load: () => Promise.resolve(open.decoded(count)),
  };
}
