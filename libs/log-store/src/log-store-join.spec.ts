import { describe, expect, it } from '@jest/globals';
import { MemoryBlockFiles } from '#libs/block-files';
import { MemorySegmentStore } from '#libs/record-log';
import { chooseJoin } from './block-join.ts';
import { lineBatchOf } from './line-batch.ts';
import type { LogStore } from './log-store.ts';
import type { LogStoreOptions } from './log-store-options.ts';
import { DB, EVERYTHING, line, openStore, texts, WEB } from './store-in-memory.ts';

const LIMITS = { maxBytes: 100, maxSpanMs: 1_000, leastBlocks: 4 };

/** Blocks of so many bytes, one after the other. */
function blocksOf(...sizes: number[]): { bytes: number; maxMs: number }[] {
  return sizes.map((bytes, i) => ({ bytes, maxMs: 10 * i }));
}

describe('chooseJoin', () => {
  it.each<[string, number[], number[] | null]>([
    ['nothing while they are few', [1, 1, 1], null],
    ['all that are small', [1, 1, 1, 1, 2], [1, 1, 1, 1, 2]],
    ['the oldest of them up to the size', [30, 30, 20, 20, 10, 10], [30, 30, 20, 20]],
    ['nothing that hardly grows', [60, 1, 1, 1], null],
    ['what is small behind something large', [60, 1, 1, 1, 1], [1, 1, 1, 1]],
    ['nothing that is large already', [90, 90, 90, 90, 90], null],
  ])('takes %s', (_what, sizes, expected) => {
    expect(chooseJoin(blocksOf(...sizes), LIMITS)?.map(({ bytes }) => bytes) ?? null).toEqual(
      expected,
    );
  });
  it('leaves apart what lies far apart in time', () => {
    const apart = [0, 400, 800, 1_200].map((maxMs) => ({ bytes: 1, maxMs }));
    expect(chooseJoin(apart, LIMITS)).toBeNull();
  });
});

const OPTIONS = { leastJoinedBlocks: 3 };

/** A store with three blocks, of which one is joined at the next maintenance. */
async function storeOfThree(options: Partial<LogStoreOptions> = OPTIONS) {
  const opened = await openStore(options);
  for (let i = 0; i < 3; i++) {
    await opened.store.append(
      lineBatchOf([
        { labels: WEB, lines: [line(i, `web ${i}`, { pod: `p${i}` }), line(7, 'the same')] },
        { labels: DB, lines: [line(10 - i, `db ${i}`)] },
      ]),
    );
    await opened.store.moveToBlock();
  }
  return opened;
}

const ALL = ['db 0', 'db 1', 'db 2', 'the same', 'web 0', 'web 1', 'web 2'];

async function sortedTexts(store: LogStore): Promise<string[]> {
  return (await texts(store)).toSorted();
}

async function count(blocks: MemoryBlockFiles): Promise<number> {
  return (await blocks.list()).length;
}

