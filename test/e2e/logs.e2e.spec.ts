import 'reflect-metadata';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FluentServer } from '@fluent-org/logger';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppLogger, listen } from '#libs/platform';
import { createApp } from '../../apps/collector/src/app.ts';
import { freePort } from '../support/processes.ts';

let folder: string;
let apps: NestFastifyApplication[];
let fluentd: FluentServer;
let messages: unknown[];
let tags: Set<string>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'binnacle-logs-'));
  mkdirSync(join(folder, 'logs'));
  apps = [];
  // Nobody else is given it while Fluentd is away.
  await startFluentd(await freePort());
});

afterEach(async () => {
  for (const app of apps) await app.close();
  await fluentd.close();
  rmSync(folder, { recursive: true, force: true });
});

async function startFluentd(port: number): Promise<void> {
  messages = [];
  tags = new Set();
  fluentd = new FluentServer({ listenOptions: { port, host: '127.0.0.1' } });
  fluentd.on('entry', (tag: string, _time: unknown, record: Record<string, unknown>) => {
    tags.add(tag);
    messages.push(record['message']);
  });
  // Where a port is given, a connection of somebody else may have it for a moment.
  for (const end = Date.now() + 90_000; ; await sleep(50)) {
    try {
      await fluentd.listen();
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || Date.now() > end) throw error;
    }
  }
}

function writeConfig(port: number): string {
  const file = join(folder, 'collector.yml');
  writeFileSync(
    file,
    `host_metrics: {enabled: false}
logs:
  poll_interval: 20ms
  scan_interval: 100ms
  files:
    - name: app
      include: [logs/*.log]
      format: cri
      labels: {team: shop}
      from: beginning
outputs:
  remote_write: []
  fluentd:
    - {name: test, port: ${port}, tag: node, min_backoff: 20ms, ack_timeout: 60s}
`,
  );
  return file;
}

async function start(port: number): Promise<{ app: NestFastifyApplication; base: string }> {
  const options = {
    configFile: writeConfig(port),
    dataDir: join(folder, 'data'),
    listen: { host: '127.0.0.1', port: 0 },
    logLevel: 'silent',
  } as const;
  const logger = AppLogger.create({ app: 'test', level: 'silent' });
  const app = await createApp(options, {}, logger);
  apps.push(app);
  const address = await listen(app, options.listen);
  return { app, base: `http://127.0.0.1:${address.port}` };
}

function cri(message: string, stream = 'stdout'): string {
  return `2026-03-01T08:00:00.5Z ${stream} F ${message}\n`;
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 90_000; Date.now() < end; await sleep(20)) {
    if (await holds()) return;
  }
  throw new Error('it did not come to that within 90 s');
}

async function metric(base: string, line: string): Promise<number | null> {
  const text = await fetch(`${base}/metrics`).then((response) => response.text());
  const found = text.split('\n').find((candidate) => candidate.startsWith(`${line} `));
  return found === undefined ? null : Number(found.slice(line.length + 1));
}

const INFO = 'binnacle_log_lines_total{group="app",team="shop",level="info",stream="stdout"}';
const SENT = 'binnacle_output_sent_total{output="fluentd-test",kind="logs"}';
const ERRORS = 'binnacle_log_lines_total{group="app",team="shop",level="error",stream="stderr"}';

