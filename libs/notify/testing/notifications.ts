import type { Notification, NotifiedAlert } from '#libs/dispatch';
import { Labels } from '#libs/labels';

export interface AlertParts {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly endsAtMs?: number | null;
  readonly generatorUrl?: string;
}

export const START_MS = 1_770_091_506_789; // 2026-02-03T04:05:06.789Z

/** An alert of a notification; with an end it is resolved. */
export function alertOf(parts: AlertParts = {}): NotifiedAlert {
  const labels = Labels.fromRecord(parts.labels ?? { alertname: 'InstanceDown' });
  const endsAtMs = parts.endsAtMs ?? null;
  return {
    status: endsAtMs === null ? 'firing' : 'resolved',
    labels,
    annotations: Labels.fromRecord(parts.annotations ?? {}),
    startsAtMs: START_MS,
    endsAtMs,
    generatorUrl: parts.generatorUrl ?? '',
    fingerprint: labels.fingerprint,
  };
}

/** A notification of the receiver `ops` with these alerts. */
export function notificationOf(
  alerts: readonly NotifiedAlert[],
  changes: Partial<Notification> = {},
): Notification {
  const isFiring = alerts.some((alert) => alert.status === 'firing');
  return {
    id: 'n1',
    integration: { receiver: 'ops', kind: 'webhook', index: 0 },
    groupKey: '{}:{}',
    groupLabels: Labels.EMPTY,
    reason: isFiring ? 'first notification' : 'all alerts resolved',
    status: isFiring ? 'firing' : 'resolved',
    alerts,
    createdAtMs: START_MS,
    ...changes,
  };
}
