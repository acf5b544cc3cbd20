import 'reflect-metadata';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { startAlertingEngine } from '../support/engine.ts';
import { eventually, temporaryFolder, untilPasses } from '../support/processes.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let sink: Server;
let app: NestFastifyApplication | null = null;
let url = '';
let status = 200;
const bodies: string[] = [];

beforeEach(async () => {
  folder = await temporaryFolder();
  bodies.length = 0;
  status = 200;
  sink = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      bodies.push(Buffer.concat(parts).toString());
      response.statusCode = status;
      response.end();
    });
  });
  sink.listen(0, '127.0.0.1');
  await once(sink, 'listening');
  const { port } = sink.address() as AddressInfo;
  await writeFile(
    join(folder.path, 'am.yml'),
    `
route:
  receiver: ops
  group_by: [alertname]
  group_wait: 10ms
  routes:
  - {receiver: pager, matchers: ['team="db"'], group_wait: 1h, mute_time_intervals: [never], continue: true}
  - {receiver: ops}
time_intervals:
- {name: never, time_intervals: [{years: ['1999']}]}
inhibit_rules:
- {source_matchers: [alertname="Big"], target_matchers: [alertname="Small"]}
receivers:
- name: ops
  webhook_configs: [{url: 'http://127.0.0.1:${port}/canary-url', http_config: {authorization: {credentials: canary-token}}}]
- name: pager
  pagerduty_configs: [{routing_key: canary-key, url: 'http://127.0.0.1:${port}/pd', description: '{{ .CommonLabels.alertname }} broke'}]
`,
  );
  await start();
});

afterEach(async () => {
  await app?.close();
  sink.closeAllConnections();
  sink.close();
  await folder.remove();
});

async function start(): Promise<void> {
  ({ app, url } = await startAlertingEngine(folder.path));
}

async function ask(path: string, init: RequestInit = {}) {
  const response = await fetch(`${url}${path}`, init);
  const text = await response.text();
  expect(text).not.toContain('canary');
  return { status: response.status, body: JSON.parse(text) as { data: never; error?: string } };
}

function postJson(path: string, body: unknown) {
  const headers = { 'content-type': 'application/json' };
  return fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
}

async function fire(...names: string[]): Promise<void> {
  const alerts = names.map((alertname) => ({
    labels: { alertname, team: 'db' },
    annotations: { summary: `${alertname} is wrong` },
  }));
  expect((await postJson('/api/v2/alerts', alerts)).status).toBe(200);
}

describe('POST /api/v1/receivers/NAME/test', () => {
  it('sends a message past routes and groups, and says how it went', async () => {
    const good = await ask('/api/v1/receivers/ops/test', { method: 'POST' });
    expect(good).toMatchObject({
      status: 200,
      body: {
        data: { receiver: 'ops', integrations: [{ integration: 'webhook', isDelivered: true }] },
      },
    });
    expect(JSON.parse(bodies[0]!)).toMatchObject({ commonLabels: { alertname: 'TestAlert' } });
    status = 403;
    const body = JSON.stringify({ labels: { alertname: 'Mine' }, status: 'resolved' });
    const headers = { 'content-type': 'application/json' };
    const bad = await ask('/api/v1/receivers/ops/test', { method: 'POST', body, headers });
    expect(bad.body.data).toMatchObject({
      integrations: [{ isDelivered: false, error: expect.stringContaining('403') }],
    });
    expect(JSON.parse(bodies[1]!)).toMatchObject({ status: 'resolved' });
    expect((await ask('/api/v1/receivers/nobody/test', { method: 'POST' })).status).toBe(404);
    const refused = await postJson('/api/v1/receivers/ops/test', { label: {} });
    expect(refused.status).toBe(400);
  });
});

describe('GET /api/v1/explain', () => {
  it('says what becomes of an alert and shows its message', async () => {
    await fire('Big');
    await eventually('the message', () => (bodies.length > 0 ? true : null));
    const labels = encodeURIComponent('{alertname="Big",team="db"}');
    let shown = '';
    // The receiver has a message a moment before the engine knows it.
    await untilPasses(async () => {
      const { body } = await ask(`/api/v1/explain?labels=${labels}`);
      shown = JSON.stringify(body.data);
      expect(body.data).toMatchObject({
        isKnown: true,
        isHeldBack: false,
        routes: [
          {
            route: '{}/{team="db"}',
            receiver: 'pager',
            groupKey: '{}/{team="db"}:{alertname="Big"}',
            group: { alerts: 1, hasBeenAnnounced: false },
            messages: [{ integration: 'pagerduty', problems: [] }],
          },
          {
            receiver: 'ops',
            group: { alerts: 1, hasBeenAnnounced: true },
            messages: [{ integration: 'webhook' }],
          },
        ],
      });
    });
    expect(shown).toContain('Big broke');
    expect(shown).toContain('<secret>');
    expect(bodies).toHaveLength(1);
  });

  it('says what holds an alert back, now and at another time', async () => {
    await fire('Big');
    const endsAt = new Date(Date.now() + 3_600_000).toISOString();
    await postJson('/api/v2/silences', {
      matchers: [{ name: 'alertname', value: 'Small', isRegex: false }],
      startsAt: new Date().toISOString(),
      endsAt,
      createdBy: 'alice',
      comment: 'known',
    });
    const small = '/api/v1/explain?labels=alertname%3D%22Small%22';
    expect((await ask(small)).body.data).toMatchObject({
      isKnown: false,
      isHeldBack: true,
      silencedBy: [{ createdBy: 'alice', endsAt }],
      inhibitedBy: { alertname: 'Big', team: 'db' },
      routes: [{ receiver: 'ops', group: null }],
    });
    const later = await ask(`${small}&time=${encodeURIComponent(endsAt)}`);
    expect(later.body.data).toMatchObject({ silencedBy: [] });
    const inOldTimes = await ask(
      '/api/v1/explain?labels=team%3D%22db%22&time=1999-06-01T00:00:00Z',
    );
    expect(inOldTimes.body.data).toMatchObject({ routes: [{ mutedBy: ['never'] }, {}] });
    for (const bad of ['', 'a%21%3D%22b%22', '%7B', 'a%3D%22b%22&time=soon']) {
      expect((await ask(`/api/v1/explain?labels=${bad}`)).status).toBe(400);
    }
  });
});

describe('GET /api/v1/notifications', () => {
  it('tells what was sent and what is owed, over a restart', async () => {
    status = 500;
    await fire('Big');
    const owed = await eventually('an attempt that failed', async () => {
      const { body } = await ask('/api/v1/notifications');
      const [one] = (body.data as { owed: { attempts: number; lastError: string }[] }).owed;
      return one !== undefined && one.attempts > 0 ? one : null;
    });
    expect(owed).toMatchObject({
      receiver: 'ops',
      lastError: expect.stringContaining('500'),
    });
    status = 200;
    await eventually('the message', async () => {
      const { body } = await ask('/api/v1/notifications?outcome=delivered');
      return (body.data as { notifications: [] }).notifications.length > 0 ? true : null;
    });
    await app!.close();
    await start();
    const { body } = await ask('/api/v1/notifications?receiver=ops');
    const { notifications } = body.data as { notifications: { attempts: number }[] };
    expect(notifications).toMatchObject([
      { receiver: 'ops', outcome: 'delivered', reason: 'first notification', alertNames: ['Big'] },
    ]);
    expect(notifications[0]!.attempts).toBeGreaterThan(1);
    expect((await ask('/api/v1/notifications?limit=0')).status).toBe(400);
  });
});
