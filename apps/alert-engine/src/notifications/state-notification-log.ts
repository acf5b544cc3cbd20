import type { KeyedChange, NotificationLog } from '#libs/dispatch';
import type { StateStore } from '#libs/node-state';

const AREA = 'notifications';

/** Keeps the dispatcher's state in the engine's {@link StateStore}. */
export class StateNotificationLog implements NotificationLog {
  readonly #store: StateStore;

  constructor(store: StateStore) {
    this.#store = store;
  }

  load(): Promise<ReadonlyMap<string, string>> {
    return this.#store.load(AREA);
  }

  apply(changes: readonly KeyedChange[]): Promise<void> {
    return this.#store.apply(changes.map((change) => ({ area: AREA, ...change })));
  }
}
