import { isValidUtf8Name } from '#libs/labels';
import type { z } from 'zod';
import type {
  RawConfig,
  RawEmail,
  RawGlobal,
  RawHttpConfig,
  RawReceiver,
  RawRoute,
  RawTlsConfig,
  RawWebhook,
} from './alertmanager-schema.ts';

type Path = readonly (string | number)[];
type Complain = (path: Path, message: string) => void;

/** Checks what several keys say together, as a refinement of the schema, so that messages get their lines. */
export function checkAlertmanagerConfig(
  config: RawConfig,
  context: z.core.$RefinementCtx<RawConfig>,
): void {
  const complain: Complain = (path, message) => {
    context.addIssue({ code: 'custom', path: [...path], message });
  };
  if (config.templates.length > 0) {
    complain(
      ['templates', 0],
      'template files are not supported here yet; accepted is an empty list',
    );
  }
  if (config.global !== null) checkGlobal(config.global, complain);
  checkReceivers(config, complain);
  checkTimeIntervalNames(config, complain);
  for (const [i, rule] of config.inhibit_rules.entries()) {
    checkUnique(rule.equal, ['inhibit_rules', i, 'equal'], complain);
  }
  if (config.route === null) complain([], 'a "route" is missing: the root of the routing tree');
  else checkRoot(config.route, config, complain);
}

function checkGlobal(global: RawGlobal, complain: Complain): void {
  checkAtMostOne(global, ['smtp_auth_password', 'smtp_auth_password_file'], ['global'], complain);
  checkAtMostOne(global, ['smtp_auth_secret', 'smtp_auth_secret_file'], ['global'], complain);
  if (global.http_config !== null) {
    checkHttp(global.http_config, ['global', 'http_config'], complain);
  }
  if (global.smtp_tls_config !== null) {
    checkTls(global.smtp_tls_config, ['global', 'smtp_tls_config'], complain);
  }
}

function checkReceivers(config: RawConfig, complain: Complain): void {
  const { receivers } = config;
  checkUnique(
    receivers.map((receiver) => receiver.name),
    ['receivers'],
    complain,
    'name',
  );
  for (const [i, receiver] of receivers.entries()) {
    checkReceiver(receiver, config.global, ['receivers', i], complain);
  }
}

function checkReceiver(
  receiver: RawReceiver,
  global: RawGlobal | null,
  path: Path,
  complain: Complain,
): void {
  for (const [i, webhook] of receiver.webhook_configs.entries()) {
    checkWebhook(webhook, [...path, 'webhook_configs', i], complain);
  }
  for (const [i, email] of receiver.email_configs.entries()) {
    checkEmail(email, global, [...path, 'email_configs', i], complain);
  }
}

function checkWebhook(webhook: RawWebhook, path: Path, complain: Complain): void {
  checkAtMostOne(webhook, ['url', 'url_file'], path, complain);
  if (isBlank(webhook.url?.reveal()) && isBlank(webhook.url_file)) {
    complain(path, 'one of url and url_file is missing');
  } else if (webhook.url !== null) {
    const reason = whyNotWebhookUrl(webhook.url.reveal());
    if (reason !== null) complain([...path, 'url'], reason);
  }
  if (webhook.http_config !== null) {
    checkHttp(webhook.http_config, [...path, 'http_config'], complain);
  }
}

function whyNotWebhookUrl(url: string): string | null {
  if (url.includes('{{')) return 'templates in URLs are not supported here yet; expected a URL';
  if (!/^https?:\/\/[^/]/i.test(url) || !URL.canParse(url)) {
    return 'expected a URL that starts with http:// or https://';
  }
  return null;
}

function checkEmail(
  email: RawEmail,
  global: RawGlobal | null,
  path: Path,
  complain: Complain,
): void {
  if (isBlank(email.to)) complain(path, '"to" is missing: the address to write to');
  if (isBlank(email.from) && isBlank(global?.smtp_from)) {
    complain(path, '"from" is missing, and there is no global smtp_from');
  }
  if (email.smarthost === null && (global?.smtp_smarthost ?? null) === null) {
    complain(path, '"smarthost" is missing, and there is no global smtp_smarthost');
  }
  checkAtMostOne(email, ['auth_password', 'auth_password_file'], path, complain);
  checkAtMostOne(email, ['auth_secret', 'auth_secret_file'], path, complain);
  const seen = new Set<string>();
  for (const [header] of email.headers) {
    // RFC 5322, section 2.2: printable ASCII but for the colon.
    if (!/^[!-9;-~]+$/.test(header)) {
      complain([...path, 'headers', header], 'expected the name of a header');
    }
    if (seen.has(header.toLowerCase())) complain([...path, 'headers', header], 'is given twice');
    seen.add(header.toLowerCase());
  }
  if (email.threading?.enabled === true) {
    for (const header of ['References', 'In-Reply-To']) {
      if (seen.has(header.toLowerCase())) {
        complain([...path, 'threading', 'enabled'], `contradicts a header ${header}`);
      }
    }
  }
  if (email.tls_config !== null) checkTls(email.tls_config, [...path, 'tls_config'], complain);
}

