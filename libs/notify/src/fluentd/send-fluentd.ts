import { formatRfc3339 } from '#libs/calendar';
import type { FluentdIntegration, Notification } from '#libs/dispatch';
import type { DeliveryContext, DeliveryPorts, DeliveryReport } from '../delivery-context.ts';
import type { FluentRecord } from '../ports.ts';

const LABEL = 'alert';

/** Sends each alert of a notification as a record of its own, tagged `<tag>.alert`. @throws DeliveryError */
export async function sendFluentd(
  notification: Notification,
  integration: FluentdIntegration,
  context: DeliveryContext,
  ports: DeliveryPorts,
): Promise<DeliveryReport> {
  const { host, port, tag, shared_key: key } = integration.settings;
  const target = {
    host,
    port,
    tag,
    sharedKey: key === null ? null : await ports.secrets.read(key),
  };
  const timeoutMs = integration.timeoutMs ?? context.defaultTimeoutMs;
  await ports.fluent.send(target, LABEL, toRecords(notification), timeoutMs);
  return { templateFaults: [], refusedAddressees: [] };
}

/** The records of a notification: label sets are mappings, times are RFC 3339. */
function toRecords(notification: Notification): FluentRecord[] {
  const { id, integration, groupKey, groupLabels, reason, createdAtMs } = notification;
  return notification.alerts.map((alert) => ({
    timeMs: createdAtMs,
    record: {
      status: alert.status,
      labels: alert.labels.toRecord(),
      annotations: alert.annotations.toRecord(),
      starts_at: formatRfc3339(alert.startsAtMs),
      ends_at: alert.endsAtMs === null ? null : formatRfc3339(alert.endsAtMs),
      generator_url: alert.generatorUrl,
      fingerprint: alert.fingerprint,
      receiver: integration.receiver,
      reason,
      group_key: groupKey,
      group_labels: groupLabels.toRecord(),
      // The same at every attempt: an acknowledgement that was lost makes records come twice.
      notification_id: id,
    },
  }));
}
