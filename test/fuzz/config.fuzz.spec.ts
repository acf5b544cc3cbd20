import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from '@jest/globals';
import {
  buildTargets,
  explainRelabel,
  relabel,
  relabelConfigSchema,
  resolveScrapeConfigs,
  scrapeConfigsSchema,
} from '#libs/discovery';
import {
  decodeDispatchRecord,
  formatMatchers,
  MatcherTextError,
  parseAlertmanagerConfig,
  parseMatchers,
  redactAlertmanagerConfig,
} from '#libs/dispatch';
import { Labels } from '#libs/labels';
import { httpModuleSchema, tcpModuleSchema } from '#libs/probes';
import { decodeStoredAlert, encodeStoredAlert, parseRuleFile, RuleFileError } from '#libs/rules';
import {
  ByteSizeSyntaxError,
  parseByteSize,
  ConfigTextError,
  parseYamlConfig,
  readYamlTree,
} from '#libs/yaml-config';
import { z } from 'zod';
import { itWithstands, promise } from './fuzz.ts';
import { tokensOf } from './hostile-input.ts';

/** YAML costs some 2 ms an input, twenty times what the other decoders do. */
const YAML_DIVISOR = 8;

const YAML_TOKENS = tokensOf(
  'a b key :␣ : -␣ - ⏎ ⏎␣␣ ⏎␣␣␣␣ ⏎-␣ ⏎␣␣-␣ { } [ ] ,␣ " \' &a␣ *a <<:␣ <<:␣*a !!binary␣',
  '!!map␣ !x␣ | |⏎␣␣ >-⏎␣␣ ---⏎ ...⏎ #␣c⏎ ?␣ %YAML␣1.2⏎ ${HOME} ${ $$ ~ null true 0x1F 0o17',
  '1e3 .inf 2024-01-01 ⇥ "\\u00e9" [[ {a:␣ -␣-␣ __proto__:␣ x:␣&a␣[*a',
);

const anything = z.looseObject({
  list: z.array(z.strictObject({ name: z.string(), size: z.int().optional() })).optional(),
  map: z
    .record(z.string().regex(/^[a-z]+$/), z.union([z.string(), z.strictObject({ a: z.int() })]))
    .optional(),
});

const RULES = [
  readFileSync(join(import.meta.dirname, '..', '..', 'deploy', 'local', 'local.rules.yml'), 'utf8'),
  'groups:\n- name: g\n  interval: 30s\n  limit: 3\n  labels: {team: x}\n  rules:\n' +
    '  - record: job:up:sum\n    expr: sum by (job) (up)\n    labels: {a: b}\n' +
    '  - alert: Down\n    expr: up == 0\n    for: 5m\n    keep_firing_for: 1m\n' +
    '    annotations:\n      summary: "{{ $labels.job }} is {{ $value | humanize }}"\n',
  'apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nspec:\n  groups: [{name: a, rules: [{alert: B, expr: "1"}]}]\n',
];
const RULE_TOKENS = [
  ...YAML_TOKENS,
  ...tokensOf(
    'groups:⏎ -␣name:␣g⏎ ␣␣rules:⏎ ␣␣-␣alert:␣A⏎ ␣␣-␣record:␣r⏎ ␣␣␣␣expr:␣up⏎ ␣␣␣␣for:␣5m⏎',
    '␣␣␣␣labels:⏎ ␣␣␣␣annotations:⏎ ␣␣␣␣␣␣s:␣"{{␣$value␣}}"⏎ {{ }} $labels. up␣==␣0 limit:␣-1',
  ),
];

const ALERTMANAGER = [
  'route:\n  receiver: team\n  group_by: [alertname, cluster]\n  group_wait: 30s\n  routes:\n' +
    '  - matchers: [severity="page", team=~"a|b"]\n    receiver: hook\n    continue: true\n' +
    '    mute_time_intervals: [nights]\n    repeat_interval: 4h\n' +
    'receivers:\n- name: team\n  email_configs:\n  - to: a@example.org\n    from: b@example.org\n    smarthost: localhost:25\n' +
    '- name: hook\n  webhook_configs:\n  - url: http://localhost:9/x\n    max_alerts: 5\n    http_config: {bearer_token: secret}\n' +
    'inhibit_rules:\n- source_matchers: [severity="critical"]\n  target_matchers: [severity="warning"]\n  equal: [cluster]\n' +
    'time_intervals:\n- name: nights\n  time_intervals:\n  - times: [{start_time: "20:00", end_time: "24:00"}]\n' +
    '    weekdays: ["monday:friday"]\n    days_of_month: ["-3:-1"]\n    months: ["january:march", "5"]\n    years: ["2024:2030"]\n' +
    '    location: Europe/Berlin\ntemplates: ["*.tmpl"]\n',
  'global: {resolve_timeout: 5m, smtp_require_tls: false}\nroute: {receiver: r}\nreceivers: [{name: r}]\n',
];

