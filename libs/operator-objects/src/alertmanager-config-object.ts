import { Fields, type JobKeys, type Refusal } from './fields.ts';
import type { MonitorObject } from './translation.ts';

/** What an AlertmanagerConfig object adds to an `alertmanager.yml`. */
export interface AlertmanagerParts {
  /** The object's route, for alerts of its namespace only; null where it has none. */
  readonly route: JobKeys | null;
  readonly receivers: readonly JobKeys[];
  readonly inhibitRules: readonly JobKeys[];
  readonly timeIntervals: readonly JobKeys[];
  readonly refusals: readonly Refusal[];
  /** Files that take the place of Secrets. */
  readonly secrets: readonly SecretFile[];
}

/** A Secret's key that an object names, and the file in which its text is looked for. */
export interface SecretFile {
  readonly path: string;
  readonly namespace: string;
  readonly name: string;
  readonly key: string;
}

/** Where the texts of Secrets are to be, relative to the `alertmanager.yml`. */
const SECRETS_FOLDER = 'secrets';

/** Keys that are a list of `{key, value}` and a map in `alertmanager.yml`. */
const PAIRS: ReadonlySet<string> = new Set(['headers', 'details', 'customFields']);

/** Names that do not follow from ours by lower case and underscores. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ['apiURL', 'api_url'],
  ['requireTLS', 'require_tls'],
  ['enableHttp2', 'enable_http2'],
  ['mrkdwnIn', 'mrkdwn_in'],
  ['urlSecret', 'url'],
]);

/** Secrets that have another name in `alertmanager.yml`, by the list they stand in. */
const SECRET_NAMES: ReadonlyMap<string, string> = new Map([
  ['discordConfigs.apiURL', 'webhook_url'],
  ['webhookConfigs.urlSecret', 'url'],
]);

/**
 * The parts of an `alertmanager.yml` that an AlertmanagerConfig (v1alpha1 or v1beta1) comes to. As with the operator, its
 * route and inhibition see alerts of its own namespace only, and its names begin with `NAMESPACE/NAME/`. A Secret becomes
 * a `…_file`; what has no such key is refused.
 */
export function translateAlertmanagerConfig(object: MonitorObject): AlertmanagerParts {
  const { namespace, name } = object.metadata;
  const refusals: Refusal[] = [];
  const secrets: SecretFile[] = [];
  const spec = new Fields(object.spec, 'spec', refusals);
  const own = (text: string): string => `${namespace}/${name}/${text}`;
  const inNamespace = `namespace=${JSON.stringify(namespace)}`;
  const receivers = spec.list('receivers').map((receiver) => {
    const keys: JobKeys = { name: own(receiver.text('name')) };
    receiver.skip('name');
    for (const list of receiver.names()) {
      if (!list.endsWith('Configs') || !receiver.has(list)) continue;
      keys[snake(list)] = receiver
        .list(list)
        .map((entry) => new Integration(list, namespace, secrets).keysOf(entry));
    }
    return keys;
  });
  const intervals = spec.has('timeIntervals') ? 'timeIntervals' : 'muteTimeIntervals';
  return {
    route: spec.has('route')
      ? {
          ...routeKeys(spec.fields('route'), own),
          matchers: [inNamespace, ...matchersOf(spec.fields('route'), 'matchers')],
          continue: true,
        }
      : null,
    receivers,
    inhibitRules: spec.list('inhibitRules').map((rule) => ({
      source_matchers: [inNamespace, ...matchersOf(rule, 'sourceMatch')],
      target_matchers: [inNamespace, ...matchersOf(rule, 'targetMatch')],
      equal: rule.texts('equal'),
    })),
    timeIntervals: spec.list(intervals).map((interval) => ({
      name: own(interval.text('name')),
      time_intervals: interval.list('timeIntervals').map((times) => intervalKeys(times)),
    })),
    refusals,
    secrets,
  };
}

function routeKeys(route: Fields, own: (name: string) => string): JobKeys {
  const keys: JobKeys = {};
  if (route.has('receiver')) keys['receiver'] = own(route.text('receiver'));
  route.copy(
    keys,
    new Map([
      ['groupBy', 'group_by'],
      ['groupWait', 'group_wait'],
      ['groupInterval', 'group_interval'],
      ['repeatInterval', 'repeat_interval'],
      ['continue', 'continue'],
    ]),
  );
  for (const [key, name] of [
    ['muteTimeIntervals', 'mute_time_intervals'],
    ['activeTimeIntervals', 'active_time_intervals'],
  ] as const) {
    if (route.has(key)) keys[name] = route.texts(key).map(own);
  }
  const matchers = matchersOf(route, 'matchers');
  if (matchers.length > 0) keys['matchers'] = matchers;
  const routes = route.list('routes').map((child) => routeKeys(child, own));
  if (routes.length > 0) keys['routes'] = routes;
  return keys;
}

const OPERATORS: ReadonlySet<string> = new Set(['=', '!=', '=~', '!~']);

