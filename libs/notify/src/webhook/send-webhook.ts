import type { HttpClientConfig, Notification, WebhookIntegration } from '#libs/dispatch';
import { Secret } from '#libs/yaml-config';
import { judgeHttpAnswer } from '../delivery/http-verdict.ts';
import type { DeliveryContext, DeliveryPorts, DeliveryReport } from '../delivery-context.ts';
import { toWebhookPayload } from './webhook-payload.ts';

/** @throws DeliveryError */
export async function sendWebhook(
  notification: Notification,
  integration: WebhookIntegration,
  context: DeliveryContext,
  ports: DeliveryPorts,
): Promise<DeliveryReport> {
  const { externalUrl, nowMs, defaultTimeoutMs } = context;
  const payload = toWebhookPayload(notification, { externalUrl, maxAlerts: integration.maxAlerts });
  const answer = await ports.http.post({
    url: await ports.secrets.read(integration.url),
    headers: [
      ['Content-Type', 'application/json'],
      ['User-Agent', context.userAgent],
      // Not one of Alertmanager's: the same for every attempt at this message, for receivers that want each only once.
      ['Idempotency-Key', notification.id],
      ...(await authorization(integration.http, ports)),
    ],
    body: JSON.stringify(payload),
    timeoutMs: integration.timeoutMs ?? defaultTimeoutMs,
    tls: integration.http.tls,
  });
  const error = judgeHttpAnswer(answer, nowMs());
  if (error !== null) throw error;
  return { templateFaults: [], refusedAddressees: [] };
}

async function authorization(
  http: HttpClientConfig,
  ports: DeliveryPorts,
): Promise<(readonly [string, Secret])[]> {
  const config = http.authorization;
  switch (config.kind) {
    case 'none':
      return [];
    case 'basic': {
      const password =
        config.password === null ? '' : (await ports.secrets.read(config.password)).reveal();
      const encoded = Buffer.from(`${config.username}:${password}`).toString('base64');
      return [['Authorization', new Secret(`Basic ${encoded}`)]];
    }
    case 'header': {
      const credentials = await ports.secrets.read(config.credentials);
      return [['Authorization', new Secret(`${config.scheme} ${credentials.reveal()}`)]];
    }
  }
}
