import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { SMTPServer } from 'smtp-server';
import { RECEIVER_BLOCKS_WITH_SECRETS } from '../../libs/node-delivery/testing/receiver-blocks.ts';
import { FakeProvider } from '../../libs/node-delivery/testing/fake-provider.ts';
import { type BuiltApp, startBuiltApp } from '../support/built-app.ts';
import { eventually, freePort, getText, temporaryFolder } from '../support/processes.ts';
import { ensureBuilt } from './faulty-engine.ts';

const CANARY = 'canary-4711-never-shown';
/** It as it is, in a URL, and behind each of the three ways base64 can be out of step. */
const GUISES = [
  CANARY,
  ...['', 'x', 'xx'].map((before) => {
    const encoded = Buffer.from(`${before}${CANARY}`).toString('base64');
    return encoded.slice(
      before === '' ? 0 : 4,
      4 * Math.floor((before.length + CANARY.length) / 3),
    );
  }),
];

const KINDS = Object.keys(RECEIVER_BLOCKS_WITH_SECRETS);
const PATHS = [
  '/metrics',
  '/api/v2/status',
  '/api/v2/receivers',
  '/api/v2/alerts',
  '/api/v2/alerts/groups',
  '/api/v2/silences',
  '/api/v1/notifications?limit=1000',
  '/api/v1/explain?labels=%7Balertname%3D%22A%22%7D',
  '/api/v1/rules',
  '/api/v1/alerts',
  '/api/v1/targets',
  '/api/v1/status/tsdb',
  '/api/v1/status/buildinfo',
  '/api/v1/query?query=up',
  '/api/v1/series?match[]=%7B__name__%3D~%22.%2B%22%7D',
  '/readyz',
  '/livez',
];

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let engine: BuiltApp | null = null;
let provider: FakeProvider;
let mailServer: SMTPServer;
/** Everything the engine wrote. */
let written = '';

beforeAll(ensureBuilt);
beforeEach(async () => {
  folder = await temporaryFolder();
  provider = await FakeProvider.start();
  mailServer = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    logger: false,
    onAuth: ({ username, password }, _, callback) =>
      callback(new Error(`no ${String(username)} ${String(password)}`)),
  });
  mailServer.on('error', () => {});
  await new Promise<void>((resolve) => {
    mailServer.listen(0, '127.0.0.1', resolve);
  });
});
afterEach(async () => {
  await engine?.process.stop('SIGKILL');
  await provider.stop();
  await new Promise<void>((resolve) => {
    mailServer.close(() => resolve());
  });
  await folder.remove();
});

/** An Alertmanager configuration with a receiver of every kind and a canary in every secret. */
function alertmanagerYaml(deadPort: number): string {
  const mailPort = (mailServer.server.address() as AddressInfo).port;
  const blocks = {
    ...RECEIVER_BLOCKS_WITH_SECRETS,
    email: `{to: a@example.org, smarthost: '127.0.0.1:${mailPort}', auth_username: me, auth_password: CANARY}`,
    fluentd: `{host: 127.0.0.1, port: ${deadPort}, tag: t, shared_key: CANARY}`,
  };
  return `
global:
  smtp_from: am@example.org
  smtp_require_tls: false
  smtp_auth_password: CANARY
  smtp_auth_secret: CANARY
  slack_app_token: CANARY
  opsgenie_api_key: CANARY
  wechat_api_secret: CANARY
  victorops_api_key: CANARY
  telegram_bot_token: CANARY
  rocketchat_token: CANARY
  rocketchat_token_id: CANARY
  mattermost_webhook_url: http://x/CANARY
route:
  receiver: none
  group_wait: 0s
  group_interval: 1s
  routes: [${[...Object.keys(blocks), 'oauth', 'proxied', 'user'].map((kind) => `{receiver: ${kind}, continue: true}`).join(', ')}]
receivers:
- {name: none}
- {name: oauth, webhook_configs: [{url: 'URL', http_config: {oauth2: {client_id: a, client_secret: CANARY, token_url: 'URL/token'}}}]}
- {name: proxied, webhook_configs: [{url: 'http://x.invalid/CANARY', http_config: {proxy_url: 'http://u:CANARY@127.0.0.1:${deadPort}', proxy_connect_header: {X-A: [CANARY]}}}]}
- {name: user, webhook_configs: [{url: 'http://u:CANARY@127.0.0.1:${deadPort}/CANARY'}]}
${Object.entries(blocks)
  .map(([kind, block]) => `- {name: ${kind}, ${kind}_configs: [${block}]}`)
  .join('\n')}
`
    .replaceAll('URL', provider.url)
    .replaceAll('CANARY', CANARY);
}

