import 'reflect-metadata';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { SMTPServer } from 'smtp-server';
import type { WebhookPayload } from '#libs/notify';
import { AppLogger, listen } from '#libs/platform';
import { createApp } from '../../apps/alert-engine/src/app.ts';

let folder: string;
let receiver: Server;
let answer: (response: ServerResponse) => void;
let app: NestFastifyApplication | null = null;
let base = '';
let logLines: string[] = [];
const payloads: WebhookPayload[] = [];
const ids: string[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'binnacle-notifications-'));
  payloads.length = 0;
  ids.length = 0;
  logLines = [];
  answer = (response) => response.end();
  receiver = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      payloads.push(JSON.parse(Buffer.concat(parts).toString()) as WebhookPayload);
      ids.push(String(request.headers['idempotency-key']));
      answer(response);
    });
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
});

afterEach(async () => {
  await stop();
  receiver.closeAllConnections();
  receiver.close();
  await rm(folder, { recursive: true });
});

function hookUrl(): string {
  return `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook-canary`;
}

function alertmanagerYaml(extra = ''): string {
  return `
global: {smtp_from: am@example.org, smtp_require_tls: false}
route: {receiver: ops, group_by: [alertname], group_wait: 20ms, group_interval: 200ms}
receivers:
- name: ops
  webhook_configs: [{url: '${hookUrl()}'}]
${extra}`;
}

async function start(
  yaml: string | null = alertmanagerYaml(),
  rules: string | null = null,
): Promise<void> {
  const configFile = join(folder, 'engine.yml');
  await writeFile(
    configFile,
    `external_url: https://alerts.example.org\n${yaml === null ? '' : 'alertmanager_config: am.yml\n'}${rules === null ? '' : 'rule_files: [rules.yml]\n'}`,
  );
  if (rules !== null) await writeFile(join(folder, 'rules.yml'), rules);
  if (yaml !== null) await writeFile(join(folder, 'am.yml'), yaml);
  const address = { host: '127.0.0.1', port: 0 };
  app = await createApp(
    { configFile, dataDir: join(folder, 'data'), listen: address, logLevel: 'info' },
    {},
    AppLogger.create({ app: 'test', level: 'info', write: (line) => logLines.push(line) }),
  );
  const { port } = await listen(app, address);
  base = `http://127.0.0.1:${port}`;
  await until(async () => (await fetch(`${base}/api/v2/alerts`)).status === 200);
}

async function stop(): Promise<void> {
  await app?.close();
  app = null;
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 90_000; Date.now() < end;) {
    if (await holds()) return;
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
  throw new Error(`it did not happen; the log says\n${logLines.join('')}`);
}

