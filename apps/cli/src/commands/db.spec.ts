import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Labels } from '#libs/labels';
import { FileBlockFiles, FileSegmentStore, lockDirectory } from '#libs/node-files';
import { NO_PAUSES } from '#libs/pace';
import { SampleBatchBuilder } from '#libs/samples';
import { BlockArchive, TieredStore, TimeSeriesStore } from '#libs/tsdb';
import { runCli } from '../cli.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'binnacle-db-'));
  await mkdir(join(folder, 'metrics', 'blocks'), { recursive: true });
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Two hours after eight hours were full, so that there is more than one block. */
const NOW = Date.UTC(2026, 2, 27, 18, 10);

/** A store with 20 series over three hours: most of it in blocks, the rest in the log. */
async function writeStore(): Promise<void> {
  const nowMs = NOW;
  const timer = {
    nowMs: () => nowMs,
    after: (_delayMs: number, run: () => void) => {
      const handle = setImmediate(run);
      return () => clearImmediate(handle);
    },
  };
  const files = new FileBlockFiles(join(folder, 'metrics', 'blocks'));
  const recent = new TimeSeriesStore(new FileSegmentStore(join(folder, 'metrics')), timer);
  const archive = new BlockArchive(files, NO_PAUSES);
  const store = new TieredStore(recent, archive, files, timer, NO_PAUSES);
  await store.open();
  const builder = new SampleBatchBuilder();
  for (let series = 0; series < 20; series++) {
    builder.addSeries(Labels.fromRecord({ __name__: 'm', series: String(series) }));
    for (let i = 180; i >= 0; i--) builder.addSample(nowMs - i * 60_000, i * Math.PI);
  }
  await recent.committed(recent.append(builder.take()).position);
  await store.maintain();
  await store.close();
}

async function binnacle(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const io = {
    out: (text: string) => void (out += text),
    err: (text: string) => void (err += text),
    env: {},
  };
  return { code: await runCli(args, io), out, err };
}

describe('binnacle db', () => {
  it('lists and verifies a sound store', async () => {
    await writeStore();
    const inspected = await binnacle('db', 'inspect', '--data', folder);
    expect(inspected.code).toBe(0);
    expect(inspected.out).toMatch(/^log: 1 segments, /);
    expect(inspected.out).toMatch(/\n {2}\d{8}\.block {2}level \d .* 20 series {2}\d+ samples/);
    const verified = await binnacle('db', 'verify', '--data', folder);
    expect(verified).toMatchObject({ code: 0, err: '' });
    expect(verified.out).toMatch(/\nblocks: \d+, \d+ samples\nno damage\n$/);
  });

  it('names what is damaged, changes nothing, and repairs it when told to', async () => {
    await writeStore();
    const blocks = join(folder, 'metrics', 'blocks');
    const names = (await readdir(blocks)).filter((name) => name.endsWith('.block')).toSorted();
    const [first, second] = names;
    const damage = async (name: string, at: number): Promise<void> => {
      const bytes = await readFile(join(blocks, name));
      bytes[at < 0 ? bytes.length + at : at]! ^= 0xff;
      await writeFile(join(blocks, name), bytes);
    };
    await damage(first!, 20);
    await damage(second!, -1);
    const log = join(folder, 'metrics', '00000001.log');
    const segment = await readFile(log);
    segment[Math.floor(segment.length / 2)]! ^= 0xff;
    await writeFile(log, segment);
    const before = await readdir(join(folder, 'metrics'), { recursive: true });
    const verified = await binnacle('db', 'verify', '--data', folder);
    expect(verified.code).toBe(1);
    expect(verified.out).toContain('DAMAGED log: 1 damaged stretches');
    expect(verified.out).toContain(`DAMAGED ${first}: a chunk of m{series="0"} is damaged`);
    expect(verified.out).toContain(`DAMAGED ${second}: no block, or one that ends early`);
    expect(verified.out).toMatch(/\n3 findings\n$/);
    expect(await readdir(join(folder, 'metrics'), { recursive: true })).toEqual(before);
    const repaired = await binnacle('db', 'repair', '--data', folder);
    expect(repaired.code).toBe(1);
    expect(repaired.out).toMatch(/\.block: set aside; \d+ of its samples are in a new block/);
    const after = await readdir(join(folder, 'metrics'), { recursive: true });
    expect(after.filter((name) => name.endsWith('.corrupt')).toSorted()).toEqual([
      '00000001.log.corrupt',
      `blocks/${first}.corrupt`,
      `blocks/${second}.corrupt`,
    ]);
    const again = await binnacle('db', 'verify', '--data', folder);
    expect(again.out).not.toContain('.block');
  });

  it('does not repair what an engine has open', async () => {
    await writeStore();
    const lock = await lockDirectory(folder);
    const { code, err } = await binnacle('db', 'repair', '--data', folder);
    expect(code).toBe(2);
    expect(err).toContain('is in use by the process');
    await lock.release();
  });

  it.each([
    [[], 'needs --data'],
    [['--data'], 'argument missing'],
    [['--data', '/no/such/folder'], 'no store of an engine in /no/such/folder'],
    [['--what'], 'Unknown option'],
  ])('says how it is used: %j', async (args, reason) => {
    const { code, err } = await binnacle('db', 'verify', ...args);
    expect(code).toBe(2);
    expect(err).toContain(reason);
  });
});
