import type { SampleBatch } from '#libs/samples';
import type { AppendResult, BatchExtras } from '#libs/tsdb';

/** What became of a batch; see `AppendResult`. */
export type AppendReport = AppendResult;

/** Stores samples for good. */
export interface StoreWriter {
  /**
   * Resolves once what was accepted is on disk.
   * @param extras exemplars and metadata that came with the samples
   * @throws StoreUnavailableError when nothing can be taken at present (the log is replayed, the disk is full); nothing
   *   of the batch was stored then
   * @throws LogWriteError when the disk failed; whether the batch is on it is not known
   */
  append(batch: SampleBatch, extras?: BatchExtras): Promise<AppendReport>;
}

/** The engine's {@link StoreWriter}. */
export const STORE_WRITER = Symbol('StoreWriter');

/** Stores samples that may be lost at a restart, such as the results of rules. */
export interface VolatileStoreWriter {
  /**
   * Stores at once and waits for no disk; while nothing can be written, the samples are kept in memory only, so that rules
   * go on while the disk is full.
   * @throws StoreUnavailableError only before the store has opened and after it has closed
   */
  appendVolatile(batch: SampleBatch): AppendReport;
}

/** The engine's {@link VolatileStoreWriter}. */
export const VOLATILE_STORE_WRITER = Symbol('VolatileStoreWriter');
