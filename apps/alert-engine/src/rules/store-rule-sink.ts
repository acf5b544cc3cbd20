import type { SampleBatch } from '#libs/samples';
import type { RuleSink } from '#libs/rules';
import { REJECT_REASONS } from '#libs/tsdb';
import type { VolatileStoreWriter } from '../store/store-writer.ts';

/** Writes the results of rules to the engine's store. */
export class StoreRuleSink implements RuleSink {
  readonly #store: VolatileStoreWriter;
  readonly #onRejected: (reason: string, count: number) => void;

  /** @param onRejected counts samples the store did not take, by reason */
  constructor(store: VolatileStoreWriter, onRejected: (reason: string, count: number) => void) {
    this.#store = store;
    this.#onRejected = onRejected;
  }

  async append(batch: SampleBatch): Promise<void> {
    if (batch.sampleCount === 0) return;
    const { rejected, rejectedTotal, firstRejection } = this.#store.appendVolatile(batch);
    if (rejectedTotal === 0) return;
    for (const reason of REJECT_REASONS) {
      if (rejected[reason] > 0) this.#onRejected(reason, rejected[reason]);
    }
    const first =
      firstRejection === null ? '' : `: ${firstRejection.series} is ${firstRejection.reason}`;
    throw new Error(`the store did not take ${rejectedTotal} of the rule's samples${first}`);
  }
}