function checkHttp(http: RawHttpConfig, path: Path, complain: Complain): void {
  checkAtMostOne(http, ['basic_auth', 'authorization'], path, complain);
  if (http.basic_auth !== null) {
    const at = [...path, 'basic_auth'];
    checkAtMostOne(http.basic_auth, ['password', 'password_file'], at, complain);
  }
  if (http.authorization !== null) {
    const at = [...path, 'authorization'];
    const type = http.authorization.type ?? 'Bearer';
    checkAtMostOne(http.authorization, ['credentials', 'credentials_file'], at, complain);
    if (type.trim().toLowerCase() === 'basic') {
      complain([...at, 'type'], 'cannot be Basic; use basic_auth for that');
    } else if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]*$/.test(type)) {
      complain([...at, 'type'], 'expected one word such as Bearer');
    }
  }
  if (http.tls_config !== null) checkTls(http.tls_config, [...path, 'tls_config'], complain);
}

function checkTls(tls: RawTlsConfig, path: Path, complain: Complain): void {
  checkAtMostOne(tls, ['ca', 'ca_file'], path, complain);
  checkAtMostOne(tls, ['cert', 'cert_file'], path, complain);
  checkAtMostOne(tls, ['key', 'key_file'], path, complain);
  const hasCert = !isBlank(tls.cert) || !isBlank(tls.cert_file);
  const hasKey = !isBlank(tls.key?.reveal()) || !isBlank(tls.key_file);
  if (hasCert !== hasKey) complain(path, 'a certificate and its key are needed together');
  if (tls.min_version !== null && tls.max_version !== null && tls.min_version > tls.max_version) {
    complain([...path, 'min_version'], 'must not be above max_version');
  }
}

function checkTimeIntervalNames(config: RawConfig, complain: Complain): void {
  const seen = new Set<string>();
  for (const key of ['mute_time_intervals', 'time_intervals'] as const) {
    for (const [i, { name }] of config[key].entries()) {
      if (seen.has(name)) complain([key, i, 'name'], 'is given twice');
      seen.add(name);
    }
  }
}

function checkRoot(root: RawRoute, config: RawConfig, complain: Complain): void {
  const path = ['route'];
  if (isBlank(root.receiver)) complain(path, 'the root route needs a "receiver"');
  if (root.match.length + root.match_re.length + root.matchers.length > 0) {
    complain(path, 'the root route must not have matchers, since every alert enters there');
  }
  for (const key of ['mute_time_intervals', 'active_time_intervals'] as const) {
    if (root[key].length > 0) complain([...path, key], 'cannot be given for the root route');
  }
  if (root.continue === true) complain([...path, 'continue'], 'cannot be true for the root route');
  const names = {
    receivers: new Set(config.receivers.map((receiver) => receiver.name)),
    timeIntervals: new Set(
      [...config.mute_time_intervals, ...config.time_intervals].map((named) => named.name),
    ),
  };
  checkRoute(root, names, path, complain);
}

interface KnownNames {
  readonly receivers: ReadonlySet<string>;
  readonly timeIntervals: ReadonlySet<string>;
}

function checkRoute(route: RawRoute, names: KnownNames, path: Path, complain: Complain): void {
  if (route.receiver !== null && route.receiver !== '' && !names.receivers.has(route.receiver)) {
    const known = [...names.receivers].map((name) => JSON.stringify(name)).join(', ');
    complain(
      [...path, 'receiver'],
      `no receiver is named ${JSON.stringify(route.receiver)}; there are ${known || 'none'}`,
    );
  }
  const groupBy = route.group_by ?? [];
  if (groupBy.includes('...') && groupBy.length > 1) {
    complain([...path, 'group_by'], '... means all labels and must stand alone');
  }
  for (const [i, label] of groupBy.entries()) {
    if (!isValidUtf8Name(label)) complain([...path, 'group_by', i], 'expected a label name');
  }
  checkUnique(groupBy, [...path, 'group_by'], complain);
  for (const key of ['mute_time_intervals', 'active_time_intervals'] as const) {
    for (const [i, name] of route[key].entries()) {
      if (!names.timeIntervals.has(name)) {
        complain([...path, key, i], `no time interval is named ${JSON.stringify(name)}`);
      }
    }
  }
  for (const [i, child] of route.routes.entries()) {
    checkRoute(child, names, [...path, 'routes', i], complain);
  }
}

function checkUnique(
  values: readonly string[],
  path: Path,
  complain: Complain,
  key?: string,
): void {
  const seen = new Set<string>();
  for (const [i, value] of values.entries()) {
    const at = key === undefined ? [...path, i] : [...path, i, key];
    if (seen.has(value)) complain(at, `${JSON.stringify(value)} is given twice`);
    seen.add(value);
  }
}

function checkAtMostOne<Key extends string>(
  values: Readonly<Partial<Record<Key, unknown>>>,
  [first, second]: readonly [Key, Key],
  path: Path,
  complain: Complain,
): void {
  if (isGiven(values[first]) && isGiven(values[second])) {
    complain([...path, second], `at most one of ${first} and ${second} is accepted`);
  }
}

function isGiven(value: unknown): boolean {
  return value !== null && value !== undefined && value !== '';
}

function isBlank(value: string | null | undefined): boolean {
  return value === null || value === undefined || value === '';
}
