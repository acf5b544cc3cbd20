import type { StateChange, StateStore } from '#libs/node-state';
import type { ReceiverMemory } from '#libs/notify';

const AREA = 'receivers';
/** Groups that never end must not fill the store. */
const MAX_ENTRIES = 20_000;

/** Keeps what receivers remember of groups in the engine's {@link StateStore}; the oldest go first. */
export class StateReceiverMemory implements ReceiverMemory {
  readonly #store: StateStore;
  #entries = new Map<string, string>();
  /** What the store misses, by key; never more than it has entries, and as many that have gone. */
  readonly #unwritten = new Map<string, string | null>();

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
    this.#unwritten.set(key, text);
    if (text !== null) {
      this.#entries.set(key, text);
      for (const oldest of this.#entries.keys()) {
        if (this.#entries.size <= MAX_ENTRIES) break;
        this.#entries.delete(oldest);
        this.#unwritten.set(oldest, null);
      }
    }
    await this.flush();
  }

  /**
   * Writes what the store misses. Where that fails it goes with the next write: it is known in memory already, and after a
   * restart what is missing costs a message of its own.
   */
  async flush(): Promise<void> {
    const changes = [...this.#unwritten].map(([key, value]): StateChange => ({
      area: AREA,
      key,
      value,
    }));
    try {
      await this.#store.apply(changes);
    } catch {
      for (const key of this.#unwritten.keys()) {
        if (this.#unwritten.size <= 2 * MAX_ENTRIES) break;
        this.#unwritten.delete(key);
      }
      return;
    }
    for (const { key, value } of changes) {
      if (this.#unwritten.get(key) === value) this.#unwritten.delete(key);
    }
  }
}
