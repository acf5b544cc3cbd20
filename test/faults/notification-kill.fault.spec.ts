import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WebhookPayload } from '#libs/notify';
import { type BuiltApp, startBuiltApp } from '../support/built-app.ts';
import { eventually, temporaryFolder } from '../support/processes.ts';
import { ensureBuilt } from './faulty-engine.ts';
import { randomFrom } from './random-from.ts';

const ROUNDS = Number(process.env['FAULT_ROUNDS'] ?? 20);
const SEED = Number(process.env['FAULT_SEED'] ?? Date.now() % 1_000_000);
/** As many as are on the wire to one receiver at a time. */
const GROUPS = 8;

interface Received {
  readonly id: string;
  readonly status: string;
  readonly group: string;
  /** How often the engine had been killed by then. */
  readonly life: number;
}

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let engine: BuiltApp | null = null;
let hook: Server;
let received: Received[] = [];
let life = 0;
let answer: (response: ServerResponse) => void;

beforeAll(ensureBuilt);
beforeEach(async () => {
  folder = await temporaryFolder();
  received = [];
  life = 0;
  hook = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('error', () => {});
    request.on('data', (part: string) => (body += part));
    request.on('end', () => {
      const { status, groupLabels } = JSON.parse(body) as WebhookPayload;
      const id = String(request.headers['idempotency-key']);
      received.push({ id, status, group: String(groupLabels['alertname']), life });
      answer(response);
    });
  });
  await new Promise<void>((resolve) => {
    hook.listen(0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`;
  const config = {
    route: {
      receiver: 'hook',
      group_by: ['alertname'],
      group_wait: '0s',
      group_interval: '100ms',
      repeat_interval: '4h',
    },
    receivers: [{ name: 'hook', webhook_configs: [{ url }] }],
  };
  await writeFile(join(folder.path, 'am.yml'), JSON.stringify(config));
  await writeFile(join(folder.path, 'engine.yml'), 'alertmanager_config: am.yml');
});
afterEach(async () => {
  await engine?.process.stop('SIGKILL');
  hook.closeAllConnections();
  await new Promise((resolve) => {
    hook.close(resolve);
  });
  await folder.remove();
});

async function start(): Promise<BuiltApp> {
  const [config, dataDir] = [join(folder.path, 'engine.yml'), join(folder.path, 'data')];
  engine = await startBuiltApp('alert-engine', config, dataDir);
  return engine;
}

async function post({ url }: BuiltApp, round: number, endsAt: string): Promise<void> {
  const alerts = Array.from({ length: GROUPS }, (_, i) => ({
    labels: { alertname: `R${round}G${i}` },
    endsAt,
  }));
  const response = await fetch(`${url}/api/v2/alerts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(alerts),
  });
  expect(response.status).toBe(200);
}

async function untilNothingIsOwed({ url }: BuiltApp): Promise<void> {
  await eventually('nothing to be owed', async () => {
    const response = await fetch(`${url}/api/v1/notifications`);
    const { data } = (await response.json()) as { data: { owed: readonly unknown[] } };
    return data.owed.length === 0 ? true : null;
  });
}

const withStatus = (status: string) => received.filter((one) => one.status === status);

describe(`kill -9 of the engine while it notifies (FAULT_SEED=${SEED})`, () => {
  it(`costs a message on the wire one double at most, in ${ROUNDS} kills with ${GROUPS} each`, async () => {
    const random = randomFrom(SEED);
    let unanswered = 0;
    let living = await start();
    for (let round = 0; round < ROUNDS; round++) {
      // Every other time it dies around the answers and what it writes about them; else before any.
      const isAnswered = round % 2 === 1;
      answer = (response) => {
        if (isAnswered) response.end();
      };
      await post(living, round, '2036-01-01T00:00:00Z');
      await eventually('all messages to be on the wire', () =>
        received.filter(({ group }) => group.startsWith(`R${round}G`)).length >= GROUPS
          ? true
          : null,
      );
      if (isAnswered) await sleep(random() * 10);
      else unanswered += GROUPS;
      await living.process.stop('SIGKILL');
      life++;
      answer = (response) => void response.end();
      living = await start();
      await untilNothingIsOwed(living);
    }
    for (let round = 0; round < ROUNDS; round++) {
      await post(living, round, new Date().toISOString());
    }
    await eventually('the ends of all', () =>
      withStatus('resolved').length >= ROUNDS * GROUPS ? true : null,
    );
    await untilNothingIsOwed(living);

    const idsOf = new Map<string, Received[]>();
    for (const one of received) {
      const key = `${one.group} ${one.status}`;
      idsOf.set(key, [...(idsOf.get(key) ?? []), one]);
    }
    // Each start and each end was told, under one key; twice only where a kill lies between.
    expect(idsOf.size).toBe(ROUNDS * GROUPS * 2);
    const wrong = [...idsOf].filter(
      ([, all]) =>
        all.length > 2 ||
        new Set(all.map(({ id }) => id)).size > 1 ||
        new Set(all.map((one) => one.life)).size < all.length,
    );
    expect(wrong).toEqual([]);
    // What nobody answered came again, once.
    const doubles = withStatus('firing').length - ROUNDS * GROUPS;
    expect(doubles).toBeGreaterThanOrEqual(unanswered);
    expect(withStatus('resolved')).toHaveLength(ROUNDS * GROUPS);
  }, 600_000);
});
