import { type Alert, type AlertGroup, toNotified } from '#libs/dispatch';
import { toMessageData } from '#libs/notify';
import type { NotificationService } from './notification-service.ts';

/** The texts of the labels of a group's route, as a message about these alerts, which fire, would have them. */
export function routeLabelsOf(
  service: NotificationService,
  group: Readonly<AlertGroup>,
  alerts: readonly Alert[],
): Readonly<Record<string, string>> {
  const { labels } = group.route;
  if (labels.size === 0) return {};
  const { templates, externalUrl, nowMs } = service.delivery.context;
  const atMs = nowMs();
  const data = toMessageData(
    {
      id: '',
      integration: { receiver: group.receiver, kind: '', index: 0 },
      groupKey: group.key,
      groupLabels: group.labels,
      reason: 'first notification',
      status: 'firing',
      alerts: alerts.map((alert) => toNotified(alert, 'firing')),
      createdAtMs: atMs,
    },
    externalUrl,
  );
  return Object.fromEntries(templates.routeLabels(labels, data, atMs, []) ?? []);
}
