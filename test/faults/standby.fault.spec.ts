import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { WebhookPayload } from '#libs/notify';
import { type BuiltApp, startBuiltApp } from '../support/built-app.ts';
import { describeWithPostgres, type Postgres } from '../support/postgres.ts';
import {
  eventually,
  freePort,
  getText,
  startProcess,
  temporaryFolder,
} from '../support/processes.ts';
import { makeStateDatabase, type StateDatabase } from '../support/state-database.ts';
import { type Engine, ensureBuilt, untilListening, untilReady } from './faulty-engine.ts';

const ENGINE = join(import.meta.dirname, '../../dist/apps/alert-engine/src/main.js');

const listening = (server: Server): Promise<string> =>
  new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve(`127.0.0.1:${(server.address() as AddressInfo).port}`);
    });
  });

/** The value of a query that gives one, or null. */
async function ask({ url }: Engine, query: string): Promise<number | null> {
  const text = await getText(`${url}/api/v1/query?query=${encodeURIComponent(query)}`);
  if (text === null) return null;
  const { data } = JSON.parse(text) as { data: { result: { value: [number, string] }[] } };
  return data.result.length === 1 ? Number(data.result[0]!.value[1]) : null;
}

async function metric({ url }: Engine, name: string): Promise<number> {
  const text = (await getText(`${url}/metrics`)) ?? '';
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

describeWithPostgres('two engines that one collector writes to', (start) => {
  let server: Postgres;
  let state: StateDatabase;
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let collector: BuiltApp | null = null;
  const engines = new Map<string, Engine>();
  const servers: Server[] = [];

  beforeAll(async () => {
    await ensureBuilt();
    server = await start();
    state = await makeStateDatabase(server);
    folder = await temporaryFolder();
  });
  afterEach(async () => {
    await collector?.process.stop('SIGKILL');
    for (const { process } of engines.values()) await process.stop('SIGKILL');
    for (const one of servers) {
      one.closeAllConnections();
      one.close();
    }
  });
  afterAll(async () => {
    await server.stop();
    await folder.remove();
  });

  async function startEngineAt(name: string, port: number): Promise<Engine> {
    const args = ['--config', join(folder.path, 'engine.yml'), '--data', join(folder.path, name)];
    const running = startProcess(process.execPath, [ENGINE, ...args, `--listen=127.0.0.1:${port}`]);
    const engine = await untilListening(running);
    if (engine === null) throw new Error(running.output());
    engines.set(name, engine);
    return engine;
  }

  it('go on with what both have: the other tells what happens then and nothing again, and the first catches up', async () => {
    let later = 0;
    const target = createServer((_request, response) => {
      response.setHeader('content-type', 'text/plain; version=0.0.4');
      response.end(`broken 1\nlater ${later}\n`);
    });
    const told: string[] = [];
    const hook = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8');
      request.on('data', (part: string) => (body += part));
      request.on('end', () => {
        const { groupLabels, status } = JSON.parse(body) as WebhookPayload;
        told.push(`${String(groupLabels['alertname'])} ${status}`);
        response.end();
      });
    });
    servers.push(target, hook);
    const [targetAt, hookAt] = [await listening(target), await listening(hook)];
    const put = (file: string, value: object): Promise<void> =>
      writeFile(join(folder.path, file), stringify(value));
    await put('rules.yml', {
      groups: [
        {
          name: 'g',
          interval: '1s',
          rules: [
            { alert: 'Broken', expr: 'broken == 1', for: '2s' },
            { alert: 'Later', expr: 'later == 1', for: '2s' },
          ],
        },
      ],
    });
    await put('am.yml', {
      route: {
        receiver: 'hook',
        group_by: ['alertname'],
        group_wait: '0s',
        group_interval: '1s',
        repeat_interval: '4h',
      },
      receivers: [{ name: 'hook', webhook_configs: [{ url: `http://${hookAt}/` }] }],
    });
    await put('engine.yml', {
      rule_files: ['rules.yml'],
      alertmanager_config: 'am.yml',
      state: { postgres: { url: state.url(), lease: '15s' } },
    });
    const ports = [await freePort(), await freePort()] as const;
    const [first, second] = ports.map((port) => `http://127.0.0.1:${port}/api/v1/write`);
    await put('collector.yml', {
      global: { scrape_interval: '1s' },
      scrape_configs: [{ job_name: 'target', static_configs: [{ targets: [targetAt] }] }],
      outputs: { remote_write: [{ name: 'engine', url: first, replica_urls: [second] }] },
    });

    const one = await startEngineAt('one', ports[0]);
    await untilReady(one);
    const two = await startEngineAt('two', ports[1]);
    collector = await startBuiltApp(
      'collector',
      join(folder.path, 'collector.yml'),
      join(folder.path, 'collector'),
    );
    await eventually('the alert to be told', () => (told.length > 0 ? true : null));
    await eventually('both to have samples', async () =>
      (await ask(one, 'count_over_time(broken[5m]) > 3')) !== null &&
      (await ask(two, 'count_over_time(broken[5m]) > 3')) !== null
        ? true
        : null,
    );
    expect(await metric(one, 'binnacle_engine_leader')).toBe(1);
    expect(await metric(two, 'binnacle_engine_leader')).toBe(0);
    expect(await getText(`${two.url}/readyz`)).toBeNull();

    await one.process.stop('SIGKILL');
    later = 1;
    await untilReady(two);
    await eventually('what happens then to be told', () => (told.length > 1 ? true : null));
    // What the first has told is in the database, so the other does not tell it again.
    expect(told).toEqual(['Broken firing', 'Later firing']);

    const back = await startEngineAt('one', ports[0]);
    await eventually('the first to wait', async () =>
      (await (await fetch(`${back.url}/readyz`)).text()).includes('[-] state: standby')
        ? true
        : null,
    );
    // Everything from before the kill until now, however long the first was away.
    const atMs = Date.now();
    const all = `count_over_time(broken[10m] @ ${atMs / 1000})`;
    await eventually('the first to have what it missed', async () => {
      const reached = await Promise.all(
        [back, two].map((engine) => metric(engine, 'prometheus_tsdb_head_max_time_seconds')),
      );
      const counts = [await ask(back, all), await ask(two, all)];
      const isThere = reached.every((seconds) => seconds * 1000 > atMs) && counts[0] !== null;
      return isThere && counts[0] === counts[1] ? true : null;
    });
    expect(told).toEqual(['Broken firing', 'Later firing']);
  }, 300_000);
});
