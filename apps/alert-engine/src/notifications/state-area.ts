import type { KeyedChange } from '#libs/dispatch';
import type { StateStore } from '#libs/node-state';

/** Keys and values on disk. */
export interface KeyedStore {
  load(): Promise<ReadonlyMap<string, string>>;
  /** Settles when the changes, all or none, would survive a power cut. Calls are carried out in their order. */
  apply(changes: readonly KeyedChange[]): Promise<void>;
}

/** One area of the engine's {@link StateStore}. */
export class StateArea implements KeyedStore {
  readonly #store: StateStore;
  readonly #area: string;

  constructor(store: StateStore, area: string) {
    this.#store = store;
    this.#area = area;
  }

  load(): Promise<ReadonlyMap<string, string>> {
    return this.#store.load(this.#area);
  }

  apply(changes: readonly KeyedChange[]): Promise<void> {
    return this.#store.apply(changes.map((change) => ({ area: this.#area, ...change })));
  }
}
