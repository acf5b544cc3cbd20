import type { Labels, Matcher } from '#libs/labels';
import type { SeriesSource } from '#libs/promql';
import type { StoreUnavailableError } from '#libs/tsdb';

/** At once where the answer is in memory. */
type Eventually<T> = T | Promise<T>;

/** What the engine's duties read from its store. Times are milliseconds, both ends included. */
export interface Store extends SeriesSource {
  /** Why samples cannot be taken at present, or null; while its code is `replaying` or `closed`, nothing is to be read. */
  unavailability(): StoreUnavailableError | null;
  /** The label sets that fulfil all matchers and may have samples in the time range, in any order; `limit` are enough. */
  series(
    matchers: readonly Matcher[],
    minMs: number,
    maxMs: number,
    limit?: number,
  ): Eventually<readonly Labels[]>;
  /** The names of their labels, in UTF-8 byte order. */
  labelNames(
    matchers: readonly Matcher[],
    minMs: number,
    maxMs: number,
  ): Eventually<readonly string[]>;
  /** The values that one of their labels has, in UTF-8 byte order. */
  labelValues(
    name: string,
    matchers: readonly Matcher[],
    minMs: number,
    maxMs: number,
  ): Eventually<readonly string[]>;
}

/** The engine's {@link Store}. */
export const STORE = Symbol('Store');
