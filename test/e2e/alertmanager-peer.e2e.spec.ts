import 'reflect-metadata';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { WebhookPayload } from '#libs/notify';
import { startAlertingEngine } from '../support/engine.ts';
import { describeWithPeerFiles } from '../support/peers.ts';
import {
  eventually,
  freePort,
  getText,
  type RunningProcess,
  startProcess,
  temporaryFolder,
} from '../support/processes.ts';

/** Names of the two who are told the same. */
type Side = 'alertmanager' | 'engine';

/** A webhook that writes down what it is told, for each side. */
class RecordingWebhook {
  readonly told: Record<Side, WebhookPayload[]> = { alertmanager: [], engine: [] };
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const side = request.url?.startsWith('/engine') === true ? 'engine' : 'alertmanager';
        this.told[side].push(JSON.parse(Buffer.concat(parts).toString()) as WebhookPayload);
        response.end();
      });
    });
  }

  async start(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /**
   * The groups a side was told of: who, which group, and every alert with the last that was said of it. The end of an alert
   * of which nobody heard before is left out: Alertmanager mentions it, the engine does not.
   */
  groups(side: Side): Record<string, readonly string[]> {
    const groups = new Map<string, Map<string, string>>();
    for (const { receiver, groupKey, alerts } of this.told[side]) {
      const key = `${receiver} ${groupKey}`;
      const known = groups.get(key) ?? new Map<string, string>();
      for (const { labels, annotations, status, startsAt, fingerprint } of alerts) {
        if (status === 'resolved' && !known.has(fingerprint)) continue;
        const said = { labels: sorted(labels), annotations: sorted(annotations), status, startsAt };
        known.set(fingerprint, JSON.stringify(said));
      }
      groups.set(key, known);
    }
    return Object.fromEntries(
      [...groups].map(([key, alerts]) => [key, [...alerts.values()].toSorted()] as const),
    );
  }
}

