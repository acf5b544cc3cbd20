import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BlockFaultError, MemoryBlockFiles } from '#libs/block-files';
import { createFloatHistogram, type FloatHistogram } from '#libs/histogram';
import { Labels, Matcher } from '#libs/labels';
import { MemorySegmentStore } from '#libs/record-log';
import { createSampleWindow, SampleBatchBuilder } from '#libs/samples';
import { Clock, DAY, HOUR, MINUTE, openTiers, START, type Tiers } from '../testing/tiers.ts';
import { readMarks, writeMarks } from './store-marks.ts';

const NAMES = ['even', 'gaps'] as const;
type Name = (typeof NAMES)[number];

/** A store, and what should be in it: the values of each series by their times. */
class Watched {
  readonly clock = new Clock();
  readonly expected = new Map<Name, Map<number, number>>(NAMES.map((name) => [name, new Map()]));
  readonly #deleted: { readonly name: Name; readonly minMs: number; readonly maxMs: number }[] = [];
  #segments = new MemorySegmentStore();
  files = new MemoryBlockFiles();
  tiers: Tiers | null = null;
  #minutes = 0;

  get open(): Tiers {
    if (this.tiers === null) throw new Error('the store is not open');
    return this.tiers;
  }

  async start(): Promise<void> {
    this.tiers = await openTiers(this.clock, this.#segments, this.files);
  }

  async restart(): Promise<void> {
    await this.open.store.close();
    this.files = this.files.restarted();
    await this.start();
  }

  async write(name: Name, timeMs: number, value: number): Promise<void> {
    // Such a sample may stay hidden.
    const isDeleted = this.#deleted.some(
      (one) => one.name === name && timeMs >= one.minMs && timeMs <= one.maxMs,
    );
    if (isDeleted || this.expected.get(name)!.has(timeMs)) return;
    const builder = new SampleBatchBuilder();
    builder.addSeries(Labels.fromRecord({ __name__: name }));
    builder.addSample(timeMs, value);
    const { recent } = this.open;
    await recent.committed(recent.append(builder.take()).position);
    this.expected.get(name)!.set(timeMs, value);
  }

  /** A sample a minute, moved to blocks as they get old. */
  async live(minutes: number): Promise<void> {
    for (let i = 0; i < minutes; i++) {
      this.clock.ms += MINUTE;
      const minute = this.#minutes++;
      await this.write('even', this.clock.ms, minute);
      if (minute % 7 !== 0) await this.write('gaps', this.clock.ms, -minute);
      if (minute % 10 === 0) await this.open.store.maintain();
    }
  }

  async delete(name: Name, minMs: number, maxMs: number): Promise<void> {
    await this.open.store.deleteSamples([new Matcher('__name__', '=', name)], minMs, maxMs);
    this.forget(name, minMs, Math.min(maxMs, this.clock.ms));
  }

  forget(name: Name, minMs: number, maxMs: number): void {
    this.#deleted.push({ name, minMs, maxMs });
    const samples = this.expected.get(name)!;
    for (const timeMs of samples.keys()) {
      if (timeMs >= minMs && timeMs <= maxMs) samples.delete(timeMs);
    }
  }

  /** What a store gives, where it is not what is expected. */
  async differences(minMs = 0, tiers = this.open): Promise<object[]> {
    const found = await samplesOf(tiers, minMs);
    return NAMES.flatMap((name) => {
      const expected = [...this.expected.get(name)!]
        .filter(([timeMs]) => timeMs >= minMs)
        .toSorted(([a], [b]) => a - b);
      const given = found.get(name) ?? [];
      return JSON.stringify(given) === JSON.stringify(expected) ? [] : [{ name, given, expected }];
    });
  }
}

async function samplesOf({ store }: Tiers, minMs: number): Promise<Map<string, unknown[]>> {
  const everything = [new Matcher('__name__', '!=', '')];
  const selection = await store.select(everything, minMs, Number.MAX_SAFE_INTEGER);
  const window = createSampleWindow();
  const found = new Map<string, unknown[]>();
  for (const row of selection.rows) {
    selection.read(row, minMs, Number.MAX_SAFE_INTEGER, window);
    const samples: [number, unknown][] = [];
    for (let i = window.start; i < window.end; i++) {
      const histogram = window.histograms?.[i] ?? null;
      samples.push([window.timesMs[i]!, histogram === null ? window.values[i]! : histogram.count]);
    }
    found.set(selection.labelsOf(row).metricName, samples);
  }
  return found;
}

function histogramOf(count: number): FloatHistogram {
  return createFloatHistogram({
    count,
    sum: count,
    positiveSpans: [{ offset: 0, length: 1 }],
    positiveBuckets: [count],
  });
}

