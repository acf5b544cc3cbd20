import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BlockFaultError, MemoryBlockFiles } from '#libs/block-files';
import { createFloatHistogram, type FloatHistogram } from '#libs/histogram';
import { Labels, Matcher } from '#libs/labels';
import { MemorySegmentStore } from '#libs/record-log';
import { createSampleWindow, SampleBatchBuilder } from '#libs/samples';
import { Clock, HOUR, MINUTE, openTiers, START, type Tiers } from '../testing/tiers.ts';
import { type BlockArchiveOptions, StoreUnavailableError, TieredStore } from './index.ts';

const OPTIONS = {
  blockMs: 30 * MINUTE,
  graceMs: 10 * MINUTE,
  memoryMs: HOUR,
  retentionMs: 10 * 24 * HOUR,
};

function open(
  clock: Clock,
  segments: MemorySegmentStore,
  files: MemoryBlockFiles,
  archive: Partial<BlockArchiveOptions> = {},
  tiered: Partial<typeof OPTIONS> & { maxBlockBytes?: number } = {},
): Promise<Tiers> {
  const recent = { retentionMs: OPTIONS.retentionMs };
  return openTiers(clock, segments, files, { recent, archive, tiered: { ...OPTIONS, ...tiered } });
}

async function write(
  { recent }: Tiers,
  series: Record<string, readonly (readonly [number, number])[]>,
): Promise<void> {
  const builder = new SampleBatchBuilder();
  for (const [name, samples] of Object.entries(series)) {
    builder.addSeries(Labels.fromRecord({ __name__: name, job: name.slice(0, 1) }));
    for (const [timeMs, value] of samples) builder.addSample(timeMs, value);
  }
  const { position } = recent.append(builder.take());
  await recent.committed(position);
}

async function contents(
  store: TieredStore,
  minMs = 0,
  maxMs = Number.MAX_SAFE_INTEGER,
  matchers: readonly Matcher[] = [new Matcher('__name__', '!=', '')],
): Promise<Record<string, [number, number][]>> {
  const selection = await store.select(matchers, minMs, maxMs);
  const window = createSampleWindow();
  const found: Record<string, [number, number][]> = {};
  for (const row of selection.rows) {
    selection.read(row, minMs, maxMs, window);
    const samples: [number, number][] = [];
    for (let i = window.start; i < window.end; i++) {
      samples.push([window.timesMs[i]!, window.values[i]!]);
    }
    if (samples.length > 0) found[selection.labelsOf(row).metricName] = samples;
  }
  return found;
}

/** One sample a minute of each series. */
function minutes(fromMs: number, toMs: number, factor: number): [number, number][] {
  const samples: [number, number][] = [];
  for (let timeMs = fromMs; timeMs < toMs; timeMs += MINUTE) {
    samples.push([timeMs, ((timeMs - START) / MINUTE) * factor]);
  }
  return samples;
}

function metricNames(labels: readonly Labels[]): string[] {
  return labels.map(({ metricName }) => metricName).toSorted();
}

function histogramAt(i: number): FloatHistogram {
  return createFloatHistogram({
    schema: 1,
    count: 3 * i,
    sum: i / 3,
    zeroCount: i,
    zeroThreshold: 0.001,
    positiveSpans: [{ offset: 0, length: 2 }],
    positiveBuckets: [i, i],
  });
}

/** Runs the clock forward, writing and maintaining every ten minutes. */
async function live(opened: Tiers, clock: Clock, untilMs: number, names: string[]): Promise<void> {
  while (clock.ms < untilMs) {
    const fromMs = clock.ms;
    clock.ms += 10 * MINUTE;
    const series = names.map((name, i) => [name, minutes(fromMs, clock.ms, i + 1)] as const);
    await write(opened, Object.fromEntries(series));
    await opened.store.maintain();
  }
}

