import type { EmailIntegration, Notification } from '#libs/dispatch';
import type { DeliveryContext, DeliveryPorts, DeliveryReport } from '../delivery-context.ts';
import type { TemplateFault } from '../message/message-templates.ts';
import { composeEmail } from './compose-email.ts';

/** A mail server may think for a while: it checks spam while we wait. */
const MIN_TIMEOUT_MS = 30_000;

/** @throws DeliveryError */
export async function sendEmail(
  notification: Notification,
  integration: EmailIntegration,
  context: DeliveryContext,
  ports: DeliveryPorts,
): Promise<DeliveryReport> {
  const templateFaults: TemplateFault[] = [];
  const message = composeEmail(notification, integration, context, templateFaults);
  const timeoutMs = Math.max(context.defaultTimeoutMs, MIN_TIMEOUT_MS);
  const refusedAddressees = await ports.mail.send(message, integration, timeoutMs);
  return { templateFaults, refusedAddressees };
}
