import { z } from 'zod';
import { maybe, positiveDuration, secretText, text } from '../yaml-values.ts';
import {
  checkSecretUrl,
  readSecret,
  receiverBlock,
  required,
  requiredSecretUrl,
  requiredText,
  webUrl,
} from './receiver-block.ts';

/* Services that take Alertmanager's webhook at an address of their own, another Alertmanager, and a sign of life. */

const presetFields = {
  url: maybe(secretText),
  url_file: maybe(text),
  max_alerts: maybe(z.int().min(0)),
};

export const grafanaoncallBlock = receiverBlock({
  kind: 'grafanaoncall',
  sendsResolved: true,
  defaults: {},
  fields: presetFields,
  read: (raw, scope) => ({
    url: required(
      checkSecretUrl(readSecret(raw, 'url', scope), 'url', scope),
      'one of url and url_file is missing: the address of the integration "Alertmanager"',
      scope,
    ),
    max_alerts: raw.max_alerts ?? 0,
  }),
});

export const goalertBlock = receiverBlock({
  kind: 'goalert',
  sendsResolved: true,
  defaults: {},
  fields: {
    server_url: maybe(text),
    token: maybe(secretText),
    token_file: maybe(text),
    max_alerts: maybe(z.int().min(0)),
  },
  read: (raw, scope) => {
    requiredText(raw.server_url, 'server_url', scope);
    return {
      server_url: webUrl(raw.server_url, '', 'server_url', scope),
      token: required(
        readSecret(raw, 'token', scope),
        'one of token and token_file is missing: that of the integration key "Prometheus Alertmanager"',
        scope,
      ),
      max_alerts: raw.max_alerts ?? 0,
    };
  },
});

export const alertmanagerBlock = receiverBlock({
  kind: 'alertmanager',
  sendsResolved: true,
  defaults: {},
  fields: { url: maybe(text), valid_for: maybe(positiveDuration) },
  read: (raw, scope) => {
    requiredText(raw.url, 'url', scope);
    return {
      url: webUrl(raw.url, '', 'url', scope),
      // Beyond the default repeat_interval, after which it hears of the alert again.
      validForMs: raw.valid_for ?? 5 * 3_600_000,
    };
  },
});

export const heartbeatBlock = receiverBlock({
  kind: 'heartbeat',
  sendsResolved: false,
  defaults: {},
  fields: {
    url: maybe(secretText),
    url_file: maybe(text),
    resolved_url: maybe(secretText),
    resolved_url_file: maybe(text),
    method: maybe(z.enum(['GET', 'POST'], { error: 'expected GET or POST' })),
  },
  read: (raw, scope) => ({
    url: requiredSecretUrl(raw, 'url', scope),
    resolved_url: checkSecretUrl(readSecret(raw, 'resolved_url', scope), 'resolved_url', scope),
    method: raw.method ?? ('GET' as const),
  }),
});

/** A tag's parts are separated by dots. */
const TAG = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;

export const fluentdBlock = receiverBlock({
  kind: 'fluentd',
  sendsResolved: true,
  defaults: {},
  fields: {
    host: maybe(text),
    port: maybe(z.int().min(1).max(65_535)),
    tag: maybe(text.refine((tag) => TAG.test(tag), 'expected a tag such as binnacle.alerts')),
    shared_key: maybe(secretText),
    shared_key_file: maybe(text),
  },
  read: (raw, scope) => {
    if (scope.http !== null) {
      scope.complain([...scope.path, 'http_config'], 'means nothing here: Fluentd speaks no HTTP');
    }
    return {
      host: requiredText(raw.host, 'host', scope),
      port: raw.port ?? 24_224,
      tag: raw.tag ?? 'binnacle',
      shared_key: readSecret(raw, 'shared_key', scope),
    };
  },
});
