import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FakeProvider } from '../../libs/node-delivery/testing/fake-provider.ts';
import type { WebhookPayload } from '#libs/notify';
import { type BuiltApp, startBuiltApp } from '../support/built-app.ts';
import { eventually, getText, temporaryFolder } from '../support/processes.ts';
import { ensureBuilt } from './faulty-engine.ts';

const ALERTS = 10_000;
const PER_REQUEST = 1_000;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let engine: BuiltApp | null = null;
let hook: FakeProvider;
let chat: FakeProvider;

beforeAll(ensureBuilt);
beforeEach(async () => {
  folder = await temporaryFolder();
  hook = await FakeProvider.start();
  chat = await FakeProvider.start();
  chat.answers = () => ({ body: 'ok' });
});
afterEach(async () => {
  await engine?.process.stop('SIGKILL');
  await Promise.all([hook.stop(), chat.stop()]);
  await folder.remove();
});

/** How each alert ended up that the webhook was told of; a message is read once. */
class Told {
  readonly #statuses = new Map<string, string>();
  #read = 0;

  countOf(status: string): number {
    for (const { body } of hook.requests.slice(this.#read)) {
      this.#read++;
      const { alerts } = body as WebhookPayload;
      for (const alert of alerts)
        this.#statuses.set(String(alert.labels['instance']), alert.status);
    }
    return [...this.#statuses.values()].filter((each) => each === status).length;
  }
}

describe('one group of 10,000 alerts', () => {
  it('is announced in whole and closed in whole, in messages that keep to their medium', async () => {
    const told = new Told();
    const config = {
      route: {
        receiver: 'hook',
        group_by: ['alertname'],
        group_wait: '0s',
        group_interval: '500ms',
        repeat_interval: '4h',
        routes: ['hook', 'chat'].map((receiver) => ({ receiver, continue: true })),
      },
      receivers: [
        { name: 'hook', webhook_configs: [{ url: hook.url }] },
        {
          name: 'chat',
          slack_configs: [{ api_url: chat.url, channel: '#a', send_resolved: true }],
        },
      ],
    };
    await writeFile(join(folder.path, 'am.yml'), JSON.stringify(config));
    await writeFile(join(folder.path, 'engine.yml'), 'alertmanager_config: am.yml');
    const [engineYml, dataDir] = [join(folder.path, 'engine.yml'), join(folder.path, 'data')];
    engine = await startBuiltApp('alert-engine', engineYml, dataDir);
    const { url } = engine;
    const post = async (endsAt: string): Promise<void> => {
      for (let from = 0; from < ALERTS; from += PER_REQUEST) {
        const alerts = Array.from({ length: PER_REQUEST }, (_, i) => ({
          labels: { alertname: 'Crowd', instance: `host-${from + i}`, severity: 'critical' },
          annotations: { summary: `host-${from + i} is not well` },
          endsAt,
        }));
        const response = await fetch(`${url}/api/v2/alerts`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(alerts),
        });
        expect(response.status).toBe(200);
      }
    };
    await post('2036-01-01T00:00:00Z');
    await eventually('all to be announced', () =>
      told.countOf('firing') === ALERTS ? true : null,
    );
    // Both are told apart from each other; what one is owed is replaced by what is newer.
    await eventually('people to be told how many they are', () =>
      chat.requests.some(({ body }) => JSON.stringify(body).includes(`FIRING:${ALERTS}`))
        ? true
        : null,
    );
    const groups = JSON.parse((await getText(`${url}/api/v2/alerts/groups`)) ?? '[]') as {
      readonly alerts: readonly unknown[];
    }[];
    expect(groups.map(({ alerts }) => alerts.length)).toEqual([ALERTS, ALERTS]);
    await post(new Date().toISOString());
    await eventually('all to be closed', () => (told.countOf('resolved') === ALERTS ? true : null));
    await eventually('the chat to hear of the end', () =>
      JSON.stringify(chat.requests.at(-1)?.body).includes('RESOLVED') ? true : null,
    );
    // A medium for people gets what fits, and how many they are.
    const texts = chat.requests.map(({ body }) => JSON.stringify(body));
    expect(Math.max(...texts.map(({ length }) => length))).toBeLessThan(10_000);
    expect(texts.some((text) => text.includes(`FIRING:${ALERTS}`))).toBe(true);
  }, 300_000);
});
