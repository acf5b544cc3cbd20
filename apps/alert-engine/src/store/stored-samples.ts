import type { SampleBatch } from '#libs/samples';

/** Tells whoever asked of samples that have come in and are on disk. */
export class StoredSamples {
  readonly #listeners: ((batch: SampleBatch) => void)[] = [];

  /** @param listener is called for each batch, at once; it must not throw and should return quickly */
  subscribe(listener: (batch: SampleBatch) => void): void {
    this.#listeners.push(listener);
  }

  publish(batch: SampleBatch): void {
    for (const listener of this.#listeners) listener(batch);
  }
}