function matchersOf(from: Fields, key: string): string[] {
  return from.list(key).map((matcher) => {
    const name = matcher.text('name');
    // v1alpha1 had `regex` before there was `matchType`.
    const operator = matcher.text('matchType') || (matcher.flag('regex') === true ? '=~' : '=');
    if (!OPERATORS.has(operator)) matcher.refuse('matchType', 'accepted are =, !=, =~, !~');
    const isPlain = /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name);
    const shown = isPlain ? name : JSON.stringify(name);
    return `${shown}${operator}${JSON.stringify(matcher.text('value'))}`;
  });
}

function intervalKeys(interval: Fields): JobKeys {
  const keys: JobKeys = {};
  const times = interval.list('times').map((time) => ({
    start_time: time.text('startTime'),
    end_time: time.text('endTime'),
  }));
  if (times.length > 0) keys['times'] = times;
  for (const key of ['weekdays', 'months', 'years']) {
    if (interval.has(key)) keys[key] = interval.texts(key);
  }
  const days = interval.list('daysOfMonth').map((range) => {
    const [start, end] = ['start', 'end'].map((key) => range.text(key));
    return end === '' ? start! : `${start}:${end}`;
  });
  if (days.length > 0) keys['days_of_month'] = days;
  return keys;
}

/** One entry of `slackConfigs` and its like. */
class Integration {
  readonly #list: string;
  readonly #namespace: string;
  readonly #secrets: SecretFile[];

  constructor(list: string, namespace: string, secrets: SecretFile[]) {
    this.#list = list;
    this.#namespace = namespace;
    this.#secrets = secrets;
  }

  keysOf(from: Fields): JobKeys {
    const keys: JobKeys = {};
    for (const key of from.names()) {
      if (!from.has(key)) continue;
      const value = from.raw(key);
      if (PAIRS.has(key) && Array.isArray(value)) {
        const pairs = from.list(key).map((pair) => [pair.text('key'), pair.text('value')] as const);
        keys[snake(key)] = Object.fromEntries(pairs);
      } else if (Array.isArray(value)) {
        keys[snake(key)] = value.every((item) => typeof item === 'object')
          ? from.list(key).map((item) => this.keysOf(item))
          : value;
      } else if (isSecret(value)) {
        const name = SECRET_NAMES.get(`${this.#list}.${key}`) ?? snake(key);
        keys[`${name}_file`] = this.#file(from.fields(key));
      } else if (key === 'tlsConfig') {
        keys['tls_config'] = this.#tlsOf(from.fields(key));
      } else if (typeof value === 'object') {
        keys[snake(key)] = this.keysOf(from.fields(key));
      } else {
        keys[snake(key)] = value;
      }
    }
    return keys;
  }

  #tlsOf(tls: Fields): JobKeys {
    const keys: JobKeys = {};
    tls.copy(
      keys,
      new Map([
        ['insecureSkipVerify', 'insecure_skip_verify'],
        ['serverName', 'server_name'],
        ['minVersion', 'min_version'],
        ['maxVersion', 'max_version'],
      ]),
    );
    for (const key of ['ca', 'cert'] as const) {
      const source = tls.fields(key);
      if (source.has('secret')) keys[`${key}_file`] = this.#file(source.fields('secret'));
      if (source.has('configMap')) keys[`${key}_file`] = this.#file(source.fields('configMap'));
    }
    if (tls.has('keySecret')) keys['key_file'] = this.#file(tls.fields('keySecret'));
    return keys;
  }

  #file(selector: Fields): string {
    const [name, key] = ['name', 'key'].map((part) => selector.text(part));
    const isSafe = [this.#namespace, name!, key!].every((part) =>
      /^(?!\.+$)[-._a-zA-Z0-9]+$/.test(part),
    );
    if (!isSafe) selector.refuse('', 'expected the name and key of a Secret');
    const path = `${SECRETS_FOLDER}/${this.#namespace}/${name}/${key}`;
    this.#secrets.push({ path, namespace: this.#namespace, name: name!, key: key! });
    return path;
  }
}

/** `{name, key}` and nothing else. */
function isSecret(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const keys = Object.keys(value);
  return keys.includes('key') && keys.every((key) => ['name', 'key', 'optional'].includes(key));
}

/** `slackConfigs` as `slack_configs`, `chatID` as `chat_id`. */
function snake(key: string): string {
  return (
    NAMES.get(key) ??
    key
      .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
      .replaceAll(/([A-Z])([A-Z][a-z])/g, '$1_$2')
      .toLowerCase()
      .replace(/^ops_genie/, 'opsgenie')
      .replace(/^victor_ops/, 'victorops')
      .replace(/^pager_duty/, 'pagerduty')
      .replace(/^ms_?teams/, 'msteams')
      .replace(/^we_?chat/, 'wechat')
      .replace(/^rocket_chat/, 'rocketchat')
  );
}
