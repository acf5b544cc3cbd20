import { Labels } from '#libs/labels';
import { z } from 'zod';
import type { Alert } from './alert.ts';
import type { IntegrationRef, NotificationReason } from './notification.ts';

/** One integration of one group: what a conversation about that group with that receiver is kept under. */
export interface NotificationTarget {
  readonly integration: IntegrationRef;
  readonly groupKey: string;
  readonly groupLabels: Labels;
}

/** A message that is about to be sent. Alerts are named by fingerprint; what they say is in their own records. */
export interface Intent {
  readonly id: string;
  readonly target: NotificationTarget;
  readonly reason: NotificationReason;
  readonly firing: readonly string[];
  readonly resolved: readonly string[];
  /** Announced earlier and firing still, but left out because something holds them back just now. */
  readonly carried: readonly string[];
  readonly atMs: number;
}

/** How a message ended. `abandoned`: refused for good, out of date, or owed for too long. */
export type NotificationOutcome = 'delivered' | 'abandoned';

/**
 * What has to outlive the process, one change each. Replaying all of them in order gives the dispatcher's state; so
 * does replaying a checkpoint, which is a shorter list of the same records.
 */
export type DispatchRecord =
  | { readonly kind: 'alert'; readonly alert: Alert }
  | { readonly kind: 'alert-gone'; readonly fingerprint: string }
  | { readonly kind: 'intent'; readonly intent: Intent }
  | {
      readonly kind: 'result';
      readonly target: NotificationTarget;
      readonly id: string;
      readonly outcome: NotificationOutcome;
      readonly atMs: number;
    }
  /** What the target has been told is firing, as a whole. */
  | {
      readonly kind: 'told';
      readonly target: NotificationTarget;
      readonly firing: readonly string[];
      readonly atMs: number;
    }
  /** Nothing is kept of the target any longer. */
  | { readonly kind: 'forgotten'; readonly target: NotificationTarget };

/** A change of a store of keys and values; null removes the key. */
export interface KeyedChange {
  readonly key: string;
  readonly value: string | null;
}

/** Keeps the dispatcher's state on disk. */
export interface NotificationLog {
  /** Everything that is kept, by key. */
  load(): Promise<ReadonlyMap<string, string>>;
  /** Settles when the changes, all or none, would survive a power cut. Calls are carried out in their order. */
  apply(changes: readonly KeyedChange[]): Promise<void>;
}

const fingerprints = z.array(z.string());
const labels = z
  .array(z.string())
  .refine((flat) => flat.length % 2 === 0)
  .transform((flat) => Labels.fromSortedFlat(flat));
const target = z.object({
  integration: z.object({ receiver: z.string(), kind: z.string(), index: z.int() }),
  groupKey: z.string(),
  groupLabels: labels,
});
const reason = z.enum([
  'first notification',
  'new alerts added',
  'some alerts resolved',
  'all alerts resolved',
  'repeat interval elapsed',
]);

const recordSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('alert'),
    alert: z.object({
      labels,
      fingerprint: z.string(),
      annotations: labels,
      generatorUrl: z.string(),
      startsAtMs: z.number(),
      endsAtMs: z.number(),
      isTimeout: z.boolean(),
      updatedAtMs: z.number(),
    }),
  }),
  z.object({ kind: z.literal('alert-gone'), fingerprint: z.string() }),
  z.object({
    kind: z.literal('intent'),
    intent: z.object({
      id: z.string(),
      target,
      reason,
      firing: fingerprints,
      resolved: fingerprints,
      carried: fingerprints,
      atMs: z.number(),
    }),
  }),
  z.object({
    kind: z.literal('result'),
    target,
    id: z.string(),
    outcome: z.enum(['delivered', 'abandoned']),
    atMs: z.number(),
  }),
  z.object({ kind: z.literal('told'), target, firing: fingerprints, atMs: z.number() }),
  z.object({ kind: z.literal('forgotten'), target }),
]);

/** A record as one line of JSON. Labels become flat arrays, so that no name can be taken for a prototype's. */
export function encodeDispatchRecord(record: DispatchRecord): string {
  return JSON.stringify(
    record,
    function replace(this: Record<string, unknown>, key, value: unknown) {
      // `value` has been through `toJSON` already; the holder still has the labels themselves.
      const original = this[key];
      return original instanceof Labels ? original.flat : value;
    },
  );
}

/** Undoes {@link encodeDispatchRecord}. @returns null for a text that is no record; it is to be counted */
export function decodeDispatchRecord(text: string): DispatchRecord | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  const parsed = recordSchema.safeParse(json);
  return parsed.success ? parsed.data : null;
}

/** Several records as one text, a line each. */
export function encodeDispatchRecords(records: Iterable<DispatchRecord>): string {
  return [...records].map(encodeDispatchRecord).join('\n');
}

/**
 * The records that the values of a {@link NotificationLog} hold.
 * @returns also how many values could not be read
 */
export function readDispatchRecords(values: Iterable<string>): {
  readonly records: readonly DispatchRecord[];
  readonly damagedCount: number;
} {
  const records: DispatchRecord[] = [];
  let damagedCount = 0;
  for (const value of values) {
    const read = value === '' ? [] : value.split('\n').map(decodeDispatchRecord);
    // Part of what was said to a target would be worse than nothing.
    if (read.includes(null)) damagedCount++;
    else for (const record of read) if (record !== null) records.push(record);
  }
  return { records, damagedCount };
}
