import type { Matcher } from '#libs/labels';
import { assert } from '#libs/invariant';
import { formatMatchers, sortMatchers } from '../matchers/parse-matchers.ts';
import type {
  AlertmanagerConfig,
  EmailIntegration,
  Receiver,
  Route,
} from './alertmanager-config.ts';
import type {
  RawConfig,
  RawEmail,
  RawGlobal,
  RawReceiver,
  RawRoute,
} from './alertmanager-schema.ts';
import { filled, secretSource } from './config-checks.ts';
import { buildHttp, buildTls } from './http-config.ts';
import type { HttpIntegration } from './integration-config.ts';
import { type LoadedBlock, type RawBlock, readBlock } from './receivers/receiver-block.ts';
import {
  type FluentdIntegration,
  type HttpReceiverIntegration,
  RECEIVER_BLOCKS,
} from './receivers/receiver-blocks.ts';

const DEFAULT_RESOLVE_TIMEOUT_MS = 5 * 60_000;
const DEFAULT_ROUTE: Inherited = {
  receiver: '',
  groupBy: [],
  groupWaitMs: 30_000,
  groupIntervalMs: 5 * 60_000,
  repeatIntervalMs: 4 * 3_600_000,
  labels: new Map(),
};

type Inherited = Pick<
  Route,
  'receiver' | 'groupBy' | 'groupWaitMs' | 'groupIntervalMs' | 'repeatIntervalMs' | 'labels'
>;

/** Fills in defaults and what is inherited. The configuration must have passed its checks. */
export function buildAlertmanagerConfig(raw: RawConfig): AlertmanagerConfig {
  assert(raw.route !== null, 'a checked configuration has a route');
  const { global } = raw;
  return {
    templates: raw.templates,
    resolveTimeoutMs: global?.resolve_timeout ?? DEFAULT_RESOLVE_TIMEOUT_MS,
    route: buildRoute(raw.route, DEFAULT_ROUTE, ''),
    receivers: raw.receivers.map((receiver) => buildReceiver(receiver, global)),
    inhibitRules: raw.inhibit_rules.map((rule) => ({
      source: [...rule.source_match, ...rule.source_match_re, ...rule.source_matchers],
      target: [...rule.target_match, ...rule.target_match_re, ...rule.target_matchers],
      equal: rule.equal,
    })),
    timeIntervals: new Map(
      [...raw.mute_time_intervals, ...raw.time_intervals].map((named) => [
        named.name,
        named.time_intervals,
      ]),
    ),
  };
}

function buildRoute(raw: RawRoute, parent: Inherited, parentKey: string): Route {
  const matchers = sortMatchers([...raw.match, ...raw.match_re, ...raw.matchers]);
  const inherited: Inherited = {
    receiver: raw.receiver === null || raw.receiver === '' ? parent.receiver : raw.receiver,
    groupBy: raw.group_by === null ? parent.groupBy : groupLabels(raw.group_by),
    groupWaitMs: raw.group_wait ?? parent.groupWaitMs,
    groupIntervalMs: raw.group_interval ?? parent.groupIntervalMs,
    repeatIntervalMs: raw.repeat_interval ?? parent.repeatIntervalMs,
    labels: new Map([
      ...parent.labels,
      ...raw.labels.map(([label, template]) => [label, template ?? ''] as const),
    ]),
  };
  const key = routeKey(parentKey, matchers);
  return {
    ...inherited,
    key,
    matchers,
    continues: raw.continue ?? false,
    muteTimeIntervals: raw.mute_time_intervals,
    activeTimeIntervals: raw.active_time_intervals,
    routes: raw.routes.map((child) => buildRoute(child, inherited, key)),
  };
}

function groupLabels(written: readonly string[]): readonly string[] | null {
  return written.includes('...') ? null : written.toSorted();
}

function routeKey(parentKey: string, matchers: readonly Matcher[]): string {
  const own = formatMatchers(matchers);
  return parentKey === '' ? own : `${parentKey}/${own}`;
}

