import { assert } from '#libs/invariant';
import { Labels } from '#libs/labels';
import type { Alert } from './alert.ts';
import { compareAlertLabels } from './alert-order.ts';
import type { Notification, NotifiedAlert } from './notification.ts';
import type { Intent, NotificationTarget } from './notification-log.ts';

/** A message with what its alerts say just now. */
export function toNotification(intent: Intent, alerts: ReadonlyMap<string, Alert>): Notification {
  const { id, target, reason, firing, resolved, atMs } = intent;
  const notified: NotifiedAlert[] = [];
  for (const fingerprint of firing) notified.push(toNotified(alerts, fingerprint, 'firing'));
  for (const fingerprint of resolved) notified.push(toNotified(alerts, fingerprint, 'resolved'));
  return {
    id,
    ...target,
    reason,
    status: firing.length > 0 ? 'firing' : 'resolved',
    alerts: notified.toSorted((a, b) => compareAlertLabels(a.labels, b.labels)),
    createdAtMs: atMs,
  };
}

function toNotified(
  alerts: ReadonlyMap<string, Alert>,
  fingerprint: string,
  status: NotifiedAlert['status'],
): NotifiedAlert {
  const alert = alerts.get(fingerprint);
  assert(alert !== undefined, 'an alert is kept until its end has been told');
  const { labels, annotations, startsAtMs, generatorUrl } = alert;
  const endsAtMs = status === 'firing' ? null : alert.endsAtMs;
  return { status, labels, annotations, startsAtMs, endsAtMs, generatorUrl, fingerprint };
}

/** An id for a message to a target; with the same target and time it is the same. */
export function notificationId(
  { integration, groupKey }: NotificationTarget,
  nowMs: number,
): string {
  const { receiver, kind, index } = integration;
  const flat = ['group', groupKey, 'index', String(index), 'kind', kind, 'receiver', receiver];
  return `${Labels.fromSortedFlat(flat).fingerprint}-${nowMs.toString(36)}`;
}
