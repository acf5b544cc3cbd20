import { isValidLegacyName, isValidUtf8Name, Matcher, RegExpSyntaxError } from '#libs/labels';
import { z } from 'zod';
import {
  flag,
  list,
  matcherList,
  maybe,
  duration,
  positiveDuration,
  secretText,
  text,
  textEntries,
} from './yaml-values.ts';
import { timeIntervalSchema } from './time-interval-schema.ts';

/*
 * The file as it is written. What several keys say together is checked in `check-alertmanager-config.ts`, what follows
 * from it is worked out in `build-alertmanager-config.ts`.
 */

const name = text.refine((value) => value !== '', 'must not be empty');
const path = text;

const labelName = text.refine(isValidUtf8Name, 'expected a label name');

/** The old form of equality matchers: `match: {name: value}`. */
const match = textEntries.transform((entries, context): Matcher[] =>
  entries.flatMap(([label, value]) => {
    if (isValidLegacyName(label, 'label')) return [new Matcher(label, '=', value ?? '')];
    context.addIssue({ code: 'custom', path: [label], message: 'expected a label name' });
    return [];
  }),
);

/** The old form of regular expression matchers: `match_re: {name: pattern}`. */
const matchRe = textEntries.transform((entries, context): Matcher[] =>
  entries.flatMap(([label, pattern]) => {
    const complain = (message: string) => {
      context.addIssue({ code: 'custom', path: [label], message });
      return [];
    };
    if (!isValidLegacyName(label, 'label')) return complain('expected a label name');
    if (pattern === null) return complain('expected a regular expression');
    try {
      // Alertmanager keeps the pattern with its anchors, and it becomes part of the group's key.
      return [new Matcher(label, '=~', `^(?:${pattern})$`)];
    } catch (error) {
      if (!(error instanceof RegExpSyntaxError)) throw error;
      return complain(error.message);
    }
  }),
);

const TLS_VERSIONS = {
  TLS10: 'TLSv1',
  TLS11: 'TLSv1.1',
  TLS12: 'TLSv1.2',
  TLS13: 'TLSv1.3',
} as const;
const tlsVersion = z
  .enum(['TLS10', 'TLS11', 'TLS12', 'TLS13'])
  .transform((version) => TLS_VERSIONS[version]);

const tlsConfig = z.strictObject({
  ca: maybe(text),
  ca_file: maybe(path),
  cert: maybe(text),
  cert_file: maybe(path),
  key: maybe(secretText),
  key_file: maybe(path),
  server_name: maybe(text),
  insecure_skip_verify: maybe(flag),
  min_version: maybe(tlsVersion),
  max_version: maybe(tlsVersion),
});

const httpConfig = z.strictObject({
  basic_auth: maybe(
    z.strictObject({
      username: maybe(text),
      password: maybe(secretText),
      password_file: maybe(path),
    }),
  ),
  authorization: maybe(
    z.strictObject({
      type: maybe(text),
      credentials: maybe(secretText),
      credentials_file: maybe(path),
    }),
  ),
  // Both are accepted and change nothing: redirects are never followed, and HTTP/1.1 serves everywhere.
  follow_redirects: maybe(flag),
  enable_http2: maybe(flag),
  tls_config: maybe(tlsConfig),
});

/** `host:port`, or an empty text for none. */
const hostAndPort = text.transform((value, context): { host: string; port: number } | null => {
  if (value === '') return null;
  const parts = /^(?:\[([^\]]+)\]|([^:[\]]*)):([^:]+)$/.exec(value);
  const port = parts === null ? Number.NaN : portNumber(parts[3]!);
  if (parts === null || !(port > 0 && port <= 65_535)) {
    context.addIssue({ code: 'custom', message: 'expected HOST:PORT' });
    return z.NEVER;
  }
  return { host: parts[1] ?? (parts[2] === '' ? 'localhost' : parts[2]!), port };
});

const SERVICE_PORTS: Readonly<Record<string, number>> = { smtp: 25, smtps: 465, submission: 587 };

