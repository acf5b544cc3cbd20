import { DEFAULT_LINE_LOG_OPTIONS, type LineLogOptions } from './line-log.ts';

/** What a log store takes, and its bounds. Sizes are bytes, times milliseconds. */
export interface LogStoreLimits {
  /** Streams that lines come for at present. */
  readonly maxStreams: number;
  readonly maxLabelsPerStream: number;
  readonly maxLabelNameBytes: number;
  readonly maxLabelValueBytes: number;
  readonly maxLineBytes: number;
  /** Structured metadata of one line. */
  readonly maxMetadataBytes: number;
  /** Lines and metadata of one stream, a second; and how much at once. */
  readonly streamBytesPerSecond: number;
  readonly streamBurstBytes: number;
  /** Of all streams together. */
  readonly bytesPerSecond: number;
  readonly burstBytes: number;
  /** A line may be so much older than the youngest of its stream. */
  readonly outOfOrderWindowMs: number;
  /** A line may be so old. */
  readonly maxAgeMs: number;
  /** A line may be so far ahead of the clock. */
  readonly maxFutureMs: number;
}

/** How a log store keeps what it took. */
export interface LogStoreOptions extends LogStoreLimits, LineLogOptions {
  /** Blocks whose youngest line is older are dropped. */
  readonly retentionMs: number;
  /** The oldest blocks are dropped while all of them have more. */
  readonly retentionBytes: number;
  /** The oldest blocks are dropped while more streams are known, since each takes memory. */
  readonly maxKeptStreams: number;
  /** Blocks are joined to larger ones of at most so many bytes. */
  readonly joinedBytes: number;
  /** So many at a time, or more. */
  readonly leastJoinedBlocks: number;
  /** A stream's lines are compressed when they have come to so much. */
  readonly chunkBytes: number;
  /** Lines move to a block when so much of them has gathered in the log. */
  readonly blockLogBytes: number;
  /** Or when what lies in memory takes so much. */
  readonly blockMemoryBytes: number;
  /** Or at the latest after so long. */
  readonly blockAfterMs: number;
  /** Nothing is taken while lines in memory take more. */
  readonly maxMemoryBytes: number;
  /** A stream without a line for so long no longer counts against `maxStreams`. */
  readonly streamIdleMs: number;
}

const KIB = 1_024;
const MIB = 1_024 * KIB;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Loki's, where it has the same; the rates are those of one small cluster. */
export const DEFAULT_LOG_STORE_OPTIONS: LogStoreOptions = {
  ...DEFAULT_LINE_LOG_OPTIONS,
  maxStreams: 20_000,
  maxLabelsPerStream: 15,
  maxLabelNameBytes: 1_024,
  maxLabelValueBytes: 2_048,
  maxLineBytes: 256 * KIB,
  maxMetadataBytes: 64 * KIB,
  streamBytesPerSecond: 16 * MIB,
  streamBurstBytes: 64 * MIB,
  bytesPerSecond: 64 * MIB,
  burstBytes: 256 * MIB,
  outOfOrderWindowMs: HOUR,
  maxAgeMs: 7 * 24 * HOUR,
  maxFutureMs: 10 * MINUTE,
  retentionMs: 7 * 24 * HOUR,
  retentionBytes: 10 * KIB * MIB,
  maxKeptStreams: 200_000,
  joinedBytes: 256 * MIB,
  leastJoinedBlocks: 8,
  chunkBytes: MIB,
  blockLogBytes: 256 * MIB,
  blockMemoryBytes: 64 * MIB,
  blockAfterMs: HOUR,
  maxMemoryBytes: 192 * MIB,
  streamIdleMs: 30 * MINUTE,
};
