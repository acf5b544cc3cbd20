import type { SampleBatch } from '#libs/samples';
import type { HeldMetric } from './cardinality-guard.ts';

/** What came of the request. */
export type ScrapeOutcome =
  | {
      readonly kind: 'response';
      readonly status: number;
      readonly statusText: string;
      /** Empty where the header was missing. */
      readonly contentType: string;
      /** Uncompressed, and within the limit. May be reused once `accept` has returned. */
      readonly body: Buffer;
      readonly durationSeconds: number;
    }
  | {
      readonly kind: 'failure';
      /** As the operator is to read it. */
      readonly reason: string;
      /** The limit that ended the request, where one did. */
      readonly exceeded?: ExceededLimit;
      readonly durationSeconds: number;
    };

/** Samples of a scrape that were not taken, by reason. */
export interface ScrapeDrops {
  /** A series twice in a body, or again with a timestamp it already had. The first is kept. */
  readonly duplicates: number;
  /** A timestamp before one the series already had. */
  readonly outOfOrder: number;
  /** A timestamp more than ten minutes ahead. */
  readonly outOfBounds: number;
  /** New series of a metric, or of a target, that brings too many of them. */
  readonly guarded: number;
  /** Native histograms that contradict themselves. */
  readonly invalidHistograms: number;
}

/** A limit that failed a scrape. */
export type ExceededLimit = 'samples' | 'labels' | 'body' | 'buckets';

/** What a scrape came to. */
export interface ScrapeResult {
  /** The samples, stale markers and report series of the scrape. */
  readonly batch: SampleBatch;
  readonly isUp: boolean;
  /** Why the target is down; empty where it is up. */
  readonly error: string;
  /** Something the operator should know of a target that is up, or null. */
  readonly warning: string | null;
  readonly samplesScraped: number;
  readonly samplesKept: number;
  readonly seriesAdded: number;
  readonly drops: ScrapeDrops;
  readonly exceeded: ExceededLimit | null;
  /** Metrics whose new series are not taken at the moment; an empty name stands for all of the target. */
  readonly held: readonly HeldMetric[];
}