async function post(alerts: unknown): Promise<Response> {
  return fetch(`${base}/api/v2/alerts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof alerts === 'string' ? alerts : JSON.stringify(alerts),
  });
}

async function get(path: string): Promise<{ status: number; json: unknown }> {
  const response = await fetch(`${base}${path}`);
  return { status: response.status, json: await response.json() };
}

/** The value of a metric; NaN where it is not there. */
async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${base}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1));
}

const firing = {
  labels: { alertname: 'Down', job: 'node', empty: '' },
  annotations: { summary: 'down' },
  endsAt: '2036-01-01T00:00:00Z',
  generatorURL: 'http://prometheus.example.org/graph',
};
const resolved = () => ({ ...firing, endsAt: new Date().toISOString() });

describe('the engine', () => {
  it('takes alerts from clients, tells a webhook of their start and end, and shows them', async () => {
    await start();
    expect((await post([firing])).status).toBe(200);
    await until(() => payloads.length === 1);
    expect(payloads[0]).toMatchObject({
      receiver: 'ops',
      status: 'firing',
      version: '4',
      groupKey: '{}:{alertname="Down"}',
      externalURL: 'https://alerts.example.org',
      notification_reason: 'first notification',
      commonLabels: { alertname: 'Down', job: 'node' },
    });

    const [shown] = (await get('/api/v2/alerts')).json as Record<string, unknown>[];
    expect(shown).toMatchObject({
      labels: { alertname: 'Down', job: 'node' },
      receivers: [{ name: 'ops' }],
      status: { state: 'active', inhibitedBy: [], silencedBy: [], mutedBy: [] },
      endsAt: '2036-01-01T00:00:00.000Z',
    });
    expect(
      (await get('/api/v2/alerts?filter=job%3D%22node%22&filter=alertname%21%3DUp')).json,
    ).toHaveLength(1);
    expect((await get('/api/v2/alerts?filter=job%3D%22other%22')).json).toEqual([]);
    expect((await get('/api/v2/alerts/groups')).json).toMatchObject([
      { labels: { alertname: 'Down' }, receiver: { name: 'ops' }, routeLabels: {}, alerts: [{}] },
    ]);
    expect((await get('/api/v2/receivers')).json).toEqual([
      { name: 'ops', labels: { name: 'ops' } },
    ]);
    expect((await get('/api/v2/silences')).json).toEqual([]);
    const status = JSON.stringify((await get('/api/v2/status')).json);
    expect(status).toContain('"status":"disabled"');
    expect(status).not.toContain('canary');

    await post([resolved()]);
    await until(() => payloads.length === 2);
    expect(payloads[1]).toMatchObject({
      status: 'resolved',
      notification_reason: 'all alerts resolved',
    });
    expect(new Set(ids).size).toBe(2);
    expect((await get('/api/v2/alerts')).json).toEqual([]);

    const lines = [
      'alertmanager_notifications_total{integration="webhook"} 2',
      'alertmanager_notifications_failed_total{integration="webhook",reason="serverError"} 0',
      'alertmanager_alerts_received_total{status="firing",version="v2"} 1',
      'alertmanager_alerts_received_total{status="resolved",version="v2"} 1',
      'alertmanager_notification_latency_seconds_count{integration="webhook"} 2',
      'alertmanager_config_last_reload_successful 1',
      'alertmanager_build_info{version="0.33.1"',
      'prometheus_notifications_alertmanagers_discovered 1',
      'binnacle_notifications_owed 0',
    ];
    let metrics = '';
    // A receiver has a message a moment before its answer is back and counted.
    const missing = async (): Promise<string[]> => {
      metrics = await (await fetch(`${base}/metrics`)).text();
      return lines.filter((line) => !metrics.includes(line));
    };
    await until(async () => (await missing()).length === 0).catch(() => null);
    expect(await missing()).toEqual([]);
    expect(`${logLines.join('')}${metrics}`).not.toContain('canary');
  });

  it('has a page to silence an alert with', async () => {
    await start();
    const page = await fetch(
      `${base}/silence?labels=${encodeURIComponent('{"alertname":"Down"}')}`,
    );
    expect(page.headers.get('content-type')).toContain('text/html');
    const [, script = ''] = /<script>(.*)<\/script>/s.exec(await page.text()) ?? [];
    const hash = createHash('sha256').update(script).digest('base64');
    expect(page.headers.get('content-security-policy')).toContain(`script-src 'sha256-${hash}'`);
  });

  it('gives messages and groups the labels of their route', async () => {
    const labels =
      "labels: {why: '{{ .GroupLabels.alertname }}', all: 'because {{ routeLabels \"why\" }}'}";
    await start(alertmanagerYaml().replace('receiver: ops,', `receiver: ops, ${labels},`));
    await post([firing]);
    await until(() => payloads.length === 1);
    const routeLabels = { why: 'Down', all: 'because Down' };
    expect(payloads[0]).toMatchObject({ routeLabels });
    expect((await get('/api/v2/alerts/groups')).json).toMatchObject([{ routeLabels }]);
  });

  it('tells a webhook of an alert that a rule of its own gives', async () => {
    const rules = `
groups:
- name: g
  interval: 1s
  rules:
  - {alert: Always, expr: vector(42), labels: {severity: info}, annotations: {summary: 'is {{ $value }}'}}
`;
    await start(alertmanagerYaml(), rules);
    await until(() => payloads.length === 1);
    expect(payloads[0]).toMatchObject({
      status: 'firing',
      alerts: [
        {
          labels: { alertname: 'Always', severity: 'info' },
          annotations: { summary: 'is 42' },
          generatorURL: expect.stringContaining('https://alerts.example.org/graph?'),
        },
      ],
    });
    await until(async () =>
      /prometheus_notifications_sent_total{alertmanager="built-in"} [1-9]/.test(
        await (await fetch(`${base}/metrics`)).text(),
      ),
    );
  });

  it('refuses what Alertmanager refuses, in its form', async () => {
    await start();
    const cases: [unknown, number, unknown][] = [
      [[{ labels: {} }], 400, 'at least one label pair required'],
      [
        [{ labels: { a: 'b' }, startsAt: '2026-02-03T00:00:00Z', endsAt: '2026-02-02T00:00:00Z' }],
        400,
        'start time must be before end time',
      ],
      [{ labels: { a: 'b' } }, 400, expect.objectContaining({ code: 400 })],
      ['[{', 400, expect.objectContaining({ code: 400 })],
      [
        [{ labels: { a: 'b' }, startsAt: 'yesterday' }],
        400,
        expect.objectContaining({ code: 400 }),
      ],
      [[{ labels: { a: 1 } }], 400, expect.objectContaining({ code: 400 })],
    ];
    for (const [body, status, json] of cases) {
      const response = await post(body);
      expect({ body, status: response.status, json: await response.json() }).toEqual({
        body,
        status,
        json,
      });
    }
    const plain = await fetch(`${base}/api/v2/alerts`, { method: 'POST', body: '[]' });
    expect([plain.status, await plain.json()]).toEqual([
      415,
      {
        code: 415,
        message:
          'unsupported media type "text/plain;charset=UTF-8", only [application/json] are allowed',
      },
    ]);
    expect(await get('/api/v2/alerts?filter=%7B')).toMatchObject({
      status: 400,
      json: 'unexpected open or close brace: {',
    });
    expect(await get('/api/v2/alerts?receiver=%28')).toMatchObject({ status: 400 });
    expect(await get('/api/v2/nosuch')).toEqual({
      status: 404,
      json: { code: 404, message: 'path /api/v2/nosuch was not found' },
    });
    const put = await fetch(`${base}/api/v2/alerts`, { method: 'PUT' });
    expect([put.status, await put.json()]).toEqual([
      405,
      { code: 405, message: 'method PUT is not allowed, but [GET,POST] are' },
    ]);
    // One bad alert keeps none of the others from being taken.
    expect((await post([{ labels: {} }, firing])).status).toBe(400);
    expect((await get('/api/v2/alerts')).json).toHaveLength(1);
  });

  it('tries again until a receiver has recovered', async () => {
    answer = (response) =>
      response.writeHead(payloads.length < 2 ? 503 : 200, { 'retry-after': '0' }).end();
    await start();
    await post([firing]);
    await until(() => payloads.length === 2);
    expect(ids[0]).toBe(ids[1]);
  });

  it('sends e-mail', async () => {
    const mails: string[] = [];
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onData: (stream, _, callback) => {
        let raw = '';
        stream.on('data', (chunk: Buffer) => (raw += chunk.toString()));
        stream.on('end', () => {
          mails.push(raw);
          callback();
        });
      },
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.server.address() as AddressInfo;
    await start(
      alertmanagerYaml(`  email_configs: [{to: ops@example.org, smarthost: '127.0.0.1:${port}'}]`),
    );
    await post([firing]);
    await until(() => mails.length === 1);
    expect(mails[0]).toContain('Subject: [FIRING:1] Down (job=node)');
    await new Promise<void>((resolve) => {
      server.close(resolve);
    });
  });

  it('writes with template files, and takes their changes', async () => {
    const file = join(folder, 'own.tmpl');
    const yaml = `templates: ['*.tmpl']\n${alertmanagerYaml().replace('-canary', '').replace("'}]", `', payload: {text: '{{ template "own" . }}'}}]`)}`;
    await writeFile(file, '{{ define "own" }}one {{ .Status }}{{ end }}');
    await start(yaml);
    await post([firing]);
    await until(() => payloads.length === 1);
    expect(payloads[0]).toEqual({ text: 'one firing' });
    await writeFile(file, '{{ define "own" }}two {{ .Status }}{{ end }}');
    expect((await fetch(`${base}/-/reload`, { method: 'POST' })).status).toBe(200);
    await post([resolved()]);
    await until(() => payloads.length === 2);
    expect(payloads[1]).toEqual({ text: 'two resolved' });
    await writeFile(file, '{{ define "own" }}{{ nonsense }}{{ end }}');
    expect((await fetch(`${base}/-/reload`, { method: 'POST' })).status).toBe(500);
  });

  it('updates a message in place after a restart', async () => {
    answer = (response) => void response.end('{"ok":true,"channel":"C1","ts":"1.2"}');
    const url = hookUrl().replace('/hook-canary', '/api/chat.postMessage');
    const yaml = alertmanagerYaml()
      .replace('webhook_configs', 'slack_configs')
      .replace(
        `url: '${hookUrl()}'`,
        `app_url: '${url}', app_token: xoxb, channel: c, update_message: true, send_resolved: true`,
      );
    await start(yaml);
    await post([firing]);
    await until(
      async () => (await metric('alertmanager_notifications_total{integration="slack"}')) === 1,
    );
    await stop();
    await start(yaml);
    await post([resolved()]);
    await until(() => payloads.length === 2);
    expect(payloads.map((payload) => (payload as { ts?: string }).ts)).toEqual([undefined, '1.2']);
  });

  it('closes after a restart what it announced before, and announces nothing twice', async () => {
    await start();
    await post([firing]);
    await until(() => payloads.length === 1);
    await stop();
    await start();
    expect((await get('/api/v2/alerts')).json).toHaveLength(1);
    await post([resolved()]);
    await until(() => payloads.length === 2);
    expect(payloads.map((payload) => payload.status)).toEqual(['firing', 'resolved']);
  });

  it('lets a message on the wire arrive when it stops', async () => {
    let isAnswered = false;
    answer = (response) => {
      setTimeout(() => {
        isAnswered = true;
        response.end();
      }, 300);
    };
    await start();
    await post([firing]);
    await until(() => payloads.length === 1);
    await stop();
    expect(isAnswered).toBe(true);
    await start();
    await new Promise((resolve) => {
      setTimeout(resolve, 500);
    });
    expect(payloads).toHaveLength(1);
  });

  it('keeps the old routing when the new file is bad, and takes a good one', async () => {
    await start();
    const reload = () => fetch(`${base}/-/reload`, { method: 'POST' });
    await writeFile(join(folder, 'am.yml'), 'route: {receiver: nobody}\n');
    const refused = await reload();
    expect(refused.status).toBe(500);
    expect(await refused.text()).toContain('am.yml:1: route.receiver: no receiver is named');
    expect(await (await fetch(`${base}/metrics`)).text()).toContain(
      'alertmanager_config_last_reload_successful 0',
    );
    expect((await get('/api/v2/receivers')).json).toMatchObject([{ name: 'ops' }]);

    await writeFile(join(folder, 'am.yml'), alertmanagerYaml().replaceAll('ops', 'dev'));
    expect((await reload()).status).toBe(200);
    await post([firing]);
    await until(() => payloads.length === 1);
    expect(payloads[0]!.receiver).toBe('dev');
  });

  it('shows alerts and tells nobody when there is no configuration for it', async () => {
    await start(null);
    await post([firing]);
    expect((await get('/api/v2/alerts')).json).toMatchObject([
      { receivers: [{ name: 'default' }] },
    ]);
  });
});
