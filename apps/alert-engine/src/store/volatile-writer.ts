import type { SampleBatch } from '#libs/samples';
import type { AppendResult } from '#libs/tsdb';

/** Stores the results of rules: seen by the next query at once, safe on disk a little later, taken while the disk is full. */
export interface VolatileWriter {
  /** @throws StoreUnavailableError before the store has opened and after it has closed */
  appendVolatile(batch: SampleBatch): AppendResult;
}

/** The engine's {@link VolatileWriter}; its `TimeSeriesStore` is one. */
export const VOLATILE_WRITER = Symbol('VolatileWriter');