const name = fc.constantFrom(...NAMES);
const ago = fc.integer({ min: -5, max: 400 });
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('live'), minutes: fc.nat(90) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete'), name, from: ago, to: ago }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('late'), name, by: fc.nat(100) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('clean', 'restart', 'copy') }) },
);

type Step = typeof step extends fc.Arbitrary<infer One> ? One : never;

/** @returns how a copy differs, where the step is to make one */
async function run(watched: Watched, one: Step): Promise<object[]> {
  const { clock } = watched;
  if ('minutes' in one) await watched.live(one.minutes);
  else if ('from' in one) {
    const [from, to] = [Math.max(one.from, one.to), Math.min(one.from, one.to)];
    await watched.delete(one.name, clock.ms - from * MINUTE, clock.ms - to * MINUTE);
  } else if ('by' in one) {
    const timeMs = clock.ms - one.by * MINUTE + 1;
    if (timeMs > START && watched.open.recent.head.maxTimeMs > START) {
      await watched.write(one.name, timeMs, one.by / 2);
    }
  } else if (one.kind === 'clean') await watched.open.store.clean();
  else if (one.kind === 'restart') await watched.restart();
  else {
    const files = new MemoryBlockFiles();
    await watched.open.store.copyTo(
      {
        files,
        take: async (block) => files.put(block, Buffer.from(watched.files.bytesOf(block))),
        commit: async () => {},
        abort: async () => {},
      },
      false,
    );
    const copy = await openTiers(clock, new MemorySegmentStore(), files);
    const differences = await watched.differences(0, copy);
    await copy.store.close();
    return differences;
  }
  return [];
}

async function ofBlocks(): Promise<Watched> {
  const watched = new Watched();
  await watched.start();
  await watched.live(150);
  return watched;
}

