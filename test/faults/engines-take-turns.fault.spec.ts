import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { WebhookPayload } from '#libs/notify';
import { describeWithPostgres, type Postgres } from '../support/postgres.ts';
import { eventually, getText, temporaryFolder } from '../support/processes.ts';
import { makeStateDatabase, PASSWORD, type StateDatabase } from '../support/state-database.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { type Engine, ensureBuilt, startEngine, untilReady } from './faulty-engine.ts';

const ROUNDS = Math.ceil(Number(process.env['FAULT_ROUNDS'] ?? 20) / 4);
/** As many as are on the wire to one receiver at a time. */
const GROUPS = 8;
const FAR_AWAY = '2036-01-01T00:00:00Z';

interface Received {
  readonly id: string;
  readonly status: string;
  readonly group: string;
}

async function post({ url }: Engine, round: number, endsAt: string): Promise<void> {
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

const untilStandby = ({ url }: Engine): Promise<true> =>
  eventually('the other to wait', async () =>
    (await (await fetch(`${url}/readyz`)).text()).includes('[-] state: standby') ? true : null,
  );

async function untilNothingIsOwed({ url }: Engine): Promise<void> {
  await eventually('nothing to be owed', async () => {
    const text = await getText(`${url}/api/v1/notifications`);
    if (text === null) return null;
    const { data } = JSON.parse(text) as { data: { owed: readonly unknown[] } };
    return data.owed.length === 0 ? true : null;
  });
}

describeWithPostgres('engines that share a database', (start) => {
  let server: Postgres;
  let state: StateDatabase;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let hook: Server;
  let isAnswering = true;
  let received: Received[] = [];
  let schemas = 0;
  const running: Engine[] = [];
  const cleanups: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    await ensureBuilt();
    server = await start();
    state = await makeStateDatabase(server);
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    schemas++;
    folder = await temporaryFolder();
    received = [];
    isAnswering = true;
    hook = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8');
      request.on('error', () => {});
      request.on('data', (part: string) => (body += part));
      request.on('end', () => {
        const { status, groupLabels } = JSON.parse(body) as WebhookPayload;
        const id = String(request.headers['idempotency-key']);
        received.push({ id, status, group: String(groupLabels['alertname']) });
        if (isAnswering) response.end();
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
  });
  afterEach(async () => {
    for (const engine of running.splice(0)) await engine.process.stop('SIGKILL');
    for (const cleanup of cleanups.splice(0)) await cleanup();
    hook.closeAllConnections();
    await new Promise((resolve) => {
      hook.close(resolve);
    });
    await folder.remove();
  });

  async function startNamed(name: string, port = server.port): Promise<Engine> {
    const postgres = { url: state.url(port), schema: `s${schemas}`, lease: '15s', timeout: '10s' };
    const config = JSON.stringify({ alertmanager_config: 'am.yml', state: { postgres } });
    const engine = await startEngine(join(folder.path, name), { config });
    running.push(engine);
    return engine;
  }

  const untilReceived = (count: number): Promise<true> =>
    eventually(`${count} messages`, () => (received.length >= count ? true : null));

  /** Until nobody who takes over would find anything that is owed: what an engine knows it writes down a moment later. */
  async function untilNothingIsOwedInDatabase(): Promise<void> {
    await eventually('nothing to be owed in the database', async () => {
      const [row] = await state.query(
        `SELECT count(*) FILTER (WHERE value LIKE '%"kind":"intent"%')::int AS owed, count(*)::int AS n
         FROM s${schemas}.entry WHERE area = 'notifications'`,
      );
      return Number(row!['n']) > 0 && Number(row!['owed']) === 0 ? true : null;
    });
  }

  function idsByMessage(): Map<string, string[]> {
    const ids = new Map<string, string[]>();
    for (const { group, status, id } of received) {
      const key = `${group} ${status}`;
      ids.set(key, [...(ids.get(key) ?? []), id]);
    }
    return ids;
  }

  it(`lose no message in ${ROUNDS} kills of the one that leads, and double one that was on the wire at most once`, async () => {
    let leader = await startNamed('one');
    await untilReady(leader);
    let follower = await startNamed('two');
    await untilStandby(follower);
    for (let round = 0; round < ROUNDS; round++) {
      isAnswering = false;
      const before = received.length;
      await post(leader, round, FAR_AWAY);
      await untilReceived(before + GROUPS);
      await leader.process.stop('SIGKILL');
      isAnswering = true;
      await untilReady(follower);
      await untilReceived(before + 2 * GROUPS);
      await untilNothingIsOwed(follower);
      leader = follower;
      follower = await startNamed(round % 2 === 0 ? 'one' : 'two');
      await untilStandby(follower);
    }
    for (let round = 0; round < ROUNDS; round++)
      await post(leader, round, new Date().toISOString());
    await untilReceived(3 * ROUNDS * GROUPS);
    await untilNothingIsOwed(leader);

    const messages = idsByMessage();
    expect(messages.size).toBe(2 * ROUNDS * GROUPS);
    for (const [message, ids] of messages) {
      // What nobody had answered came again, under the same key; an end was told once.
      expect([message, ids.length]).toEqual([message, message.endsWith('firing') ? 2 : 1]);
      expect(new Set(ids).size).toBe(1);
    }
  }, 600_000);

  it('take over from one that is cut off, which ends once it hears of it; nothing is told twice', async () => {
    const proxy = await TcpProxy.start(server.port);
    cleanups.push(() => proxy.close());
    const cutOff = await startNamed('one', proxy.port);
    await untilReady(cutOff);
    const other = await startNamed('two');
    await untilStandby(other);
    await post(cutOff, 0, FAR_AWAY);
    await untilReceived(GROUPS);
    await untilNothingIsOwed(cutOff);
    await untilNothingIsOwedInDatabase();
    proxy.cut();
    await untilReady(other);
    await post(other, 1, FAR_AWAY);
    await untilReceived(2 * GROUPS);
    // It still answers, and goes on with what it has.
    expect(await getText(`${cutOff.url}/readyz`)).toContain('changes wait in memory');
    proxy.mend();
    expect(await cutOff.process.ended).toBe(1);
    expect(cutOff.process.output()).toContain('has taken over');
    const back = await startNamed('one');
    await untilStandby(back);
    for (const round of [0, 1]) await post(other, round, new Date().toISOString());
    await untilReceived(4 * GROUPS);
    await untilNothingIsOwed(other);
    const messages = idsByMessage();
    expect(messages.size).toBe(4 * GROUPS);
    expect([...messages.values()].filter((ids) => ids.length !== 1)).toEqual([]);
    const outputs = [cutOff, other, back].map(({ process: { output } }) => output()).join('');
    expect(outputs).not.toContain(PASSWORD);
  }, 300_000);

  it('tell everything once while the database crashes again and again', async () => {
    const engine = await startNamed('one');
    await untilReady(engine);
    for (let round = 0; round < ROUNDS; round++) {
      const restarted = server.restart('SIGQUIT');
      await post(engine, round, FAR_AWAY);
      await restarted;
    }
    await untilReceived(ROUNDS * GROUPS);
    await untilNothingIsOwed(engine);
    const logged = await eventually('the log to be whole', async () => {
      const rows = await state.query(
        `SELECT count(*)::int AS n FROM s${schemas}.entry WHERE area = 'notifications'`,
      );
      const text = await getText(`${engine.url}/metrics`);
      return /^binnacle_state_database_up 1$/m.test(text ?? '') && Number(rows[0]!['n']) > 0
        ? rows
        : null;
    });
    expect(logged).toHaveLength(1);
    // What it has written down is all that the next one needs to tell nothing again.
    await engine.process.stop('SIGTERM');
    const next = await startNamed('one');
    await untilReady(next);
    for (let round = 0; round < ROUNDS; round++) await post(next, round, new Date().toISOString());
    await untilReceived(2 * ROUNDS * GROUPS);
    await untilNothingIsOwed(next);
    expect(received).toHaveLength(2 * ROUNDS * GROUPS);
    expect([...idsByMessage().values()].filter((ids) => ids.length !== 1)).toEqual([]);
  }, 300_000);
});
