import { currentIntent, type Ledger, type LedgerEntry, openAlerts } from './ledger.ts';
import { type GroupState, nextMessage, saysTheSame } from './next-message.ts';
import type { DispatchRecord, Intent, NotificationTarget } from './notification-log.ts';
import { notificationId } from './to-notification.ts';

export interface TargetFlushOptions {
  readonly sendsResolved: boolean;
  readonly repeatIntervalMs: number;
  /** Whether the end of an alert has been refused for so long that it is not tried any more. */
  readonly isGivenUp: (fingerprint: string) => boolean;
}

/** What a flush of a group means for one target. */
export interface TargetFlush {
  readonly records: readonly DispatchRecord[];
  /** The id of a message handed out earlier that should not be sent any more. */
  readonly withdrawn: string | null;
  /** The message to send. */
  readonly intent: Intent | null;
  /** How many ends were given up. */
  readonly givenUpCount: number;
}

/** Works out what a target has to be told at a flush and notes it in the ledger. */
export function flushTarget(
  ledger: Ledger,
  target: NotificationTarget,
  state: GroupState,
  options: TargetFlushOptions,
  nowMs: number,
): TargetFlush {
  const records: DispatchRecord[] = [];
  let entry = ledger.get(target);
  let givenUpCount = 0;
  if (entry !== null) {
    const open = openAlerts(entry);
    const old = state.resolved.filter((one) => open.has(one) && options.isGivenUp(one));
    givenUpCount = old.length;
    if (old.length > 0) entry = giveUp(ledger, entry, old, records, nowMs);
  }
  const { message, closedSilently } = nextMessage(state, entry, options, nowMs);
  if (entry !== null && closedSilently.some((fingerprint) => entry.told.has(fingerprint))) {
    records.push(ledger.retract(entry, new Set(closedSilently), nowMs));
  }
  const current = currentIntent(entry);
  let withdrawn: string | null = null;
  let intent: Intent | null = null;
  if (message === null) {
    if (current !== null) {
      ledger.markWithdrawn(current.intent);
      withdrawn = current.intent.id;
    }
  } else if (current === null || !saysTheSame(current.intent, message)) {
    const refused = entry?.refused ?? null;
    const isAgain = refused !== null && saysTheSame(refused, message);
    const id = isAgain ? refused.id : newId(ledger, target, nowMs);
    intent = { id, target, ...message, atMs: nowMs };
    records.push(ledger.intend(intent));
  }
  return { records, withdrawn, intent, givenUpCount };
}

/** A receiver that has refused for a day to hear that an alert ended will not be asked again. */
function giveUp(
  ledger: Ledger,
  entry: LedgerEntry,
  fingerprints: readonly string[],
  records: DispatchRecord[],
  nowMs: number,
): LedgerEntry {
  for (const { intent, isWithdrawn } of entry.pending) {
    if (!isWithdrawn) continue;
    const record = ledger.settle(intent.id, 'abandoned', nowMs);
    if (record !== null) records.push(record);
  }
  const rest = ledger.get(entry.target)!;
  records.push(ledger.retract(rest, new Set(fingerprints), nowMs));
  return ledger.get(entry.target)!;
}

function newId(ledger: Ledger, target: NotificationTarget, nowMs: number): string {
  const id = notificationId(target, nowMs);
  let unique = id;
  for (let n = 2; ledger.intent(unique) !== null; n++) unique = `${id}-${n}`;
  return unique;
}
