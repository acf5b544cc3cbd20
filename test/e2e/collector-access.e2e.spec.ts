import 'reflect-metadata';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppLogger, listen } from '#libs/platform';
import { runCli } from '../../apps/cli/src/cli.ts';
import { createApp } from '../../apps/collector/src/app.ts';
import { eventually, temporaryFolder } from '../support/processes.ts';

const DEADLINE_MS = 60_000;
const LIVE = '/api/v1/logs/live?level=loud';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const apps: NestFastifyApplication[] = [];

beforeEach(async () => {
  folder = await temporaryFolder();
});

afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
  await folder.remove();
});

async function start(config: string, env: Record<string, string> = {}) {
  const configFile = join(folder.path, 'collector.yml');
  await writeFile(
    configFile,
    `host_metrics: {enabled: false}\nscrape_configs: []\noutputs: {remote_write: []}\n${config}`,
  );
  const address = { host: '127.0.0.1', port: 0 };
  const app = await createApp(
    { configFile, dataDir: join(folder.path, 'data'), listen: address, logLevel: 'silent' },
    env,
    AppLogger.create({ app: 'test', level: 'silent' }),
  );
  apps.push(app);
  const { port } = await listen(app, address);
  return { app, configFile, port };
}

interface Asking {
  readonly from: string;
  readonly token: string;
  readonly method: 'GET' | 'POST';
}

/** The status that somebody at an address gets. */
async function status(
  app: NestFastifyApplication,
  url: string,
  { from = '127.0.0.1', token = '', method = 'GET' }: Partial<Asking> = {},
): Promise<number> {
  const headers = token === '' ? {} : { authorization: `Bearer ${token}` };
  const answer = await app
    .getHttpAdapter()
    .getInstance()
    .inject({ method, url, headers, remoteAddress: from });
  return answer.statusCode;
}

// A question that is refused as such has been let in.
it('shows log lines to nobody but its own machine, unless that is allowed', async () => {
  const { app, configFile } = await start('logs: {}\n');
  for (const from of ['127.0.0.1', '127.8.0.1', '::1', '::ffff:127.0.0.1']) {
    expect(await status(app, LIVE, { from })).toBe(400);
  }
  for (const from of ['10.0.0.7', '::ffff:10.0.0.7', 'fd00::1', '128.0.0.1']) {
    expect(await status(app, LIVE, { from })).toBe(403);
    expect(await status(app, '/api/v1/targets', { from })).toBe(200);
  }
  await writeFile(
    configFile,
    'scrape_configs: []\noutputs: {remote_write: []}\nlogs: {live_view: {allow_anonymous: true}}\n',
  );
  expect(await status(app, '/-/reload', { method: 'POST' })).toBe(200);
  expect(await status(app, LIVE, { from: '10.0.0.7' })).toBe(400);
}, 120_000);

it('asks who asks, from wherever, once it knows somebody', async () => {
  const tokens = join(folder.path, 'tokens');
  await mkdir(tokens);
  await writeFile(join(tokens, 'read'), 'r');
  await writeFile(join(tokens, 'edit'), 'e');
  const { app, port } = await start('', { BINNACLE_AUTH_DIR: tokens });
  for (const from of ['127.0.0.1', '10.0.0.7']) {
    for (const url of [LIVE, '/api/v1/targets', '/api/v1/probes', '/api/v1/logs/files', '/']) {
      expect([url, await status(app, url, { from })]).toEqual([url, 401]);
    }
    expect(await status(app, LIVE, { from, token: 'r' })).toBe(400);
    expect(await status(app, '/api/v1/probes', { from, token: 'r' })).toBe(200);
    expect(await status(app, '/-/reload', { from, token: 'r', method: 'POST' })).toBe(403);
    for (const url of ['/livez', '/readyz', '/metrics']) {
      expect(await status(app, url, { from })).not.toBe(401);
    }
  }
  expect(await status(app, '/-/reload', { token: 'e', method: 'POST' })).toBe(200);

  let err = '';
  const io = { out: () => {}, err: (text: string) => void (err += text), env: {} };
  const collector = `http://127.0.0.1:${port}`;
  expect(await runCli(['logs', '-f', '--collector', collector], io)).toBe(1);
  expect(err).toContain('401');
  err = '';
  const watching = runCli(
    ['logs', '-f', '--collector', collector.replace('://', '://:r@'), '--grep', 'x'],
    io,
  );
  await eventually(
    'somebody watches',
    async () => {
      const { body } = await app.getHttpAdapter().getInstance().inject('/metrics');
      return /^binnacle_log_live_listeners 1$/m.test(body) || null;
    },
    DEADLINE_MS,
  );
  await app.close();
  apps.length = 0;
  await watching;
  expect(err).toBe(`binnacle logs: ${collector}/ has ended\n`);
}, 120_000);
