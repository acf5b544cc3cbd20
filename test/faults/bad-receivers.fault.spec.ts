import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import type { WebhookPayload } from '#libs/notify';
import { type BuiltApp, startBuiltApp } from '../support/built-app.ts';
import { eventually, temporaryFolder, untilPasses } from '../support/processes.ts';
import { ensureBuilt } from './faulty-engine.ts';
import { answering, MOODS, type Mood, MoodyServer } from './moody-server.ts';

/** More than are on the wire to one receiver at a time, so that some wait behind those that hang. */
const GROUPS = 10;

/** Webhooks that come round again. What was owed to them has to arrive then, once. */
const PASSING: Readonly<Record<string, () => Mood>> = {
  'hangs before headers': () => MOODS.hangsBeforeHeaders,
  'hangs in headers': () => MOODS.hangsInHeaders,
  'hangs after headers': () => MOODS.hangsAfterFailure,
  'drips a byte a second': () => MOODS.dripsHeaders,
  resets: () => MOODS.resets,
  'hangs up': () => MOODS.hangsUp,
  garbage: () => MOODS.talksGarbage,
  'a GiB of failure': () => MOODS.gibibyteOfFailure,
  '429 with seconds': () => answering('429 Slow', 'retry-after: 1'),
  '429 with a date': () =>
    answering('429 Slow', `retry-after: ${new Date(Date.now() + 2_000).toUTCString()}`),
  '500': () => answering('500 No'),
};

const refusal = (responseCode: number) => Object.assign(new Error('no'), { responseCode });

interface Owed {
  readonly receiver: string;
  readonly groupKey: string;
  readonly createdAt: string;
}

interface History {
  readonly data: {
    readonly owed: readonly Owed[];
    readonly notifications: readonly {
      readonly receiver: string;
      readonly groupKey: string;
      readonly outcome: string;
    }[];
  };
}

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let engine: BuiltApp | null = null;
const closers: (() => Promise<unknown>)[] = [];

beforeAll(ensureBuilt);
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => {
  await engine?.process.stop('SIGKILL');
  await Promise.all(closers.splice(0).map((close) => close()));
  await folder.remove();
});

async function moody(mood: Mood | null, isTls = false): Promise<MoodyServer> {
  const server = await MoodyServer.start(mood, isTls);
  closers.push(() => server.stop());
  return server;
}

/** A mail server; `mails` are the subjects of what it took. */
async function mailServer(
  options: SMTPServerOptions = {},
): Promise<{ readonly port: number; readonly mails: string[] }> {
  const mails: string[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    logger: false,
    onData: (stream, _, callback) => {
      let raw = '';
      stream.on('data', (chunk: Buffer) => (raw += chunk.toString()));
      stream.on('end', () => {
        mails.push(/^Subject: (.*)$/m.exec(raw)?.[1] ?? '');
        callback();
      });
    },
    ...options,
  });
  server.on('error', () => {});
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  closers.push(() => new Promise((resolve) => server.close(() => resolve(null))));
  return { port: (server.server.address() as AddressInfo).port, mails };
}

/** Starts the engine; each receiver is told of every group. @param blocks by the receiver's name */
async function startEngine(blocks: ReadonlyMap<string, object>): Promise<BuiltApp> {
  const config = {
    global: { smtp_from: 'am@example.org', smtp_hello: 'localhost', smtp_require_tls: false },
    route: {
      receiver: 'healthy',
      group_by: ['alertname'],
      group_wait: '0s',
      group_interval: '300ms',
      repeat_interval: '4h',
      routes: Array.from(blocks.keys(), (receiver) => ({ receiver, continue: true })),
    },
    receivers: Array.from(blocks, ([name, block]) => ({ name, ...block })),
  };
  await writeFile(join(folder.path, 'am.yml'), JSON.stringify(config));
  await writeFile(join(folder.path, 'engine.yml'), 'alertmanager_config: am.yml');
  const [engineYml, dataDir] = [join(folder.path, 'engine.yml'), join(folder.path, 'data')];
  return startBuiltApp('alert-engine', engineYml, dataDir);
}

async function fire(url: string, instance: string): Promise<void> {
  const alerts = Array.from({ length: GROUPS }, (_, group) => ({
    labels: { alertname: `Group${group}`, instance },
    endsAt: '2036-01-01T00:00:00Z',
  }));
  const response = await fetch(`${url}/api/v2/alerts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(alerts),
  });
  expect(response.status).toBe(200);
}

async function history(url: string): Promise<History['data']> {
  const response = await fetch(`${url}/api/v1/notifications?limit=1000`);
  return ((await response.json()) as History).data;
}

const webhook = ({ port }: MoodyServer, timeout = '1s', scheme = 'http'): object => ({
  webhook_configs: [{ url: `${scheme}://127.0.0.1:${port}/`, timeout }],
});
const mail = (port: number, more: object = {}): object => ({
  email_configs: [{ to: 'ops@example.org', smarthost: `127.0.0.1:${port}`, ...more }],
});

/**
 * For each message: its group, and how many alerts it tells of. On a busy machine an answer may come after the receiver's
 * timeout of a second; what is sent again then has the same key and counts once, as it would for a real receiver.
 */
const told = (server: MoodyServer): string[] => {
  const byKey = new Map(server.taken.map((each) => [each.headers['idempotency-key'], each]));
  return [...byKey.values()].map(({ body }) => {
    const { groupLabels, alerts } = JSON.parse(body) as WebhookPayload;
    return `${groupLabels['alertname']} ${alerts.length}`;
  });
};
const everyGroup = (alerts: number): string[] =>
  Array.from({ length: GROUPS }, (_, group) => `Group${group} ${alerts}`);

