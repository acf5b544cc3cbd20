import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type BlockCopy, BlockFaultError, MemoryBlockFiles } from '#libs/block-files';
import { Labels, Matcher } from '#libs/labels';
import { NO_PAUSES, type Pace } from '#libs/pace';
import { MemorySegmentStore } from '#libs/record-log';
import { createSampleWindow, SampleBatchBuilder } from '#libs/samples';
import { Clock, HOUR, MINUTE, openTiers, START, type Tiers } from '../testing/tiers.ts';
import { ArchiveClosedError, StoreUnavailableError } from './index.ts';

/** A copy in memory; every change of it and of its blocks counts as a step, after the last of which nothing works. */
class MemoryCopy implements BlockCopy {
  readonly #from: MemoryBlockFiles;
  readonly files = new MemoryBlockFiles();
  state: 'open' | 'committed' | 'aborted' = 'open';

  constructor(from: MemoryBlockFiles, steps = Infinity) {
    this.#from = from;
    this.files.stepsLeft = steps;
  }

  get stepsLeft(): number {
    return this.files.stepsLeft;
  }

  async take(name: string): Promise<void> {
    this.#step();
    this.files.put(name, Buffer.from(this.#from.bytesOf(name)));
  }

  async commit(): Promise<void> {
    this.#step();
    this.state = 'committed';
  }

  async abort(): Promise<void> {
    this.state = 'aborted';
  }

  #step(): void {
    if (this.files.stepsLeft <= 0) throw new BlockFaultError('the process has ended');
    this.files.stepsLeft--;
  }
}

interface Opened extends Tiers {
  readonly clock: Clock;
  readonly files: MemoryBlockFiles;
}

async function open(
  files = new MemoryBlockFiles(),
  clock = new Clock(),
  pace: Pace = NO_PAUSES,
): Promise<Opened> {
  const tiers = await openTiers(clock, new MemorySegmentStore(), files, { pace });
  return { clock, files, ...tiers };
}

async function write(
  { recent }: Opened,
  name: string,
  samples: readonly (readonly [number, number])[],
): Promise<void> {
  const builder = new SampleBatchBuilder();
  builder.addSeries(Labels.fromRecord({ __name__: name }));
  for (const [timeMs, value] of samples) builder.addSample(timeMs, value);
  await recent.committed(recent.append(builder.take()).position);
}

/** A sample a minute of two series, moved to blocks as they get old. */
async function live(opened: Opened, minutes: number): Promise<void> {
  for (let minute = 0; minute < minutes; minute++) {
    opened.clock.ms += MINUTE;
    await write(opened, 'even', [[opened.clock.ms, minute]]);
    if (minute % 7 !== 0) await write(opened, 'gaps', [[opened.clock.ms, -minute]]);
    if (minute % 10 === 0) await opened.store.maintain();
  }
}

async function contents({ store }: Opened): Promise<Map<string, string>> {
  const matchers = [new Matcher('__name__', '!=', '')];
  const selection = await store.select(matchers, 0, Number.MAX_SAFE_INTEGER);
  const window = createSampleWindow();
  const found = new Map<string, string>();
  for (const row of selection.rows) {
    selection.read(row, 0, Number.MAX_SAFE_INTEGER, window);
    const samples: [number, number][] = [];
    for (let i = window.start; i < window.end; i++) {
      samples.push([window.timesMs[i]!, window.values[i]!]);
    }
    if (samples.length > 0) found.set(selection.labelsOf(row).metricName, JSON.stringify(samples));
  }
  return found;
}

describe('a copy of a store', () => {
  it('gives the same answers as the store, which goes on', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 200 }),
        fc.array(fc.integer({ min: 1, max: 100 }), { maxLength: 5 }),
        async (minutes, lateBy) => {
          const opened = await open();
          await live(opened, minutes);
          // Also for times that are in blocks already.
          for (const by of lateBy) {
            const timeMs = opened.clock.ms - by * MINUTE + 1;
            if (timeMs > START) await write(opened, 'even', [[timeMs, by / 2]]);
          }
          const before = await contents(opened);
          const copy = new MemoryCopy(opened.files);
          await opened.store.copyTo(copy, false);
          expect(copy.state).toBe('committed');
          const copied = await open(copy.files, opened.clock);
          expect(await contents(copied)).toEqual(before);
          await live(opened, 5);
          expect((await contents(opened)).get('even')).not.toBe(before.get('even'));
          expect(await contents(copied)).toEqual(before);
          await opened.store.close();
          await copied.store.close();
        },
      ),
      { numRuns: 25 },
    );
  });

  it('has only what is in blocks when memory is to be left out', async () => {
    const opened = await open();
    await live(opened, 100);
    const copy = new MemoryCopy(opened.files);
    await opened.store.copyTo(copy, true);
    const names = (await copy.files.list()).map(({ name }) => name);
    expect(names).toEqual(opened.archive.blocks.map(({ name }) => name));
    expect(names.length).toBeGreaterThan(1);
  });

  it('is given up, and the store as it was, whichever step fails', async () => {
    const opened = await open();
    await live(opened, 100);
    const before = await contents(opened);
    const whole = new MemoryCopy(opened.files, 1_000);
    await opened.store.copyTo(whole, false);
    const steps = 1_000 - whole.stepsLeft;
    expect(steps).toBeGreaterThan(5);
    for (let step = 0; step < steps; step++) {
      const copy = new MemoryCopy(opened.files, step);
      await expect(opened.store.copyTo(copy, false)).rejects.toThrow('the process has ended');
      expect(copy.state).toBe('aborted');
    }
    expect(await contents(opened)).toEqual(before);
    await live(opened, 60);
    expect((await contents(opened)).size).toBe(before.size);
    await opened.store.close();
  });

  it('waits for its turn, and lets nothing move meanwhile', async () => {
    const opened = await open();
    await live(opened, 100);
    opened.clock.ms += HOUR;
    const maintained = opened.store.maintain();
    const copy = new MemoryCopy(opened.files);
    const copying = opened.store.copyTo(copy, false);
    expect(copy.stepsLeft).toBe(Infinity);
    await maintained;
    await Promise.all([copying, opened.store.maintain()]);
    const blocks = opened.archive.blocks.map(({ name }) => name);
    const taken = (await copy.files.list()).map(({ name }) => name);
    expect(taken).toEqual(expect.arrayContaining(blocks));
    await opened.store.close();
  });

  it('is given up when the store is closed', async () => {
    const pace: Pace = {
      isDue: () => true,
      rest: async () => {
        if (isCopying && closings.length === 0) closings.push(opened.store.close());
      },
    };
    const closings: Promise<void>[] = [];
    let isCopying = false;
    const opened = await open(new MemoryBlockFiles(), new Clock(), pace);
    await live(opened, 50);
    isCopying = true;
    const copy = new MemoryCopy(opened.files);
    await expect(opened.store.copyTo(copy, false)).rejects.toThrow(ArchiveClosedError);
    expect(copy.state).toBe('aborted');
    expect(closings).toHaveLength(1);
    await closings[0];
    const late = new MemoryCopy(opened.files);
    await expect(opened.store.copyTo(late, false)).rejects.toThrow(StoreUnavailableError);
    expect(late.state).toBe('aborted');
  });
});
