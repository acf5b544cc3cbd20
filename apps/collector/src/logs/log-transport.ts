import type { LogChunk } from './log-chunk.ts';

/** What came of an attempt to deliver. */
export type LogDelivery =
  | { readonly kind: 'delivered' }
  /** Nothing or not all has arrived; the same may be tried again. */
  | { readonly kind: 'retry'; readonly detail: string; readonly afterMs: number | null }
  /** The receiver does not want these records as they are, and never will: one of them may be at fault, or there are too many. */
  | { readonly kind: 'rejected'; readonly detail: string }
  /** The receiver has judged each record; those that are in neither list have arrived. Numbered over all chunks, from 0. */
  | {
      readonly kind: 'partial';
      /** Never wanted, by number, and why. */
      readonly rejected: ReadonlyMap<number, string>;
      /** May be tried again. */
      readonly again: ReadonlySet<number>;
      readonly detail: string;
      readonly afterMs: number | null;
    };

/** The way to one receiver. */
export interface LogTransport {
  /** Deliveries that may be under way at a time. */
  readonly concurrency: number;
  /** Never rejects, and always ends: it has a time limit of its own. */
  deliver(chunks: readonly LogChunk[]): Promise<LogDelivery>;
  /** Deliveries under way end soon. */
  close(): Promise<void>;
}
