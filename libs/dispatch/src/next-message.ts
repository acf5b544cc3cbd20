import { type LedgerEntry, openAlerts } from './ledger.ts';
import type { NotificationReason } from './notification.ts';
import type { Intent } from './notification-log.ts';

/** How the alerts of a group stand at a flush, by fingerprint. */
export interface GroupState {
  /** Firing and free to be announced. */
  readonly firing: readonly string[];
  /** Firing, but held back: silenced, inhibited, or no longer routed here. */
  readonly held: readonly string[];
  readonly resolved: readonly string[];
}

/** What a target has to be told. */
export interface Message {
  readonly reason: NotificationReason;
  readonly firing: readonly string[];
  readonly resolved: readonly string[];
  readonly carried: readonly string[];
}

export interface MessageDecision {
  readonly message: Message | null;
  /** Alerts that count as closed although the target is not told: it does not want to hear of ends. */
  readonly closedSilently: readonly string[];
}

/**
 * What a group has to say to one target now, in view of what the target has been told. The reasons are Alertmanager's.
 * Two things differ from it: an alert that ends while it is held back is closed like any other, and one that the target
 * never heard of is not mentioned when it ends.
 */
export function nextMessage(
  state: GroupState,
  entry: LedgerEntry | null,
  options: { readonly sendsResolved: boolean; readonly repeatIntervalMs: number },
  nowMs: number,
): MessageDecision {
  const open = openAlerts(entry);
  const carried = state.held.filter((fingerprint) => open.has(fingerprint));
  const ended = state.resolved.filter((fingerprint) => open.has(fingerprint));
  const resolved = options.sendsResolved ? ended : [];
  const reason = reasonFor(state.firing, resolved, carried, entry, options.repeatIntervalMs, nowMs);
  return {
    message: reason === null ? null : { reason, firing: state.firing, resolved, carried },
    closedSilently: options.sendsResolved ? [] : ended,
  };
}

function reasonFor(
  firing: readonly string[],
  resolved: readonly string[],
  carried: readonly string[],
  entry: LedgerEntry | null,
  repeatIntervalMs: number,
  nowMs: number,
): NotificationReason | null {
  const told = entry?.told ?? new Set<string>();
  if (firing.some((fingerprint) => !told.has(fingerprint))) {
    return told.size === 0 ? 'first notification' : 'new alerts added';
  }
  if (resolved.length > 0) {
    return firing.length + carried.length === 0 ? 'all alerts resolved' : 'some alerts resolved';
  }
  if (firing.length === 0) return null;
  const toldAtMs = entry?.toldAtMs ?? nowMs;
  return nowMs - toldAtMs >= repeatIntervalMs ? 'repeat interval elapsed' : null;
}

/** Whether a message that was handed out says what would be said now. */
export function saysTheSame(intent: Intent, message: Message): boolean {
  return (
    hasSameMembers(intent.firing, message.firing) &&
    hasSameMembers(intent.resolved, message.resolved)
  );
}

function hasSameMembers(left: readonly string[], right: readonly string[]): boolean {
  if (left.length !== right.length) return false;
  const members = new Set(left);
  return right.every((member) => members.has(member));
}
