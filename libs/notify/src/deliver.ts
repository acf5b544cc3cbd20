import type { Integration, Notification } from '#libs/dispatch';
import type { DeliveryContext, DeliveryPorts, DeliveryReport } from './delivery-context.ts';
import { sendEmail } from './email/send-email.ts';
import { sendFluentd } from './fluentd/send-fluentd.ts';
import { sendOverHttp } from './receivers/http-receivers.ts';

/**
 * Makes one attempt to deliver a notification.
 * @throws DeliveryError
 */
export function deliver(
  notification: Notification,
  integration: Integration,
  context: DeliveryContext,
  ports: DeliveryPorts,
): Promise<DeliveryReport> {
  if (integration.kind === 'email') return sendEmail(notification, integration, context, ports);
  if (integration.kind === 'fluentd') return sendFluentd(notification, integration, context, ports);
  return sendOverHttp(notification, integration, context, ports);
}
