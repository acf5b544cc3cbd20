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
}

export interface PendingIntent {
  readonly intent: Intent;
  /** Whether this process has handed it out; after a restart it has not. */
  readonly isHandedOut: boolean;
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
    this.#addIntent(intent, true);
    return { kind: 'intent', intent };
  }

  /** Notes that a message restored from the log is being handed out. */
  markHandedOut(intent: Intent): void {
    this.#changePending(intent, (pending) => ({ ...pending, isHandedOut: true }));
  }

  /** Notes that a message should not be sent any more if it still can be stopped. */
  markWithdrawn(intent: Intent): void {
    this.#changePending(intent, (pending) => ({ ...pending, isWithdrawn: true }));
  }

  /** Notes how a message ended. Null if it is not known, as when its target was forgotten meanwhile. */
  settle(id: string, outcome: NotificationOutcome, nowMs: number): DispatchRecord | null {
    const key = this.#keyOfIntent.get(id);
    const entry = key === undefined ? undefined : this.#entries.get(key);
    if (key === undefined || entry === undefined) return null;
    this.#keyOfIntent.delete(id);
    const settled = entry.pending.find((pending) => pending.intent.id === id);
    const pending = entry.pending.filter((other) => other !== settled);
    if (outcome === 'delivered' && settled !== undefined) {
      const { firing, carried, atMs } = settled.intent;
      const told = new Set([...firing, ...carried]);
      this.#entries.set(key, { ...entry, told, toldAtMs: atMs, pending });
    } else {
      this.#entries.set(key, { ...entry, pending });
    }
    return { kind: 'result', id, outcome, atMs: nowMs };
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
        this.#addIntent(record.intent, false);
        break;
      case 'result':
        this.settle(record.id, record.outcome, record.atMs);
        break;
      case 'told': {
        const key = targetKey(record.target);
        const pending = this.#entries.get(key)?.pending ?? [];
        const told = new Set(record.firing);
        this.#entries.set(key, { target: record.target, told, toldAtMs: record.atMs, pending });
        break;
      }
      case 'forgotten':
        this.#remove(record.target);
        break;
    }
  }

  /** The shortest list of records that gives this ledger. */
  *checkpoint(): IterableIterator<DispatchRecord> {
    for (const { target, told, toldAtMs, pending } of this.#entries.values()) {
      if (toldAtMs !== null) yield { kind: 'told', target, firing: [...told], atMs: toldAtMs };
      for (const { intent } of pending) yield { kind: 'intent', intent };
    }
  }

  #addIntent(intent: Intent, isHandedOut: boolean): void {
    const key = targetKey(intent.target);
    const entry = this.#entries.get(key) ?? {
      target: intent.target,
      told: new Set<string>(),
      toldAtMs: null,
      pending: [],
    };
    const pending = [...entry.pending, { intent, isHandedOut, isWithdrawn: false }];
    this.#entries.set(key, { ...entry, pending });
    this.#keyOfIntent.set(intent.id, key);
  }

  #changePending(intent: Intent, change: (pending: PendingIntent) => PendingIntent): void {
    const key = targetKey(intent.target);
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    const pending = entry.pending.map((one) => (one.intent.id === intent.id ? change(one) : one));
    this.#entries.set(key, { ...entry, pending });
  }

  #remove(target: NotificationTarget): void {
    const key = targetKey(target);
    for (const { intent } of this.#entries.get(key)?.pending ?? []) {
      this.#keyOfIntent.delete(intent.id);
    }
    this.#entries.delete(key);
  }
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

/** A string that two targets share if and only if they are the same. */
export function targetKey({ integration, groupKey }: NotificationTarget): string {
  const { receiver, kind, index } = integration;
  return JSON.stringify([receiver, kind, index, groupKey]);
}