describe('bad receivers', () => {
  it('hold up nobody, and get what is owed to them once they are well, once', async () => {
    const healthy = await moody(null);
    // It hangs longer than the test: whoever waited for it would wait in vain.
    const stuck = await moody(MOODS.hangsBeforeHeaders);
    const inside = await moody(null);
    const passing = new Map<string, MoodyServer>();
    for (const [name, mood] of Object.entries(PASSING)) passing.set(name, await moody(mood()));
    const redirecting = await moody(
      answering('307 There', `location: http://127.0.0.1:${inside.port}/`),
    );
    const untrusted = await moody(null, true);
    const boasting = await moody(MOODS.gibibyteOfSuccess);
    const tarpit = await moody((socket) => {
      const timer = setInterval(() => socket.write('2'), 1_000);
      socket.once('close', () => clearInterval(timer));
    });
    let isBusy = true;
    const busy = (code: number) => (isBusy ? refusal(code) : null);
    const goodMail = await mailServer();
    const mail421 = await mailServer({
      onConnect: (_, callback) => callback(busy(421)),
    });
    const mail450 = await mailServer({
      onRcptTo: (_, __, callback) => callback(busy(450)),
    });
    const mail552 = await mailServer({
      onData: (stream, _, callback) => void stream.resume().on('end', () => callback(refusal(552))),
    });
    const plainMail = await mailServer();
    const blocks = new Map<string, object>([
      ['stuck', webhook(stuck, '10m')],
      ...[...passing].map(([name, server]) => [name, webhook(server)] as const),
      ['redirecting', webhook(redirecting)],
      ['untrusted', webhook(untrusted, '1s', 'https')],
      // Patient, so that nothing is sent again on a busy machine, and replaced by the next meanwhile.
      ['boasting', webhook(boasting, '1m')],
      ['tarpit', mail(tarpit.port)],
      ['mail 421', mail(mail421.port)],
      ['mail 450', mail(mail450.port)],
      ['mail 552', mail(mail552.port)],
      ['mail without TLS', mail(plainMail.port, { require_tls: true })],
      ['good mail', mail(goodMail.port)],
      ['healthy', webhook(healthy, '1m')],
    ]);
    engine = await startEngine(blocks);
    const { url } = engine;

    await fire(url, 'one');
    await eventually('the first messages at the healthy', () =>
      healthy.taken.length >= GROUPS && goodMail.mails.length >= GROUPS ? true : null,
    );
    // A second alert in each group: what is owed to the others is out of date now.
    const secondAt = new Date().toISOString();
    await fire(url, 'two');
    await eventually('the second messages at the healthy', () =>
      healthy.taken.length >= 2 * GROUPS && goodMail.mails.length >= 2 * GROUPS ? true : null,
    );
    expect(healthy.taken).toHaveLength(2 * GROUPS);
    expect(told(healthy).toSorted()).toEqual([...everyGroup(1), ...everyGroup(2)].toSorted());
    expect(goodMail.mails).toHaveLength(2 * GROUPS);
    expect(stuck.connections).toBeGreaterThan(0);
    expect(stuck.closed).toBe(0);

    const comeRound = new Set([...passing.keys(), 'mail 421', 'mail 450']);
    await eventually('one current message per group to be owed', async () => {
      const owed = (await history(url)).owed.filter(({ receiver }) => comeRound.has(receiver));
      const isCurrent = owed.every(({ createdAt }) => createdAt >= secondAt);
      return isCurrent && owed.length === comeRound.size * GROUPS ? true : null;
    });
    for (const server of passing.values()) server.recover();
    isBusy = false;
    await eventually('all that was owed', async () => {
      const { owed } = await history(url);
      return owed.some(({ receiver }) => comeRound.has(receiver)) ? null : true;
    });
    const messages = Object.fromEntries(
      [...passing].map(([name, server]) => [name, told(server).toSorted()]),
    );
    const once = everyGroup(2).toSorted();
    expect(messages).toEqual(Object.fromEntries([...passing.keys()].map((name) => [name, once])));
    expect(mail421.mails).toHaveLength(GROUPS);
    expect(mail450.mails).toHaveLength(GROUPS);

    // Nobody followed a redirect, trusted a stranger, or sent in the clear what must not be.
    expect(redirecting.connections).toBeGreaterThan(0);
    expect(inside.connections).toBe(0);
    expect(untrusted.taken).toEqual([]);
    expect(plainMail.mails).toEqual([]);
    await untilPasses(async () => {
      const { notifications } = await history(url);
      // What was on the wire when the second alert came may have been replaced.
      const ends = (name: string): string[] =>
        notifications
          .filter(({ receiver, outcome }) => receiver === name && outcome !== 'replaced')
          .map(({ outcome }) => outcome);
      expect(new Set(ends('redirecting'))).toEqual(new Set(['failed']));
      expect(new Set(ends('mail 552'))).toEqual(new Set(['failed']));
      expect(ends('boasting')).toEqual(Array.from({ length: 2 * GROUPS }, () => 'delivered'));
    });
    // Of what they said no more was read than is needed.
    const gibibyte = passing.get('a GiB of failure')!;
    for (const server of [gibibyte, boasting]) {
      expect(server.bytesSent / server.connections).toBeLessThan(64 * 2 ** 20);
    }
  }, 300_000);
});
