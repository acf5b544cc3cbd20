import type { Alert } from './alert.ts';
import { type AlertGroup, firstFlushMs, groupIdOf, isExpired, newGroup } from './alert-group.ts';
import type { Route } from './config/alertmanager-config.ts';
import { groupKeyOf, groupLabelsOf } from './route-tree.ts';

/** The groups there are and which alerts are in them. */
export class GroupTable {
  readonly #groups = new Map<string, AlertGroup>();
  readonly #groupsOfAlert = new Map<string, Set<string>>();
  readonly #onRemoved: (group: AlertGroup) => void;

  /** @param onRemoved is told of every group that goes, except by `clear` */
  constructor(onRemoved: (group: AlertGroup) => void) {
    this.#onRemoved = onRemoved;
  }

  all(): IterableIterator<AlertGroup> {
    return this.#groups.values();
  }

  get(id: string): AlertGroup | null {
    return this.#groups.get(id) ?? null;
  }

  /** Whether an alert is in any group. */
  holds(fingerprint: string): boolean {
    return this.#groupsOfAlert.has(fingerprint);
  }

  /** Puts an alert into the group that a route gives it, which is made if there is none. */
  join(alert: Alert, route: Route, nowMs: number): AlertGroup {
    const labels = groupLabelsOf(route, alert.labels);
    const key = groupKeyOf(route, labels);
    const id = groupIdOf(route.receiver, key);
    let group = this.#groups.get(id);
    if (group !== undefined && isExpired(group, nowMs)) {
      this.remove(group);
      group = undefined;
    }
    if (group === undefined) {
      group = newGroup(id, key, route, labels, firstFlushMs(alert, route, nowMs));
      this.#groups.set(id, group);
    } else if (!group.hasFlushed) {
      group.nextFlushMs = Math.min(group.nextFlushMs, firstFlushMs(alert, route, nowMs));
    }
    this.addMember(group, alert.fingerprint, false);
    return group;
  }

  add(group: AlertGroup): void {
    this.#groups.set(group.id, group);
  }

  addMember(group: AlertGroup, fingerprint: string, isDeparted: boolean): void {
    group.members.set(fingerprint, isDeparted);
    group.emptySinceMs = null;
    const groups = this.#groupsOfAlert.get(fingerprint);
    if (groups === undefined) this.#groupsOfAlert.set(fingerprint, new Set([group.id]));
    else groups.add(group.id);
  }

  /** @returns whether the alert is in no group any more */
  removeMember(group: AlertGroup, fingerprint: string): boolean {
    group.members.delete(fingerprint);
    const groups = this.#groupsOfAlert.get(fingerprint);
    groups?.delete(group.id);
    if (groups === undefined || groups.size > 0) return false;
    this.#groupsOfAlert.delete(fingerprint);
    return true;
  }

  remove(group: AlertGroup): void {
    this.#groups.delete(group.id);
    this.#onRemoved(group);
  }

  /** Begins anew. @returns the groups there were, by id */
  clear(): ReadonlyMap<string, AlertGroup> {
    const before = new Map(this.#groups);
    this.#groups.clear();
    this.#groupsOfAlert.clear();
    return before;
  }
}
