import { z } from 'zod';
import { complainIfBoth, filled } from '../config-checks.ts';
import { duration, list, maybe, secretText, text, textEntries } from '../yaml-values.ts';
import {
  apiUrl,
  calls,
  optionalFlag,
  optionalText,
  readSecret,
  receiverBlock,
  requiredInherited,
  requiredSecret,
  templates,
  webUrl,
} from './receiver-block.ts';
import { templatedValues } from './templated-value.ts';

/* Services that wake people up: they keep incidents, which we open, update and close. */

const pagerdutyDefaults = {
  client: calls('pagerduty.default.client'),
  client_url: calls('pagerduty.default.clientURL'),
  description: calls('pagerduty.default.description'),
  severity: 'error',
};

/** What an incident tells beyond its summary. */
const PAGERDUTY_DETAILS: Readonly<Record<string, string>> = {
  firing: '{{ .Alerts.Firing | toJson }}',
  resolved: '{{ .Alerts.Resolved | toJson }}',
  num_firing: '{{ .Alerts.Firing | len }}',
  num_resolved: '{{ .Alerts.Resolved | len }}',
};

export const pagerdutyBlock = receiverBlock({
  kind: 'pagerduty',
  sendsResolved: true,
  defaults: pagerdutyDefaults,
  fields: {
    ...templates(pagerdutyDefaults),
    routing_key: maybe(secretText),
    routing_key_file: maybe(text),
    service_key: maybe(secretText),
    service_key_file: maybe(text),
    url: maybe(text),
    source: maybe(text),
    details: templatedValues,
    images: list(z.strictObject({ href: optionalText, src: optionalText, alt: optionalText })),
    links: list(z.strictObject({ href: optionalText, text: optionalText })),
    component: optionalText,
    group: optionalText,
    class: optionalText,
  },
  read: (raw, scope) => {
    const routingKey = readSecret(raw, 'routing_key', scope);
    const serviceKey = readSecret(raw, 'service_key', scope);
    if (routingKey === null && serviceKey === null) {
      scope.complain(scope.path, 'one of routing_key and service_key is missing');
    } else if (routingKey !== null && serviceKey !== null) {
      scope.complain(
        [...scope.path, 'service_key'],
        'at most one of routing_key and service_key is accepted',
      );
    }
    return {
      ...raw,
      routing_key: routingKey,
      service_key: serviceKey,
      url: webUrl(raw.url ?? scope.global?.pagerduty_url, '', 'url', scope),
      source: raw.source ?? raw.client,
      details: new Map([...Object.entries(PAGERDUTY_DETAILS), ...raw.details]),
    };
  },
});

const opsgenieDefaults = {
  message: calls('opsgenie.default.message'),
  description: calls('opsgenie.default.description'),
  source: calls('opsgenie.default.source'),
};

const RESPONDER_TYPES = ['team', 'teams', 'user', 'escalation', 'schedule'];

export const opsgenieBlock = receiverBlock({
  kind: 'opsgenie',
  sendsResolved: true,
  defaults: opsgenieDefaults,
  fields: {
    ...templates(opsgenieDefaults),
    api_key: maybe(secretText),
    api_key_file: maybe(text),
    api_url: maybe(text),
    details: textEntries,
    responders: list(
      z.strictObject({
        id: optionalText,
        name: optionalText,
        username: optionalText,
        type: optionalText,
      }),
    ),
    tags: optionalText,
    note: optionalText,
    priority: optionalText,
    update_alerts: optionalFlag,
    entity: optionalText,
    actions: optionalText,
  },
  read: (raw, scope) => {
    for (const [i, { id, name, username, type }] of raw.responders.entries()) {
      const at = [...scope.path, 'responders', i];
      if ([id, name, username].filter((each) => each !== '').length !== 1) {
        scope.complain(at, 'expected exactly one of id, name and username');
      }
      if (!type.includes('{{') && !RESPONDER_TYPES.includes(type.toLowerCase())) {
        scope.complain([...at, 'type'], `expected one of ${RESPONDER_TYPES.join(', ')}`);
      }
    }
    return {
      ...raw,
      api_key: requiredInherited(raw, 'api_key', 'opsgenie_api_key', scope),
      api_url: apiUrl(raw, 'opsgenie_api_url', 'https://api.opsgenie.com/', scope),
    };
  },
});

