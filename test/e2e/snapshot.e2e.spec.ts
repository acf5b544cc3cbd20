import 'reflect-metadata';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { compareUtf8, Labels } from '#libs/labels';
import { SampleBatchBuilder } from '#libs/samples';
import { STORE_WRITER, type StoreWriter } from '../../apps/alert-engine/src/store/store-writer.ts';
import { type Engine, startEngine } from '../support/engine.ts';

let folder = '';
let dataDir = '';
let engines: NestFastifyApplication[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'binnacle-snapshot-'));
  dataDir = join(folder, 'data');
});
afterEach(async () => {
  for (const app of engines) await app.close();
  engines = [];
  await rm(folder, { recursive: true, force: true });
});

async function start(directory: string, config: string): Promise<Engine> {
  const configFile = join(folder, 'config.yml');
  await writeFile(configFile, config);
  const engine = await startEngine(directory, configFile);
  engines.push(engine.app);
  return engine;
}

async function write({ app }: Engine, timeMs: number, value: number): Promise<void> {
  const builder = new SampleBatchBuilder();
  builder.addSeries(Labels.fromRecord({ __name__: 'snapshot_e2e' }));
  builder.addSample(timeMs, value);
  await app.get<StoreWriter>(STORE_WRITER, { strict: false }).append(builder.take());
}

async function query({ url }: Engine, timeMs: number): Promise<unknown> {
  const parameters = new URLSearchParams({
    query: 'snapshot_e2e[2h]',
    time: String(timeMs / 1_000),
  });
  return (await fetch(`${url}/api/v1/query?${parameters.toString()}`)).json();
}

async function ask(
  { url }: Engine,
  path: string,
  method = 'POST',
): Promise<{ status: number; body: { data?: { name: string } } }> {
  const reply = await fetch(`${url}/api/v1/admin/tsdb/${path}`, { method });
  if (reply.status === 204) return { status: 204, body: {} };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what it holds is checked by the tests
  return { status: reply.status, body: (await reply.json()) as { data?: { name: string } } };
}

const ENABLED = 'storage: { enable_admin_api: true }';

describe('the admin API of the store', () => {
  it('takes snapshots that another engine starts with', async () => {
    const now = Date.now();
    await mkdir(join(dataDir, 'snapshots', 'interrupted.tmp', 'metrics'), { recursive: true });
    const engine = await start(dataDir, ENABLED);
    expect(await readdir(join(dataDir, 'snapshots'))).toEqual([]);
    await write(engine, now - 3_600_000, 1);
    await write(engine, now, 2);
    const before = await query(engine, now);
    expect(before).toMatchObject({
      data: {
        result: [
          {
            values: [
              [(now - 3_600_000) / 1_000, '1'],
              [now / 1_000, '2'],
            ],
          },
        ],
      },
    });
    const { status, body } = await ask(engine, 'snapshot');
    expect(status).toBe(200);
    expect(body).toEqual({
      status: 'success',
      data: { name: expect.stringMatching(/^\d{8}T\d{6}Z-[0-9a-f]{16}$/) },
    });
    await write(engine, now + 1, 3);
    const copy = await start(join(dataDir, 'snapshots', body.data!.name), '{}');
    expect(await query(copy, now + 1)).toEqual(before);
    await write(copy, now + 2, 4);

    const without = await ask(engine, 'snapshot?skip_head=true', 'PUT');
    expect(without.status).toBe(200);
    const other = await start(join(dataDir, 'snapshots', without.body.data!.name), '{}');
    expect(await query(other, now)).toMatchObject({ data: { result: [] } });
    const names = [body.data!.name, without.body.data!.name].toSorted(compareUtf8);
    expect((await readdir(join(dataDir, 'snapshots'))).toSorted(compareUtf8)).toEqual(names);
  });

  it('deletes samples, also over a restart and in snapshots', async () => {
    const now = Date.now();
    const engine = await start(dataDir, ENABLED);
    for (const [ago, value] of [
      [3_600_000, 1],
      [1_800_000, 2],
      [0, 3],
    ] as const) {
      await write(engine, now - ago, value);
    }
    const values = (from: Engine): Promise<unknown> => query(from, now);
    const [from, to] = [(now - 2_000_000) / 1_000, (now - 1_000_000) / 1_000];
    expect(
      await ask(engine, `delete_series?match[]=other&match[]=snapshot_e2e&start=${from}&end=${to}`),
    ).toEqual({ status: 204, body: {} });
    const left = await values(engine);
    expect(left).toMatchObject({
      data: {
        result: [
          {
            values: [
              [(now - 3_600_000) / 1_000, '1'],
              [now / 1_000, '3'],
            ],
          },
        ],
      },
    });
    const { body } = await ask(engine, 'snapshot');
    expect(await ask(engine, 'clean_tombstones', 'PUT')).toEqual({ status: 204, body: {} });
    expect(await values(engine)).toEqual(left);
    await engine.app.close();
    engines = engines.filter((app) => app !== engine.app);
    const again = await start(dataDir, ENABLED);
    expect(await values(again)).toEqual(left);
    const copy = await start(join(dataDir, 'snapshots', body.data!.name), '{}');
    expect(await values(copy)).toEqual(left);
    expect(await ask(again, 'delete_series?match[]=snapshot_e2e', 'PUT')).toMatchObject({
      status: 204,
    });
    expect(await values(again)).toMatchObject({ data: { result: [] } });
    await write(again, now + 1, 4);
    expect(await query(again, now + 1)).toMatchObject({
      data: { result: [{ values: [[(now + 1) / 1_000, '4']] }] },
    });
  });

  it('says what it cannot do', async () => {
    const engine = await start(dataDir, ENABLED);
    expect(await ask(engine, 'snapshot?skip_head=maybe')).toEqual({
      status: 400,
      body: {
        status: 'error',
        errorType: 'bad_data',
        error: 'invalid parameter "skip_head": unable to parse boolean "maybe"',
      },
    });
    for (const [parameters, error] of [
      ['', 'no match[] parameter provided'],
      ['match[]={}', 'invalid parameter "match[]"'],
      ['match[]=up&start=yesterday', 'invalid parameter "start"'],
      ['match[]=up&start=2&end=1', 'end timestamp must not be before start timestamp'],
    ] as const) {
      expect(await ask(engine, `delete_series?${parameters}`)).toMatchObject({
        status: 400,
        body: { errorType: 'bad_data', error: expect.stringContaining(error) },
      });
    }
    expect((await fetch(`${engine.url}/api/v1/admin/tsdb/snapshot`)).status).toBe(405);
  });

  it('is off by default', async () => {
    const engine = await start(dataDir, '{}');
    for (const path of ['snapshot', 'delete_series?match[]=up', 'clean_tombstones']) {
      expect(await ask(engine, path)).toEqual({
        status: 503,
        body: { status: 'error', errorType: 'unavailable', error: 'admin APIs disabled' },
      });
    }
    expect(await readdir(dataDir)).not.toContain('snapshots');
  });
});