describe('joining blocks', () => {
  it('makes one of several, in which a line that was in two of them is once', async () => {
    const { store, blocks, segments } = await storeOfThree();
    expect(await count(blocks)).toBe(3);
    await store.maintain();
    expect(await count(blocks)).toBe(1);
    expect(store.statistics().blocks).toMatchObject({ blocks: 1, chunks: 2, lines: 7, joined: 3 });
    expect(await sortedTexts(store)).toEqual(ALL);
    const { store: again } = await openStore(OPTIONS, segments.powerCut(), blocks.restarted());
    expect(await sortedTexts(again)).toEqual(ALL);
    expect(again.statistics()).toMatchObject({ streams: 2, blocks: { lines: 7 } });
  });
  it('keeps structured metadata', async () => {
    const { store } = await storeOfThree();
    await store.maintain();
    const found: unknown[] = [];
    for await (const batch of store.read({ matchers: [], ...EVERYTHING, direction: 'forward' })) {
      for (let i = 0; i < batch.count; i++) found.push(batch.metadataOf(i)?.get('pod') ?? null);
    }
    expect(found).toEqual(['p0', 'p1', 'p2', null, null, null, null]);
  });
  it('copies full chunks as they are, between those that are not', async () => {
    const { store } = await openStore({ ...OPTIONS, chunkBytes: 200 });
    const expected: string[] = [];
    for (let i = 0; i < 4; i++) {
      const lines = Array.from({ length: i === 1 ? 9 : 1 }, (_, j) =>
        line(10 * i + j, `${i} ${j}`),
      );
      expected.push(...lines.map(({ line: text }) => text));
      await store.append(lineBatchOf([{ labels: WEB, lines }]));
      await store.moveToBlock();
    }
    await store.maintain();
    expect(store.statistics().blocks).toMatchObject({ blocks: 1, lines: 12 });
    expect(await texts(store)).toEqual(expected);
    expect(await texts(store, { mustContain: [Buffer.from('3 0')] })).toContain('3 0');
  });
  it('leaves a reader what it has begun to read', async () => {
    const { store, blocks } = await storeOfThree();
    const read = store.read({ matchers: [], ...EVERYTHING, direction: 'forward' });
    const found: string[] = [];
    const first = await read.next();
    await store.maintain();
    expect(store.statistics().blocks.blocks).toBe(1);
    // The parts are there until the reader is done.
    expect(await count(blocks)).toBe(4);
    for (let next = first; next.done !== true; next = await read.next()) {
      for (let i = 0; i < next.value.count; i++) {
        const { bytes, starts, ends } = next.value;
        found.push(bytes.toString('utf8', starts[i], ends[i]));
      }
    }
    expect(found.toSorted()).toEqual(ALL);
    expect(await count(blocks)).toBe(1);
  });
  it('leaves a reader what it has begun to read, when that expires', async () => {
    const { store, blocks, timer } = await storeOfThree({ retentionMs: 3_600_000 });
    const read = store.read({ matchers: [], ...EVERYTHING, direction: 'forward' });
    await read.next();
    timer.advance(7_200_000);
    await store.maintain();
    expect(store.statistics().blocks).toMatchObject({ blocks: 0, expiredBlocks: 3 });
    let lines = 0;
    for await (const batch of read) lines += batch.count;
    expect(lines).toBeGreaterThan(3);
    expect(await count(blocks)).toBe(0);
  });
  it('loses nothing and has nothing twice, wherever it is interrupted', async () => {
    const { blocks: before } = await storeOfThree();
    const counting = before.restarted();
    const { store } = await openStore(OPTIONS, new MemorySegmentStore(), counting);
    counting.stepsLeft = 1_000;
    await store.maintain();
    const steps = 1_000 - counting.stepsLeft;
    expect(steps).toBeGreaterThan(8);
    const wrong: unknown[] = [];
    for (let left = 0; left <= steps; left++) {
      const files = before.restarted();
      const interrupted = await openStore(OPTIONS, new MemorySegmentStore(), files);
      files.stepsLeft = left;
      await interrupted.store.maintain().catch(() => undefined);
      const during = await sortedTexts(interrupted.store);
      const { store: after } = await openStore(
        OPTIONS,
        new MemorySegmentStore(),
        files.restarted(),
      );
      const { lines, blocks: open } = after.statistics().blocks;
      const found = await sortedTexts(after);
      const isSame = [during, found].every((all) => all.join() === ALL.join());
      const isWhole = (open === 3 && lines === 9) || (open === 1 && lines === 7);
      if (!isSame || !isWhole) wrong.push({ left, during, found, open, lines });
    }
    expect(wrong).toEqual([]);
  });
  it('leaves blocks alone of which one is damaged, and joins the others', async () => {
    const { store, blocks } = await storeOfThree();
    const { name } = (await blocks.list())[0]!;
    blocks.bytesOf(name)[20]! ^= 0xff;
    await expect(store.maintain()).rejects.toThrow(name);
    expect(await count(blocks)).toBe(3);
    expect(store.statistics().blocks).toMatchObject({ blocks: 3, failedJoins: 1 });
  });
  it('does not begin while the disk is nearly full', async () => {
    const { store, blocks } = await storeOfThree();
    store.setDiskFull(true);
    await store.maintain();
    expect(await count(blocks)).toBe(3);
  });
});

describe('the streams that are known', () => {
  it('are bounded: the oldest blocks go while there are more', async () => {
    const { store, timer } = await openStore({ maxStreams: 2, maxKeptStreams: 6, streamIdleMs: 0 });
    for (let i = 0; i < 10; i++) {
      const labels = WEB.with('pod', `p${i}`);
      await store.append(lineBatchOf([{ labels, lines: [line(i, `${i}`)] }]));
      await store.moveToBlock();
      timer.advance(1);
      await store.maintain();
    }
    expect(store.statistics()).toMatchObject({ streams: 6, blocks: { expiredBlocks: 4 } });
    expect(await texts(store)).toEqual(['4', '5', '6', '7', '8', '9']);
  });
});

describe('lines of one time', () => {
  it('are found to be the same in several chunks, however many they are', async () => {
    const { store } = await openStore({ chunkBytes: 200_000 });
    const lines = Array.from({ length: 30_000 }, (_, i) => line(0, `line ${i}`));
    for (let i = 0; i < 3; i++) {
      await store.append(lineBatchOf([{ labels: WEB, lines: lines.slice(i * 5_000) }]));
      await store.moveToBlock();
    }
    expect((await texts(store)).toSorted()).toEqual(lines.map((one) => one.line).toSorted());
  });
});
