import type { AlertStateChange, AlertStateStore, StoredAlert, StoredAlerts } from './ports.ts';

/** Keeps alert state in memory: for tests, for unit tests of rules, and to build a durable store upon. */
export class MemoryAlertStateStore implements AlertStateStore {
  readonly #alerts = new Map<string, Map<string, StoredAlert>>();
  readonly #evaluatedAtMs = new Map<string, number>();

  load(): Promise<StoredAlerts> {
    return Promise.resolve({ alerts: this.#alerts, evaluatedAtMs: this.#evaluatedAtMs });
  }

  save(changes: readonly AlertStateChange[]): Promise<void> {
    for (const change of changes) this.apply(change);
    return Promise.resolve();
  }

  /** Makes one change. */
  apply(change: AlertStateChange): void {
    switch (change.kind) {
      case 'put': {
        let alerts = this.#alerts.get(change.rule);
        if (alerts === undefined) this.#alerts.set(change.rule, (alerts = new Map()));
        alerts.set(change.alert, change.stored);
        return;
      }
      case 'delete': {
        const alerts = this.#alerts.get(change.rule);
        alerts?.delete(change.alert);
        if (alerts?.size === 0) this.#alerts.delete(change.rule);
        return;
      }
      case 'evaluated':
        this.#evaluatedAtMs.set(change.group, change.timeMs);
    }
  }
}
