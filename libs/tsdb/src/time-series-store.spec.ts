import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { Labels, Matcher } from '#libs/labels';
import { LogWriteError, MemorySegmentStore, type Timer } from '#libs/record-log';
import { createSampleWindow, isStaleMarker, SampleBatchBuilder, STALE_MARKER } from '#libs/samples';
import type { ReplayReport } from './replay-log.ts';
import {
  StoreUnavailableError,
  TimeSeriesStore,
  type TimeSeriesStoreOptions,
} from './time-series-store.ts';

const NOW = 1_700_000_000_000;
const MINUTE = 60_000;
/** Every write gets a segment of its own. */
const EACH_ALONE = { segmentBytes: 1, segmentPerDefinitions: 0 };

/** A clock that moves when told to. */
class ManualTimer implements Timer {
  /** What somebody has set the time of day by; alarms do not mind. */
  stepMs = 0;
  #nowMs = NOW;
  #alarms: { atMs: number; run: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs + this.stepMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const alarm = { atMs: this.#nowMs + delayMs, run };
    this.#alarms.push(alarm);
    return () => {
      this.#alarms = this.#alarms.filter((one) => one !== alarm);
    };
  }

  /** Moves on and lets everything that is due run to its end. */
  async advance(ms: number): Promise<void> {
    this.#nowMs += ms;
    const due = this.#alarms.filter(({ atMs }) => atMs <= this.#nowMs);
    this.#alarms = this.#alarms.filter(({ atMs }) => atMs > this.#nowMs);
    for (const { run } of due) run();
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

interface Opened {
  readonly store: TimeSeriesStore;
  readonly timer: ManualTimer;
  readonly report: ReplayReport;
}

async function open(
  segments: MemorySegmentStore,
  options: TimeSeriesStoreOptions = {},
): Promise<Opened> {
  const timer = new ManualTimer();
  const store = new TimeSeriesStore(segments, timer, options);
  return { store, timer, report: await store.open() };
}

function batch(
  series: string,
  ...samples: (readonly [number, number])[]
): ReturnType<SampleBatchBuilder['take']> {
  const builder = new SampleBatchBuilder();
  builder.addSeries(Labels.fromRecord({ __name__: 'm', s: series }));
  for (const [timeMs, value] of samples) builder.addSample(timeMs, value);
  return builder.take();
}

/** All samples, as `series: time=value …`. */
function contents(store: TimeSeriesStore): Record<string, number[][]> {
  const selection = store.select([new Matcher('__name__', '=', 'm')], 0, Infinity);
  const window = createSampleWindow();
  const all: Record<string, number[][]> = {};
  for (const row of selection.rows) {
    selection.read(row, -Infinity, Infinity, window);
    const samples: number[][] = [];
    for (let i = window.start; i < window.end; i++) {
      samples.push([window.timesMs[i]! - NOW, window.values[i]!]);
    }
    all[selection.labelsOf(row).get('s')] = samples;
  }
  return all;
}

/** Appends, and waits until it is on disk. */
async function write(
  { store, timer }: Opened,
  series: string,
  ...samples: (readonly [number, number])[]
): Promise<void> {
  const { position } = store.append(batch(series, ...samples));
  const done = store.committed(position);
  done.catch(() => undefined);
  await timer.advance(5);
  await done;
}

describe('committing', () => {
  it('resolves after the sync and not before', async () => {
    const { store, timer } = await open(new MemorySegmentStore(), { groupDelayMs: 5 });
    const { position } = store.append(batch('a', [NOW, 1]));
    let isDurable = false;
    const done = store.committed(position).then(() => {
      isDurable = true;
    });
    await timer.advance(4);
    expect(isDurable).toBe(false);
    await timer.advance(1);
    await done;
    expect(contents(store)).toEqual({ a: [[0, 1]] });
  });
  it('writes at once when much has gathered', async () => {
    const { store } = await open(new MemorySegmentStore(), { groupBytes: 1 });
    await store.committed(store.append(batch('a', [NOW, 1])).position);
    expect(store.statistics().logFlushes).toBe(1);
  });
  it('writes together what came within the delay', async () => {
    const { store, timer } = await open(new MemorySegmentStore());
    const positions = ['a', 'b', 'c'].map((s) => store.append(batch(s, [NOW, 1])).position);
    const all = Promise.all(positions.map((position) => store.committed(position)));
    await timer.advance(20);
    await all;
    expect(store.statistics().logFlushes).toBe(1);
  });
  it.each([
    ['back', -3_600_000],
    ['forward', 3_600_000],
  ])('waits no longer when the clock is set %s while something is written', async (_, byMs) => {
    const { store, timer } = await open(new MemorySegmentStore(), { groupDelayMs: 5 });
    store.append(batch('a', [NOW, 1]));
    const flushing = timer.advance(5);
    // It waits for the next flush.
    const { position } = store.append(batch('b', [NOW, 1]));
    const done = store.committed(position).then(() => 'durable');
    timer.stepMs = byMs;
    await flushing;
    await timer.advance(5);
    expect(await Promise.race([done, Promise.resolve('still waiting')])).toBe('durable');
  });
  it('waits for a repeated sample that is not on disk yet', async () => {
    const segments = new MemorySegmentStore();
    const opened = await open(segments);
    opened.store.append(batch('a', [NOW, 1]));
    const again = opened.store.append(batch('a', [NOW, 1]));
    expect(again.repeated).toBe(1);
    const done = opened.store.committed(again.position);
    await opened.timer.advance(5);
    await done;
    const after = await open(segments.powerCut());
    expect(contents(after.store)).toEqual({ a: [[0, 1]] });
  });
});

/** Writes random batches, cuts the power at a random moment and compares what was acknowledged with what is there. */
async function survives(
  actions: readonly (readonly [series: number, samples: number, commit: boolean])[],
  kept: number,
  ignoresSync: boolean,
): Promise<boolean> {
  const segments = new MemorySegmentStore();
  segments.faults.ignoresSync = ignoresSync;
  const opened = await open(segments, { segmentBytes: 400 });
  const acknowledged: [string, number, number][] = [];
  let waiting: [string, number, number][] = [];
  let value = 0;
  for (const [series, samples, commit] of actions) {
    const rows = Array.from({ length: samples }, (): [number, number] => {
      value++;
      return [NOW + value, value];
    });
    const { position } = opened.store.append(batch(`s${series}`, ...rows));
    waiting.push(...rows.map(([t, v]): [string, number, number] => [`s${series}`, t - NOW, v]));
    if (!commit) continue;
    const done = opened.store.committed(position);
    await opened.timer.advance(5);
    await done;
    acknowledged.push(...waiting);
    waiting = [];
  }
  const after = await open(segments.powerCut((unsynced) => kept % (unsynced + 1)));
  expect(after.report.damagedRecords).toBe(0);
  const found = contents(after.store);
  // Nothing that was never sent, either.
  for (const [series, samples] of Object.entries(found)) {
    for (const [timeMs, v] of samples) expect([series, timeMs]).toEqual([expect.any(String), v]);
  }
  return acknowledged.every(([series, timeMs, v]) =>
    (found[series] ?? []).some((sample) => sample[0] === timeMs && sample[1] === v),
  );
}

describe('a power cut', () => {
  const actions = fc.array(
    fc.tuple(fc.nat({ max: 4 }), fc.integer({ min: 1, max: 6 }), fc.boolean()),
    { maxLength: 30 },
  );

  it('loses nothing that was acknowledged', async () => {
    await fc.assert(
      fc.asyncProperty(actions, fc.nat(), async (steps, kept) => {
        expect(await survives(steps, kept, false)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
  it('is noticed by this test when syncing does nothing', async () => {
    expect(await survives([[0, 3, true]], 0, true)).toBe(false);
  });
});

describe('replaying', () => {
  it('gives back series, samples, stale markers and what came late', async () => {
    const segments = new MemorySegmentStore();
    const opened = await open(segments);
    await write(opened, 'a', [NOW, 1.5], [NOW + 2, -0], [NOW + 1, 1e300]);
    const builder = new SampleBatchBuilder();
    builder.addSeries(Labels.fromRecord({ __name__: 'm', s: 'b', ä: 'ü€😀' }));
    builder.addSampleFrom(NOW, STALE_MARKER, 0);
    opened.store.append(builder.take());
    await opened.store.close();
    const { store, report } = await open(segments);
    expect(report).toMatchObject({ samples: 4, series: 2, tornBytes: 0, damagedRecords: 0 });
    expect(contents(store)['a']).toEqual([
      [0, 1.5],
      [1, 1e300],
      [2, -0],
    ]);
    const selection = store.select([new Matcher('ä', '=', 'ü€😀')], 0, Infinity);
    const window = createSampleWindow();
    selection.read(selection.rows[0]!, 0, Infinity, window);
    expect(isStaleMarker(window.values, window.start)).toBe(true);
  });
  it('reads each segment without the others', async () => {
    const segments = new MemorySegmentStore();
    const opened = await open(segments, { ...EACH_ALONE });
    for (let i = 0; i < 5; i++) await write(opened, 'a', [NOW + i, i]);
    const list = await segments.list();
    expect(list).toHaveLength(5);
    for (const { sequence } of list.slice(0, 4)) await segments.remove(sequence);
    expect(contents((await open(segments)).store)).toEqual({ a: [[4, 4]] });
  });
  it('goes on writing where segments from before the restart exist', async () => {
    let segments = new MemorySegmentStore();
    for (let restart = 0; restart < 4; restart++) {
      const opened = await open(segments);
      await write(opened, `s${restart}`, [NOW + restart, restart]);
      await write(opened, 'shared', [NOW + restart, restart]);
      segments = segments.powerCut();
    }
    expect(contents((await open(segments)).store)).toEqual({
      s0: [[0, 0]],
      s1: [[1, 1]],
      s2: [[2, 2]],
      s3: [[3, 3]],
      shared: [
        [0, 0],
        [1, 1],
        [2, 2],
        [3, 3],
      ],
    });
  });
  it('reports how far it is', async () => {
    const segments = new MemorySegmentStore();
    const opened = await open(segments, { ...EACH_ALONE });
    for (let i = 0; i < 3; i++) await write(opened, 'a', [NOW + i, i]);
    const store = new TimeSeriesStore(segments, new ManualTimer());
    const seen: number[] = [];
    expect(() => store.append(batch('a', [NOW, 1]))).toThrow(StoreUnavailableError);
    await store.open(({ bytes, totalBytes }) => seen.push(bytes / totalBytes));
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toBe(1);
  });
  it('cuts a torn tail, counts it, and calls nothing damaged', async () => {
    const segments = new MemorySegmentStore();
    const opened = await open(segments);
    await write(opened, 'a', [NOW, 1]);
    await write(opened, 'a', [NOW + 1, 2]);
    const whole = segments.bytesOf(1).lastIndexOf('BLF1');
    await segments.truncate(1, segments.bytesOf(1).length - 3);
    const { report, store } = await open(segments);
    expect(report).toMatchObject({ tornSegments: [1], damagedRecords: 0, segmentsSetAside: [] });
    expect(contents(store)).toEqual({ a: [[0, 1]] });
    expect(segments.bytesOf(1)).toHaveLength(whole);
  });
  it('sets a segment aside that holds nothing but zeros, unless nothing came after it', async () => {
    const segments = new MemorySegmentStore();
    for (let i = 0; i < 3; i++) {
      const opened = await open(segments);
      await write(opened, 'a', [NOW + i, i]);
      await opened.store.close();
    }
    segments.bytesOf(2).fill(0);
    segments.bytesOf(3).fill(0);
    const { report, store } = await open(segments);
    expect(report).toMatchObject({
      damagedRecords: 1,
      segmentsSetAside: [2],
      tornSegments: [3],
    });
    expect(contents(store)).toEqual({ a: [[0, 0]] });
  });
  it('loses to damage in the middle only the record touched, and sets the segment aside', async () => {
    const segments = new MemorySegmentStore();
    const opened = await open(segments);
    await write(opened, 'a', [NOW - 1, 0]);
    await write(opened, 'a', [NOW, 1]);
    const from = segments.bytesOf(1).length;
    await write(opened, 'a', [NOW + 1, 2]);
    await write(opened, 'a', [NOW + 2, 3]);
    segments.bytesOf(1)[from + 20]! ^= 0x40;
    const { report, store } = await open(segments);
    expect(report).toMatchObject({ damagedRecords: 1, segmentsSetAside: [1], tornBytes: 0 });
    expect(contents(store)).toEqual({
      a: [
        [-1, 0],
        [0, 1],
        [2, 3],
      ],
    });
  });
  it('never gives samples to another series when a definition is damaged', async () => {
    const segments = new MemorySegmentStore();
    const opened = await open(segments);
    await write(opened, 'a', [NOW, 1]);
    await write(opened, 'a', [NOW + 1, 4]);
    const from = segments.bytesOf(1).length;
    await write(opened, 'b', [NOW, 2]);
    segments.bytesOf(1)[from + 20]! ^= 0x40;
    const second = await open(segments);
    expect(second.report).toMatchObject({ damagedRecords: 1, orphanedSamples: 1 });
    await write(second, 'c', [NOW + 1, 3]);
    expect(contents((await open(segments)).store)).toEqual({
      a: [
        [0, 1],
        [1, 4],
      ],
      c: [[1, 3]],
    });
  });
  it('loses no sample of other records when the definition of a new series is damaged', async () => {
    const segments = new MemorySegmentStore();
    const opened = await open(segments);
    await write(opened, 'a', [NOW, 1]);
    await write(opened, 'a', [NOW + 1, 4]);
    const from = segments.bytesOf(1).length;
    await write(opened, 'b', [NOW, 2]);
    await write(opened, 'b', [NOW + 1, 3]);
    segments.bytesOf(1)[from + 20]! ^= 0x40;
    const { store, report } = await open(segments);
    expect(report).toMatchObject({ damagedRecords: 1, orphanedSamples: 0, samples: 4 });
    expect(contents(store)).toEqual({
      a: [
        [0, 1],
        [1, 4],
      ],
      b: [
        [0, 2],
        [1, 3],
      ],
    });
  });
  it('finds a damaged definition again in the next segment', async () => {
    const segments = new MemorySegmentStore();
    const opened = await open(segments, EACH_ALONE);
    await write(opened, 'a', [NOW, 1]);
    await write(opened, 'a', [NOW + 1, 2]);
    // The first frame of a segment is its header, the second the definition.
    const second = segments.bytesOf(1).indexOf('BLF1', 1);
    segments.bytesOf(1)[second + 20]! ^= 0x40;
    const { store, report } = await open(segments);
    expect(report).toMatchObject({ damagedRecords: 1, orphanedSamples: 0 });
    expect(contents(store)).toEqual({
      a: [
        [0, 1],
        [1, 2],
      ],
    });
  });
  it('starts on any bytes at all', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        const segments = new MemorySegmentStore();
        await segments.create(1);
        await segments.append(1, bytes);
        const opened = await open(segments);
        expect(opened.report.samples).toBe(0);
        await write(opened, 'a', [NOW, 1]);
        expect(contents((await open(segments)).store)).toEqual({ a: [[0, 1]] });
      }),
      { numRuns: 50 },
    );
  });
  it('survives flipped bits anywhere without inventing a sample', async () => {
    const segments = new MemorySegmentStore();
    const opened = await open(segments, { segmentBytes: 200 });
    for (let i = 0; i < 12; i++) await write(opened, `s${i % 3}`, [NOW + i, i]);
    const list = await segments.list();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 1, maxLength: 6 }),
        async (flips) => {
          const damaged = segments.powerCut();
          for (const [which, bit] of flips) {
            const bytes = damaged.bytesOf(list[which % list.length]!.sequence);
            bytes[(bit >> 3) % bytes.length]! ^= 1 << (bit & 7);
          }
          const found = contents((await open(damaged)).store);
          for (const [series, samples] of Object.entries(found)) {
            for (const [timeMs, value] of samples) {
              expect(value).toBe(timeMs);
              expect(series).toBe(`s${value! % 3}`);
            }
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe('a disk that fails', () => {
  it.each(['failsSync', 'full', 'torn'] as const)(
    'refuses writers while it lasts (%s), recovers by itself and loses nothing',
    async (fault) => {
      const segments = new MemorySegmentStore();
      const opened = await open(segments, { retryDelayMs: 1_000 });
      const { store, timer } = opened;
      await write(opened, 'a', [NOW, 1]);
      if (fault === 'failsSync') segments.faults.failsSync = true;
      if (fault === 'full') segments.faults.capacityBytes = segments.bytesOf(1).length + 10;
      if (fault === 'torn') segments.faults.tearsNextAppendAt = 10;
      await expect(write(opened, 'a', [NOW + 1, 2])).rejects.toThrow(LogWriteError);
      expect(() => store.append(batch('a', [NOW + 2, 3]))).toThrow(StoreUnavailableError);
      expect(store.unavailability()).toMatchObject({ code: 'log_failing', isRetryable: true });
      // Rules go on in memory.
      expect(store.appendVolatile(batch('rule', [NOW, 9])).accepted).toBe(1);
      segments.faults.failsSync = false;
      segments.faults.capacityBytes = Infinity;
      await timer.advance(1_000);
      await timer.advance(0);
      expect(store.unavailability()).toBeNull();
      // The sender tries again what it got no answer for, then goes on.
      await write(opened, 'a', [NOW + 1, 2]);
      await write(opened, 'a', [NOW + 2, 3]);
      const after = await open(segments.powerCut());
      expect(contents(after.store)).toEqual({
        a: [
          [0, 1],
          [1, 2],
          [2, 3],
        ],
      });
      expect(store.statistics()).toMatchObject({ logFailedFlushes: 1, unlogged: 1 });
    },
  );
  it('keeps what several failed attempts could not write', async () => {
    const segments = new MemorySegmentStore();
    const { store, timer } = await open(segments);
    segments.faults.failsSync = true;
    store.append(batch('a', [NOW, 1]));
    const second = store.append(batch('b', [NOW, 2]));
    for (let i = 0; i < 3; i++) await timer.advance(1_000);
    expect(store.statistics().logFailedFlushes).toBe(3);
    segments.faults.failsSync = false;
    await timer.advance(1_000);
    await store.committed(second.position);
    expect(contents((await open(segments.powerCut())).store)).toEqual({ a: [[0, 1]], b: [[0, 2]] });
  });
  it('leaves no segment behind for an attempt that failed', async () => {
    const segments = new MemorySegmentStore();
    const opened = await open(segments);
    await write(opened, 'a', [NOW, 1]);
    segments.faults.failsSync = true;
    opened.store.append(batch('a', [NOW + 1, 2]));
    for (let i = 0; i < 20; i++) await opened.timer.advance(1_000);
    expect(opened.store.statistics().logFailedFlushes).toBeGreaterThan(10);
    // The one with the first sample, and the one that is tried next or was tried last.
    expect((await segments.list()).length).toBeLessThanOrEqual(2);
    expect(opened.store.statistics().logSegments).toBeLessThanOrEqual(2);
    segments.faults.failsSync = false;
    await opened.timer.advance(1_000);
    await write(opened, 'a', [NOW + 2, 3]);
    expect(contents((await open(segments.powerCut())).store)).toEqual({
      a: [
        [0, 1],
        [1, 2],
        [2, 3],
      ],
    });
  });
  it('refuses writers when told that it is nearly full, and takes rules’ results', async () => {
    const { store } = await open(new MemorySegmentStore());
    store.setDiskFull(true);
    expect(store.unavailability()).toMatchObject({ code: 'disk_full' });
    expect(store.appendVolatile(batch('rule', [NOW, 1])).accepted).toBe(1);
    store.setDiskFull(false);
    expect(store.append(batch('a', [NOW, 1])).accepted).toBe(1);
  });
  it('refuses more than it may hold back', async () => {
    const { store, timer } = await open(new MemorySegmentStore(), { maxPendingBytes: 10 });
    store.append(batch('a', [NOW, 1]));
    expect(store.unavailability()).toMatchObject({ code: 'log_backlog' });
    await timer.advance(20);
    expect(store.unavailability()).toBeNull();
  });
});

describe('retention', () => {
  it('removes segments and series that are too old, and the segments first when they are too large', async () => {
    const segments = new MemorySegmentStore();
    const opened = await open(segments, { ...EACH_ALONE, retentionMs: 10 * MINUTE });
    const { store, timer } = opened;
    await write(opened, 'old', [NOW, 1]);
    await timer.advance(6 * MINUTE);
    await write(opened, 'new', [NOW + 6 * MINUTE, 2]);
    await timer.advance(6 * MINUTE);
    await store.dropExpired();
    expect(contents(store)).toEqual({ new: [[6 * MINUTE, 2]] });
    expect(await segments.list()).toHaveLength(1);
    expect(store.statistics()).toMatchObject({ series: 1, seriesRemoved: 1, logSegments: 1 });
    // A series that comes back is a new one in the log.
    await write(opened, 'old', [NOW + 12 * MINUTE, 3]);
    expect(contents((await open(segments)).store)).toEqual({
      new: [[6 * MINUTE, 2]],
      old: [[12 * MINUTE, 3]],
    });
  });
  it('goes on while samples wait for the disk, and keeps the labels of those that do', async () => {
    const segments = new MemorySegmentStore();
    const opened = await open(segments, { retentionMs: 10 * MINUTE });
    const { store, timer } = opened;
    await write(opened, 'old', [NOW, 1]);
    await timer.advance(9 * MINUTE);
    segments.faults.failsSync = true;
    store.append(batch('waiting', [NOW, 2]));
    await timer.advance(2 * MINUTE);
    await store.dropExpired();
    expect(Object.keys(contents(store))).toEqual(['waiting']);
    segments.faults.failsSync = false;
    await timer.advance(MINUTE);
    await store.dropExpired();
    expect(store.statistics().series).toBe(0);
  });
  it('does not fill one segment after the other with definitions', async () => {
    const segments = new MemorySegmentStore();
    const opened = await open(segments, { segmentBytes: 1_000 });
    for (let round = 0; round < 10; round++) {
      const builder = new SampleBatchBuilder();
      for (let i = 0; i < 200; i++) {
        builder.addSeries(Labels.fromRecord({ __name__: 'm', s: `series-${i}` }));
        builder.addSample(NOW + round, i);
      }
      opened.store.append(builder.take());
      await opened.timer.advance(5);
    }
    expect((await segments.list()).length).toBeLessThanOrEqual(3);
  });
  it('keeps the log within its size', async () => {
    const segments = new MemorySegmentStore();
    const opened = await open(segments, { ...EACH_ALONE, maxLogBytes: 250 });
    for (let i = 0; i < 20; i++) await write(opened, 'a', [NOW + i, i]);
    await opened.store.dropExpired();
    const list = await segments.list();
    expect(list.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(250);
    expect(list.at(-1)!.sequence).toBe(20);
  });
});

describe('dropping many series', () => {
  it('is done in turns, and a series that goes on meanwhile stays', async () => {
    const { store, timer } = await open(new MemorySegmentStore());
    const builder = new SampleBatchBuilder();
    for (let i = 0; i < 20_000; i++) {
      builder.addSeries(Labels.fromRecord({ __name__: 's', id: String(i) }));
      builder.addSample(NOW, i);
    }
    store.append(builder.take());
    await timer.advance(5);
    const left: number[] = [];
    await store.dropBefore(NOW + 1, {
      isDue: () => false,
      rest: async () => {
        left.push(store.statistics().series);
        if (left.length > 1) return;
        // The last one has not had its turn yet.
        builder.addSeries(Labels.fromRecord({ __name__: 's', id: '19999' }));
        builder.addSample(NOW + MINUTE, 1);
        store.append(builder.take());
        await timer.advance(5);
      },
    });
    expect(left).toEqual([20_000 - 8_192, 20_000 - 2 * 8_192]);
    expect(store.statistics()).toMatchObject({ series: 1, seriesRemoved: 19_999 });
    expect(store.labelValues('id', [], 0, Infinity)).toEqual(['19999']);
    await store.close();
  });
});

describe('closing', () => {
  it('stops a replay that is under way', async () => {
    const segments = new MemorySegmentStore();
    const opened = await open(segments, { ...EACH_ALONE });
    for (let i = 0; i < 5; i++) await write(opened, 'a', [NOW + i, i]);
    const store = new TimeSeriesStore(segments, new ManualTimer());
    const seen: number[] = [];
    const opening = store.open(({ segments: done }) => {
      seen.push(done);
      if (done === 2) void store.close();
    });
    await expect(opening).rejects.toMatchObject({ code: 'closed' });
    await store.close();
    expect(Math.max(...seen)).toBe(2);
  });
  it('writes what is left, and twice or before opening is harmless', async () => {
    const segments = new MemorySegmentStore();
    const { store } = await open(segments);
    store.append(batch('a', [NOW, 1]));
    await store.close();
    await store.close();
    await new TimeSeriesStore(segments, new ManualTimer()).close();
    expect(() => store.append(batch('a', [NOW + 1, 1]))).toThrow(StoreUnavailableError);
    expect(contents((await open(segments.powerCut())).store)).toEqual({ a: [[0, 1]] });
  });
});