describe('TieredStore', () => {
  it('moves old samples to blocks, out of memory and out of the log, and still gives them all', async () => {
    const clock = new Clock();
    const segments = new MemorySegmentStore();
    const opened = await open(clock, segments, new MemoryBlockFiles());
    await live(opened, clock, START + 6 * HOUR, ['a', 'b']);
    expect(opened.archive.blocks.length).toBeGreaterThan(2);
    expect(opened.store.inMemoryFromMs).toBe(START + 5 * HOUR);
    expect(opened.recent.statistics().logSegments).toBeLessThan(5);
    expect(await contents(opened.store)).toEqual({
      a: minutes(START, START + 6 * HOUR, 1),
      b: minutes(START, START + 6 * HOUR, 2),
    });
    expect(await contents(opened.store, START + HOUR, START + 2 * HOUR)).toEqual({
      a: minutes(START + HOUR, START + 2 * HOUR + 1, 1),
      b: minutes(START + HOUR, START + 2 * HOUR + 1, 2),
    });
    await opened.store.close();
  });

  it('answers from memory alone, and at once, what is young enough', async () => {
    const clock = new Clock();
    const opened = await open(clock, new MemorySegmentStore(), new MemoryBlockFiles());
    await live(opened, clock, START + 6 * HOUR, ['a']);
    const matchers = [new Matcher('__name__', '=', 'a')];
    const young = opened.store.select(matchers, START + 5 * HOUR, clock.ms);
    expect(young).not.toBeInstanceOf(Promise);
    const old = opened.store.select(matchers, START + 4 * HOUR, clock.ms);
    expect(old).toBeInstanceOf(Promise);
    await old;
    await opened.store.close();
  });

  it('comes back whole after a restart, without reading twice what is in blocks', async () => {
    const clock = new Clock();
    const segments = new MemorySegmentStore();
    const files = new MemoryBlockFiles();
    const opened = await open(clock, segments, files);
    await live(opened, clock, START + 6 * HOUR, ['a', 'b']);
    const before = await contents(opened.store);
    await opened.store.close();
    const again = await open(clock, segments.powerCut(), files.restarted());
    expect(await contents(again.store)).toEqual(before);
    expect(again.recent.statistics().minTimeMs).toBe(again.store.inMemoryFromMs);
    await again.store.maintain();
    expect(await contents(again.store)).toEqual(before);
    await again.store.close();
  });

  it('keeps what it fetched for as long as blocks and series stay the same', async () => {
    const clock = new Clock();
    const opened = await open(clock, new MemorySegmentStore(), new MemoryBlockFiles());
    await live(opened, clock, START + 5 * HOUR, ['a', 'b']);
    const ask = (minMs: number): unknown =>
      opened.store.select([new Matcher('__name__', '!=', '')], minMs, START + 5 * HOUR);
    const first = await ask(START + 2 * HOUR);
    expect(ask(START + 2 * HOUR)).toBe(first);
    expect(ask(START + 2 * HOUR + 5 * MINUTE)).toBe(first);
    expect(await ask(START + 1 * HOUR)).not.toBe(first);
    // A sample of a series that is there already shows up in what was kept.
    await write(opened, { a: [[START + 3.5 * HOUR + 1, 42]] });
    expect(ask(START + 2 * HOUR)).toBe(first);
    expect((await contents(opened.store, START + 2 * HOUR))['a']).toContainEqual([
      START + 3.5 * HOUR + 1,
      42,
    ]);
    await write(opened, { fresh: [[START + 3 * HOUR, 1]] });
    expect(await ask(START + 2 * HOUR)).not.toBe(first);
    expect((await contents(opened.store, START + 2 * HOUR))['fresh']).toHaveLength(1);
    const second = await ask(START + 2 * HOUR);
    await live(opened, clock, START + 5 * HOUR + 30 * MINUTE, ['a', 'b']);
    expect(await ask(START + 2 * HOUR)).not.toBe(second);
    await opened.store.close();
  });

  it('needs no marks to find what is in blocks', async () => {
    const clock = new Clock();
    const segments = new MemorySegmentStore();
    const files = new MemoryBlockFiles();
    const opened = await open(clock, segments, files);
    await live(opened, clock, START + 6 * HOUR, ['a', 'b']);
    const before = await contents(opened.store);
    await opened.store.close();
    const found = new MemoryBlockFiles();
    for (const { name } of await files.list()) found.put(name, files.bytesOf(name));
    const again = await open(clock, segments.powerCut(), found);
    expect(await contents(again.store)).toEqual(before);
    await live(again, clock, START + 9 * HOUR, ['a', 'b']);
    expect((await contents(again.store))['a']).toEqual(minutes(START, START + 9 * HOUR, 1));
    await again.store.close();
  });

  it('joins blocks to larger ones and keeps every sample, once', async () => {
    const clock = new Clock();
    const opened = await open(clock, new MemorySegmentStore(), new MemoryBlockFiles());
    await live(opened, clock, START + 27 * HOUR, ['a', 'b', 'c']);
    const { blocks } = opened.archive;
    expect(blocks.some(({ contents: { minMs, maxMs } }) => maxMs - minMs > 20 * HOUR)).toBe(true);
    expect(blocks.length).toBeLessThan(8);
    const found = await contents(opened.store);
    expect(found['c']).toEqual(minutes(START, START + 27 * HOUR, 3));
    expect(opened.archive.statistics().compactions).toBeGreaterThan(5);
    await opened.store.close();
  });

  it('takes samples that come late, in time already in blocks', async () => {
    const clock = new Clock();
    const segments = new MemorySegmentStore();
    const files = new MemoryBlockFiles();
    const opened = await open(clock, segments, files);
    await live(opened, clock, START + 4 * HOUR, ['a', 'b']);
    await write(opened, { a: [[START + 2.5 * HOUR + 1, 42]], old: [[START + 5 * MINUTE, 7]] });
    const expected = {
      a: [...minutes(START, START + 4 * HOUR, 1), [START + 2.5 * HOUR + 1, 42]].toSorted(
        (x, y) => x[0]! - y[0]!,
      ),
      b: minutes(START, START + 4 * HOUR, 2),
      old: [[START + 5 * MINUTE, 7]],
    };
    expect(await contents(opened.store)).toEqual(expected);
    await opened.store.maintain();
    expect(await contents(opened.store)).toEqual(expected);
    await opened.store.close();
    const again = await open(clock, segments.powerCut(), files.restarted());
    expect(await contents(again.store)).toEqual(expected);
    clock.ms += 5 * HOUR;
    await again.store.maintain();
    await again.store.maintain();
    expect(await contents(again.store)).toEqual(expected);
    await again.store.close();
  });

  it('lets go of series that have vanished, and finds them in their blocks', async () => {
    const clock = new Clock();
    const opened = await open(clock, new MemorySegmentStore(), new MemoryBlockFiles());
    await live(opened, clock, START + HOUR, ['a', 'gone']);
    await live(opened, clock, START + 4 * HOUR, ['a']);
    expect(opened.recent.statistics().series).toBe(1);
    const found = await contents(opened.store);
    expect(found['gone']).toEqual(minutes(START, START + HOUR, 2));
    const everything = [new Matcher('__name__', '!=', '')];
    expect(metricNames(await opened.store.series(everything, START, clock.ms))).toEqual([
      'a',
      'gone',
    ]);
    expect(metricNames(await opened.store.series(everything, clock.ms - HOUR, clock.ms))).toEqual([
      'a',
    ]);
    expect(await opened.store.labelValues('job', [], START, clock.ms)).toEqual(['a', 'g']);
    expect(await opened.store.labelValues('job', [], clock.ms - HOUR, clock.ms)).toEqual(['a']);
    expect(
      await opened.store.labelValues(
        'job',
        [new Matcher('__name__', '=', 'gone')],
        START,
        clock.ms,
      ),
    ).toEqual(['g']);
    expect(await opened.store.labelNames([], START, clock.ms)).toEqual(['__name__', 'job']);
    await opened.store.close();
  });

  it('keeps native histograms, beside floats, through restarts and joined blocks', async () => {
    const clock = new Clock();
    const segments = new MemorySegmentStore();
    const files = new MemoryBlockFiles();
    const opened = await open(clock, segments, files);
    const labels = Labels.fromRecord({ __name__: 'h' });
    const expected: [number, number | FloatHistogram][] = [];
    for (let i = 0; i < 9 * 60; i++) {
      clock.ms += MINUTE;
      const builder = new SampleBatchBuilder();
      builder.addSeries(labels);
      // A float now and then, as where a series changes its kind; in one batch with a histogram.
      if (i % 50 === 49) {
        builder.addHistogram(clock.ms - 1, histogramAt(i));
        builder.addSample(clock.ms, i);
        expected.push([clock.ms - 1, histogramAt(i)], [clock.ms, i]);
      } else {
        builder.addHistogram(clock.ms, histogramAt(i));
        expected.push([clock.ms, histogramAt(i)]);
      }
      const result = opened.recent.append(builder.take());
      expect(result.rejectedTotal).toBe(0);
      await opened.recent.committed(result.position);
      if (i % 10 === 0) await opened.store.maintain();
    }
    const found = async (store: TieredStore): Promise<unknown[]> => {
      const selection = await store.select([new Matcher('__name__', '=', 'h')], 0, clock.ms);
      const window = createSampleWindow();
      const samples: unknown[] = [];
      for (const row of selection.rows) {
        selection.read(row, 0, clock.ms, window);
        for (let i = window.start; i < window.end; i++) {
          const histogram = window.histograms?.[i] ?? null;
          samples.push([
            window.timesMs[i],
            histogram === null ? window.values[i] : { ...histogram, counterResetHint: 'unknown' },
          ]);
        }
      }
      return samples;
    };
    expect(opened.archive.statistics().compactions).toBeGreaterThan(2);
    expect(await found(opened.store)).toEqual(expected);
    const repeated = new SampleBatchBuilder();
    repeated.addSeries(labels);
    repeated.addHistogram(clock.ms, histogramAt(539));
    repeated.addHistogram(clock.ms - MINUTE, histogramAt(538));
    repeated.addHistogram(clock.ms - 2 * MINUTE, histogramAt(1));
    repeated.addHistogram(clock.ms - 2 * MINUTE - 1, histogramAt(1));
    expect(opened.recent.append(repeated.take())).toMatchObject({
      accepted: 1,
      repeated: 2,
      histograms: 3,
      rejected: { duplicate: 1 },
    });
    expected.splice(-3, 0, [clock.ms - 2 * MINUTE - 1, histogramAt(1)]);
    await opened.recent.committed(opened.recent.append(new SampleBatchBuilder().take()).position);
    await opened.store.close();
    const again = await open(clock, segments.powerCut(), files.restarted());
    expect(await found(again.store)).toEqual(expected);
    await again.store.close();
  });

  it('drops blocks beyond the retention and, the oldest first, beyond the size', async () => {
    const clock = new Clock();
    const opened = await open(
      clock,
      new MemorySegmentStore(),
      new MemoryBlockFiles(),
      {},
      {
        retentionMs: 8 * HOUR,
      },
    );
    await live(opened, clock, START + 24 * HOUR, ['a']);
    const [oldest] = opened.archive.blocks;
    expect(oldest!.contents.minMs).toBe(START + 16 * HOUR);
    const fromMs = START + 16 * HOUR;
    expect(await contents(opened.store, fromMs)).toEqual({
      a: minutes(fromMs, START + 24 * HOUR, 1),
    });
    await opened.archive.retain(0, 600);
    expect(opened.archive.bytes).toBeLessThanOrEqual(600);
    await opened.store.close();
  });

  it('drops what is beyond the retention while nothing can be written', async () => {
    const clock = new Clock();
    const files = new MemoryBlockFiles();
    const opened = await open(
      clock,
      new MemorySegmentStore(),
      files,
      {},
      { retentionMs: 8 * HOUR },
    );
    await live(opened, clock, START + 4 * HOUR, ['a']);
    files.create = () => Promise.reject(new BlockFaultError('no space left on device'));
    clock.ms += 20 * HOUR;
    await write(opened, { a: [[clock.ms, 1]] });
    await expect(opened.store.maintain()).rejects.toThrow('no space left on device');
    expect(opened.archive.blocks).toEqual([]);
    await opened.store.close();
  });

  it('loses no late sample when all segments of the log have gone before', async () => {
    const clock = new Clock();
    const files = new MemoryBlockFiles();
    const opened = await open(clock, new MemorySegmentStore(), files);
    await live(opened, clock, START + 4 * HOUR, ['a']);
    await opened.store.close();
    // As after a handover that has left nothing in the log.
    const segments = new MemorySegmentStore();
    const again = await open(clock, segments, files.restarted());
    await write(again, { late: [[START + 10 * MINUTE, 7]] });
    await again.store.close();
    const third = await open(clock, segments.powerCut(), files.restarted());
    expect((await contents(third.store))['late']).toEqual([[START + 10 * MINUTE, 7]]);
    await third.store.close();
  });

  it('puts everything in blocks when nothing comes any more', async () => {
    const clock = new Clock();
    const opened = await open(clock, new MemorySegmentStore(), new MemoryBlockFiles());
    await live(opened, clock, START + HOUR, ['a']);
    clock.ms += 5 * HOUR;
    await opened.store.maintain();
    expect(opened.recent.statistics().series).toBe(0);
    expect(await contents(opened.store)).toEqual({ a: minutes(START, START + HOUR, 1) });
    await opened.store.close();
  });

  it('asks a sender to come again while its samples are being moved', async () => {
    const clock = new Clock();
    const opened = await open(clock, new MemorySegmentStore(), new MemoryBlockFiles());
    await live(opened, clock, START + HOUR, ['a']);
    await opened.recent.beginHandover(START + HOUR);
    await expect(write(opened, { b: [[START, 1]] })).rejects.toBeInstanceOf(StoreUnavailableError);
    await write(opened, { b: [[START + HOUR, 1]] });
    opened.recent.endHandover();
    await write(opened, { c: [[START, 1]] });
    await opened.store.close();
  });

  it('loses nothing to a clock that was two days ahead for a while', async () => {
    const clock = new Clock();
    const segments = new MemorySegmentStore();
    const files = new MemoryBlockFiles();
    const opened = await open(clock, segments, files);
    await live(opened, clock, START + 3 * HOUR, ['a', 'b']);
    clock.ms += 48 * HOUR;
    await write(opened, { ahead: [[clock.ms, 1]] });
    await opened.store.maintain();
    clock.ms -= 48 * HOUR;
    await live(opened, clock, START + 6 * HOUR, ['a', 'b']);
    const expected = {
      a: minutes(START, START + 6 * HOUR, 1),
      b: minutes(START, START + 6 * HOUR, 2),
      ahead: [[START + 51 * HOUR, 1]],
    };
    expect(await contents(opened.store)).toEqual(expected);
    await opened.store.close();
    const again = await open(clock, segments.powerCut(), files.restarted());
    expect(await contents(again.store)).toEqual(expected);
    await again.store.maintain();
    expect(await contents(again.store)).toEqual(expected);
    await again.store.close();
  });

  it('refuses a query that would fetch too much', async () => {
    const clock = new Clock();
    const opened = await open(clock, new MemorySegmentStore(), new MemoryBlockFiles(), {
      maxFetchBytes: 100,
    });
    await live(opened, clock, START + 4 * HOUR, ['a', 'b']);
    await expect(contents(opened.store)).rejects.toThrow(/needs more than 0 MiB of chunks/);
    await opened.store.close();
  });

  it('sets a damaged block aside, and leaves out a damaged chunk', async () => {
    const clock = new Clock();
    const segments = new MemorySegmentStore();
    const files = new MemoryBlockFiles();
    const opened = await open(clock, segments, files);
    await live(opened, clock, START + 5 * HOUR, ['a', 'b']);
    const [first, second] = opened.archive.blocks;
    await opened.store.close();
    const found = files.restarted();
    found.put(first!.name, files.bytesOf(first!.name).subarray(0, 100));
    const bytes = Buffer.from(files.bytesOf(second!.name));
    bytes[14]! ^= 0xff; // in the first chunk of the series a
    found.put(second!.name, bytes);
    const damaged: string[] = [];
    const again = await open(clock, segments.powerCut(), found);
    again.archive.onDamage = (name) => damaged.push(name);
    const left = await contents(again.store);
    expect([...found.asides.keys()]).toEqual([first!.name]);
    expect(damaged).toEqual([second!.name]);
    const secondFrom = second!.contents.minMs;
    expect(left['b']).toEqual(minutes(secondFrom, START + 5 * HOUR, 2));
    expect(left['a']!.length).toBeLessThan(left['b']!.length);
    await again.store.close();
  });

  it('gives back every acknowledged sample whatever step a kill comes at', async () => {
    for (let steps = 0; steps < 60; steps++) {
      const clock = new Clock();
      const segments = new MemorySegmentStore();
      const files = new MemoryBlockFiles();
      const opened = await open(clock, segments, files);
      await live(opened, clock, START + 70 * MINUTE, ['a', 'b']);
      files.stepsLeft = steps;
      let untilMs = clock.ms;
      try {
        while (clock.ms < START + 5 * HOUR) {
          untilMs = clock.ms + 10 * MINUTE;
          await live(opened, clock, untilMs, ['a', 'b']);
        }
      } catch (error) {
        if (!(error instanceof BlockFaultError)) throw error;
      }
      const expected = {
        a: minutes(START, untilMs, 1),
        b: minutes(START, untilMs, 2),
      };
      // The process that met the fault goes on without loss, and so does the one after it.
      expect(await contents(opened.store)).toEqual(expected);
      const again = await open(clock, segments.powerCut(), files.restarted());
      expect(await contents(again.store)).toEqual(expected);
      await live(again, clock, untilMs + 3 * HOUR, ['a', 'b']);
      expect(await contents(again.store)).toEqual({
        a: minutes(START, untilMs + 3 * HOUR, 1),
        b: minutes(START, untilMs + 3 * HOUR, 2),
      });
      await again.store.close();
      await opened.store.close();
    }
  });

  it('agrees with a plain map under random writes, pauses, moves and restarts', async () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('write' as const),
        series: fc.integer({ min: 0, max: 4 }),
        backMs: fc.integer({ min: 0, max: 3 * HOUR }),
        count: fc.integer({ min: 1, max: 40 }),
      }),
      fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 2 * HOUR }) }),
      fc.constant({ kind: 'restart' as const }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const clock = new Clock();
        let segments = new MemorySegmentStore();
        let files = new MemoryBlockFiles();
        let opened = await open(clock, segments, files);
        const oracle = new Map<string, Map<number, number>>();
        let value = 0;
        for (const one of steps) {
          if (one.kind === 'wait') {
            clock.ms += one.ms;
            await opened.store.maintain();
          } else if (one.kind === 'restart') {
            await opened.store.close();
            segments = segments.powerCut();
            files = files.restarted();
            opened = await open(clock, segments, files);
          } else {
            const name = `s${one.series}`;
            for (let i = 0; i < one.count; i++) {
              const timeMs = clock.ms - one.backMs + i * 15_000;
              const builder = new SampleBatchBuilder();
              builder.addSeries(Labels.fromRecord({ __name__: name }));
              builder.addSample(timeMs, ++value);
              const known = oracle.get(name)?.has(timeMs) ?? false;
              const { accepted, position } = opened.recent.append(builder.take());
              await opened.recent.committed(position);
              if (accepted === 0 || known) continue;
              if (!oracle.has(name)) oracle.set(name, new Map());
              oracle.get(name)!.set(timeMs, value);
            }
          }
          const found = await contents(opened.store);
          const expected = Object.fromEntries(
            Array.from(oracle, ([name, samples]) => [
              name,
              [...samples].toSorted((a, b) => a[0] - b[0]),
            ]),
          );
          expect(found).toEqual(expected);
        }
        await opened.store.close();
      }),
      { numRuns: 60 },
    );
  });
});
