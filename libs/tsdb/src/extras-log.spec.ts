import { describe, expect, it } from '@jest/globals';
import { BlockFaultError, MemoryBlockFiles } from '#libs/block-files';
import { Labels, Matcher } from '#libs/labels';
import { NO_PAUSES } from '#libs/pace';
import { LogWriteError, MemorySegmentStore, SegmentFaultError } from '#libs/record-log';
import { SampleBatchBuilder } from '#libs/samples';
import {
  type BatchExtras,
  BlockArchive,
  StoreUnavailableError,
  TieredStore,
  TimeSeriesStore,
  type TimeSeriesStoreOptions,
} from './index.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const START = 1_700_000_000_000 - (1_700_000_000_000 % HOUR);
/** Every write gets a segment of its own. */
const EACH_ALONE = { segmentBytes: 1, segmentPerDefinitions: 0 };
const ALL = [[new Matcher('__name__', '=~', '.+')]];
const NO_SAMPLES = new SampleBatchBuilder().take();

class Clock {
  ms = START;
  nowMs(): number {
    return this.ms;
  }
  after(delayMs: number, run: () => void): () => void {
    // Another attempt after a failed write is none of these tests' business.
    if (delayMs > 0) return () => undefined;
    const handle = setImmediate(run);
    return () => clearImmediate(handle);
  }
}

async function open(
  segments: MemorySegmentStore,
  clock = new Clock(),
  options: TimeSeriesStoreOptions = {},
): Promise<TimeSeriesStore> {
  const store = new TimeSeriesStore(segments, clock, { groupDelayMs: 0, ...options });
  await store.open();
  return store;
}

function exemplar(series: string, timeMs: number): BatchExtras {
  const labels = Labels.fromRecord({ trace_id: `${series}-${timeMs}` });
  return {
    exemplars: [
      { series: Labels.fromRecord({ __name__: series }), labels, value: timeMs / 7, timeMs },
    ],
    metadata: [],
  };
}

function metadata(family: string, help: string, type = 'counter'): BatchExtras {
  return { exemplars: [], metadata: [{ family, type, help, unit: 'bytes' }] };
}

async function keep(store: TimeSeriesStore, extras: BatchExtras): Promise<void> {
  await store.committed(store.append(NO_SAMPLES, extras).position);
}

async function sample(store: TimeSeriesStore, timeMs: number): Promise<void> {
  const builder = new SampleBatchBuilder();
  builder.addSeries(Labels.fromRecord({ __name__: 'm' }));
  builder.addSample(timeMs, 1);
  await store.committed(store.append(builder.take()).position);
}

/** Times of the exemplars of each series. */
function times(store: TimeSeriesStore): Record<string, number[]> {
  const found = store.exemplars.select(ALL, -Infinity, Infinity);
  return Object.fromEntries(
    found.map(({ series, exemplars }) => [
      series.metricName,
      exemplars.map(({ timeMs }) => timeMs - START),
    ]),
  );
}

/** The help texts of each family, the latest first. */
function helps(store: TimeSeriesStore): Record<string, string[]> {
  const families = [...store.metadata.entries(null)];
  return Object.fromEntries(families.map(([name, known]) => [name, known.map(({ help }) => help)]));
}

