import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Labels } from '#libs/labels';
import { ConfigTextError } from '#libs/yaml-config';
import { groupKeyOf, groupLabelsOf, matchingRoutes } from '../route-tree.ts';
import type { EmailIntegration } from './alertmanager-config.ts';
import type { HttpReceiverIntegration } from './receivers/receiver-blocks.ts';
import { parseAlertmanagerConfig } from './parse-alertmanager-config.ts';
import { redactAlertmanagerConfig } from './redact-alertmanager-config.ts';

const parse = (text: string) => parseAlertmanagerConfig(text, 'am.yml');

function messageFor(text: string): string {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof ConfigTextError) return error.message;
    throw error;
  }
  return 'accepted';
}

const TREE = `
route:
  receiver: default
  group_by: [cluster]
  repeat_interval: 3h
  routes:
  - match_re: {service: foo|bar}
    receiver: web
    group_wait: 5s
    routes:
    - matchers: ['severity = critical', 'tier="1"']
      receiver: pager
      group_by: ['...']
  - match: {team: 2}
    continue: true
    receiver: two
    group_by: []
  - receiver: rest
    matchers: [other="yes"]
receivers: [{name: default}, {name: web}, {name: pager}, {name: two}, {name: rest}]
`;

describe('the routing tree', () => {
  const { route } = parse(TREE);
  it.each([
    [{ a: 'b' }, ['default {}:{}']],
    [{ cluster: 'x' }, ['default {}:{cluster="x"}']],
    [{ service: 'foo' }, ['web {}/{service=~"^(?:foo|bar)$"}:{}']],
    [
      { service: 'bar', severity: 'critical', tier: '1' },
      [
        'pager {}/{service=~"^(?:foo|bar)$"}/{severity="critical",tier="1"}:{service="bar", severity="critical", tier="1"}',
      ],
    ],
    [{ team: '2', cluster: 'x' }, ['two {}/{team="2"}:{}']],
    [
      { team: '2', cluster: 'x', other: 'yes' },
      ['two {}/{team="2"}:{}', 'rest {}/{other="yes"}:{cluster="x"}'],
    ],
  ])('leads %j to %j', (record, expected) => {
    const labels = Labels.fromRecord(record);
    const found = matchingRoutes(route, labels).map(
      (one) => `${one.receiver} ${groupKeyOf(one, groupLabelsOf(one, labels))}`,
    );
    expect(found).toEqual(expected);
  });

  it('hands intervals down and has defaults', () => {
    const [web] = route.routes;
    expect(route).toMatchObject({ groupWaitMs: 30_000, groupIntervalMs: 300_000 });
    expect(web).toMatchObject({
      groupWaitMs: 5_000,
      repeatIntervalMs: 10_800_000,
      groupBy: ['cluster'],
    });
  });
});

describe('receivers', () => {
  it('reads a webhook with everything', () => {
    const { receivers } = parse(`
global: {http_config: {authorization: {credentials: global-token}}}
route: {receiver: hook}
receivers:
- name: hook
  labels: {owner: web}
  webhook_configs:
  - url: https://example.org/hook?key=1
    send_resolved: no
    max_alerts: 3
    timeout: 5s
    http_config:
      follow_redirects: true
      basic_auth: {username: me, password_file: /etc/pw}
      tls_config: {insecure_skip_verify: true, min_version: TLS12}
  - url_file: /etc/url
`);
    const [first, second] = receivers[0]!.integrations as HttpReceiverIntegration[];
    expect([...receivers[0]!.labels]).toEqual([
      ['owner', 'web'],
      ['name', 'hook'],
    ]);
    expect(first).toMatchObject({
      ref: { receiver: 'hook', kind: 'webhook', index: 0 },
      sendsResolved: false,
      settings: { max_alerts: 3, payload: null },
      timeoutMs: 5_000,
      http: {
        authorization: {
          kind: 'basic',
          username: { kind: 'text', text: 'me' },
          password: { kind: 'file', path: '/etc/pw' },
        },
        tls: { skipsVerification: true, minVersion: 'TLSv1.2' },
      },
    });
    expect(second).toMatchObject({
      ref: { index: 1 },
      sendsResolved: true,
      timeoutMs: null,
      settings: { url: { kind: 'file', path: '/etc/url' } },
      http: { authorization: { kind: 'header', scheme: 'Bearer' } },
    });
    expect(JSON.stringify(receivers)).not.toMatch(/key=1|global-token/);
  });

  it('fills an e-mail receiver in from the global section', () => {
    const { receivers } = parse(`
global:
  smtp_smarthost: mail.example.org:587
  smtp_from: am@example.org
  smtp_auth_username: am
  smtp_auth_password: pw
route: {receiver: mail}
receivers:
- name: mail
  email_configs:
  - to: a@example.org
  - to: b@example.org
    smarthost: '[::1]:465'
    require_tls: false
    auth_secret: s
    auth_username: other
    headers: {subject: Hello}
    html: ''
    threading: {enabled: false}
`);
    const [first, second] = receivers[0]!.integrations as EmailIntegration[];
    expect(first).toMatchObject({
      sendsResolved: false,
      from: 'am@example.org',
      hello: 'localhost',
      smarthost: { host: 'mail.example.org', port: 587 },
      requiresTls: true,
      usesImplicitTls: null,
      auth: { kind: 'password', username: 'am' },
      html: null,
      threading: 'group',
    });
    expect(second).toMatchObject({
      smarthost: { host: '::1', port: 465 },
      requiresTls: false,
      html: '',
      threading: 'none',
    });
    expect([...second!.headers]).toEqual([['subject', 'Hello']]);
  });
});

