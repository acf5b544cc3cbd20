import { describe, expect, it } from '@jest/globals';
import { type BlockHandle, MemoryBlockFiles } from '#libs/block-files';
import { Labels } from '#libs/labels';
import { LogWriteError, MemorySegmentStore } from '#libs/record-log';
import { LogsUnavailableError } from './append-report.ts';
import { lineBatchOf } from './line-batch.ts';
import type { LogStore } from './log-store.ts';
import { DB, line, openStore, texts, WEB } from './store-in-memory.ts';

/** Lines of two streams, of which chunks of a few bytes are made. */
function batch(number: number): ReturnType<typeof lineBatchOf> {
  return lineBatchOf([
    { labels: WEB, lines: [line(number, `web ${number}`), line(number + 0.5, `also ${number}`)] },
    { labels: DB, lines: [line(number, `db ${number}`, { trace: `t${number}` })] },
  ]);
}

function textsOf(numbers: readonly number[]): string[] {
  return numbers
    .flatMap((number) => [`web ${number}`, `also ${number}`, `db ${number}`])
    .toSorted();
}

const OPTIONS = { chunkBytes: 120, segmentBytes: 400 };
const BATCHES = 6;

/** Appends and moves until the disk fails. @returns the batches that were acknowledged, and those that were tried */
async function workUntilFailure(
  store: LogStore,
): Promise<{ acknowledged: number[]; tried: number }> {
  const acknowledged: number[] = [];
  let tried = 0;
  try {
    for (; tried < BATCHES; tried++) {
      await store.append(batch(tried));
      acknowledged.push(tried);
      if (tried % 2 === 1) await store.moveToBlock();
    }
  } catch {
    tried++;
  }
  return { acknowledged, tried };
}

/** How many changes of a disk the work takes. */
async function stepsOfWork(): Promise<number> {
  const segments = new MemorySegmentStore();
  const blocks = new MemoryBlockFiles();
  const { store } = await openStore(OPTIONS, segments, blocks);
  segments.faults.stepsLeft = 10_000;
  blocks.stepsLeft = 10_000;
  await workUntilFailure(store);
  return 20_000 - segments.faults.stepsLeft - blocks.stepsLeft;
}

