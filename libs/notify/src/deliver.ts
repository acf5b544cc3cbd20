import type { Integration, Notification } from '#libs/dispatch';
import type { DeliveryContext, DeliveryPorts, DeliveryReport } from './delivery-context.ts';
import { sendEmail } from './email/send-email.ts';
import { sendWebhook } from './webhook/send-webhook.ts';

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
  switch (integration.kind) {
    case 'webhook':
      return sendWebhook(notification, integration, context, ports);
    case 'email':
      return sendEmail(notification, integration, context, ports);
  }
}
