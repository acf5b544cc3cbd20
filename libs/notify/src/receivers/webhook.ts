import { toWebhookPayload } from '../webhook/webhook-payload.ts';
import { type HttpReceiver, jsonBody } from '../http/http-receiver.ts';
import type { MessageScope } from '../http/message-scope.ts';
import type { SettingsOf } from './settings-of.ts';

/** Alertmanager's webhook: the whole notification as JSON, or whatever the block's `payload` makes of it. */
export const webhookReceiver: HttpReceiver<SettingsOf<'webhook'>> = {
  *converse(scope) {
    const { url, payload, max_alerts: maxAlerts } = scope.settings;
    const body =
      payload === null
        ? webhookBody(scope, maxAlerts)
        : Object.fromEntries(
            [...payload].map(([name, value]) => [
              name,
              scope.expandValue(value, `payload.${name}`),
            ]),
          );
    const { headers, ...rest } = jsonBody(body);
    yield {
      url: url.reveal().includes('{{') ? scope.requiredSecret(url, 'url') : url,
      ...rest,
      // Not one of Alertmanager's: the same for every attempt at this message, for receivers that want each only once.
      headers: [...headers, ['Idempotency-Key', scope.notification.id]],
    };
  },
};

/** The payload of version 4. */
export function webhookBody(scope: MessageScope<unknown>, maxAlerts: number): object {
  const { externalUrl, routeLabels = null } = scope.data;
  return toWebhookPayload(scope.notification, { externalUrl, maxAlerts, routeLabels });
}
