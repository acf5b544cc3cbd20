import type { SampleBatch } from '#libs/samples';
import type { AppendResult } from '#libs/tsdb';

/** What became of a batch; see `AppendResult`. */
export type AppendReport = AppendResult;

/** Stores samples for good. */
export interface StoreWriter {
  /**
   * Resolves once what was accepted is on disk.
   * @throws StoreUnavailableError when nothing can be taken at present (the log is replayed, the disk is full); nothing
   *   of the batch was stored then
   * @throws LogWriteError when the disk failed; whether the batch is on it is not known
   */
  append(batch: SampleBatch): Promise<AppendReport>;
}

/** The engine's {@link StoreWriter}. */
export const STORE_WRITER = Symbol('StoreWriter');