describe('exemplars and metadata', () => {
  it('are there again after a power cut, each once and whole', async () => {
    const segments = new MemorySegmentStore();
    const store = await open(segments);
    await keep(store, exemplar('a', START));
    await keep(store, exemplar('b', START + 1));
    await keep(store, exemplar('a', START + 2));
    await keep(store, metadata('m', 'Bytes read, größer als 0.'));
    const again = await open(segments.powerCut());
    expect(again.exemplars.select(ALL, START + 2, START + 2)).toEqual(
      store.exemplars.select(ALL, START + 2, START + 2),
    );
    expect(times(again)).toEqual({ a: [0, 2], b: [1] });
    expect([...again.metadata.entries('m')]).toEqual([
      ['m', [{ type: 'counter', help: 'Bytes read, größer als 0.', unit: 'bytes' }]],
    ]);
    // And goes on as if nothing had been.
    await keep(again, exemplar('a', START + 3));
    expect(again.append(NO_SAMPLES, exemplar('a', START + 3)).extras.exemplars.repeated).toBe(1);
    expect(again.append(NO_SAMPLES, exemplar('a', START + 1)).extras.exemplars.out_of_order).toBe(
      1,
    );
  });

  it('are acknowledged after the sync and not before', async () => {
    const segments = new MemorySegmentStore();
    const store = await open(segments);
    segments.faults.failsSync = true;
    await expect(keep(store, exemplar('a', START))).rejects.toThrow(LogWriteError);
    expect(() => store.append(NO_SAMPLES, exemplar('a', START + 1))).toThrow(StoreUnavailableError);
    expect(times(await open(segments.powerCut()))).toEqual({});
    segments.faults.failsSync = false;
    segments.faults.ignoresSync = true;
    const lying = await open(segments.powerCut());
    await keep(lying, metadata('m', 'x'));
    expect(helps(await open(segments.powerCut()))).toEqual({});
  });

  it('wait for the first of their kind when they come again', async () => {
    const segments = new MemorySegmentStore();
    const store = await open(segments);
    store.append(NO_SAMPLES, exemplar('a', START));
    store.append(NO_SAMPLES, metadata('m', 'x'));
    const again = store.append(NO_SAMPLES, exemplar('a', START));
    expect(again.extras.exemplars).toMatchObject({ added: 0, repeated: 1 });
    await store.committed(again.position);
    expect(times(await open(segments.powerCut()))).toEqual({ a: [0] });
    expect(helps(await open(segments.powerCut()))).toEqual({ m: ['x'] });
  });

  it('are bounded, the youngest of those that came last are read back', async () => {
    const segments = new MemorySegmentStore();
    const options = { maxExemplars: 3, maxMetricFamilies: 2 };
    const store = await open(segments, new Clock(), options);
    for (let i = 0; i < 2_000; i++) {
      const { position } = store.append(NO_SAMPLES, exemplar(i % 2 === 0 ? 'a' : 'b', START + i));
      store.append(NO_SAMPLES, metadata(`m${i % 5}`, 'x'));
      if (i % 100 === 0) await store.committed(position);
    }
    await store.close();
    const again = await open(segments.powerCut(), new Clock(), options);
    expect(times(again)).toEqual({ a: [1_998], b: [1_997, 1_999] });
    expect(helps(again)).toEqual({ m3: ['x'], m4: ['x'] });
    expect(times(await open(segments.powerCut(), new Clock(), { maxExemplars: 0 }))).toEqual({});
  });

  it('logs metadata only when it says something new', async () => {
    const segments = new MemorySegmentStore();
    const store = await open(segments);
    await keep(store, metadata('m', 'x'));
    const written = store.statistics().logWrittenBytes;
    for (let i = 0; i < 10; i++) await keep(store, metadata('m', 'x'));
    expect(store.statistics().logWrittenBytes).toBe(written);
    const { extras } = store.append(NO_SAMPLES, metadata('m', 'x'.repeat(10_000)));
    expect(extras.metadata).toEqual({ added: 0, repeated: 0, too_long: 1 });
    expect(helps(store)).toEqual({ m: ['x'] });
  });

  it('outlive the segments they were written to', async () => {
    const segments = new MemorySegmentStore();
    const clock = new Clock();
    const store = await open(segments, clock, { ...EACH_ALONE, retentionMs: 10 * MINUTE });
    await keep(store, exemplar('a', START));
    await keep(store, metadata('m', 'old'));
    await keep(store, metadata('n', 'other'));
    await keep(store, metadata('m', 'new'));
    await sample(store, START);
    clock.ms += 9 * MINUTE;
    await sample(store, clock.ms);
    await keep(store, exemplar('a', START + 1));
    clock.ms += 2 * MINUTE;
    for (let round = 0; round < 3; round++) {
      await store.dropExpired();
      const left = await segments.list();
      expect(left[0]!.sequence).toBeGreaterThanOrEqual(6);
      const again = await open(segments.powerCut(), clock);
      expect(times(again)).toEqual({ a: [0, 1] });
      expect(helps(again)).toEqual({ m: ['new', 'old'], n: ['other'] });
      await again.close();
    }
    // What was carried over is not carried over again while its segment stays.
    const written = store.statistics().logWrittenBytes;
    await store.dropExpired();
    expect(store.statistics().logWrittenBytes).toBe(written);
    // An older one that was carried over comes before a younger one, and goes first.
    const bounded = await open(segments.powerCut(), clock, { maxExemplars: 1 });
    expect(times(bounded)).toEqual({ a: [1] });
  });

  it('stay in a log that is kept within a size', async () => {
    const segments = new MemorySegmentStore();
    const store = await open(segments, new Clock(), { ...EACH_ALONE, maxLogBytes: 1_000 });
    await keep(store, exemplar('a', START));
    await keep(store, metadata('m', 'x'));
    for (let i = 0; i < 50; i++) {
      await sample(store, START + i);
      await store.dropExpired();
    }
    const again = await open(segments.powerCut());
    expect(times(again)).toEqual({ a: [0] });
    expect(helps(again)).toEqual({ m: ['x'] });
    expect(again.statistics().logBytes).toBeLessThanOrEqual(1_100);
  });

  it('are all there whatever step of log or blocks a kill comes at', async () => {
    for (let steps = 0; steps < 240; steps += 3) {
      const clock = new Clock();
      const segments = new MemorySegmentStore();
      const files = new MemoryBlockFiles();
      const recent = new TimeSeriesStore(segments, clock, { groupDelayMs: 0 });
      const archive = new BlockArchive(files, NO_PAUSES);
      const store = new TieredStore(recent, archive, files, clock, NO_PAUSES, { memoryMs: HOUR });
      await store.open();
      const expected: Record<string, number[]> = { a: [] };
      const families: Record<string, string[]> = {};
      segments.faults.stepsLeft = steps;
      files.stepsLeft = Math.ceil(steps / 2);
      try {
        while (clock.ms < START + 5 * HOUR) {
          clock.ms += 10 * MINUTE;
          await sample(recent, clock.ms);
          await keep(recent, exemplar('a', clock.ms));
          expected['a']!.push(clock.ms - START);
          if (clock.ms % HOUR === 0) {
            await keep(recent, metadata(`m${clock.ms}`, 'x'));
            families[`m${clock.ms}`] = ['x'];
          }
          await store.maintain();
        }
      } catch (error) {
        const isExpected =
          error instanceof BlockFaultError ||
          error instanceof LogWriteError ||
          error instanceof StoreUnavailableError ||
          error instanceof SegmentFaultError;
        if (!isExpected) throw error;
      }
      const survived = segments.powerCut();
      const again = await open(survived, clock);
      // One more may have got to the disk before the answer.
      const found = times(again);
      expect(found['a']?.slice(0, expected['a']!.length) ?? []).toEqual(expected['a']);
      expect(helps(again)).toMatchObject(families);
      await again.close();
    }
  });
});
