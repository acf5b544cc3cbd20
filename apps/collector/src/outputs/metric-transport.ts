import type { Labels } from '#libs/labels';
import type { SampleSlice, WriteAnswer } from '#libs/remote-write';
import type { SeriesMetadata } from '#libs/samples';

/** What came of one request: what it means for the samples, and in words for the log. */
export interface WriteOutcome {
  readonly answer: WriteAnswer;
  /** One line without secrets; empty where all went well. */
  readonly detail: string;
  /** Of the compressed body. */
  readonly sentBytes: number;
}

/** How a body is to be read; written into spools, so a number never changes its meaning. */
export const WIRES = { remoteWrite1: 1, remoteWrite2: 2, otlp: 3 } as const;

/** A request body as it goes over the wire, and in which form it is. */
export interface PackedSamples {
  readonly wire: number;
  /** Compressed; its own. */
  readonly body: Buffer;
}

/** The way to one receiver of samples. */
export interface MetricTransport {
  /** Whether a request may end between two neighbouring series; null where it may anywhere. */
  readonly maySeparate: ((before: Labels, after: Labels) => boolean) | null;
  /** Makes a request of samples, without sending it. */
  pack(slices: readonly SampleSlice[]): PackedSamples;
  /** Makes a request of metadata alone, or null where they travel with their series. */
  packMetadata(families: Iterable<SeriesMetadata>): PackedSamples | null;
  /** Sends a request, of this run or an earlier one. Never fails: what goes wrong is an outcome. */
  post(packed: PackedSamples, signal: AbortSignal): Promise<WriteOutcome>;
  /** Drops the connections; a request under way fails. */
  close(): Promise<void>;
}
