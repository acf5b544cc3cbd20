import { z } from 'zod';
import { type KeyedChange, type Notification, type NotificationOutcome } from '#libs/dispatch';
import type { KeyedStore } from './state-area.ts';

const entrySchema = z.object({
  id: z.string(),
  receiver: z.string(),
  integration: z.string(),
  index: z.number(),
  groupKey: z.string(),
  reason: z.string(),
  status: z.string(),
  /** How many alerts of the message fire, and how many have ended. */
  firing: z.number(),
  resolved: z.number(),
  /** The names of its alerts, each once; not all of many. */
  alertNames: z.array(z.string()),
  createdAtMs: z.number(),
  endedAtMs: z.number(),
  /** `replaced`: something newer was to be said before it could be sent. */
  outcome: z.enum(['delivered', 'replaced', 'failed']),
  attempts: z.number(),
  /** What the last attempt that failed said. */
  error: z.string().nullable(),
});

/** One message, and what became of it. */
export type HistoryEntry = z.output<typeof entrySchema>;

export interface HistoryQuery {
  readonly receiver: string | null;
  readonly outcome: HistoryEntry['outcome'] | null;
  /** From when on. */
  readonly sinceMs: number;
  readonly limit: number;
}

export interface HistoryOptions {
  readonly store: KeyedStore;
  readonly retentionMs: number;
  readonly maxEntries: number;
  /** Called with the number of entries that could not be written or read. */
  readonly onLost: (count: number) => void;
}

const MOST_NAMES = 20;
/** Wide enough for times far away, so that keys are in the order of time. */
const KEY_DIGITS = 12;

/** The entry for a message that has ended. */
export function toHistoryEntry(
  notification: Notification,
  end: {
    readonly outcome: NotificationOutcome;
    readonly attempts: number;
    readonly error: string | null;
    readonly isGivenUp: boolean;
    readonly atMs: number;
  },
): HistoryEntry {
  const { id, integration, groupKey, reason, status, alerts, createdAtMs } = notification;
  const firing = alerts.filter((alert) => alert.status === 'firing').length;
  const names = new Set(alerts.map(({ labels }) => labels.get('alertname')));
  return {
    id,
    receiver: integration.receiver,
    integration: integration.kind,
    index: integration.index,
    groupKey,
    reason,
    status,
    firing,
    resolved: alerts.length - firing,
    alertNames: [...names].slice(0, MOST_NAMES),
    createdAtMs,
    endedAtMs: end.atMs,
    outcome: outcomeOf(end),
    attempts: end.attempts,
    error: end.error,
  };
}

function outcomeOf(end: {
  readonly outcome: NotificationOutcome;
  readonly isGivenUp: boolean;
}): HistoryEntry['outcome'] {
  if (end.outcome === 'delivered') return 'delivered';
  return end.isGivenUp ? 'failed' : 'replaced';
}

/**
 * What was sent where, when and how it ended: bounded in number and age, kept over restarts. It is no promise, unlike the log
 * of the dispatcher: what cannot be written for long, or until the end, is counted and forgotten.
 */
export class NotificationHistory {
  readonly #options: HistoryOptions;
  /** Key and text, oldest first; texts, because they take a tenth of what objects take. */
  readonly #entries = new Map<string, string>();
  #changes: KeyedChange[] = [];
  #count = 0;
  #writing: Promise<void> | null = null;

  constructor(options: HistoryOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** @throws whatever the store throws */
  async restore(): Promise<void> {
    const kept = await this.#options.store.load();
    for (const key of [...kept.keys()].toSorted()) this.#entries.set(key, kept.get(key)!);
  }

  add(entry: HistoryEntry): void {
    const time = Math.max(0, entry.endedAtMs).toString(36).padStart(KEY_DIGITS, '0');
    const key = `${time}-${(this.#count++).toString(36).padStart(KEY_DIGITS, '0')}`;
    const value = JSON.stringify(entry);
    this.#entries.set(key, value);
    this.#changes.push({ key, value });
    this.#drop(entry.endedAtMs);
  }

  /** The youngest first. */
  query({ receiver, outcome, sinceMs, limit }: HistoryQuery): HistoryEntry[] {
    const found: HistoryEntry[] = [];
    const wanted = receiver === null ? '' : `"receiver":${JSON.stringify(receiver)}`;
    for (const [key, text] of [...this.#entries].toReversed()) {
      if (found.length >= limit || parseInt(key, 36) < sinceMs) break;
      // Most are left out by their text, without being parsed.
      if (!text.includes(wanted)) continue;
      const entry = read(text);
      if (entry === null || (outcome !== null && entry.outcome !== outcome)) continue;
      if (receiver === null || entry.receiver === receiver) found.push(entry);
    }
    return found;
  }

  /** Writes what was added, without waiting. What cannot be written now goes with the next call. */
  write(): void {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null;
    });
  }

  /** Writes what was added, and waits for it. What cannot be written then is lost. */
  async flush(): Promise<void> {
    // What is being written may not be all.
    await this.#writing;
    this.write();
    await this.#writing;
    this.#lose(this.#changes.splice(0));
  }

  async #write(): Promise<void> {
    while (this.#changes.length > 0) {
      const changes = this.#changes;
      this.#changes = [];
      try {
        await this.#options.store.apply(changes);
      } catch {
        // In front of what was added meanwhile: an entry comes before its end.
        this.#changes = [...changes, ...this.#changes];
        this.#lose(this.#changes.splice(0, this.#changes.length - 2 * this.#options.maxEntries));
        return;
      }
    }
  }

  #lose(changes: readonly KeyedChange[]): void {
    const lost = changes.filter(({ value }) => value !== null).length;
    if (lost > 0) this.#options.onLost(lost);
  }

  #drop(nowMs: number): void {
    const { retentionMs, maxEntries } = this.#options;
    for (const key of this.#entries.keys()) {
      const isOld = parseInt(key, 36) < nowMs - retentionMs;
      if (!isOld && this.#entries.size <= maxEntries) break;
      this.#entries.delete(key);
      this.#changes.push({ key, value: null });
    }
  }
}

function read(text: string): HistoryEntry | null {
  try {
    const parsed = entrySchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
