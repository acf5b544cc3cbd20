import { assert } from '#libs/invariant';
import { Labels } from '#libs/labels';
import type { Alert } from './alert.ts';
import { compareAlertLabels } from './alert-order.ts';
import type { Notification, NotifiedAlert } from './notification.ts';
import type { Intent, NotificationTarget } from './notification-log.ts';

/** A message with what its alerts say just now. @param routeLabels those of the route its group is on */
export function toNotification(
  intent: Intent,
  alerts: ReadonlyMap<string, Alert>,
  routeLabels: ReadonlyMap<string, string>,
): Notification {
  const { id, target, reason, firing, resolved, atMs } = intent;
  const notified: NotifiedAlert[] = [];
  for (const fingerprint of firing) notified.push(toNotified(known(alerts, fingerprint), 'firing'));
  for (const fingerprint of resolved)
    notified.push(toNotified(known(alerts, fingerprint), 'resolved'));
  return {
    id,
    ...target,
    reason,
    status: firing.length > 0 ? 'firing' : 'resolved',
    alerts: notified.toSorted((a, b) => compareAlertLabels(a.labels, b.labels)),
    createdAtMs: atMs,
    ...(routeLabels.size === 0 ? {} : { routeLabels }),
  };
}

function known(alerts: ReadonlyMap<string, Alert>, fingerprint: string): Alert {
  const alert = alerts.get(fingerprint);
  assert(alert !== undefined, 'an alert is kept until its end has been told');
  return alert;
}

/** An alert as a message tells of it. */
export function toNotified(alert: Alert, status: NotifiedAlert['status']): NotifiedAlert {
  const { labels, annotations, startsAtMs, generatorUrl, fingerprint } = alert;
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