function buildReceiver(raw: RawReceiver, global: RawGlobal | null): Receiver {
  const { name } = raw;
  const given = raw.labels.map(([label, value]): [string, string] => [label, value ?? '']);
  const labels = new Map([...given, ['name', name]]);
  return {
    name,
    labels,
    integrations: [
      ...RECEIVER_BLOCKS.flatMap((block) =>
        raw[block.key].map(
          (written, index) =>
            // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each block builds its own kind.
            buildBlock<string, object>(block as LoadedBlock, written, {
              receiver: name,
              index,
              global,
            }) as HttpReceiverIntegration | FluentdIntegration,
        ),
      ),
      ...raw.email_configs.map((email, index) => buildEmail(email, name, index, global)),
    ],
  };
}

function buildBlock<Kind extends string, Settings>(
  block: LoadedBlock<Kind, Settings>,
  raw: RawBlock,
  place: { readonly receiver: string; readonly index: number; readonly global: RawGlobal | null },
): HttpIntegration<Kind, Settings> {
  const { receiver, index, global } = place;
  const { kind, defaults } = block;
  return {
    kind,
    ref: { receiver, kind, index },
    sendsResolved: raw.send_resolved ?? block.sendsResolved,
    settings: readBlock(block, raw, {
      global,
      http: raw.http_config,
      path: [],
      complain: (path, message) => assert(false, `${path.join('.')}: ${message}`),
    }),
    defaults,
    timeoutMs: raw.timeout === null || raw.timeout === 0 ? null : raw.timeout,
    http: buildHttp(raw.http_config ?? global?.http_config ?? null),
  };
}

function buildEmail(
  raw: RawEmail,
  receiver: string,
  index: number,
  global: RawGlobal | null,
): EmailIntegration {
  const smarthost = raw.smarthost ?? global?.smtp_smarthost ?? null;
  assert(smarthost !== null, 'a checked email receiver has a smarthost');
  return {
    kind: 'email',
    ref: { receiver, kind: 'email', index },
    sendsResolved: raw.send_resolved ?? false,
    to: raw.to ?? '',
    from: filled(raw.from) ?? filled(global?.smtp_from) ?? '',
    smarthost,
    hello: filled(raw.hello) ?? filled(global?.smtp_hello) ?? 'localhost',
    auth: buildSmtpAuth(raw, global),
    requiresTls: raw.require_tls ?? global?.smtp_require_tls ?? true,
    usesImplicitTls: raw.force_implicit_tls ?? global?.smtp_force_implicit_tls ?? null,
    tls: buildTls(raw.tls_config ?? global?.smtp_tls_config ?? null),
    headers: new Map(raw.headers.map(([header, value]) => [header, value ?? ''])),
    html: raw.html,
    text: raw.text,
    threading: threadingOf(raw),
  };
}

/** Unlike in Alertmanager, messages of a group hang together unless the file says otherwise. */
function threadingOf(raw: RawEmail): EmailIntegration['threading'] {
  if (raw.threading?.enabled === false) return 'none';
  return raw.threading?.thread_by_date === 'daily' ? 'group-and-day' : 'group';
}

function buildSmtpAuth(raw: RawEmail, global: RawGlobal | null): EmailIntegration['auth'] {
  const username = filled(raw.auth_username) ?? filled(global?.smtp_auth_username);
  if (username === null) return { kind: 'none' };
  const secret =
    secretSource(raw.auth_secret, raw.auth_secret_file) ??
    secretSource(global?.smtp_auth_secret, global?.smtp_auth_secret_file);
  const password =
    secretSource(raw.auth_password, raw.auth_password_file) ??
    secretSource(global?.smtp_auth_password, global?.smtp_auth_password_file);
  if (password !== null) return { kind: 'password', username, password };
  return secret === null ? { kind: 'none' } : { kind: 'cram-md5', username, secret };
}
