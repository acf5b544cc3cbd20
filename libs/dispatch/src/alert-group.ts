import type { Labels } from '#libs/labels';
import type { Alert } from './alert.ts';
import type { Integration, Route } from './config/alertmanager-config.ts';
import type { NotificationTarget } from './notification-log.ts';

/** Alerts that are announced together: same receiver, same key. */
export interface AlertGroup {
  readonly id: string;
  readonly key: string;
  readonly receiver: string;
  readonly labels: Labels;
  /** The first route that leads here; its intervals apply. */
  route: Route;
  /** Fingerprints; true for alerts that a changed configuration no longer routes here. */
  readonly members: Map<string, boolean>;
  /** What the conversations about it with each integration are kept under. */
  readonly targets: Map<Integration, NotificationTarget>;
  hasFlushed: boolean;
  nextFlushMs: number;
  /** How severe the worst was that people were told of at the last flush; null for nothing. */
  toldRank: number | null;
  /** When the last member left; null while there are any. */
  emptySinceMs: number | null;
}

/** A string that two groups share if and only if they are one. */
export function groupIdOf(receiver: string, key: string): string {
  return JSON.stringify([receiver, key]);
}

/**
 * When a group that has not been announced should be, on account of an alert: `group_wait` after the alert started,
 * but not after `group_wait` from now. An alert that is older than that does not wait again.
 */
export function firstFlushMs(alert: Alert, route: Route, nowMs: number): number {
  return Math.min(Math.max(alert.startsAtMs + route.groupWaitMs, nowMs), nowMs + route.groupWaitMs);
}

/** The next flush of a group that had one at `lastMs` and has kept its pace since. */
export function nextBeat(lastMs: number, { groupIntervalMs }: Route, nowMs: number): number {
  const beats = Math.max(0, Math.floor((nowMs - lastMs) / groupIntervalMs)) + 1;
  // A clock that was set back must not silence the group.
  return Math.min(lastMs + beats * groupIntervalMs, nowMs + groupIntervalMs);
}

/** A group without members yet. */
export function newGroup(
  id: string,
  key: string,
  route: Route,
  labels: Labels,
  nextFlushMs: number,
): AlertGroup {
  const { receiver } = route;
  const members = new Map<string, boolean>();
  return {
    id,
    key,
    receiver,
    labels,
    route,
    members,
    targets: new Map(),
    hasFlushed: false,
    nextFlushMs,
    toldRank: null,
    emptySinceMs: null,
  };
}

/** An emptied group is kept so long, so that an alert that flaps does not start a new one each time. */
const EMPTY_GROUP_KEEP_MS = 30_000;

/** Whether a group has been empty for long enough to go. */
export function isExpired(group: AlertGroup, nowMs: number): boolean {
  return group.emptySinceMs !== null && nowMs - group.emptySinceMs >= EMPTY_GROUP_KEEP_MS;
}
