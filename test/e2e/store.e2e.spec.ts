import 'reflect-metadata';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Labels, Matcher } from '#libs/labels';
import type { StateStore } from '#libs/node-state';
import { createSampleWindow, SampleBatchBuilder } from '#libs/samples';
import { createApp } from '../../apps/alert-engine/src/app.ts';
import { STATE_STORE } from '../../apps/alert-engine/src/state/state-store.ts';
import { type Engine, startEngine } from '../support/engine.ts';
import { eventually, getText } from '../support/processes.ts';
import { STORE, type Store } from '../../apps/alert-engine/src/store/store.ts';
import { StoreRunner } from '../../apps/alert-engine/src/store/store.runner.ts';
import { STORE_WRITER, type StoreWriter } from '../../apps/alert-engine/src/store/store-writer.ts';

const HOUR_MS = 3_600_000;

let dataDir = '';
let engines: NestFastifyApplication[] = [];
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'binnacle-store-'));
});
afterEach(async () => {
  for (const app of engines) await app.close();
  engines = [];
  await rm(dataDir, { recursive: true, force: true });
});

async function start(): Promise<Engine> {
  const engine = await startEngine(dataDir);
  engines.push(engine.app);
  return engine;
}

async function stop({ app }: Engine): Promise<void> {
  engines = engines.filter((one) => one !== app);
  await app.close();
}

async function write({ app }: Engine, timeMs: number, value: number): Promise<void> {
  const builder = new SampleBatchBuilder();
  builder.addSeries(Labels.fromRecord({ __name__: 'store_e2e', id: '1' }));
  builder.addSample(timeMs, value);
  await app.get<StoreWriter>(STORE_WRITER, { strict: false }).append(builder.take());
}

async function read({ app }: Engine): Promise<number[]> {
  const matchers = [new Matcher('__name__', '=', 'store_e2e')];
  const selection = await app.get<Store>(STORE, { strict: false }).select(matchers, 0, Infinity);
  const window = createSampleWindow();
  const values: number[] = [];
  for (const row of selection.rows) {
    selection.read(row, 0, Infinity, window);
    values.push(...window.values.subarray(window.start, window.end));
  }
  return values;
}

describe('the engine’s store', () => {
  it('keeps samples and state over a restart and tells about itself', async () => {
    const now = Date.now();
    const first = await start();
    await write(first, now - 1_000, 1);
    await write(first, now, 2);
    const state = first.app.get<StateStore>(STATE_STORE, { strict: false });
    await state.apply([{ area: 'test', key: 'k', value: 'v' }]);
    const status = await fetch(`${first.url}/api/v1/status/tsdb?limit=1`);
    expect(await status.json()).toMatchObject({
      status: 'success',
      data: {
        headStats: { numSeries: 1, minTime: now - 1_000, maxTime: now },
        seriesCountByMetricName: [{ name: 'store_e2e', value: 1 }],
        blockStats: { numBlocks: 0, numBytes: 0, numSamples: 0, minTime: null, maxTime: null },
      },
    });
    const refused = await fetch(`${first.url}/api/v1/status/tsdb?limit=none`);
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ status: 'error', errorType: 'bad_data' });
    const metrics = await (await fetch(`${first.url}/metrics`)).text();
    expect(metrics).toMatch(/^prometheus_tsdb_head_series 1$/m);
    expect(metrics).toMatch(/^prometheus_tsdb_head_samples_appended_total\{type="float"\} 2$/m);
    expect(metrics).toMatch(/^binnacle_store_writable 1$/m);
    await stop(first);

    const second = await start();
    expect(await read(second)).toEqual([1, 2]);
    const again = second.app.get<StateStore>(STATE_STORE, { strict: false });
    expect(await again.load('test')).toEqual(new Map([['k', 'v']]));
    await eventually('readiness', () => getText(`${second.url}/readyz`));
  });

  it('tells of its blocks, which have the samples that are old', async () => {
    // On the hour, so that both samples are in one block.
    const old = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 6 * HOUR_MS;
    const engine = await start();
    await write(engine, old, 1);
    await write(engine, old + 1_000, 2);
    await engine.app.get(StoreRunner, { strict: false }).maintain();
    const status = await fetch(`${engine.url}/api/v1/status/tsdb`);
    expect(await status.json()).toMatchObject({
      data: {
        headStats: { numSeries: 0 },
        blockStats: { numBlocks: 1, numSamples: 2, minTime: old, maxTime: old + 1_000 },
      },
    });
    expect(await read(engine)).toEqual([1, 2]);
  });

  it('starts on a log with a cut-off tail and on a state database that is damaged', async () => {
    const now = Date.now();
    const first = await start();
    await write(first, now - 1_000, 1);
    await write(first, now, 2);
    await stop(first);
    const segment = join(dataDir, 'metrics', '00000001.log');
    const handle = await open(segment, 'r+');
    await handle.truncate((await handle.stat()).size - 3);
    await handle.close();
    await writeFile(join(dataDir, 'state.db'), 'garbage'.repeat(1_000));

    const second = await start();
    expect(await read(second)).toEqual([1]);
    const metrics = await (await fetch(`${second.url}/metrics`)).text();
    expect(metrics).toMatch(/^binnacle_store_replay_torn_bytes [1-9]\d*$/m);
    expect(metrics).toMatch(/^prometheus_tsdb_wal_corruptions_total 0$/m);
    expect(metrics).toMatch(/^binnacle_state_databases_set_aside 1$/m);
    expect(await readdir(dataDir)).toContain('state.db.corrupt');
  });

  it('says in one sentence why it cannot have its data directory', async () => {
    await start();
    await expect(start()).rejects.toThrow(
      `The data directory ${dataDir} is in use by the process ${process.pid};`,
    );
    const file = join(dataDir, 'file');
    await writeFile(file, '');
    const options = { configFile: null, dataDir: file, listen: { host: '127.0.0.1', port: 0 } };
    await expect(createApp({ ...options, logLevel: 'silent' }, {})).rejects.toThrow(
      `The data directory ${file} cannot be used: it is a file, not a directory.`,
    );
  });
});
