import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import type { Notification, NotificationReason, NotifiedAlert } from '#libs/dispatch';
import { compareAlertLabels, formatLabelSet } from '#libs/dispatch';
import { Labels } from '#libs/labels';
import { toWebhookPayload, type WebhookAlert, type WebhookPayload } from '#libs/notify';
import { describeConformance } from '../support/conformance.ts';

interface Recorded {
  readonly path?: string;
  readonly json?: WebhookPayload;
}

/* Every webhook that a real Alertmanager sent: taken apart into a notification, and put together again by us. */
describeConformance(
  'webhook payloads',
  ['alertmanager', 'golden', 'notifications.ndjson'],
  (path) => {
    const records = readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      // Times are whole milliseconds here; Alertmanager's clock counts nanoseconds.
      .map(
        (line) => JSON.parse(line.replaceAll(/([.][0-9]{2}[1-9]?)0*[0-9]{6}Z/g, '$1Z')) as Recorded,
      )
      .filter((record) => record.path?.startsWith('/webhook') === true);

    it('are there', () => {
      expect(records.length).toBeGreaterThan(20);
    });

    it.each(records.map((record, i) => [`${i} ${record.path}`, record.json!] as const))(
      '%s',
      (_, recorded) => {
        const notification = notificationOf(recorded);
        const payload = toWebhookPayload(notification, {
          externalUrl: recorded.externalURL,
          maxAlerts: recorded.truncatedAlerts > 0 ? recorded.alerts.length : 0,
        });
        expect(JSON.parse(JSON.stringify(payload))).toEqual(recorded);
      },
    );

    it.each(records.map((record, i) => [`${i} ${record.path}`, record.json!] as const))(
      '%s: fingerprints, order and group key are ours',
      (_, { alerts, groupKey, groupLabels }) => {
        const sets = alerts.map((alert) => Labels.fromRecord(alert.labels));
        expect(sets.map((labels) => labels.fingerprint)).toEqual(
          alerts.map((alert) => alert.fingerprint),
        );
        expect(sets.toSorted(compareAlertLabels)).toEqual(sets);
        expect(groupKey.endsWith(`:${formatLabelSet(Labels.fromRecord(groupLabels))}`)).toBe(true);
      },
    );
  },
);

function notificationOf(recorded: WebhookPayload): Notification {
  const alerts = recorded.alerts.map(alertOf);
  // What was left out of the record only has to be there.
  const left = Array.from({ length: recorded.truncatedAlerts }, () => alerts[0]!);
  return {
    id: 'x',
    integration: { receiver: recorded.receiver, kind: 'webhook', index: 0 },
    groupKey: recorded.groupKey,
    groupLabels: Labels.fromRecord(recorded.groupLabels),
    reason: recorded.notification_reason as NotificationReason,
    status: recorded.status,
    alerts: [...alerts, ...left],
    createdAtMs: 0,
  };
}

function alertOf(alert: WebhookAlert): NotifiedAlert {
  return {
    status: alert.status,
    labels: Labels.fromRecord(alert.labels),
    annotations: Labels.fromRecord(alert.annotations),
    startsAtMs: Date.parse(alert.startsAt),
    endsAtMs: alert.status === 'firing' ? null : Date.parse(alert.endsAt),
    generatorUrl: alert.generatorURL,
    fingerprint: alert.fingerprint,
  };
}
