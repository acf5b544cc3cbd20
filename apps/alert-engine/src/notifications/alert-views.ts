import {
  type Alert,
  type AlertGroup,
  type AlertStatus,
  compareAlertLabels,
  compareLabelSets,
  type Receiver,
} from '#libs/dispatch';
import { matchesAll } from '#libs/labels';
import type { AlertQuery } from './alert-query.ts';
import type { NotificationService } from './notification-service.ts';
import { routeLabelsOf } from './route-labels.ts';

/** `gettableAlert` of Alertmanager's API. */
export interface AlertJson {
  readonly annotations: Readonly<Record<string, string>>;
  readonly endsAt: string;
  readonly fingerprint: string;
  readonly receivers: readonly { readonly name: string }[];
  readonly startsAt: string;
  readonly status: {
    readonly inhibitedBy: readonly string[];
    readonly mutedBy: readonly string[];
    readonly silencedBy: readonly string[];
    readonly state: AlertStatus['state'];
  };
  readonly updatedAt: string;
  readonly generatorURL?: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** `alertGroup` of Alertmanager's API. */
export interface AlertGroupJson {
  readonly alerts: readonly AlertJson[];
  readonly labels: Readonly<Record<string, string>>;
  readonly routeLabels: Readonly<Record<string, string>>;
  readonly receiver: { readonly name: string };
}

/** Alerts that fire and that are asked for, by fingerprint. */
export function listAlerts(service: NotificationService, query: AlertQuery): AlertJson[] {
  const isWanted = receiverTest(service, query);
  const found: AlertJson[] = [];
  for (const alert of service.firingAlerts()) {
    const status = service.statusOf(alert);
    if (!status.receivers.some(isWanted) || !isAskedFor(alert, status, query)) continue;
    found.push(toAlertJson(alert, status, [], status.receivers));
  }
  return found.toSorted((a, b) => (a.fingerprint < b.fingerprint ? -1 : 1));
}

/** Groups with the alerts of theirs that fire and are asked for; empty ones are left out. */
export function listGroups(service: NotificationService, query: AlertQuery): AlertGroupJson[] {
  const isWanted = receiverTest(service, query);
  const firing = new Map(service.firingAlerts().map((alert) => [alert.fingerprint, alert]));
  const groups = service
    .groups()
    .filter((group) => isWanted(group.receiver))
    .toSorted(
      (a, b) =>
        compareLabelSets(a.labels, b.labels) ||
        Number(a.receiver > b.receiver) - Number(a.receiver < b.receiver),
    );
  return groups.flatMap((group) => {
    const shown = toGroupJson(service, group, firing, query, isWanted);
    return shown === null ? [] : [shown];
  });
}

function toGroupJson(
  service: NotificationService,
  group: Readonly<AlertGroup>,
  firing: ReadonlyMap<string, Alert>,
  query: AlertQuery,
  isWanted: (receiver: string) => boolean,
): AlertGroupJson | null {
  const mutedBy = service.mutesOf(group);
  const alerts: AlertJson[] = [];
  const members = [...group.members.keys()]
    .flatMap((fingerprint) => firing.get(fingerprint) ?? [])
    .toSorted((a, b) => compareAlertLabels(a.labels, b.labels));
  for (const alert of members) {
    const status = service.statusOf(alert);
    if (!isAskedFor(alert, status, query)) continue;
    const receivers = status.receivers.filter(isWanted).toSorted();
    alerts.push(toAlertJson(alert, status, mutedBy, receivers));
  }
  // By a time interval, that is; groups of which every alert is inhibited are shown all the same, as recorded.
  if (alerts.length === 0 || (mutedBy.length > 0 && !query.muted)) return null;
  return {
    alerts,
    labels: group.labels.toRecord(),
    routeLabels: routeLabelsOf(service, group, members),
    receiver: { name: group.receiver },
  };
}

/** `receiver` objects, in the order of the file. */
export function listReceivers(receivers: readonly Receiver[], query: AlertQuery): object[] {
  return receivers
    .filter(({ labels }) =>
      query.receiverMatchers.every((one) => one.matches(labels.get(one.name) ?? '')),
    )
    .map(({ name, labels }) => ({ name, labels: Object.fromEntries(labels) }));
}

function receiverTest(
  service: NotificationService,
  query: AlertQuery,
): (receiver: string) => boolean {
  const byLabels = new Set(
    service.config.receivers
      .filter(({ labels }) =>
        query.receiverMatchers.every((matcher) => matcher.matches(labels.get(matcher.name) ?? '')),
      )
      .map(({ name }) => name),
  );
  return (receiver) => byLabels.has(receiver) && (query.receiver?.test(receiver) ?? true);
}

function isAskedFor(alert: Alert, status: AlertStatus, query: AlertQuery): boolean {
  if (!query.active && status.state === 'active') return false;
  if (!query.silenced && status.silencedBy.length > 0) return false;
  if (!query.inhibited && status.inhibitedBy.length > 0) return false;
  return matchesAll(alert.labels, query.matchers);
}

function toAlertJson(
  alert: Alert,
  status: AlertStatus,
  mutedBy: readonly string[],
  receivers: readonly string[],
): AlertJson {
  return {
    annotations: alert.annotations.toRecord(),
    endsAt: new Date(alert.endsAtMs).toISOString(),
    fingerprint: alert.fingerprint,
    receivers: receivers.map((name) => ({ name })),
    startsAt: new Date(alert.startsAtMs).toISOString(),
    status: {
      inhibitedBy: status.inhibitedBy,
      mutedBy,
      silencedBy: status.silencedBy,
      state: mutedBy.length > 0 ? 'suppressed' : status.state,
    },
    updatedAt: new Date(alert.updatedAtMs).toISOString(),
    ...(alert.generatorUrl === '' ? {} : { generatorURL: alert.generatorUrl }),
    labels: alert.labels.toRecord(),
  };
}
