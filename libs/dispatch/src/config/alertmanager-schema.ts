import { isValidLegacyName, isValidUtf8Name, Matcher, RegExpSyntaxError } from '#libs/labels';
import { z } from 'zod';
import { httpConfigSchema, tlsConfigSchema } from './http-config.ts';
import type { RawBlock } from './receivers/receiver-block.ts';
import { RECEIVER_BLOCKS } from './receivers/receiver-blocks.ts';
import { receiverGlobalFields } from './receivers/receiver-globals.ts';
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
  tls_config: maybe(tlsConfigSchema),
  threading: maybe(
    z.strictObject({
      enabled: maybe(flag),
      thread_by_date: maybe(z.enum(['none', 'daily', ''])),
    }),
  ),
});

/** `slack_configs` and the like. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each entry has the key of its block.
const blockLists = Object.fromEntries(
  RECEIVER_BLOCKS.map(({ key, schema }) => [key, list(schema)]),
) as unknown as { [Key in (typeof RECEIVER_BLOCKS)[number]['key']]: z.ZodType<RawBlock[]> };

const receiver = z.strictObject({
  name,
  labels: textEntries,
  email_configs: list(emailConfig),
  ...blockLists,
});

/** Labels of a route; their values are templates. */
const routeLabels = textEntries.superRefine((entries, context) => {
  for (const [label] of entries) {
    if (isValidUtf8Name(label)) continue;
    context.addIssue({ code: 'custom', path: [label], message: 'expected a label name' });
  }
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
  labels: routeLabels,
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
  ...receiverGlobalFields,
  http_config: maybe(httpConfigSchema),
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
  smtp_tls_config: maybe(tlsConfigSchema),
});

/** Accepted, since files bring it along; how the engine traces is told by its environment. */
const tracing = z.strictObject({
  client_type: maybe(text),
  endpoint: maybe(text),
  sampling_fraction: maybe(z.number().min(0).max(1)),
  insecure: maybe(flag),
  tls_config: maybe(tlsConfigSchema),
  headers: textEntries,
  compression: maybe(text),
  timeout: maybe(duration),
});

export const rawConfigSchema = z.strictObject({
  global: maybe(globalConfig),
  tracing: maybe(tracing),
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
export type RawEmail = z.output<typeof emailConfig>;
