import type { Labels, Matcher } from '#libs/labels';

/** Lines that share a label set. */
export interface LogStream {
  /** The same for as long as the store holds something of the stream. */
  readonly id: number;
  readonly labels: Labels;
}

/** Lines to be read. The range is [startNs, endNs), in nanoseconds since 1970. */
export interface LogReadRequest {
  readonly matchers: readonly Matcher[];
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly direction: 'forward' | 'backward';
  /** Lines that lack one of these may be left out; most of them are not. */
  readonly mustContain?: readonly Buffer[];
  /** Ends the reading with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Lines of one stream, in the direction asked for. The columns are the reader's to read, for as long as it likes. */
export interface LogBatch {
  readonly stream: LogStream;
  readonly count: number;
  readonly timesNs: BigInt64Array;
  readonly bytes: Buffer;
  /** Line i is `bytes.subarray(starts[i], ends[i])`. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  /** Structured metadata of line i, or null. */
  metadataOf(index: number): ReadonlyMap<string, string> | null;
}

/** What a query over a range would touch of one stream; of chunks that reach beyond the range a part, by time. */
export interface StreamVolume {
  readonly stream: LogStream;
  readonly bytes: number;
  readonly lines: number;
  readonly chunks: number;
}
