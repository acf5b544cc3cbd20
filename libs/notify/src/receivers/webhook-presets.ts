import { formatRfc3339 } from '#libs/calendar';
import { Secret } from '#libs/yaml-config';
import { type HttpReceiver, jsonBody } from '../http/http-receiver.ts';
import { joinUrl } from './join-url.ts';
import type { SettingsOf } from './settings-of.ts';
import { webhookBody } from './webhook.ts';

/** Grafana OnCall and Grafana IRM: they take Alertmanager's webhook at the address of an integration. */
export const grafanaoncallReceiver: HttpReceiver<SettingsOf<'grafanaoncall'>> = {
  *converse(scope) {
    yield {
      url: scope.settings.url,
      ...jsonBody(webhookBody(scope, scope.settings.max_alerts)),
    };
  },
};

/** GoAlert: it takes Alertmanager's webhook, and knows the service by the token. */
export const goalertReceiver: HttpReceiver<SettingsOf<'goalert'>> = {
  *converse(scope) {
    const { server_url: server, token, max_alerts: maxAlerts } = scope.settings;
    const query = new URLSearchParams({ token: token.reveal() });
    const path = `api/v2/prometheusalertmanager/incoming?${query.toString()}`;
    yield { url: new Secret(joinUrl(server, path)), ...jsonBody(webhookBody(scope, maxAlerts)) };
  },
};

/** Another Alertmanager: it gets the alerts themselves, and groups and routes them anew. */
export const alertmanagerReceiver: HttpReceiver<SettingsOf<'alertmanager'>> = {
  *converse(scope) {
    const { url, validForMs } = scope.settings;
    const alerts = scope.data.alerts.map((alert) => ({
      labels: alert.labels.toRecord(),
      annotations: alert.annotations.toRecord(),
      startsAt: formatRfc3339(alert.startsAtMs),
      // It would otherwise take an alert for resolved before it hears of it again.
      endsAt: formatRfc3339(alert.endsAtMs ?? scope.nowMs + validForMs),
      generatorURL: alert.generatorUrl,
    }));
    yield { url: joinUrl(url, 'api/v2/alerts'), ...jsonBody(alerts) };
  },
};

/**
 * A dead man's switch: an address that wants to be called as long as all is well. Route an alert to it that always
 * fires; each notification and each repetition calls once.
 */
export const heartbeatReceiver: HttpReceiver<SettingsOf<'heartbeat'>> = {
  *converse(scope) {
    const { url, resolved_url: resolvedUrl, method } = scope.settings;
    const address = scope.isFiring ? url : resolvedUrl;
    if (address !== null) yield { method, url: address };
  },
};
