import type { Integration, Notification } from '#libs/dispatch';
import type { DeliveryContext, DeliveryPorts, DeliveryReport } from './delivery-context.ts';
import { sendEmail } from './email/send-email.ts';
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
  return integration.kind === 'email'
    ? sendEmail(notification, integration, context, ports)
    : sendOverHttp(notification, integration, context, ports);
}
