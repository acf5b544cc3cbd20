import 'reflect-metadata';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FluentClient, FluentServer } from '@fluent-org/logger';
import fluentLogger from 'fluent-logger';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppLogger, listen } from '#libs/platform';
import { createApp } from '../../apps/collector/src/app.ts';

interface Entry {
  readonly tag: string;
  readonly seconds: number;
  readonly record: Record<string, unknown>;
}

let folder: string;
let apps: NestFastifyApplication[];
let fluentd: FluentServer;
let entries: Entry[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'binnacle-inputs-'));
  apps = [];
  await startFluentd(0);
});

afterEach(async () => {
  for (const app of apps) await app.close();
  await fluentd.close();
  rmSync(folder, { recursive: true, force: true });
});

async function startFluentd(port: number): Promise<void> {
  entries = [];
  fluentd = new FluentServer({ listenOptions: { port, host: '127.0.0.1' } });
  fluentd.on('entry', (tag: string, time: { epoch: number }, record: Record<string, unknown>) => {
    entries.push({ tag, seconds: time.epoch, record });
  });
  for (const end = Date.now() + 90_000; ; await sleep(50)) {
    try {
      await fluentd.listen();
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || Date.now() > end) throw error;
    }
  }
}

/** A port that nobody has at the moment. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return address !== null && typeof address === 'object' ? address.port : 0;
}

async function start(
  inputs: string,
  port: number,
): Promise<{ app: NestFastifyApplication; base: string }> {
  const file = join(folder, 'collector.yml');
  writeFileSync(
    file,
    `host_metrics: {enabled: false}
logs:
  inputs:
${inputs.replaceAll(/^/gm, '    ')}
outputs:
  remote_write: []
  fluentd:
    - {name: test, port: ${port}, tag: node, min_backoff: 20ms, ack_timeout: 60s}
`,
  );
  const options = {
    configFile: file,
    dataDir: join(folder, 'data'),
    listen: { host: '127.0.0.1', port: 0 },
    logLevel: 'silent',
  } as const;
  const app = await createApp(options, {}, AppLogger.create({ app: 'test', level: 'silent' }));
  apps.push(app);
  const address = await listen(app, options.listen);
  return { app, base: `http://127.0.0.1:${address.port}` };
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

async function emit(
  client: FluentClient,
  tag: string,
  record: Record<string, unknown>,
): Promise<void> {
  await client.emit(tag, record, 1_700_000_000_000);
}

describe('the forward input', () => {
  it('takes events of applications, with level and sender, to the outputs', async () => {
    const port = await freePort();
    const { base } = await start(
      `forward: [{listen: "127.0.0.1:${port}", labels: {team: shop}}]`,
      fluentd.port!,
    );
    await until(async () => (await metric(base, 'binnacle_log_input_up{input="forward"}')) === 1);
    const client = new FluentClient('shop', { socket: { port }, ack: {} });
    await emit(client, 'order', { log: 'ERROR no stock\n', sku: 7, team: 'other' });
    await emit(client, 'order', { message: 'done', level: 'WARNING' });
    await client.disconnect();
    const sender = fluentLogger.createFluentSender('cart', { host: '127.0.0.1', port });
    sender.emit('item', { added: 'book' });
    await until(() => entries.length === 3);
    sender.end('end', {}, () => {});
    const common = { team: 'shop', source: '127.0.0.1' };
    expect(entries.slice(0, 2)).toEqual([
      {
        tag: 'shop.order',
        seconds: 1_700_000_000,
        record: { ...common, level: 'error', sku: 7, message: 'ERROR no stock' },
      },
      {
        tag: 'shop.order',
        seconds: 1_700_000_000,
        record: { ...common, level: 'warn', message: 'done' },
      },
    ]);
    expect(entries[2]).toMatchObject({
      tag: 'cart.item',
      record: { ...common, level: 'unknown', added: 'book' },
    });
    const errors = 'binnacle_log_input_records_total{input="forward",level="error"}';
    expect(await metric(base, errors)).toBe(1);
  });

  it('keeps what it has acknowledged while Fluentd is away, and over a restart', async () => {
    const port = await freePort();
    const inputs = `forward: [{listen: "127.0.0.1:${port}"}]`;
    const fluentdPort = fluentd.port!;
    await fluentd.close();
    const first = await start(inputs, fluentdPort);
    await until(
      async () => (await metric(first.base, 'binnacle_log_input_up{input="forward"}')) === 1,
    );
    const client = new FluentClient('a', { socket: { port }, ack: { ackTimeout: 60_000 } });
    for (let i = 0; i < 20; i++) await emit(client, 'b', { message: `m${i}` });
    await client.disconnect();
    await first.app.close();
    apps.pop();
    await startFluentd(fluentdPort);
    await start(inputs, fluentdPort);
    await until(() => new Set(entries.map(({ record }) => record['message'])).size === 20);
  });
});