describe('samples that are deleted', () => {
  it('are not seen any more, and all others are, whatever happens', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
        const watched = new Watched();
        await watched.start();
        for (const one of steps) {
          expect(await run(watched, one)).toEqual([]);
          expect(await watched.differences()).toEqual([]);
          expect(await watched.differences(watched.clock.ms - 30 * MINUTE)).toEqual([]);
        }
        await watched.open.store.close();
      }),
      { numRuns: 40 },
    );
  });

  it('leave blocks when these are joined, and are forgotten then', async () => {
    const watched = new Watched();
    await watched.start();
    await watched.live(300);
    await watched.delete('gaps', START + 20 * MINUTE, START + 50 * MINUTE);
    await watched.delete('even', 0, Infinity);
    expect(watched.open.store.tombstones).toHaveLength(2);
    await watched.live(DAY / MINUTE);
    expect(watched.open.store.tombstones).toEqual([]);
    expect(await watched.differences()).toEqual([]);
    await watched.restart();
    expect(await watched.differences()).toEqual([]);
    await watched.open.store.close();
  });

  it('leave blocks at once when that is asked for, and what is empty then goes', async () => {
    const watched = new Watched();
    await watched.start();
    await watched.live(200);
    const { store, archive } = watched.open;
    const before = archive.statistics();
    for (const each of NAMES) await watched.delete(each, 0, START + 40 * MINUTE);
    expect(archive.statistics()).toEqual(before);
    await store.clean();
    expect(archive.statistics().samples).toBe(before.samples - 40 - 34);
    expect(archive.blocks.every(({ contents }) => contents.minMs > START + 40 * MINUTE)).toBe(true);
    expect(store.tombstones).toEqual([]);
    expect(await watched.differences()).toEqual([]);
    // Nothing is written twice.
    const { written } = archive.statistics();
    await store.clean();
    expect(archive.statistics().written).toBe(written);
    await store.close();
  });

  it.each([
    [10, 390],
    [10, 29],
    [100, 239],
    [5, 340],
  ])('may be native histograms, from %i to %i', async (first, last) => {
    const watched = new Watched();
    await watched.start();
    const { store, recent } = watched.open;
    const times = Array.from({ length: 400 }, (_, i) => START + i * MINUTE);
    for (const timeMs of times) {
      watched.clock.ms = timeMs;
      const builder = new SampleBatchBuilder();
      builder.addSeries(Labels.fromRecord({ __name__: 'even' }));
      builder.addHistogram(timeMs, histogramOf((timeMs - START) / MINUTE));
      await recent.committed(recent.append(builder.take()).position);
      await store.maintain();
    }
    const [fromMs, toMs] = [times[first]!, times[last]!];
    await store.deleteSamples([new Matcher('__name__', '=', 'even')], fromMs, toMs);
    const left = times.filter((timeMs) => timeMs < fromMs || timeMs > toMs);
    const expected = left.map((timeMs) => [timeMs, (timeMs - START) / MINUTE]);
    expect((await samplesOf(watched.open, 0)).get('even')).toEqual(expected);
    await store.clean();
    expect((await samplesOf(watched.open, 0)).get('even')).toEqual(expected);
    // Nobody knows whether there was a reset among those that are gone.
    const selection = await store.select([new Matcher('__name__', '=', 'even')], 0, times.at(-1)!);
    const window = createSampleWindow();
    selection.read(selection.rows[0]!, 0, times.at(-1)!, window);
    const hints = window.histograms!.slice(window.start, window.end);
    expect(hints[first]?.counterResetHint).toBe('unknown');
    expect(hints[first + 1]?.counterResetHint).toBe('not_reset');
    await store.close();
  });

  it('are of series that are not found any more in that time', async () => {
    const watched = new Watched();
    await watched.start();
    await watched.live(600);
    await watched.delete('even', 0, START + 5 * HOUR);
    const { store } = watched.open;
    const everything = [new Matcher('__name__', '!=', '')];
    const found = await store.series(everything, START, START + HOUR);
    const names = found.filter(({ metricName }) => metricName === 'gaps');
    expect(names).toHaveLength(1);
    const archived = await watched.open.archive.series(everything, START, START + HOUR);
    expect(archived.map(({ metricName }) => metricName)).toEqual(['gaps']);
    await store.close();
  });

  it('stay deleted whichever step fails, once that was said', async () => {
    const whole = await ofBlocks();
    whole.files.stepsLeft = 1_000;
    await whole.delete('even', START + 10 * MINUTE, START + 100 * MINUTE);
    await whole.open.store.clean();
    const steps = 1_000 - whole.files.stepsLeft;
    expect(steps).toBeGreaterThan(5);
    for (let left = 0; left < steps; left++) {
      const watched = await ofBlocks();
      watched.files.stepsLeft = left;
      const said = watched.delete('even', START + 10 * MINUTE, START + 100 * MINUTE);
      const cleaned = said.then(() => watched.open.store.clean());
      await expect(cleaned).rejects.toThrow(BlockFaultError);
      expect(watched.open.store.tombstones).toHaveLength(left === 0 ? 0 : 1);
      await watched.restart();
      expect(await watched.differences()).toEqual([]);
      await watched.open.store.clean();
      expect(await watched.differences()).toEqual([]);
      await watched.open.store.close();
    }
  });

  it('are refused beyond a number, and while the store is closed', async () => {
    const watched = new Watched();
    await watched.start();
    await watched.live(3);
    for (let i = 0; i < 1_000; i++) await watched.delete('even', START, START + 1);
    await expect(watched.delete('even', START, START + 1)).rejects.toThrow('clean_tombstones');
    const { store } = watched.open;
    await store.close();
    await expect(watched.delete('even', 0, 1)).rejects.toThrow('closed');
    await expect(store.clean()).rejects.toThrow('closed');
  });
});

describe('what a store remembers of them', () => {
  const stone = {
    matchers: [new Matcher('__name__', '=~', 'a|__proto__'), new Matcher('b', '!=', '"')],
    minMs: -5,
    maxMs: 7,
    beforeBlock: 3,
  };

  it('is read as it was written', () => {
    const marks = readMarks(writeMarks([{ beforeMs: 1, endSequence: 2 }], [stone]));
    expect(marks).toEqual({
      handovers: [{ beforeMs: 1, endSequence: 2 }],
      tombstones: [stone],
      lostTombstones: 0,
    });
  });

  it.each([
    '{"tombstones":[{}]}',
    '{"tombstones":[{"matchers":[],"minMs":0,"maxMs":1,"beforeBlock":1}]}',
    '{"tombstones":[{"matchers":[["a","=~","("]],"minMs":0,"maxMs":1,"beforeBlock":1}]}',
    '{"tombstones":[{"matchers":[["a","=",1]],"minMs":0,"maxMs":1,"beforeBlock":1}]}',
    '{"tombstones":[{"matchers":[["a","=","b"]],"minMs":"0","maxMs":1,"beforeBlock":1}]}',
  ])('is counted where it cannot be read: %s', (text) => {
    expect(readMarks(text)).toEqual({ handovers: [], tombstones: [], lostTombstones: 1 });
  });

  it.each([null, '', '{', '[]', '{"tombstones":{}}', '{"version":1,"handovers":[{}]}'])(
    'is nothing in %j',
    (text) => {
      expect(readMarks(text)).toEqual({ handovers: [], tombstones: [], lostTombstones: 0 });
    },
  );
});
