import { type Alert, formatMatchers, isResolved, type Notification } from '#libs/dispatch';
import type { Labels } from '#libs/labels';
import { previewMessage } from './message-preview.ts';
import type { NotificationService } from './notification-service.ts';
import { DEFAULT_TEST_ALERT, testNotification } from './receiver-test.ts';

/** Alerts that a rendered message is about, at most; a preview need not be longer. */
const MOST_ALERTS = 100;

/**
 * What becomes of an alert with these labels at an instant: the routes it takes, its groups, what holds it back, when its
 * groups are flushed, and what would be sent then.
 */
export async function explain(
  service: NotificationService,
  labels: Labels,
  nowMs: number,
): Promise<object> {
  const { silences, inhibitedBy, routes } = service.explain(labels, nowMs);
  const known = service.alert(labels.fingerprint);
  const isHeldBack = silences.length > 0 || inhibitedBy !== null;
  return {
    labels: labels.toRecord(),
    time: new Date(nowMs).toISOString(),
    isKnown: known !== null,
    isHeldBack: isHeldBack || routes.every(({ mutedBy }) => mutedBy.length > 0),
    silencedBy: silences.map(({ id, createdBy, comment, endsAtMs, matchers }) => ({
      id,
      matchers: formatMatchers(matchers),
      createdBy,
      comment,
      endsAt: new Date(endsAtMs).toISOString(),
    })),
    inhibitedBy: inhibitedBy === null ? null : inhibitedBy.labels.toRecord(),
    routes: await Promise.all(
      routes.map(async ({ route, groupKey, groupLabels, group, mutedBy, nextFlushMs }) => ({
        route: route.key,
        receiver: route.receiver,
        groupKey,
        groupLabels: groupLabels.toRecord(),
        groupWaitMs: route.groupWaitMs,
        groupIntervalMs: route.groupIntervalMs,
        repeatIntervalMs: route.repeatIntervalMs,
        mutedBy,
        group:
          group === null
            ? null
            : { alerts: group.members.size, hasBeenAnnounced: group.hasFlushed },
        nextFlush: new Date(nextFlushMs).toISOString(),
        messages: await previews(
          service,
          route.receiver,
          { groupKey, groupLabels, routeLabels: route.labels },
          alertsOf(service, labels, known, group?.members.keys() ?? [], nowMs),
          nowMs,
        ),
      })),
    ),
  };
}

/** The alert itself and those that fire in its group. */
function alertsOf(
  service: NotificationService,
  labels: Labels,
  known: Alert | null,
  members: Iterable<string>,
  nowMs: number,
): Notification['alerts'] {
  const alerts: Alert[] = [];
  for (const fingerprint of members) {
    const alert = service.alert(fingerprint);
    if (alert === null || isResolved(alert, nowMs) || fingerprint === labels.fingerprint) continue;
    if (alerts.length >= MOST_ALERTS) break;
    alerts.push(alert);
  }
  return [
    known ?? { ...UNKNOWN, labels, fingerprint: labels.fingerprint, startsAtMs: nowMs },
    ...alerts,
  ].map((alert) => ({
    status: 'firing',
    labels: alert.labels,
    annotations: alert.annotations,
    startsAtMs: alert.startsAtMs,
    endsAtMs: null,
    generatorUrl: alert.generatorUrl,
    fingerprint: alert.fingerprint,
  }));
}

const UNKNOWN = { annotations: DEFAULT_TEST_ALERT.annotations.only(new Set()), generatorUrl: '' };

async function previews(
  service: NotificationService,
  receiver: string,
  group: Required<Pick<Notification, 'groupKey' | 'groupLabels' | 'routeLabels'>>,
  alerts: Notification['alerts'],
  nowMs: number,
): Promise<readonly object[]> {
  const { context, ports } = service.delivery;
  const integrations = service.config.receivers.find(({ name }) => name === receiver)?.integrations;
  return Promise.all(
    (integrations ?? []).map((integration) => {
      const notification = testNotification(integration, DEFAULT_TEST_ALERT, 'preview', nowMs);
      return previewMessage(
        { ...notification, ...group, alerts },
        integration,
        { ...context, nowMs: () => nowMs },
        ports,
      );
    }),
  );
}
