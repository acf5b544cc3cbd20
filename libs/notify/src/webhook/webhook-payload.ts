import { formatRfc3339 } from '#libs/calendar';
import type { Notification } from '#libs/dispatch';
import { toMessageData } from '../message/message-data.ts';

/** Alertmanager's body of a webhook, version 4. */
export interface WebhookPayload {
  readonly receiver: string;
  readonly status: 'firing' | 'resolved';
  readonly alerts: readonly WebhookAlert[];
  readonly notification_reason: string;
  readonly groupLabels: Readonly<Record<string, string>>;
  readonly commonLabels: Readonly<Record<string, string>>;
  readonly commonAnnotations: Readonly<Record<string, string>>;
  /** The labels of the route; left out where it has none. */
  readonly routeLabels?: Readonly<Record<string, string>>;
  readonly externalURL: string;
  readonly version: '4';
  readonly groupKey: string;
  /** How many alerts were left out. */
  readonly truncatedAlerts: number;
}

export interface WebhookAlert {
  readonly status: 'firing' | 'resolved';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  /** Go's zero time while the alert fires. */
  readonly endsAt: string;
  readonly generatorURL: string;
  readonly fingerprint: string;
}

const GO_ZERO_TIME = '0001-01-01T00:00:00Z';

/** The body for a notification. @param maxAlerts the first so many alerts only; 0 for all */
export function toWebhookPayload(
  notification: Notification,
  options: {
    readonly externalUrl: string;
    readonly maxAlerts: number;
    readonly routeLabels?: ReadonlyMap<string, string> | null;
  },
): WebhookPayload {
  const { alerts: all } = notification;
  const { externalUrl, maxAlerts, routeLabels = null } = options;
  const alerts = maxAlerts > 0 ? all.slice(0, maxAlerts) : all;
  const data = toMessageData(notification, externalUrl, alerts);
  return {
    receiver: data.receiver,
    status: data.status,
    alerts: alerts.map((alert) => ({
      status: alert.status,
      labels: alert.labels.toRecord(),
      annotations: alert.annotations.toRecord(),
      startsAt: formatRfc3339(alert.startsAtMs),
      endsAt: alert.endsAtMs === null ? GO_ZERO_TIME : formatRfc3339(alert.endsAtMs),
      generatorURL: alert.generatorUrl,
      fingerprint: alert.fingerprint,
    })),
    notification_reason: data.reason,
    groupLabels: data.groupLabels.toRecord(),
    commonLabels: data.commonLabels.toRecord(),
    commonAnnotations: data.commonAnnotations.toRecord(),
    ...(routeLabels === null ? {} : { routeLabels: Object.fromEntries(routeLabels) }),
    externalURL: data.externalUrl,
    version: '4',
    groupKey: data.groupKey,
    truncatedAlerts: all.length - alerts.length,
  };
}
