import type { SampleBatch } from '#libs/samples';
import type { BatchExtras, TimeSeriesStore } from '#libs/tsdb';
import type { AppendReport, StoreWriter } from './store-writer.ts';
import type { StoredSamples } from './stored-samples.ts';

/** Writes to the embedded store and answers once it is on disk. */
export class DurableStoreWriter implements StoreWriter {
  readonly #store: TimeSeriesStore;
  readonly #stored: StoredSamples;

  constructor(store: TimeSeriesStore, stored: StoredSamples) {
    this.#store = store;
    this.#stored = stored;
  }

  async append(batch: SampleBatch, extras?: BatchExtras): Promise<AppendReport> {
    const result = this.#store.append(batch, extras);
    await this.#store.committed(result.position);
    this.#stored.publish(batch);
    return result;
  }
}
