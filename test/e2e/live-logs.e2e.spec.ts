import 'reflect-metadata';
import { appendFileSync, mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AppLogger, listen } from '#libs/platform';
import { runCli } from '../../apps/cli/src/cli.ts';
import { createApp } from '../../apps/collector/src/app.ts';
import { eventually, temporaryFolder } from '../support/processes.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const running: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  folder = await temporaryFolder();
});

afterEach(async () => {
  for (const app of running.splice(0)) await app.close();
  await folder.remove();
});

async function startCollector(): Promise<{ url: string; close: () => Promise<void> }> {
  const configFile = join(folder.path, 'collector.yml');
  await writeFile(
    configFile,
    `host_metrics: {enabled: false}
scrape_configs: []
logs:
  poll_interval: 20ms
  scan_interval: 100ms
  files:
    - {name: pods, include: ['pods/*/*/*.log'], format: cri, from: beginning}
outputs: {remote_write: []}
`,
  );
  const app = await createApp(
    {
      configFile,
      dataDir: join(folder.path, 'data'),
      listen: { host: '127.0.0.1', port: 0 },
      logLevel: 'silent',
    },
    {},
    AppLogger.create({ app: 'test', level: 'silent' }),
  );
  running.push(app);
  const { port } = await listen(app, { host: '127.0.0.1', port: 0 });
  const close = async (): Promise<void> => {
    running.splice(running.indexOf(app), 1);
    await app.close();
  };
  return { url: `http://127.0.0.1:${port}`, close };
}

function write(namespace: string, text: string): void {
  const path = join(
    folder.path,
    'pods',
    `${namespace}_web-1_0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0`,
    'main',
  );
  mkdirSync(path, { recursive: true });
  appendFileSync(join(path, '0.log'), `2026-03-01T08:00:00.25Z stderr F ${text}\n`);
}

async function listeners(url: string): Promise<number> {
  const text = await fetch(`${url}/metrics`).then((response) => response.text());
  return Number(/^binnacle_log_live_listeners (\d+)$/m.exec(text)?.[1]);
}

describe('the live view', () => {
  it('shows those who watch what they have asked for, until the collector ends', async () => {
    const { url, close } = await startCollector();
    let out = '';
    let err = '';
    const watching = runCli(
      [
        'logs',
        '-f',
        '--namespace',
        'shop',
        '--level',
        'error',
        '--grep',
        'stock',
        '--collector',
        url,
      ],
      { out: (text) => void (out += text), err: (text) => void (err += text), env: {} },
    );
    await eventually('somebody watches', async () => (await listeners(url)) === 1 || null);
    write('shop', 'INFO stock is fine');
    write('other', 'ERROR no stock elsewhere');
    write('shop', 'ERROR no \u001b[31mstock');
    write('shop', 'ERROR no money');
    write('shop', 'FATAL stock burnt');
    await eventually('the last line is shown', () => out.includes('burnt') || null);
    expect(out).toBe(
      '2026-03-01T08:00:00.250Z shop/web-1/main ERROR ERROR no \\x1b[31mstock\n' +
        '2026-03-01T08:00:00.250Z shop/web-1/main FATAL FATAL stock burnt\n',
    );
    await close();
    expect(await watching).toBe(0);
    expect(err).toContain('has ended');
  });

  it('tells what is wrong with a question, and where nobody answers', async () => {
    const { url } = await startCollector();
    const answer = await fetch(`${url}/api/v1/logs/live?level=loud`);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      error: expect.stringContaining('accepted are trace'),
    });
    expect((await fetch(`${url}/api/v1/logs/live?colour=red`)).status).toBe(400);
    let err = '';
    const io = { out: () => {}, err: (text: string) => void (err += text), env: {} };
    expect(await runCli(['logs'], io)).toBe(2);
    expect(await runCli(['logs', '-f', '--level', 'loud'], io)).toBe(2);
    expect(await runCli(['logs', '-f', '--collector', 'http://127.0.0.1:1'], io)).toBe(1);
    expect(err).toContain('no answer from a collector at http://127.0.0.1:1');
  });
});