const MATCHERS = [
  '{alertname="Down", "quoted name"=~"a.*|b", c!="", d!~bare}',
  'foo=bar,dings!=bums',
  'a="\\u00e9\\n", `raw`=\'x\',',
];

const SCRAPE = [
  'scrape_configs:\n- job_name: a\n  scrape_interval: 15s\n  metrics_path: /m\n  params: {x: [y]}\n  honor_labels: true\n' +
    '  static_configs:\n  - targets: ["localhost:9", "[::1]:80"]\n    labels: {env: prod}\n' +
    '  relabel_configs:\n  - {source_labels: [__address__], regex: "(.*):.*", target_label: host, replacement: "${1}-x"}\n' +
    '  - {action: labelmap, regex: "__meta_(.+)"}\n  - {action: hashmod, source_labels: [a], modulus: 8, target_label: shard}\n' +
    '  metric_relabel_configs:\n  - {action: labeldrop, regex: le}\n  sample_limit: 10\n  body_size_limit: 1MB\n',
  'global: {scrape_interval: 1m, scrape_timeout: 10s}\nscrape_configs:\n- {job_name: b, scheme: https, static_configs: [{targets: [x]}]}\n',
];
const scrapeFile = z.strictObject({
  global: z.looseObject({}).optional(),
  scrape_configs: scrapeConfigsSchema,
});

const LABELS = Labels.fromRecord({
  __name__: 'up',
  __address__: 'localhost:9',
  __meta_zone: 'eu',
  a: 'A.b-c',
  job: 'x',
});
const RELABEL = [
  'r:\n- {source_labels: [a, job], separator: "", regex: "(?P<x>A).*", target_label: "n_$1", replacement: "${x}$2$$"}\n' +
    '- {action: labelmap, regex: "__meta_(.*)", replacement: "m_$1"}\n- {action: keepequal, source_labels: [a], target_label: a}\n' +
    '- {action: uppercase, source_labels: [job], target_label: up}\n- {action: labelkeep, regex: ".+"}\n',
  'r:\n- {action: hashmod, source_labels: [__address__], modulus: 18446744073709551615, target_label: h}\n- {action: drop, regex: x, source_labels: [job]}\n',
];
const RELABEL_TOKENS = [
  ...YAML_TOKENS,
  ...tokensOf(
    'r:⏎ -␣{action:␣ replace keep drop labelmap hashmod ,␣source_labels:␣[ ,␣regex:␣" "',
    ',␣target_label:␣ ,␣replacement:␣" $1 ${1} ${ $$ (.*) (a|b)* ,␣modulus:␣ }⏎',
  ),
];
const relabelFile = z.strictObject({ r: z.array(relabelConfigSchema) });

const PROBES = [
  'http: {method: POST, valid_status_codes: [200], fail_if_body_matches_regexp: ["error"], headers: {A: b}, body: x}\n' +
    'tcp: {query_response: [{expect: "^SSH-([^ ]+)", send: "hi ${1}"}, {starttls: true}], tls: true}\n',
];
const probeFile = z.strictObject({
  http: httpModuleSchema.optional(),
  tcp: tcpModuleSchema.optional(),
});