describe('a log store that is stopped at any step', () => {
  it('has every acknowledged line, once, and none that nobody sent', async () => {
    const steps = await stepsOfWork();
    expect(steps).toBeGreaterThan(40);
    const wrong: string[] = [];
    for (let left = 0; left <= steps; left++) {
      for (const disk of ['segments', 'blocks'] as const) {
        const segments = new MemorySegmentStore();
        const blocks = new MemoryBlockFiles();
        const { store } = await openStore(OPTIONS, segments, blocks);
        if (disk === 'segments') segments.faults.stepsLeft = left;
        else blocks.stepsLeft = left;
        const { acknowledged, tried } = await workUntilFailure(store);
        // A power cut: of the log what was synced and a part of the rest.
        const after = segments.powerCut((bytes) => Math.floor(bytes / 2));
        const { store: again } = await openStore(OPTIONS, after, blocks.restarted());
        const found = await texts(again);
        const sent = new Set(textsOf(Array.from({ length: tried }, (_, i) => i)));
        const isComplete = textsOf(acknowledged).every((text) => found.includes(text));
        const isSent = found.every((text) => sent.has(text));
        if (!isComplete || !isSent || new Set(found).size < found.length) {
          wrong.push(`${disk} stopped after ${left}: ${found.join(', ')}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });
  it('would lose lines on a disk that does not sync', async () => {
    const { store, segments, blocks } = await openStore(OPTIONS);
    segments.faults.ignoresSync = true;
    await store.append(batch(0));
    const { store: again } = await openStore(OPTIONS, segments.powerCut(), blocks.restarted());
    expect(await texts(again)).toEqual([]);
  });
});

describe('a log store whose disk fails', () => {
  it('tells who waits, refuses, and goes on by itself when it works again', async () => {
    const { store, segments, blocks, timer } = await openStore();
    await store.append(batch(0));
    segments.faults.failsSync = true;
    await expect(store.append(batch(1))).rejects.toThrow(LogWriteError);
    await expect(store.append(batch(2))).rejects.toThrow(LogsUnavailableError);
    expect(store.unavailability()).toMatchObject({ code: 'log_failing' });
    segments.faults.failsSync = false;
    timer.advance(2_000);
    await expect(eventuallyWritable(store)).resolves.toBeUndefined();
    // What was not acknowledged is sent again, and is there once.
    expect(await store.append(batch(1))).toMatchObject({ accepted: 0, repeated: 3 });
    await store.append(batch(2));
    const { store: again } = await openStore({}, segments.powerCut(), blocks.restarted());
    expect((await texts(again)).toSorted()).toEqual(textsOf([0, 1, 2]));
  });
  it('keeps lines in memory while no block can be written, and refuses when there is no more room', async () => {
    const options = { maxMemoryBytes: 6_000, blockMemoryBytes: 2_000, chunkBytes: 500 };
    const { store, blocks, timer } = await openStore(options);
    blocks.stepsLeft = 0;
    let sent = 0;
    while (store.unavailability() === null) await store.append(batch(sent++));
    expect(store.unavailability()).toMatchObject({ code: 'memory_full' });
    expect(store.statistics().failedMoves).toBeGreaterThan(0);
    blocks.stepsLeft = Infinity;
    timer.advance(2_000);
    await store.maintain();
    expect(store.unavailability()).toBeNull();
    await store.append(batch(sent++));
    expect((await texts(store)).toSorted()).toEqual(
      textsOf(Array.from({ length: sent }, (_, i) => i)),
    );
  });
  it('refuses while the disk is said to be full', async () => {
    const { store } = await openStore();
    store.setDiskFull(true);
    await expect(store.append(batch(0))).rejects.toMatchObject({ code: 'disk_full' });
    store.setDiskFull(false);
    await expect(store.append(batch(0))).resolves.toMatchObject({ accepted: 3 });
  });
});

async function eventuallyWritable(store: LogStore): Promise<void> {
  for (let turns = 0; store.unavailability() !== null; turns++) {
    if (turns === 1_000) throw store.unavailability()!;
    await Promise.resolve();
  }
}

describe('a damaged log store', () => {
  it('loses the record that is damaged and keeps a copy', async () => {
    const { store, segments, blocks } = await openStore();
    for (let i = 0; i < 3; i++) await store.append(batch(i));
    await store.close();
    const after = segments.powerCut();
    const bytes = after.bytesOf(1);
    bytes[bytes.indexOf('web 1')]! ^= 0xff;
    const { store: again } = await openStore({}, after, blocks);
    expect((await texts(again)).toSorted()).toEqual(textsOf([0, 2]));
    expect(after.setAsides).toEqual([1]);
  });
  it('leaves out the chunk of a block that is damaged, and tells of it', async () => {
    const { store, segments, blocks } = await openStore();
    await store.append(batch(0));
    await store.moveToBlock();
    await store.close();
    const after = blocks.restarted();
    const { name } = (await after.list())[0]!;
    // The first chunk begins behind the magic number.
    after.bytesOf(name)[20]! ^= 0xff;
    const { store: again } = await openStore({}, segments.powerCut(), after);
    const damaged: string[] = [];
    again.onDamage = (block) => damaged.push(block);
    expect(await texts(again)).toEqual(['db 0']);
    expect(damaged).toEqual([name]);
    expect(again.statistics().blocks.damaged).toBe(1);
  });
  it('sets a block aside whose contents cannot be read', async () => {
    const { store, segments, blocks } = await openStore();
    await store.append(batch(0));
    await store.moveToBlock();
    await store.append(batch(1));
    await store.close();
    const after = blocks.restarted();
    const { name, bytes } = (await after.list())[0]!;
    after.bytesOf(name)[bytes - 40]! ^= 0xff;
    const { store: again } = await openStore({}, segments.powerCut(), after);
    expect((await texts(again)).toSorted()).toEqual(textsOf([1]));
    expect([...after.asides.keys()]).toEqual([name]);
  });
  it('keeps what it takes while a block cannot be read, once that can be read again', async () => {
    const { store, segments, blocks } = await openStore();
    for (let i = 0; i < 3; i++) {
      await store.append(batch(i));
      await store.moveToBlock();
    }
    await store.close();
    class UnreadableFiles extends MemoryBlockFiles {
      override open(): Promise<BlockHandle> {
        return Promise.reject(new Error('EIO'));
      }
    }
    const during = await openStore({}, segments.powerCut(), new UnreadableFiles(blocks));
    await during.store.append(batch(3));
    expect((await texts(during.store)).toSorted()).toEqual(textsOf([3]));
    const { store: after } = await openStore({}, during.segments.powerCut(), blocks.restarted());
    expect((await texts(after)).toSorted()).toEqual(textsOf([0, 1, 2, 3]));
  });
  it('reads back lines whose labels, text and metadata are as long as may be configured', async () => {
    const options = {
      maxLabelNameBytes: 4_096,
      maxLabelValueBytes: 16_384,
      maxLabelsPerStream: 100,
      maxLineBytes: 1_024 * 1_024,
      maxMetadataBytes: 256 * 1_024,
    };
    const { store, segments, blocks } = await openStore(options);
    const streams = [10, 15, 100].flatMap((labels) =>
      [0, 1, 2].map((stream) => ({
        labels: Labels.fromPairs(
          Array.from({ length: labels }, (_, i): [string, string] => [
            `l${i}`,
            `${stream}`.repeat(16_384),
          ]),
        ),
        lines: [line(0, 'x'.repeat(1_000_000), { text: 'y'.repeat(200_000) })],
      })),
    );
    const report = await store.append(lineBatchOf(streams));
    expect(report.firstRejection).toMatchObject({ reason: 'label_value_too_long' });
    const { store: again } = await openStore(options, segments.powerCut(), blocks.restarted());
    expect(await texts(again)).toHaveLength(report.accepted);
    expect(report.accepted).toBe(6);
  });
});

describe('the bounds of a log store', () => {
  const wide = Labels.fromRecord(
    Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`l${i}`, 'x'])),
  );
  it.each([
    ['stream_limit', { maxStreams: 0 }, WEB, line(0, 'x')],
    ['invalid_labels', {}, Labels.EMPTY, line(0, 'x')],
    ['invalid_labels', {}, Labels.fromRecord({ 'a.b': 'x' }), line(0, 'x')],
    ['label_count_limit', {}, wide, line(0, 'x')],
    ['label_name_too_long', { maxLabelNameBytes: 2 }, WEB, line(0, 'x')],
    ['label_value_too_long', { maxLabelValueBytes: 2 }, WEB, line(0, 'x')],
    ['line_too_long', { maxLineBytes: 3 }, WEB, line(0, 'four')],
    ['metadata_too_large', { maxMetadataBytes: 3 }, WEB, line(0, 'x', { a: 'long' })],
    ['too_old', { maxAgeMs: 1_000 }, WEB, line(-2, 'x')],
    ['too_far_in_future', { maxFutureMs: 1_000 }, WEB, line(2, 'x')],
    ['stream_rate_limit', { streamBurstBytes: 3, streamBytesPerSecond: 1 }, WEB, line(0, 'four')],
  ] as const)('refuse a line: %s', async (reason, options, labels, one) => {
    const { store, timer } = await openStore(options);
    // A full bucket lets one through.
    if (reason === 'stream_rate_limit') {
      await store.append(lineBatchOf([{ labels, lines: [line(0, 'full')] }]));
      timer.advance(1_000);
    }
    const report = await store.append(lineBatchOf([{ labels, lines: [one] }]));
    expect(report).toMatchObject({ accepted: 0, rejectedTotal: 1, firstRejection: { reason } });
    expect(store.statistics().rejectedLines[reason]).toBe(1);
  });
  it('refuse a line that is too far behind the youngest of its stream', async () => {
    const { store } = await openStore({ outOfOrderWindowMs: 10_000 });
    const lines = [line(0, 'young'), line(-9, 'late'), line(-11, 'too late')];
    const report = await store.append(lineBatchOf([{ labels: WEB, lines }]));
    expect(report).toMatchObject({ accepted: 2, firstRejection: { reason: 'out_of_order' } });
    expect(await texts(store)).toEqual(['late', 'young']);
  });
  it('refuse a batch over the rate of all streams', async () => {
    const { store, timer } = await openStore({ burstBytes: 10, bytesPerSecond: 5 });
    const lines = [line(0, 'ten bytes!')];
    await store.append(lineBatchOf([{ labels: WEB, lines }]));
    const next = lineBatchOf([{ labels: WEB, lines: [line(1, 'ten bytes!')] }]);
    await expect(store.append(next)).rejects.toMatchObject({ code: 'rate_limited' });
    timer.advance(2_000);
    await expect(store.append(next)).resolves.toMatchObject({ accepted: 1 });
  });
  it('drop blocks by age and by size, and streams that nobody has', async () => {
    const { store, timer } = await openStore({ retentionMs: 3_600_000, streamIdleMs: 0 });
    await store.append(batch(0));
    await store.moveToBlock();
    timer.advance(1_800_000);
    await store.maintain();
    expect(await texts(store)).toHaveLength(3);
    expect(store.statistics()).toMatchObject({ activeStreams: 0, streams: 2 });
    timer.advance(1_900_000);
    await store.maintain();
    expect(await texts(store)).toEqual([]);
    expect(store.statistics()).toMatchObject({ streams: 0, blocks: { expiredLines: 3 } });
    const { store: small } = await openStore({ retentionBytes: 1 });
    await small.append(batch(0));
    await small.moveToBlock();
    await small.maintain();
    expect(small.statistics().blocks).toMatchObject({ blocks: 0, expiredBlocks: 1 });
  });
});
