import 'reflect-metadata';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppLogger, listen } from '#libs/platform';
import { createApp } from '../../apps/alert-engine/src/app.ts';
import { runCli } from '../../apps/cli/src/cli.ts';
import { startEngine } from '../support/engine.ts';
import { eventually, getText, temporaryFolder } from '../support/processes.ts';

const DEADLINE_MS = 60_000;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const apps: NestFastifyApplication[] = [];

beforeEach(async () => {
  folder = await temporaryFolder();
});

afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
  await folder.remove();
});

async function status(url: string, authorization?: string, method = 'GET'): Promise<number> {
  const headers = authorization === undefined ? {} : { authorization };
  const response = await fetch(url, { method, headers });
  await response.text();
  return response.status;
}

const CONFIG = `auth:
  tokens:
    - {name: grafana, token_file: grafana, may: [read]}
    - {name: nodes, token_file: nodes, may: [write]}
  users:
    - {name: ops, password_file: ops, may: [read, edit]}
`;

it('everybody does what they may, and a token that changes counts at once', async () => {
  await writeFile(join(folder.path, 'engine.yml'), CONFIG);
  for (const name of ['grafana', 'nodes', 'ops']) {
    await writeFile(join(folder.path, name), `${name}-secret\n`);
  }
  const { app, url } = await startEngine(
    join(folder.path, 'data'),
    join(folder.path, 'engine.yml'),
  );
  apps.push(app);
  const query = `${url}/api/v1/query?query=1`;
  const grafana = 'Bearer grafana-secret';
  const nodes = 'Bearer nodes-secret';
  const ops = `Basic ${Buffer.from('ops:ops-secret').toString('base64')}`;
  expect(await status(query)).toBe(401);
  expect(await status(query, 'Bearer wrong')).toBe(401);
  expect(await status(query, grafana)).toBe(200);
  expect(await status(query, nodes)).toBe(403);
  expect(await status(query, ops)).toBe(200);
  expect(await status(`${url}/api/v1/write`, grafana, 'POST')).toBe(403);
  expect([401, 403]).not.toContain(await status(`${url}/api/v1/write`, nodes, 'POST'));
  expect(await status(`${url}/-/reload`, grafana, 'POST')).toBe(403);
  expect(await status(`${url}/-/reload`, ops, 'POST')).toBe(200);
  expect(await status(`${url}/api/v2/silences`)).toBe(401);
  expect(await status(`${url}/nowhere`)).toBe(401);
  const metrics = (await getText(`${url}/metrics`)) ?? '';
  expect(metrics).toMatch(/binnacle_http_refused_requests_total\{reason="forbidden"\} 3/);
  expect(metrics).not.toContain('secret');

  await writeFile(join(folder.path, 'grafana'), 'another');
  await eventually(
    'the new token to count',
    async () => ((await status(query, 'Bearer another')) === 200 ? true : null),
    DEADLINE_MS,
  );
  expect(await status(query, grafana)).toBe(401);

  let said = '';
  const write = (text: string): void => {
    said += text;
  };
  const engine = url.replace('://', '://:another@');
  const io = { out: write, err: write, env: { BINNACLE_ENGINE: engine } };
  expect({ code: await runCli(['query', '41+1'], io), said }).toEqual({
    code: 0,
    said: expect.stringContaining('42'),
  });
  await writeFile(
    join(folder.path, 'rules.yml'),
    'groups: [{name: a, rules: [{alert: A, expr: up == 0}]}]',
  );
  await runCli(['backtest', join(folder.path, 'rules.yml'), '--since', '1m'], io);
  expect(said).toContain('127.0.0.1');
  expect(said).not.toContain('another');
}, 120_000);

it('a folder of tokens is enough, and an empty one is an error', async () => {
  const tokens = join(folder.path, 'tokens');
  await mkdir(tokens);
  const options = {
    configFile: null,
    dataDir: join(folder.path, 'data'),
    listen: { host: '127.0.0.1', port: 0 },
    logLevel: 'silent',
  } as const;
  const env = { BINNACLE_AUTH_DIR: tokens };
  const logger = AppLogger.create({ app: 'test', level: 'silent' });
  await expect(createApp(options, env, logger)).rejects.toThrow(
    'none of the files read, write, edit',
  );
  await writeFile(join(tokens, 'edit'), 'e');
  const app = await createApp(options, env, logger);
  apps.push(app);
  const { port } = await listen(app, options.listen);
  const url = `http://127.0.0.1:${port}`;
  expect(await status(`${url}/livez`)).toBe(200);
  expect(await status(`${url}/api/v1/rules`)).toBe(401);
  expect(await status(`${url}/api/v1/rules`, 'Bearer e')).toBe(200);
  expect(await status(`${url}/api/v1/write`, 'Bearer e', 'POST')).toBe(403);
}, 120_000);

async function hashPassword(password: string, args: readonly string[] = []) {
  let out = '';
  let err = '';
  const code = await runCli(['hash-password', ...args], {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    env: {},
    readInput: async () => password,
  });
  return { code, out, err };
}

function basic(pair: string): string {
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

it('a password that is known by its hash is checked without holding up anybody', async () => {
  const { out: hash } = await hashPassword('hunter2\n');
  expect(hash).toMatch(/^\$2b\$10\$\S{53}\n$/);
  expect((await hashPassword('')).code).toBe(1);
  expect((await hashPassword('x', ['--cost', '31'])).err).toContain('accepted are 4 to 14');
  expect((await hashPassword('one\ntwo\n')).code).toBe(2);

  const { out: other } = await hashPassword('hunter3', ['--cost', '4']);
  const config = join(folder.path, 'engine.yml');
  await writeFile(join(folder.path, 'hash'), other);
  await writeFile(
    config,
    `auth: {basic_auth_users: {admin: '${hash.trim()}'}, users: [{name: ann, may: [read], password_hash_file: hash}]}\n`,
  );
  const { app, url } = await startEngine(join(folder.path, 'data'), config);
  apps.push(app);
  const query = `${url}/api/v1/query?query=1`;
  for (let again = 0; again < 2; again++) {
    expect(await status(query, basic('admin:hunter2'))).toBe(200);
    expect(await status(query, basic('admin:hunter3'))).toBe(401);
    expect(await status(query, basic('nobody:hunter2'))).toBe(401);
    expect(await status(query, basic('ann:hunter3'))).toBe(200);
    expect(await status(`${url}/-/reload`, basic('ann:hunter3'), 'POST')).toBe(403);
    expect(await status(`${url}/-/reload`, basic('admin:hunter2'), 'POST')).toBe(200);
  }

  // Many guesses at a time: some are compared, the others told to come again, and those who are known get through.
  const guesses = Array.from({ length: 100 }, (_, index) => status(query, basic(`admin:${index}`)));
  expect(await status(query, basic('admin:hunter2'))).toBe(200);
  const answers = await Promise.all(guesses);
  expect(new Set(answers)).toEqual(new Set([401, 503]));
  const metrics = (await getText(`${url}/metrics`)) ?? '';
  expect(metrics).toMatch(/binnacle_http_refused_requests_total\{reason="busy"\} [1-9]/);
}, 120_000);