const withReceiver = (yaml: string) => `route: {receiver: r}\nreceivers:\n- name: r\n${yaml}`;

describe('parseAlertmanagerConfig', () => {
  it.each([
    ['', /^am\.yml:1: a "route" is missing/],
    ['route: {}', /am\.yml:1: route: the root route needs a "receiver"/],
    [
      'route: {receiver: x}',
      /am\.yml:1: route\.receiver: no receiver is named "x"; there are none/,
    ],
    ['route: {receiver: r, continue: true}\nreceivers: [{name: r}]', /:1: route\.continue: /],
    ['route: {receiver: r, matchers: [a="b"]}\nreceivers: [{name: r}]', /must not have matchers/],
    [
      'route: {receiver: r}\nreceivers: [{name: r}, {name: r}]',
      /receivers\[1\]\.name: "r" is given twice/,
    ],
    [
      'route: {receiver: r}\nreceiver: []',
      /am\.yml:2: receiver: unknown key "receiver"; accepted are global/,
    ],
    [
      'route:\n  receiver: r\n  routes:\n  - matchers: [a=~"("]\nreceivers: [{name: r}]',
      /am\.yml:4: route\.routes\[0\]\.matchers\[0\]: bad matcher/,
    ],
    ['route: {receiver: r, group_by: [a, a]}\nreceivers: [{name: r}]', /"a" is given twice/],
    ["route: {receiver: r, group_by: [a, '...']}\nreceivers: [{name: r}]", /must stand alone/],
    ['route: {receiver: r, group_interval: 0s}\nreceivers: [{name: r}]', /must be above 0/],
    ['route: {receiver: r, group_wait: soon}\nreceivers: [{name: r}]', /such as 30s, 5m/],
    [
      'route:\n  receiver: r\n  routes:\n  - mute_time_intervals: [night]\nreceivers: [{name: r}]',
      /am\.yml:4: .*no time interval is named "night"/,
    ],
    [
      'route: {receiver: r}\nreceivers: [{name: r}]\nglobal_mute: {}',
      /"global_mute" is a key of Alertmanager that is not supported here yet/,
    ],
    [
      withReceiver('  slack_configs: [{channel: a}]'),
      /am\.yml:4: receivers\[0\]\.slack_configs\[0\]: there is no Slack API URL and no app token/,
    ],
    [withReceiver('  smoke_configs: []'), /unknown key "smoke_configs"/],
    [withReceiver('  webhook_configs: [{}]'), /one of url and url_file is missing/],
    [
      withReceiver('  webhook_configs: [{url: "http://a", url_file: b}]'),
      /at most one of url and url_file/,
    ],
    [withReceiver('  webhook_configs: [{url: "ftp://a"}]'), /expected a URL that starts with http/],
    [
      withReceiver('  webhook_configs: [{url: "http://a", http_config: {no_proxy: "p"}}]'),
      /needs a proxy_url/,
    ],
    [
      withReceiver('  webhook_configs: [{url: "http://a", http_config: {oauth2: {scopes: [a]}}}]'),
      /"client_id" is missing[^]*"token_url" is missing/,
    ],
    [
      withReceiver(
        '  webhook_configs: [{url: "http://a", http_config: {http_headers: {Host: {}}}}]',
      ),
      /cannot be given here/,
    ],
    [
      withReceiver(
        '  webhook_configs: [{url: "http://a", http_config: {authorization: {type: basic}}}]',
      ),
      /use basic_auth/,
    ],
    [withReceiver('  email_configs: [{to: a@b}]'), /"from" is missing[^]*"smarthost" is missing/],
    [
      withReceiver('  email_configs: [{to: a@b, from: c@d, smarthost: mail}]'),
      /expected HOST:PORT/,
    ],
    [
      withReceiver(
        '  email_configs: [{to: a@b, from: c@d, smarthost: "m:25", headers: {A: 1, a: 2}}]',
      ),
      /headers\.a: is given twice/,
    ],
    [
      withReceiver(
        '  email_configs: [{to: a@b, from: c@d, smarthost: "m:25", headers: {"A\\nB": 1}}]',
      ),
      /expected the name of a header/,
    ],
  ])('refuses %j', (text, expected) => {
    expect(messageFor(text)).toMatch(expected);
  });

  it('tells all problems in the order of the file', () => {
    const message = messageFor('route:\n  group_wait: x\nfoo: 1\nbar: 2\n');
    expect(message.split('\n').map((line) => line.split(':')[1])).toEqual(['2', '3', '4']);
  });

  it('repeats no secret in its messages', () => {
    const secret = 'canary-41';
    const text = `global: {smtp_auth_password: ${secret}, smtp_auth_password_file: x, smtp_auth_secret: [${secret}]}
route: {receiver: r}
receivers:
- name: r
  webhook_configs:
  - {url: "ftp://${secret}", http_config: {basic_auth: {password: {a: ${secret}}}, authorization: {credentials: ${secret}}}}
`;
    expect(messageFor(text)).not.toContain(secret);
  });

  it('refuses with its own error whatever it is given', () => {
    const words =
      'route routes receiver receivers name matchers match_re - : [ ] { } " *a &a a ~ 1 ---';
    const pieces = fc.constantFrom(...words.split(' '), ' ', '\n', '\n  ', '\n  - ');
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 60 }), (parts) => {
        expect(typeof messageFor(parts.join(''))).toBe('string');
      }),
      { numRuns: 1_000 },
    );
  });

  it('gives a route the labels of the routes above it', () => {
    const text =
      'route: {receiver: r, labels: {a: "1", b: "2"}, routes: [{labels: {b: "{{ 3 }}"}}, {}]}\nreceivers: [{name: r}]';
    const { route } = parseAlertmanagerConfig(text, 'am.yml');
    expect(route.routes.map(({ labels }) => Object.fromEntries(labels))).toEqual([
      { a: '1', b: '{{ 3 }}' },
      { a: '1', b: '2' },
    ]);
    expect(() =>
      parseAlertmanagerConfig('route: {receiver: r, labels: {"": x}}\nreceivers: [{name: r}]', 'f'),
    ).toThrow(/expected a label name/);
  });

  it('takes labels named like parts of a prototype', () => {
    const config = parse(
      'route: {receiver: r, routes: [{match: {__proto__: x, constructor: y}}]}\nreceivers: [{name: r}]',
    );
    expect(config.route.routes[0]!.key).toBe('{}/{__proto__="x",constructor="y"}');
  });
});

describe('redactAlertmanagerConfig', () => {
  it('shows the configuration without its secrets and comments', () => {
    const shown = redactAlertmanagerConfig(`
global: {smtp_auth_password: canary, smtp_smarthost: 'mail:25', smtp_auth_password_file: /etc/pw}
# canary
route: &r {receiver: ops, match: {}}
receivers:
- name: ops
  webhook_configs:
  - url: http://x/canary
    http_config: {authorization: {credentials: canary}, tls_config: {key: canary, key_file: /k}}
`);
    expect(shown).not.toContain('canary');
    expect(shown).toContain('smtp_smarthost: mail:25');
    expect(shown).toContain('smtp_auth_password_file: /etc/pw');
    expect(shown.match(/<secret>/g)).toHaveLength(4);
  });
});
