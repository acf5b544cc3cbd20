import 'reflect-metadata';
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { LogStore } from '#libs/log-store';
import { AppLogger, listen } from '#libs/platform';
import { createApp } from '../../apps/alert-engine/src/app.ts';
import { createApp as createCollector } from '../../apps/collector/src/app.ts';
import { eventually, freePort, temporaryFolder } from '../support/processes.ts';
import { storedLines } from '../support/stored-lines.ts';

const logger = AppLogger.create({ app: 'test', level: 'silent' });
/** As a kubelet names it. */
const FOLDER = 'pods/shop_web-1_3f7a1b2c-0000-4000-8000-000000000001/web';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let port: number;
let engine: NestFastifyApplication | null;
let collector: NestFastifyApplication | null;

beforeEach(async () => {
  folder = await temporaryFolder();
  port = await freePort();
  await mkdir(join(folder.path, FOLDER), { recursive: true });
  engine = null;
  collector = null;
});

afterEach(async () => {
  await collector?.close();
  await engine?.close();
  await folder.remove();
});

async function startEngine(): Promise<LogStore> {
  const address = { host: '127.0.0.1', port };
  const dataDir = join(folder.path, 'engine');
  engine = await createApp(
    { configFile: null, dataDir, listen: address, logLevel: 'silent' },
    {},
    logger,
  );
  await listen(engine, address);
  return engine.get(LogStore);
}

async function startCollector(): Promise<void> {
  const configFile = join(folder.path, 'collector.yml');
  await writeFile(
    configFile,
    `host_metrics: {enabled: false}
logs:
  poll_interval: 20ms
  scan_interval: 100ms
  files:
    - {name: pods, include: [pods/*/*/*.log], format: cri, from: beginning}
outputs:
  remote_write:
    - {name: engine, url: 'http://127.0.0.1:${port}/api/v1/write'}
  engine_logs:
    - {name: engine, min_backoff: 20ms, max_backoff: 200ms}
`,
  );
  const address = { host: '127.0.0.1', port: 0 };
  const dataDir = join(folder.path, 'collector');
  collector = await createCollector(
    { configFile, dataDir, listen: address, logLevel: 'silent' },
    {},
    logger,
  );
  await listen(collector, address);
}

/** A second apart, so that the order of lines is that of their times. */
function criLine(number: number): string {
  const time = new Date(Date.now() - 3_600_000 + number * 1_000).toISOString();
  return `${time} stdout F level=info line ${number}\n`;
}

function write(from: number, to: number): Promise<void> {
  const numbers = Array.from({ length: to - from }, (_, i) => from + i);
  return appendFile(join(folder.path, FOLDER, '0.log'), numbers.map(criLine).join(''));
}

describe('container logs in the engine', () => {
  it('arrive once and in order with the labels of their pod, and wait while it is down', async () => {
    await startEngine();
    await startCollector();
    await write(0, 50);
    await eventually('the first lines', async () => {
      const lines = await storedLines(engine!.get(LogStore));
      return lines.length === 50 ? lines : null;
    });
    await engine!.close();
    engine = null;
    await write(50, 100);
    const store = await startEngine();
    const lines = await eventually('all lines', async () => {
      const found = await storedLines(store);
      return found.length >= 100 ? found : null;
    });
    expect(lines.map(({ line }) => line)).toEqual(
      Array.from({ length: 100 }, (_, i) => `level=info line ${i}`),
    );
    expect(lines[0]).toMatchObject({
      labels: {
        tag: 'binnacle.pods',
        namespace: 'shop',
        pod: 'web-1',
        container: 'web',
        level: 'info',
      },
      metadata: { stream: 'stdout' },
    });
  });
});