describe('log files', () => {
  it('are counted by level, forwarded through a rotation, and shown', async () => {
    const log = join(folder, 'logs', '0.log');
    writeFileSync(log, cri('INFO started') + cri('ERROR failed', 'stderr'));
    const { base } = await start(fluentd.port!);
    await until(() => messages.length === 2);
    renameSync(log, `${log}.20260301-080000`);
    appendFileSync(`${log}.20260301-080000`, cri('INFO late'));
    appendFileSync(log, cri('INFO new'));
    await until(() => messages.length === 4);
    expect(messages).toEqual(['INFO started', 'ERROR failed', 'INFO late', 'INFO new']);
    expect(tags).toEqual(new Set(['node.app']));
    await until(async () => (await metric(base, INFO)) === 3);
    await until(async () => (await metric(base, ERRORS)) === 1);
    // Fluentd has a message a moment before its acknowledgement is back.
    await until(async () => (await metric(base, SENT)) === 4);

    const activeFiles = async (): Promise<Record<string, unknown>[]> => {
      const answer = await fetch(`${base}/api/v1/logs/files`).then((response) => response.json());
      const { files } = (answer as { data: { files: Record<string, unknown>[] } }).data;
      return files.filter((file) => file['state'] === 'active');
    };
    await until(async () => (await activeFiles()).every((file) => file['lagBytes'] === 0));
    const current = await activeFiles();
    expect(current.map((file) => file['output'])).toEqual(['metrics', 'fluentd-test']);
    expect(current[1]).toMatchObject({ path: log, group: 'app', lagBytes: 0, lastError: null });
    expect(current[1]!['offset']).toBe(current[1]!['size']);
  });

  it('go on after a restart where they were, with what was not acknowledged, and count on without Fluentd', async () => {
    const log = join(folder, 'logs', '0.log');
    const port = fluentd.port!;
    writeFileSync(log, cri('INFO one'));
    const first = await start(port);
    // What is not acknowledged yet would come again after the restart.
    await until(async () => (await metric(first.base, SENT)) === 1);
    await fluentd.close();
    appendFileSync(log, cri('INFO two'));
    await until(async () => (await metric(first.base, INFO)) === 2);
    await until(
      async () =>
        (await metric(first.base, 'binnacle_log_lag_seconds{output="fluentd-test",group="app"}'))! >
        0,
    );
    await first.app.close();
    appendFileSync(log, cri('INFO three'));
    await startFluentd(port);
    const second = await start(port);
    await until(() => messages.length === 2);
    expect(messages).toEqual(['INFO two', 'INFO three']);
    await until(async () => (await metric(second.base, INFO)) === 1);
  });

  it('of a group that a reload brings are followed, and a bad file changes nothing', async () => {
    const log = join(folder, 'logs', '0.log');
    writeFileSync(log, cri('INFO one'));
    const { base } = await start(fluentd.port!);
    await until(() => messages.length === 1);
    const config = readFileSync(join(folder, 'collector.yml'), 'utf8');
    const reload = (): Promise<Response> => fetch(`${base}/-/reload`, { method: 'POST' });

    writeFileSync(join(folder, 'collector.yml'), config.replace('format: cri', 'format: xml'));
    const refused = await reload();
    expect(refused.ok).toBe(false);
    expect(await refused.text()).toContain('accepted are raw, cri, docker-json, json');

    const more = '    - {name: more, include: [more/*.txt], labels: {tier: x}, from: beginning}\n';
    mkdirSync(join(folder, 'more'));
    writeFileSync(join(folder, 'more', 'a.txt'), 'WARN raw line\n');
    writeFileSync(join(folder, 'collector.yml'), config.replace('outputs:\n', `${more}outputs:\n`));
    expect((await reload()).ok).toBe(true);
    await until(() => messages.length === 2);
    appendFileSync(log, cri('INFO two'));
    await until(() => messages.length === 3);
    expect(messages).toEqual(['INFO one', 'WARN raw line', 'INFO two']);
    const warnings = 'binnacle_log_lines_total{group="more",tier="x",level="warn",stream=""}';
    await until(async () => (await metric(base, warnings)) === 1);
  });

  it('measure what was written against what was shipped', async () => {
    const server = fluentd;
    const { base } = await start(server.port!);
    const path = join(folder, 'logs', 'flow.log');
    let written = 0;
    const write = (from: number, to: number): void => {
      const text = Array.from({ length: to - from }, (_, i) => cri(`line ${from + i}`)).join('');
      appendFileSync(path, text);
      written += Buffer.byteLength(text);
    };
    const flow = async (unit: string, output: string): Promise<number | null> =>
      metric(base, `binnacle_log_${unit}_bytes_total{output="${output}",group="app"}`);
    write(0, 1_000);
    await until(async () => (await flow('shipped', 'fluentd-test')) === written);
    renameSync(path, `${path}.20260301-080000`);
    write(1_000, 2_000);
    for (const output of ['metrics', 'fluentd-test']) {
      // Each output reads the files for itself.
      await until(async () => (await flow('shipped', output)) === written);
      expect(await flow('seen', output)).toBe(written);
      expect(await metric(base, `binnacle_log_lag_bytes{output="${output}",group="app"}`)).toBe(0);
    }
    // Nobody takes the lines, and they are not on disk yet; then their file is gone.
    await server.close();
    const before = written;
    write(2_000, 3_000);
    await until(async () => (await flow('seen', 'fluentd-test')) === written);
    expect(await flow('shipped', 'fluentd-test')).toBe(before);
    await until(async () => (await flow('shipped', 'metrics')) === written);
    rmSync(path);
    await apps.pop()!.close();
    const text = readFileSync(join(folder, 'data', 'logs', 'fluentd-test.json'), 'utf8');
    const { checkpoints } = JSON.parse(text) as {
      checkpoints: { offset: number; seenBytes: number }[];
    };
    const unread = checkpoints.filter(({ offset, seenBytes }) => seenBytes > offset);
    // So that after the next start it is known how much is lost.
    expect(unread.map(({ offset, seenBytes }) => seenBytes - offset)).toEqual([written - before]);
    await startFluentd(await freePort());
  });
});
