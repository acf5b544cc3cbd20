import { Secret } from '#libs/yaml-config';
import { type HttpReceiver, jsonBody } from '../http/http-receiver.ts';
import { byteLength } from '../message/clip.ts';
import type { SettingsOf } from './settings-of.ts';
import { webhookBody } from './webhook.ts';

/** incident.io refuses larger events. */
const MAX_EVENT_BYTES = 512_000;

/** incident.io: an alert source of the kind `alertmanager`. */
export const incidentioReceiver: HttpReceiver<SettingsOf<'incidentio'>> = {
  *converse(scope) {
    const { url, token, metadata, max_alerts: maxAlerts } = scope.settings;
    const extra =
      metadata.size === 0
        ? {}
        : {
            metadata: Object.fromEntries(
              [...metadata].map(([name, value]) => [
                name,
                scope.expandValue(value, `metadata.${name}`),
              ]),
            ),
          };
    const bodyOf = (count: number) => ({ ...webhookBody(scope, count), version: '1', ...extra });
    const total = scope.data.alerts.length;
    let count = maxAlerts > 0 ? Math.min(maxAlerts, total) : total;
    while (count > 1 && byteLength(JSON.stringify(bodyOf(count))) > MAX_EVENT_BYTES) {
      count = Math.ceil(count / 2);
    }
    const { headers, ...rest } = jsonBody(bodyOf(count));
    yield {
      url,
      ...rest,
      headers:
        token === null
          ? headers
          : [...headers, ['Authorization', new Secret(`Bearer ${token.reveal()}`)]],
    };
  },
};
