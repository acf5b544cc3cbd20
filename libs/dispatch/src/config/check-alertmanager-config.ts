import { isValidUtf8Name } from '#libs/labels';
import type { z } from 'zod';
import type {
  RawConfig,
  RawEmail,
  RawGlobal,
  RawReceiver,
  RawRoute,
} from './alertmanager-schema.ts';
import { type Complain, complainIfBoth, isBlank, type Path } from './config-checks.ts';
import { checkHttp, checkTls } from './http-config.ts';
import { readBlock } from './receivers/receiver-block.ts';
import { RECEIVER_BLOCKS } from './receivers/receiver-blocks.ts';
import { checkReceiverGlobals } from './receivers/receiver-globals.ts';

/** Checks what several keys say together, as a refinement of the schema, so that messages get their lines. */
export function checkAlertmanagerConfig(
  config: RawConfig,
  context: z.core.$RefinementCtx<RawConfig>,
): void {
  const complain: Complain = (path, message) => {
    context.addIssue({ code: 'custom', path: [...path], message });
  };
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
  checkReceiverGlobals(global, ['global'], complain);
  complainIfBoth(global, ['smtp_auth_password', 'smtp_auth_password_file'], ['global'], complain);
  complainIfBoth(global, ['smtp_auth_secret', 'smtp_auth_secret_file'], ['global'], complain);
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
  for (const block of RECEIVER_BLOCKS) {
    for (const [i, raw] of receiver[block.key].entries()) {
      const at = [...path, block.key, i];
      readBlock<object>(block, raw, { global, http: raw.http_config, path: at, complain });
      if (raw.http_config !== null) checkHttp(raw.http_config, [...at, 'http_config'], complain);
    }
  }
  for (const [i, email] of receiver.email_configs.entries()) {
    checkEmail(email, global, [...path, 'email_configs', i], complain);
  }
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
  complainIfBoth(email, ['auth_password', 'auth_password_file'], path, complain);
  complainIfBoth(email, ['auth_secret', 'auth_secret_file'], path, complain);
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
