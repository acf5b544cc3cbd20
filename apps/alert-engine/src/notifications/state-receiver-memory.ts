import type { StateStore } from '#libs/node-state';
import type { ReceiverMemory } from '#libs/notify';

const AREA = 'receivers';
/** Groups that never end must not fill the store. */
const MAX_ENTRIES = 20_000;

/** Keeps what receivers remember of groups in the engine's {@link StateStore}; the oldest go first. */
export class StateReceiverMemory implements ReceiverMemory {
  readonly #store: StateStore;
  #entries = new Map<string, string>();

  constructor(store: StateStore) {
    this.#store = store;
  }

  /** Reads what was kept. Call it before anything is delivered. @throws StateStoreError */
  async load(): Promise<void> {
    this.#entries = await this.#store.load(AREA);
  }

  read(key: string): string | null {
    return this.#entries.get(key) ?? null;
  }

  async write(key: string, text: string | null): Promise<void> {
    this.#entries.delete(key);
    const changes = [{ area: AREA, key, value: text }];
    if (text !== null) {
      this.#entries.set(key, text);
      for (const oldest of this.#entries.keys()) {
        if (this.#entries.size <= MAX_ENTRIES) break;
        this.#entries.delete(oldest);
        changes.push({ area: AREA, key: oldest, value: null });
      }
    }
    // It is known in memory already; what the store misses costs a message of its own after a restart.
    await this.#store.apply(changes).catch(() => {});
  }
}