const ENGINE_YAML = `
alertmanager_config: am.yml
notifications: {history: {max_entries: 10000}}
datasources:
- name: other
  url: http://127.0.0.1:1/prometheus
  rule_files: [rules.yml]
  basic_auth: {username: u, password: ${CANARY}}
  remote_write: {url: 'http://127.0.0.1:1/write', authorization: {credentials: ${CANARY}}}
`;
const RULES = `groups: [{name: g, interval: 1s, rules: [{alert: A, expr: 'up == 0'}]}]`;

async function start(): Promise<BuiltApp> {
  const app = await startBuiltApp(
    'alert-engine',
    join(folder.path, 'engine.yml'),
    join(folder.path, 'data'),
  );
  written += app.process.output();
  for (const stream of [app.process.child.stdout, app.process.child.stderr]) {
    stream?.on('data', (chunk: unknown) => (written += String(chunk)));
  }
  return app;
}

describe('secrets of a running engine', () => {
  it('are in no answer, log line, error or metric, whatever goes wrong', async () => {
    const answers = new Map<string, string>();
    const am = alertmanagerYaml(await freePort());
    const rounds = [400, 401, 307, 500];
    let status = rounds[0]!;
    // A service that says back all it was told, secrets included.
    provider.answers = (request) => ({
      status,
      headers: status === 307 ? { location: `${provider.url}${request.path}` } : {},
      body: `you sent ${JSON.stringify(request)}`,
    });
    await writeFile(join(folder.path, 'am.yml'), am);
    await writeFile(join(folder.path, 'rules.yml'), RULES);
    await writeFile(join(folder.path, 'engine.yml'), ENGINE_YAML);
    engine = await start();
    const { url } = engine;
    const ask = async (path: string, init: RequestInit = {}): Promise<string> => {
      const text = await (await fetch(`${url}${path}`, init)).text();
      answers.set(`${init.method ?? 'GET'} ${path} ${answers.size}`, text);
      return text;
    };
    const alerts = [{ labels: { alertname: 'A' }, endsAt: '2036-01-01T00:00:00Z' }];
    const headers = { 'content-type': 'application/json' };
    await ask('/api/v2/alerts', { method: 'POST', headers, body: JSON.stringify(alerts) });
    const names = [...KINDS, 'email', 'fluentd', 'oauth', 'proxied', 'user'];
    await eventually('every receiver to have failed', async () => {
      const text = (await getText(`${url}/api/v1/notifications?limit=1000`)) ?? '{"data":{}}';
      const { owed = [], notifications = [] } = (
        JSON.parse(text) as { data: Record<string, { receiver: string; attempts: number }[]> }
      ).data;
      const failed = new Set(
        [...owed, ...notifications].filter((one) => one.attempts > 0).map((one) => one.receiver),
      );
      return names.every((name) => failed.has(name)) ? true : null;
    });
    for (status of rounds) {
      for (const name of names) await ask(`/api/v1/receivers/${name}/test`, { method: 'POST' });
    }
    for (const path of PATHS) await ask(path);
    // A configuration that is refused, and one that cannot even be read.
    for (const [file, broken] of [
      ['am.yml', am.replace('group_interval: 1s', 'nonsense: 1')],
      ['am.yml', am.replaceAll('}]}', `}, {${CANARY}: 1]}`)],
      ['engine.yml', ENGINE_YAML.replace('rule_files', 'nonsense')],
      ['engine.yml', ENGINE_YAML.replace('password:', 'password: [1,')],
    ] as const) {
      const good = file === 'am.yml' ? am : ENGINE_YAML;
      await writeFile(join(folder.path, file), broken);
      await ask('/-/reload', { method: 'POST' });
      await writeFile(join(folder.path, file), good);
    }
    for (const path of PATHS) await ask(path);
    await engine.process.stop();

    // It was about something: the secrets were used, the failures told of.
    expect(JSON.stringify(provider.requests)).toContain(CANARY);
    expect(written).toContain('not notified');
    expect(
      [...answers.values()].filter((text) => text.includes('nonsense')).length,
    ).toBeGreaterThan(1);
    const found = [...answers, ['the log', written] as const].filter(([, text]) =>
      GUISES.some((guise) => text.includes(guise)),
    );
    expect(found.map(([where, text]) => [where, excerpt(text)])).toEqual([]);
  }, 300_000);
});

function excerpt(text: string): string {
  const at = GUISES.map((guise) => text.indexOf(guise)).find((index) => index >= 0) ?? 0;
  return text.slice(Math.max(0, at - 200), at + 60);
}
