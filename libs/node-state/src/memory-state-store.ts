import { type StateChange, type StateStore, StateStoreError } from './state-store.ts';

/** State that lasts as long as the object: for tests and for the simulator. */
export class MemoryStateStore implements StateStore {
  readonly #areas = new Map<string, Map<string, string>>();
  /** While true every {@link apply} fails, as on a full disk. */
  failsApply = false;
  #isClosed = false;

  async load(area: string): Promise<Map<string, string>> {
    this.#assertOpen();
    return new Map(this.#areas.get(area));
  }

  async apply(changes: readonly StateChange[]): Promise<void> {
    this.#assertOpen();
    if (this.failsApply) throw new StateStoreError('the state cannot be written', true);
    for (const { area, key, value } of changes) {
      let keys = this.#areas.get(area);
      if (keys === undefined) this.#areas.set(area, (keys = new Map()));
      if (value === null) keys.delete(key);
      else keys.set(key, value);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  /** The same state for the next one to open, as after a restart. */
  reopen(): MemoryStateStore {
    const next = new MemoryStateStore();
    for (const [area, keys] of this.#areas) next.#areas.set(area, new Map(keys));
    return next;
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new StateStoreError('the state store is closed', false);
  }
}
