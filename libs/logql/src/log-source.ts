import type { Labels, Matcher } from '#libs/labels';

/** A stream of a log store: what its lines share. */
export interface LogStream {
  readonly id: number;
  readonly labels: Labels;
}

/** Lines of one stream, in columns. Line `i` is `bytes.subarray(starts[i], ends[i])`. */
export interface LogBatch {
  readonly stream: LogStream;
  readonly count: number;
  /** Nanoseconds since 1970, in the direction that was asked for. */
  readonly timesNs: BigInt64Array;
  readonly bytes: Buffer;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  /** The structured metadata of a line, or null. */
  metadataOf(index: number): ReadonlyMap<string, string> | null;
}

export interface LogReadRequest {
  readonly matchers: readonly Matcher[];
  /** The first nanosecond wanted. */
  readonly startNs: bigint;
  /** The first nanosecond no longer wanted. */
  readonly endNs: bigint;
  readonly direction: 'forward' | 'backward';
  /** Lines that lack one of these may be left out; the reader looks again. */
  readonly mustContain?: readonly Buffer[];
  readonly signal?: AbortSignal;
}

/** What a query over a range would touch of a stream. */
export interface StreamVolume {
  readonly stream: LogStream;
  readonly bytes: number;
  readonly lines: number;
  readonly chunks: number;
}

/** What the query engine needs of a log store. Times are nanoseconds since 1970, ranges `[startNs, endNs)`. */
export interface LogSource {
  /** Streams with lines in the range that all matchers accept. */
  streams(
    matchers: readonly Matcher[],
    startNs: bigint,
    endNs: bigint,
  ): Promise<readonly LogStream[]>;
  /**
   * Lines in batches of one stream each, in the order of each batch's first line in the wanted direction; lines within a
   * batch are in that direction too. So a reader that has enough lines before the next batch's first may stop.
   */
  read(request: LogReadRequest): AsyncIterable<LogBatch>;
  volume(
    matchers: readonly Matcher[],
    startNs: bigint,
    endNs: bigint,
  ): Promise<readonly StreamVolume[]>;
}