function portNumber(written: string): number {
  return /^[0-9]{1,5}$/.test(written) ? Number(written) : (SERVICE_PORTS[written] ?? Number.NaN);
}

const webhookConfig = z.strictObject({
  send_resolved: maybe(flag),
  http_config: maybe(httpConfig),
  url: maybe(secretText),
  url_file: maybe(path),
  max_alerts: maybe(z.int().min(0)),
  timeout: maybe(duration),
});

const emailConfig = z.strictObject({
  send_resolved: maybe(flag),
  to: maybe(text),
  from: maybe(text),
  hello: maybe(text),
  smarthost: maybe(hostAndPort),
  auth_username: maybe(text),
  auth_password: maybe(secretText),
  auth_password_file: maybe(path),
  auth_secret: maybe(secretText),
  auth_secret_file: maybe(path),
  headers: textEntries,
  html: maybe(text),
  text: maybe(text),
  require_tls: maybe(flag),
  force_implicit_tls: maybe(flag),
  tls_config: maybe(tlsConfig),
  threading: maybe(
    z.strictObject({
      enabled: maybe(flag),
      thread_by_date: maybe(z.enum(['none', 'daily', ''])),
    }),
  ),
});

const receiver = z.strictObject({
  name,
  labels: textEntries,
  webhook_configs: list(webhookConfig),
  email_configs: list(emailConfig),
});

const routeFields = {
  receiver: maybe(text),
  group_by: maybe(z.array(text)),
  match,
  match_re: matchRe,
  matchers: matcherList,
  mute_time_intervals: list(text),
  active_time_intervals: list(text),
  continue: maybe(flag),
  group_wait: maybe(duration),
  group_interval: maybe(positiveDuration),
  repeat_interval: maybe(positiveDuration),
};

const routeBase = z.strictObject(routeFields);

/** A route as it is written, before anything is inherited. */
export type RawRoute = z.output<typeof routeBase> & { readonly routes: readonly RawRoute[] };

const route: z.ZodType<RawRoute> = z.strictObject({
  ...routeFields,
  routes: z.lazy(() => list(route)),
});

const inhibitRule = z.strictObject({
  name: maybe(text),
  source_match: match,
  source_match_re: matchRe,
  source_matchers: matcherList,
  target_match: match,
  target_match_re: matchRe,
  target_matchers: matcherList,
  equal: list(labelName),
});

const namedTimeIntervals = z.strictObject({ name, time_intervals: list(timeIntervalSchema) });

const globalConfig = z.strictObject({
  resolve_timeout: maybe(positiveDuration),
  http_config: maybe(httpConfig),
  smtp_from: maybe(text),
  smtp_hello: maybe(text),
  smtp_smarthost: maybe(hostAndPort),
  smtp_auth_username: maybe(text),
  smtp_auth_password: maybe(secretText),
  smtp_auth_password_file: maybe(path),
  smtp_auth_secret: maybe(secretText),
  smtp_auth_secret_file: maybe(path),
  smtp_require_tls: maybe(flag),
  smtp_force_implicit_tls: maybe(flag),
  smtp_tls_config: maybe(tlsConfig),
});

export const rawConfigSchema = z.strictObject({
  global: maybe(globalConfig),
  templates: list(path),
  route: maybe(route),
  receivers: list(receiver),
  inhibit_rules: list(inhibitRule),
  mute_time_intervals: list(namedTimeIntervals),
  time_intervals: list(namedTimeIntervals),
});

export type RawConfig = z.output<typeof rawConfigSchema>;
export type RawReceiver = RawConfig['receivers'][number];
export type RawGlobal = NonNullable<RawConfig['global']>;
export type RawHttpConfig = z.output<typeof httpConfig>;
export type RawTlsConfig = z.output<typeof tlsConfig>;
export type RawWebhook = z.output<typeof webhookConfig>;
export type RawEmail = z.output<typeof emailConfig>;