function sorted(record: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function config(port: number, side: Side): string {
  return `
route:
  receiver: all
  group_by: [alertname, cluster]
  group_wait: 1s
  group_interval: 2s
  repeat_interval: 1h
  routes:
  - receiver: db
    matchers: ['team=~"db|storage"']
    group_by: ['...']
    continue: true
  - receiver: night
    matchers: ['severity="info"']
    mute_time_intervals: [always]
  - receiver: web
    matchers: ['team="web"', 'severity!="info"']
    group_by: [team]
time_intervals:
- name: always
  time_intervals: [{times: [{start_time: '00:00', end_time: '24:00'}]}]
inhibit_rules:
- source_matchers: ['severity="critical"']
  target_matchers: ['severity="warning"']
  equal: [cluster]
receivers:
${['all', 'db', 'night', 'web']
  .map(
    (name) => `- {name: ${name}, webhook_configs: [{url: 'http://127.0.0.1:${port}/${side}'}]}\n`,
  )
  .join('')}`;
}

/** Of this moment: a group whose alert began longer ago than `group_wait` is told of at once, by both. */
const START = new Date().toISOString();

function alert(labels: Record<string, string>, endsAt = '2036-01-01T00:00:00Z'): object {
  return { labels, annotations: { summary: `${labels['alertname']} ü` }, startsAt: START, endsAt };
}

/** What silences its cluster's warnings. */
const CAUSES = [
  { alertname: 'Down', cluster: 'a', team: 'db', severity: 'critical', instance: '1' },
  { alertname: 'Down', cluster: 'a', team: 'db', severity: 'critical', instance: '2' },
];

/** What follows them. Severities never rise within a group, since the engine would not wait there. */
const EFFECTS = [
  { alertname: 'Slow', cluster: 'a', team: 'web', severity: 'warning' },
  { alertname: 'Slow', cluster: 'b', team: 'web', severity: 'warning' },
  { alertname: 'Full', cluster: 'b', team: 'storage', severity: 'warning', disk: 'x' },
  { alertname: 'Odd', cluster: 'b', severity: 'info' },
  { alertname: 'Other', cluster: 'c' },
  { alertname: 'Silenced', cluster: 'c', team: 'web' },
];

/* Debian's Alertmanager and the engine, on the same configuration and told the same, must tell others the same. */
describeWithPeerFiles('beside a real Alertmanager', 'prometheus-alertmanager', (command) => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let peer: RunningProcess;
  let app: NestFastifyApplication;
  const webhook = new RecordingWebhook();
  const urls: Record<Side, string> = { alertmanager: '', engine: '' };

  beforeAll(async () => {
    folder = await temporaryFolder();
    const sink = await webhook.start();
    const peerPort = await freePort();
    await writeFile(join(folder.path, 'peer.yml'), config(sink, 'alertmanager'));
    await writeFile(join(folder.path, 'am.yml'), config(sink, 'engine'));
    const [first, ...rest] = command;
    peer = startProcess(first, [
      ...rest,
      `--config.file=${join(folder.path, 'peer.yml')}`,
      `--storage.path=${join(folder.path, 'peer')}`,
      `--web.listen-address=127.0.0.1:${peerPort}`,
      '--cluster.listen-address=',
    ]);
    urls.alertmanager = `http://127.0.0.1:${peerPort}`;
    await eventually('Alertmanager to be ready', () =>
      getText(`${urls.alertmanager}/api/v2/alerts`),
    );
    ({ app, url: urls.engine } = await startAlertingEngine(folder.path));
  });
  afterAll(async () => {
    await app.close();
    await peer.stop('SIGKILL');
    webhook.stop();
    await folder.remove();
  });

  async function post(path: string, body: unknown): Promise<void> {
    for (const url of Object.values(urls)) {
      const response = await fetch(`${url}/api/v2/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      expect(response.status).toBe(200);
    }
  }

  /** Waits until both have told as many groups with the given statuses, and the same ones. */
  async function untilBothTold(count: number, status: string): Promise<void> {
    const isTold = (side: Side) => {
      const groups = Object.values(webhook.groups(side));
      const told = groups.filter((alerts) => alerts.every((one) => one.includes(status)));
      return told.length >= count;
    };
    await eventually(`${count} groups that are ${status}`, () =>
      isTold('alertmanager') && isTold('engine') ? true : null,
    );
  }

  it('tells a webhook of the same groups, and of the same ends', async () => {
    await post('silences', {
      matchers: [{ name: 'alertname', value: 'Sil.*', isRegex: true }],
      startsAt: new Date().toISOString(),
      endsAt: '2036-01-01T00:00:00Z',
      createdBy: 'test',
      comment: 'held back',
    });
    // Alertmanager inhibits from the moment its inhibitor has read a cause, which may be after its dispatcher read the rest.
    await post(
      'alerts',
      CAUSES.map((labels) => alert(labels)),
    );
    await untilBothTold(CAUSES.length, '"firing"');
    await post(
      'alerts',
      [...CAUSES, ...EFFECTS].map((labels) => alert(labels)),
    );
    // Each of db's three by itself, Slow of b for web, Other for all.
    await untilBothTold(5, '"firing"');
    expect(webhook.groups('engine')).toEqual(webhook.groups('alertmanager'));
    expect(Object.keys(webhook.groups('engine'))).toHaveLength(5);

    await post('alerts', [alert({ alertname: 'Other', cluster: 'c', instance: 'late' })]);
    await eventually('the late one', () =>
      (['alertmanager', 'engine'] as const).every((side) =>
        JSON.stringify(webhook.told[side]).includes('late'),
      )
        ? true
        : null,
    );
    expect(webhook.groups('engine')).toEqual(webhook.groups('alertmanager'));

    const ended = new Date().toISOString();
    await post('alerts', [
      ...EFFECTS.map((labels) => alert(labels, ended)),
      alert({ alertname: 'Other', cluster: 'c', instance: 'late' }, ended),
    ]);
    await untilBothTold(5 - CAUSES.length, '"resolved"');
    // Nor does its inhibitor hear of the end of a cause together with its dispatcher.
    await post(
      'alerts',
      CAUSES.map((labels) => alert(labels, ended)),
    );
    await untilBothTold(5, '"resolved"');
    expect(webhook.groups('engine')).toEqual(webhook.groups('alertmanager'));
  });

  it('shows the same alerts, groups and silences', async () => {
    await post('alerts', [alert({ alertname: 'Shown', cluster: 'b', team: 'web' })]);
    for (const path of ['alerts', 'alerts/groups', 'silences']) {
      const shown = async (url: string): Promise<unknown> => {
        const text = await getText(`${url}/api/v2/${path}`);
        return withoutVolatile(JSON.parse(text ?? 'null'));
      };
      // Groups that have emptied are shown a little longer by one than by the other.
      await eventually(
        `the same ${path}`,
        async () => {
          const [theirs, ours] = [await shown(urls.alertmanager), await shown(urls.engine)];
          return JSON.stringify(theirs) === JSON.stringify(ours) ? true : null;
        },
        8000,
      ).catch(() => null);
      expect(await shown(urls.engine)).toEqual(await shown(urls.alertmanager));
    }
  });
});

/** What came after the peer's release, ids, and moments to the second. */
const VOLATILE = new Set([
  'id',
  'updatedAt',
  'startsAt',
  'mutedBy',
  'routeLabels',
  'annotations',
  'silencedBy',
]);

function withoutVolatile(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutVolatile);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !VOLATILE.has(key))
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, withoutVolatile(inner)]),
  );
}
