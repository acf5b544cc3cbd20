import {
  type DispatchRecord,
  type Intent,
  type NotificationOutcome,
  type NotificationTarget,
} from './notification-log.ts';

/** What is known of the conversation with one target. */
export interface LedgerEntry {
  readonly target: NotificationTarget;
  /** Fingerprints of the alerts it has been told are firing. */
  readonly told: ReadonlySet<string>;
  /** When it was last told anything; null for never. */
  readonly toldAtMs: number | null;
  /** Messages whose outcome is not known, oldest first. The last one that is not withdrawn is the current one. */
  readonly pending: readonly PendingIntent[];
  /** The last message, if it was given up. Should the same be said again, it keeps its id: it may have arrived. */
  readonly refused: Intent | null;
}

export interface PendingIntent {
  readonly intent: Intent;
  readonly isWithdrawn: boolean;
}

/** Who has been told what, and what is on its way. Every change yields the record that repeats it. */
export class Ledger {
  readonly #entries = new Map<string, LedgerEntry>();
  /** The entry each pending intent belongs to, by intent id. */
  readonly #keyOfIntent = new Map<string, string>();

  get(target: NotificationTarget): LedgerEntry | null {
    return this.#entries.get(targetKey(target)) ?? null;
  }

  entries(): IterableIterator<LedgerEntry> {
    return this.#entries.values();
  }

  intent(id: string): Intent | null {
    const key = this.#keyOfIntent.get(id);
    const entry = key === undefined ? undefined : this.#entries.get(key);
    return entry?.pending.find((pending) => pending.intent.id === id)?.intent ?? null;
  }

  /** Notes a message that is being handed out. */
  intend(intent: Intent): DispatchRecord {
    this.#addIntent(intent);
    return { kind: 'intent', intent };
  }

  /** Notes that a message should not be sent any more if it still can be stopped. */
  markWithdrawn(intent: Intent): void {
    const key = targetKey(intent.target);
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    const pending = entry.pending.map((one) =>
      one.intent.id === intent.id ? { ...one, isWithdrawn: true } : one,
    );
    this.#entries.set(key, { ...entry, pending });
  }

  /** Notes how a message ended. Null if it is not known, as when its target was forgotten meanwhile. */
  settle(id: string, outcome: NotificationOutcome, nowMs: number): DispatchRecord | null {
    const key = this.#keyOfIntent.get(id);
    const entry = key === undefined ? undefined : this.#entries.get(key);
    if (key === undefined || entry === undefined) return null;
    const at = entry.pending.findIndex((pending) => pending.intent.id === id);
    const { intent } = entry.pending[at]!;
    if (outcome === 'delivered') {
      // What came before it is out of date, whatever became of it.
      const told = new Set([...intent.firing, ...intent.carried]);
      for (const older of entry.pending.slice(0, at + 1)) {
        this.#keyOfIntent.delete(older.intent.id);
      }
      const pending = entry.pending.slice(at + 1);
      this.#entries.set(key, { ...entry, told, toldAtMs: intent.atMs, pending, refused: null });
    } else {
      this.#keyOfIntent.delete(id);
      const pending = entry.pending.toSpliced(at, 1);
      this.#entries.set(key, { ...entry, pending, refused: intent });
    }
    return { kind: 'result', target: entry.target, id, outcome, atMs: nowMs };
  }

  /** Takes alerts off the list of what the target has been told, without a message. */
  retract(entry: LedgerEntry, fingerprints: ReadonlySet<string>, nowMs: number): DispatchRecord {
    const told = new Set([...entry.told].filter((fingerprint) => !fingerprints.has(fingerprint)));
    this.#entries.set(targetKey(entry.target), { ...entry, told });
    return {
      kind: 'told',
      target: entry.target,
      firing: [...told],
      atMs: entry.toldAtMs ?? nowMs,
    };
  }

  forget(entry: LedgerEntry): DispatchRecord {
    this.#remove(entry.target);
    return { kind: 'forgotten', target: entry.target };
  }

  /** Repeats a change from the log. */
  restore(record: Exclude<DispatchRecord, { kind: 'alert' | 'alert-gone' }>): void {
    switch (record.kind) {
      case 'intent':
        this.#addIntent(record.intent);
        break;
      case 'result':
        this.settle(record.id, record.outcome, record.atMs);
        break;
      case 'told': {
        const key = targetKey(record.target);
        const { pending = [], refused = null } = this.#entries.get(key) ?? {};
        const { target, atMs: toldAtMs } = record;
        this.#entries.set(key, {
          target,
          told: new Set(record.firing),
          toldAtMs,
          pending,
          refused,
        });
        break;
      }
      case 'forgotten':
        this.#remove(record.target);
        break;
    }
  }

  /** The shortest list of records that gives this ledger. */
  *checkpoint(): IterableIterator<DispatchRecord> {
    for (const entry of this.#entries.values()) yield* entryRecords(entry);
  }

  #addIntent(intent: Intent): void {
    const key = targetKey(intent.target);
    const entry = this.#entries.get(key) ?? {
      target: intent.target,
      told: new Set<string>(),
      toldAtMs: null,
      pending: [],
      refused: null,
    };
    const pending = [...entry.pending, { intent, isWithdrawn: false }];
    this.#entries.set(key, { ...entry, pending });
    this.#keyOfIntent.set(intent.id, key);
  }

  #remove(target: NotificationTarget): void {
    const key = targetKey(target);
    for (const { intent } of this.#entries.get(key)?.pending ?? []) {
      this.#keyOfIntent.delete(intent.id);
    }
    this.#entries.delete(key);
  }
}

/** The shortest list of records that gives an entry. */
export function* entryRecords(entry: LedgerEntry): IterableIterator<DispatchRecord> {
  const { target, told, toldAtMs, pending, refused } = entry;
  if (toldAtMs !== null) yield { kind: 'told', target, firing: [...told], atMs: toldAtMs };
  if (refused !== null) {
    const { id, atMs } = refused;
    yield { kind: 'intent', intent: refused };
    yield { kind: 'result', target, id, outcome: 'abandoned', atMs };
  }
  for (const { intent } of pending) yield { kind: 'intent', intent };
}

const NONE: ReadonlySet<string> = new Set();

/** The alerts a target has been told are firing, or may have been, and not that they ended. */
export function openAlerts(entry: LedgerEntry | null): ReadonlySet<string> {
  if (entry === null) return NONE;
  if (entry.pending.length === 0) return entry.told;
  const open = new Set(entry.told);
  for (const { intent } of entry.pending) {
    for (const fingerprint of intent.firing) open.add(fingerprint);
  }
  return open;
}

/** The message that is to reach a target next, if one is owed. */
export function currentIntent(entry: LedgerEntry | null): PendingIntent | null {
  return entry?.pending.findLast((pending) => !pending.isWithdrawn) ?? null;
}

/** Worked out once for each object that names a target: a group keeps its own. */
const KEYS = new WeakMap<NotificationTarget, string>();

/** A string that two targets share if and only if they are the same. */
export function targetKey(target: NotificationTarget): string {
  let key = KEYS.get(target);
  if (key === undefined) {
    const { receiver, kind, index } = target.integration;
    key = JSON.stringify([receiver, kind, index, target.groupKey]);
    KEYS.set(target, key);
  }
  return key;
}
