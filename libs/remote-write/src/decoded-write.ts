import type { Labels } from '#libs/labels';
import type { SampleBatch } from '#libs/samples';

/** What a metric family is, as remote write tells it. */
export interface MetricMetadata {
  readonly family: string;
  /** The number of the type in either version's enumeration (they agree); 0 is unknown. */
  readonly type: number;
  readonly help: string;
  readonly unit: string;
}

/** An exemplar of a series of the request. */
export interface DecodedExemplar {
  readonly series: Labels;
  readonly labels: Labels;
  readonly value: number;
  readonly timeMs: number;
}

/** A remote-write request in columns, and what of it could not be taken. */
export interface DecodedWrite {
  /** Series in the order of the request; one may come more than once. */
  readonly batch: SampleBatch;
  readonly metadata: readonly MetricMetadata[];
  /** Samples of series whose label sets no store can keep; they are not in the batch. */
  readonly rejectedSamples: number;
  /** Why the first of those series was refused, or null. */
  readonly firstRejection: string | null;
  readonly exemplars: readonly DecodedExemplar[];
  /** Exemplars whose labels, or whose series' labels, cannot be kept. */
  readonly invalidExemplars: number;
  /** Native histograms that contradict themselves; they are not in the batch. */
  readonly invalidHistograms: number;
  /** What is wrong with the first of them, or null. */
  readonly firstInvalidHistogram: string | null;
  /** Native histograms in the batch. */
  readonly histogramCount: number;
}

/** Bounds on one request beyond its size in bytes, since two bytes can order sixteen. */
export interface DecodeLimits {
  readonly maxSamples: number;
  readonly maxMetadata: number;
  readonly maxExemplars: number;
  /** Entries of remote write 2.0's table of strings. */
  readonly maxSymbols: number;
}

/** Generous against what senders send (Prometheus at most some thousands), small against a process's memory. */
export const DEFAULT_DECODE_LIMITS: DecodeLimits = {
  maxSamples: 1_000_000,
  maxMetadata: 50_000,
  maxExemplars: 100_000,
  maxSymbols: 1_000_000,
};
