import { compareAlertLabels, type Notification, type NotifiedAlert } from '#libs/dispatch';
import { Labels } from '#libs/labels';

/** What every receiver says about a notification (Alertmanager's `template.Data`). */
export interface MessageData {
  readonly receiver: string;
  readonly status: 'firing' | 'resolved';
  readonly alerts: readonly NotifiedAlert[];
  readonly reason: string;
  readonly groupKey: string;
  readonly groupLabels: Labels;
  /** What all alerts have in common. */
  readonly commonLabels: Labels;
  readonly commonAnnotations: Labels;
  /** Where people find us, without a slash at the end. */
  readonly externalUrl: string;
  /** The texts of the labels of the route; null where it has none. */
  readonly routeLabels?: ReadonlyMap<string, string> | null;
}

/** The data of a notification. @param alerts those of its alerts that the message is about, in order */
export function toMessageData(
  notification: Notification,
  externalUrl: string,
  alerts: readonly NotifiedAlert[] = notification.alerts,
): MessageData {
  return {
    receiver: notification.integration.receiver,
    status: notification.status,
    alerts,
    reason: notification.reason,
    groupKey: notification.groupKey,
    groupLabels: notification.groupLabels,
    commonLabels: inCommon(alerts.map((alert) => alert.labels)),
    commonAnnotations: inCommon(alerts.map((alert) => alert.annotations)),
    externalUrl: externalUrl.replace(/\/+$/, ''),
  };
}

/** The pairs that all sets have. */
function inCommon(sets: readonly Labels[]): Labels {
  const [first, ...others] = sets;
  if (first === undefined) return Labels.EMPTY;
  let common = first;
  for (const other of others) {
    if (common.size === 0) break;
    common = common.filter((name, value) => other.get(name) === value);
  }
  return common;
}

/** The alerts of a message, those that fire first, each part in Alertmanager's order. */
export function firingFirst(alerts: readonly NotifiedAlert[]): readonly NotifiedAlert[] {
  return alerts.toSorted(
    (a, b) =>
      Number(a.status === 'resolved') - Number(b.status === 'resolved') ||
      compareAlertLabels(a.labels, b.labels),
  );
}
