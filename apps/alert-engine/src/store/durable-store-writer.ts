import type { SampleBatch } from '#libs/samples';
import type { BatchExtras, TimeSeriesStore } from '#libs/tsdb';
import type { AppendReport, StoreWriter } from './store-writer.ts';

/** Writes to the embedded store and answers once it is on disk. */
export class DurableStoreWriter implements StoreWriter {
  readonly #store: TimeSeriesStore;

  constructor(store: TimeSeriesStore) {
    this.#store = store;
  }

  async append(batch: SampleBatch, extras?: BatchExtras): Promise<AppendReport> {
    const result = this.#store.append(batch, extras);
    await this.#store.committed(result.position);
    return result;
  }
}