const victoropsDefaults = {
  message_type: 'CRITICAL',
  entity_display_name: calls('victorops.default.entity_display_name'),
  state_message: calls('victorops.default.state_message'),
  monitoring_tool: calls('victorops.default.monitoring_tool'),
};

const VICTOROPS_RESERVED = new Set([
  'routing_key',
  'message_type',
  'state_message',
  'entity_display_name',
  'monitoring_tool',
  'entity_id',
  'entity_state',
]);

export const victoropsBlock = receiverBlock({
  kind: 'victorops',
  sendsResolved: true,
  defaults: victoropsDefaults,
  fields: {
    ...templates(victoropsDefaults),
    api_key: maybe(secretText),
    api_key_file: maybe(text),
    api_url: maybe(text),
    routing_key: maybe(text),
    custom_fields: textEntries,
  },
  read: (raw, scope) => {
    if (filled(raw.routing_key) === null) scope.complain(scope.path, '"routing_key" is missing');
    for (const [name] of raw.custom_fields) {
      if (VICTOROPS_RESERVED.has(name)) {
        scope.complain([...scope.path, 'custom_fields', name], 'is a field that is set already');
      }
    }
    return {
      ...raw,
      routing_key: raw.routing_key ?? '',
      api_key: requiredInherited(raw, 'api_key', 'victorops_api_key', scope),
      api_url: apiUrl(
        raw,
        'victorops_api_url',
        'https://alert.victorops.com/integrations/generic/20131114/alert/',
        scope,
      ),
    };
  },
});

export const incidentioBlock = receiverBlock({
  kind: 'incidentio',
  sendsResolved: true,
  defaults: {},
  fields: {
    url: maybe(secretText),
    url_file: maybe(text),
    alert_source_token: maybe(secretText),
    alert_source_token_file: maybe(text),
    max_alerts: maybe(z.int().min(0)),
    metadata: templatedValues,
  },
  read: (raw, scope) => {
    const token = readSecret(raw, 'alert_source_token', scope);
    const hasOwnAuthorization = scope.http !== null && scope.http.authorization !== null;
    if (token === null && !hasOwnAuthorization) {
      scope.complain(
        scope.path,
        'one of alert_source_token, alert_source_token_file and http_config.authorization is missing',
      );
    } else if (token !== null && hasOwnAuthorization) {
      scope.complain(
        [...scope.path, 'alert_source_token'],
        'is not accepted together with http_config.authorization',
      );
    }
    return {
      url: requiredSecret(raw, 'url', scope),
      token,
      max_alerts: raw.max_alerts ?? 0,
      metadata: new Map(raw.metadata),
    };
  },
});

const pushoverDefaults = {
  title: calls('pushover.default.title'),
  message: calls('pushover.default.message'),
  url: calls('pushover.default.url'),
  priority: '{{ if eq .Status "firing" }}2{{ else }}0{{ end }}',
};

export const pushoverBlock = receiverBlock({
  kind: 'pushover',
  sendsResolved: true,
  defaults: pushoverDefaults,
  fields: {
    ...templates(pushoverDefaults),
    user_key: maybe(secretText),
    user_key_file: maybe(text),
    token: maybe(secretText),
    token_file: maybe(text),
    url_title: optionalText,
    device: optionalText,
    sound: optionalText,
    retry: maybe(duration),
    expire: maybe(duration),
    ttl: maybe(duration),
    html: optionalFlag,
    monospace: optionalFlag,
  },
  read: (raw, scope) => {
    if (raw.html && raw.monospace) {
      complainIfBoth(
        { html: true, monospace: true },
        ['html', 'monospace'],
        scope.path,
        scope.complain,
      );
    }
    return {
      ...raw,
      user_key: requiredSecret(raw, 'user_key', scope),
      token: requiredSecret(raw, 'token', scope),
      retryMs: raw.retry ?? 60_000,
      expireMs: raw.expire ?? 3_600_000,
      ttlMs: raw.ttl ?? 0,
    };
  },
});
