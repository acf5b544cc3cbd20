import type { StateChange, StateStore } from '#libs/node-state';
import {
  type AlertStateChange,
  type AlertStateStore,
  decodeStoredAlert,
  encodeStoredAlert,
  type StoredAlert,
  type StoredAlerts,
} from '#libs/rules';

const ALERTS = 'rules.alerts';
const GROUPS = 'rules.groups';

/** Keeps the alerts of rules in the engine's {@link StateStore}. A key is the JSON list of rule and alert. */
export class StoredAlertStates implements AlertStateStore {
  readonly #store: StateStore;
  /** Records found at the start that could not be read and were left out. */
  unreadable = 0;

  constructor(store: StateStore) {
    this.#store = store;
  }

  async load(): Promise<StoredAlerts> {
    const alerts = new Map<string, Map<string, StoredAlert>>();
    for (const [key, text] of await this.#store.load(ALERTS)) {
      const place = parseKey(key);
      const stored = decodeStoredAlert(text);
      if (place === null || stored === null) {
        this.unreadable++;
        continue;
      }
      let ofRule = alerts.get(place.rule);
      if (ofRule === undefined) alerts.set(place.rule, (ofRule = new Map()));
      ofRule.set(place.alert, stored);
    }
    const evaluatedAtMs = new Map<string, number>();
    for (const [group, text] of await this.#store.load(GROUPS)) {
      const timeMs = Number(text);
      if (Number.isFinite(timeMs)) evaluatedAtMs.set(group, timeMs);
    }
    return { alerts, evaluatedAtMs };
  }

  save(changes: readonly AlertStateChange[]): Promise<void> {
    return this.#store.apply(changes.map(toStateChange));
  }
}

function toStateChange(change: AlertStateChange): StateChange {
  switch (change.kind) {
    case 'put':
      return {
        area: ALERTS,
        key: JSON.stringify([change.rule, change.alert]),
        value: encodeStoredAlert(change.stored),
      };
    case 'delete':
      return { area: ALERTS, key: JSON.stringify([change.rule, change.alert]), value: null };
    case 'evaluated':
      return { area: GROUPS, key: change.group, value: String(change.timeMs) };
  }
}

function parseKey(key: string): { rule: string; alert: string } | null {
  let parts: unknown;
  try {
    parts = JSON.parse(key);
  } catch {
    return null;
  }
  if (!Array.isArray(parts)) return null;
  const [rule, alert] = parts as unknown[];
  return typeof rule === 'string' && typeof alert === 'string' ? { rule, alert } : null;
}
