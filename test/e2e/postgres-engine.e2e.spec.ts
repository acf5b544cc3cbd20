import 'reflect-metadata';
import { once } from 'node:events';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { SqliteStateStore } from '#libs/node-state';
import { AppLogger, listen } from '#libs/platform';
import { createApp } from '../../apps/alert-engine/src/app.ts';
import { runCli } from '../../apps/cli/src/cli.ts';
import { startEngine } from '../support/engine.ts';
import { describeWithPostgres, type Postgres } from '../support/postgres.ts';
import { eventually, getText, temporaryFolder } from '../support/processes.ts';
import { makeStateDatabase, PASSWORD, type StateDatabase } from '../support/state-database.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

interface Silence {
  readonly id: string;
  readonly comment: string;
}

const SILENCE = {
  matchers: [{ name: 'alertname', value: 'Known', isRegex: false, isEqual: true }],
  startsAt: new Date(Date.now() - 60_000).toISOString(),
  endsAt: new Date(Date.now() + 3_600_000).toISOString(),
  createdBy: 'test',
};

async function postSilence(url: string, comment: string): Promise<number> {
  const { status } = await fetch(`${url}/api/v2/silences`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...SILENCE, comment }),
  });
  return status;
}

/** What the silences that are in force say; null where the engine does not say. */
async function silencesOf(url: string): Promise<string[] | null> {
  const text = await getText(`${url}/api/v2/silences`);
  if (text === null) return null;
  const silences = JSON.parse(text) as Silence[];
  return silences.map(({ comment }) => comment).toSorted();
}

const readiness = async (url: string): Promise<string> => (await fetch(`${url}/readyz`)).text();

const metricOf = async (url: string, name: string): Promise<string | undefined> =>
  new RegExp(`^${name} (.*)$`, 'm').exec((await getText(`${url}/metrics`)) ?? '')?.[1];

const rule = (name: string): string =>
  JSON.stringify({
    groups: [{ name: 'g', interval: '1s', rules: [{ alert: name, expr: 'vector(1)' }] }],
  });