describe('configuration', () => {
  itWithstands({
    name: 'parseYamlConfig',
    corpus: [
      'list:\n- name: a\n  size: 1\nmap: {x: y, z: {a: 2}}\nbase: &b {k: v}\nother: {<<: *b}\n',
      ...RULES,
    ],
    tokens: YAML_TOKENS,
    refusals: [ConfigTextError],
    divisor: YAML_DIVISOR,
    decode(input) {
      parseYamlConfig(input.toString(), anything, { file: 'f', env: { HOME: '/home' } });
      promise(
        !('polluted' in {}) && Object.keys(Object.prototype).length === 0,
        'a prototype has changed',
      );
    },
  });

  itWithstands({
    name: 'readYamlTree',
    corpus: RULES,
    tokens: YAML_TOKENS,
    refusals: [ConfigTextError],
    divisor: YAML_DIVISOR,
    decode: (input) => void readYamlTree(input.toString(), { file: 'f' }),
  });

  itWithstands({
    name: 'rule file',
    corpus: RULES,
    tokens: RULE_TOKENS,
    refusals: [RuleFileError],
    divisor: YAML_DIVISOR,
    decode: (input) => parseRuleFile(input.toString(), { file: 'f' }).groups.length > 0,
  });

  itWithstands({
    name: 'alertmanager.yml',
    corpus: ALERTMANAGER,
    tokens: YAML_TOKENS,
    refusals: [ConfigTextError],
    divisor: YAML_DIVISOR,
    decode(input) {
      parseAlertmanagerConfig(input.toString(), 'f');
      redactAlertmanagerConfig(input.toString());
    },
  });

  itWithstands({
    name: 'matchers of alerts',
    corpus: MATCHERS,
    tokens: [
      'a',
      '"b c"',
      "'d'",
      '`e`',
      '=',
      '!=',
      '=~',
      '!~',
      '{',
      '}',
      ',',
      ' ',
      '\\',
      '"',
      '\\n',
      '\\x',
      'é',
      '[',
      '(a+)+',
    ],
    refusals: [MatcherTextError],
    decode(input) {
      const text = formatMatchers(parseMatchers(input.toString()));
      const again = formatMatchers(parseMatchers(text));
      promise(again === text, () => `written as ${text}, which is read as ${again}`);
    },
  });

  itWithstands({
    name: 'scrape_configs',
    corpus: SCRAPE,
    tokens: YAML_TOKENS,
    refusals: [ConfigTextError],
    divisor: YAML_DIVISOR,
    decode(input) {
      const { scrape_configs: jobs } = parseYamlConfig(input.toString(), scrapeFile, { file: 'f' });
      const { configs } = resolveScrapeConfigs(jobs ?? []);
      for (const config of configs) buildTargets(config, config.staticGroups);
      return configs.length > 0;
    },
  });

  itWithstands({
    name: 'relabel_configs',
    corpus: RELABEL,
    tokens: RELABEL_TOKENS,
    refusals: [ConfigTextError],
    divisor: YAML_DIVISOR,
    decode(input) {
      const { r: rules } = parseYamlConfig(input.toString(), relabelFile, { file: 'f' });
      const result = relabel(LABELS, rules);
      if (rules.length === 0) return false;
      const explained = explainRelabel(LABELS, rules).at(-1)?.result ?? null;
      promise(explained?.key === result?.key, 'the explanation ends elsewhere');
      if (result !== null) {
        promise(Labels.fromPairs(result).key === result.key, 'labels out of order');
      }
      return true;
    },
  });

  itWithstands({
    name: 'probe modules',
    corpus: PROBES,
    tokens: YAML_TOKENS,
    refusals: [ConfigTextError],
    divisor: YAML_DIVISOR,
    decode: (input) => void parseYamlConfig(input.toString(), probeFile, { file: 'f' }),
  });

  itWithstands({
    name: 'byte size',
    corpus: ['1MB', '512KiB', '1GiB', '10'],
    tokens: ['1', '0', '.', 'K', 'M', 'G', 'i', 'B', '-', ' '],
    maxBytes: 64,
    refusals: [ByteSizeSyntaxError],
    decode(input) {
      const bytes = parseByteSize(input.toString('latin1'));
      promise(bytes >= 0 && !Number.isNaN(bytes), `read as ${bytes}`);
    },
  });
});

describe('state kept on disk', () => {
  itWithstands({
    name: 'stored alert',
    corpus: [
      encodeStoredAlert({
        labels: ['alertname', 'A', 'job', 'x'],
        annotations: ['summary', 's'],
        value: Number.NaN,
        state: { kind: 'firing', activeAtMs: 1, firedAtMs: 2, missingSinceMs: null },
        noDataSinceMs: 3,
      }),
    ],
    tokens: [
      '{',
      '}',
      '[',
      ']',
      '"labels":',
      '"state":',
      '"kind":"firing"',
      ',',
      '1',
      'null',
      '"a"',
      '1e400',
      '"__proto__":',
    ],
    refusals: [],
    decode: (input) => decodeStoredAlert(input.toString()) !== null,
  });

  itWithstands({
    name: 'notification log record',
    corpus: [
      '{"kind":"alert-gone","fingerprint":"abc"}',
      '{"kind":"told","target":{"integration":{"receiver":"r","kind":"email","index":0},"groupKey":"{}:{}","groupLabels":["a","b"]},"firing":["x"],"atMs":5}',
    ],
    tokens: [
      '{',
      '}',
      '[',
      ']',
      '"kind":',
      '"told"',
      '"alert"',
      '"target":',
      ',',
      '1',
      'null',
      '"a"',
      '"__proto__":',
    ],
    refusals: [],
    decode: (input) => decodeDispatchRecord(input.toString()) !== null,
  });
});