describeWithPostgres('an engine with its state in a PostgreSQL', (start) => {
  let server: Postgres;
  let state: StateDatabase;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let schemas = 0;
  const cleanups: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    server = await start();
    state = await makeStateDatabase(server);
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    folder = await temporaryFolder();
    schemas++;
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
    await folder.remove();
  });

  const placeOf = (port: number, lease = '30s'): string =>
    `{postgres: {url: "${state.url(port)}", schema: s${schemas}, lease: ${lease}, timeout: 5s}}`;

  async function configure(port: number, more = '', lease?: string): Promise<string> {
    const file = join(folder.path, 'engine.yml');
    await writeFile(file, `state: ${placeOf(port, lease)}\n${more}`);
    return file;
  }

  async function startReady(
    configFile: string,
    name = 'data',
  ): Promise<{ url: string; close: () => Promise<void> }> {
    const { app, url } = await startEngine(join(folder.path, name), configFile);
    cleanups.push(() => app.close());
    return { url, close: () => app.close() };
  }

  /** Starts one that need not be ready. */
  async function startAny(configFile: string, name: string): Promise<string> {
    const address = { host: '127.0.0.1', port: 0 };
    const app = await createApp(
      { configFile, dataDir: join(folder.path, name), listen: address, logLevel: 'silent' },
      {},
      AppLogger.create({ app: 'test', level: 'silent' }),
    );
    cleanups.push(() => app.close());
    const { port } = await listen(app, address);
    return `http://127.0.0.1:${port}`;
  }

  async function binnacle(...args: string[]): Promise<{ code: number; text: string }> {
    let text = '';
    const take = (more: string): void => {
      text += more;
    };
    const code = await runCli(args, { out: take, err: take, env: {}, cwd: folder.path });
    return { code, text };
  }

  it('goes on from memory while the database is away, and promises nothing then', async () => {
    const proxy = await TcpProxy.start(server.port);
    cleanups.push(() => proxy.close());
    const { url } = await startReady(await configure(proxy.port));
    expect(await postSilence(url, 'first')).toBe(200);
    expect(await metricOf(url, 'binnacle_engine_leader')).toBe('1');
    proxy.cut();
    await eventually('the engine to notice', async () =>
      (await metricOf(url, 'binnacle_state_database_up')) === '0' ? true : null,
    );
    const page = await readiness(url);
    expect(page).toMatch(
      /\[\+\] state: the database of the state is away, changes wait in memory: \w+/,
    );
    expect(page).not.toContain(PASSWORD);
    expect(await metricOf(url, 'binnacle_engine_leader')).toBe('1');
    expect(await postSilence(url, 'refused')).toBe(500);
    expect(await silencesOf(url)).toEqual(['first']);
    proxy.mend();
    const status = await eventually('a silence to be taken', async () =>
      (await postSilence(url, 'second')) === 200 ? 200 : null,
    );
    expect(status).toBe(200);
    expect(await metricOf(url, 'binnacle_state_database_up')).toBe('1');
    expect(await silencesOf(url)).toEqual(['first', 'second']);
  });

  it('waits for the database at its start, says why, and tells nobody anything meanwhile', async () => {
    const proxy = await TcpProxy.start(server.port);
    cleanups.push(() => proxy.close());
    proxy.cut();
    const url = await startAny(await configure(proxy.port), 'data');
    const page = await eventually('a reason', async () => {
      const text = await readiness(url);
      return text.includes('cannot be used') ? text : null;
    });
    expect(page).toContain('[-] rules');
    expect(page).toContain('[-] notifications');
    expect(await postSilence(url, 'early')).toBe(503);
    proxy.mend();
    await eventually('the engine to be ready', () => getText(`${url}/readyz`));
    expect(await postSilence(url, 'now')).toBe(200);
  });

  it('leaves the lead to one; the other takes over with what it knew', async () => {
    const configFile = await configure(server.port, '', '12s');
    const first = await startReady(configFile, 'first');
    expect(await postSilence(first.url, 'kept')).toBe(200);
    const second = await startAny(configFile, 'second');
    await eventually('the second to wait', async () =>
      (await readiness(second)).includes('[-] state: standby') ? true : null,
    );
    expect(await metricOf(second, 'binnacle_engine_leader')).toBe('0');
    expect(await getText(`${second}/api/v1/query?query=vector(1)`)).toContain('success');
    await first.close();
    await eventually('the second to take over', () => getText(`${second}/readyz`));
    expect(await silencesOf(second)).toEqual(['kept']);
    expect(await metricOf(second, 'binnacle_engine_leader')).toBe('1');
  });

  it('evaluates and notifies while the database takes everything and answers nothing', async () => {
    const proxy = await TcpProxy.start(server.port);
    cleanups.push(() => proxy.close());
    const told: string[] = [];
    const hook = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8');
      request.on('data', (part: string) => (body += part));
      request.on('end', () => {
        const { alerts } = JSON.parse(body) as { alerts: { labels: { alertname: string } }[] };
        told.push(...alerts.map(({ labels }) => labels.alertname));
        response.end();
      });
    });
    hook.listen(0, '127.0.0.1');
    await once(hook, 'listening');
    cleanups.push(async () => {
      hook.closeAllConnections();
      hook.close();
      await once(hook, 'close');
    });
    const rules = join(folder.path, 'now.rules.yml');
    await writeFile(rules, rule('Before'));
    const { port: hookPort } = hook.address() as AddressInfo;
    await writeFile(
      join(folder.path, 'am.yml'),
      JSON.stringify({
        route: {
          receiver: 'hook',
          group_by: ['alertname'],
          group_wait: '0s',
          repeat_interval: '4h',
        },
        receivers: [{ name: 'hook', webhook_configs: [{ url: `http://127.0.0.1:${hookPort}/` }] }],
      }),
    );
    const config = await configure(
      proxy.port,
      'alertmanager_config: am.yml\nrule_files: [now.rules.yml]\n',
    );
    const { url, close } = await startReady(config);
    await eventually('the first alert', () => (told.includes('Before') ? true : null));
    proxy.fallSilent();
    await writeFile(rules, rule('Meanwhile'));
    await fetch(`${url}/-/reload`, { method: 'POST' });
    await eventually('the second alert', () => (told.includes('Meanwhile') ? true : null));
    // Until it has given up what it asked last, it takes the database to be there.
    await eventually('the engine to notice', async () =>
      (await metricOf(url, 'binnacle_state_database_up')) === '0' ? true : null,
    );
    proxy.mend();
    await eventually('the database to be used', async () =>
      (await metricOf(url, 'binnacle_state_database_up')) === '1' ? true : null,
    );
    await close();
    // Told once each, and the next engine knows it.
    const next = await startReady(config);
    await eventually('a round of rules', async () => {
      const text = await getText(`${next.url}/api/v1/alerts`);
      return text?.includes('Meanwhile') === true ? true : null;
    });
    await eventually('the notifications to be settled', async () => {
      const text = await getText(`${next.url}/api/v1/notifications`);
      return text?.includes('"owed":[]') === true ? true : null;
    });
    expect(told.filter((name) => name === 'Meanwhile')).toHaveLength(1);
  });

  it('refuses a reload that moves the state, and takes one with another password', async () => {
    const configFile = await configure(server.port);
    const { url } = await startReady(configFile);
    const reload = async (): Promise<string> =>
      (await fetch(`${url}/-/reload`, { method: 'POST' })).text();
    await configure(server.port, 'external_labels: {a: b}\n');
    expect(await reload()).not.toContain('state');
    await writeFile(configFile, '{}');
    expect(await reload()).toContain('state: a change of where the state lies takes a restart.');
    await writeFile(configFile, `state: ${placeOf(server.port).replace(PASSWORD, 'other')}`);
    expect(await reload()).not.toContain('state');
    expect(await postSilence(url, 'still connected')).toBe(200);
  });

  it('takes over what an engine without a database kept', async () => {
    const data = join(folder.path, 'data');
    const before = await startEngine(data);
    expect(await postSilence(before.url, 'from disk')).toBe(200);
    await before.app.close();
    const { url } = await startReady(await configure(server.port));
    expect(await silencesOf(url)).toEqual(['from disk']);
    expect((await stat(join(data, 'state.db.moved'))).isFile()).toBe(true);
    await expect(stat(join(data, 'state.db'))).rejects.toThrow('ENOENT');
  });

  it('is copied there and back by the command, but not under a running engine', async () => {
    const configFile = await configure(server.port, 'external_labels: {a: b}\n', '12s');
    const texts = new Map(
      Array.from({ length: 12_000 }, (_, i) => [`key "${i}"\0`, `v\uD800${i}`]),
    );
    const folders = ['here', 'there'].map((name) => join(folder.path, name));
    for (const path of folders) await mkdir(path);
    const store = await SqliteStateStore.open(join(folders[0]!, 'state.db'));
    await store.apply([...texts].map(([key, value]) => ({ area: 'texts', key, value })));
    await store.apply([{ area: 'other', key: 'a', value: '1' }]);
    const kept = await store.load('texts');
    await store.close();

    expect(await binnacle('state', 'copy', '--from', 'here', '--to', 'engine.yml')).toEqual({
      code: 0,
      text: 'other: 1\ntexts: 12000\ncopied 12001 keys from here to engine.yml\n',
    });
    const again = await binnacle('state', 'copy', '--from', 'here', '--to', 'engine.yml');
    expect(again).toEqual({ code: 1, text: expect.stringContaining('--overwrite') });
    expect(
      (await binnacle('state', 'copy', '--from', 'here', '--to', 'engine.yml', '--overwrite')).code,
    ).toBe(0);
    expect((await binnacle('state', 'copy', '--from', 'engine.yml', '--to', 'there')).code).toBe(0);
    const copied = await SqliteStateStore.open(join(folders[1]!, 'state.db'));
    expect(await copied.load('texts')).toEqual(kept);
    expect(await copied.areas()).toEqual(['other', 'texts']);
    await copied.close();

    await startReady(configFile);
    const used = await binnacle(
      'state',
      'copy',
      '--from',
      'engine.yml',
      '--to',
      'there',
      '--overwrite',
    );
    expect(used).toEqual({ code: 1, text: expect.stringContaining('stop it first') });
  });

  it.each([
    [['--from', 'none', '--to', '.'], 1, 'there is no none'],
    [['--from', '.', '--to', 'engine.yml'], 1, 'has no state.db'],
    [['--from', 'empty.yml', '--to', '.'], 1, 'has no state.postgres'],
    [['--from', '.'], 2, 'needs --from and --to'],
    [['--from', '.', '--to', '.'], 2, 'the same place'],
    [['--form', '.'], 2, 'usage: binnacle state copy'],
  ])('the command refuses %j', async (args, code, message) => {
    await configure(server.port);
    await writeFile(join(folder.path, 'empty.yml'), '{}');
    const done = await binnacle('state', 'copy', ...args);
    expect(done).toEqual({ code, text: expect.stringContaining(message) });
  });
});
