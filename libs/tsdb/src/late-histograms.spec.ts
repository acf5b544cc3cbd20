import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MemoryBlockFiles } from '#libs/block-files';
import { createFloatHistogram, type FloatHistogram, histogramsEqual } from '#libs/histogram';
import { Labels, Matcher } from '#libs/labels';
import { NO_PAUSES } from '#libs/pace';
import { MemorySegmentStore } from '#libs/record-log';
import { createSampleWindow, type SampleBatch, SampleBatchBuilder } from '#libs/samples';
import { Clock, HOUR, MINUTE, openTiers, START, type Tiers } from '../testing/tiers.ts';
import { TieredStore, TimeSeriesStore } from './index.ts';

const EVERYTHING = [new Matcher('__name__', '!=', '')];

/** A histogram known by its number; odd ones have another layout, every seventh is a gauge. */
function histogramOf(number: number): FloatHistogram {
  return createFloatHistogram({
    schema: number % 2,
    count: 3 * number,
    sum: number,
    zeroCount: number,
    zeroThreshold: 0.001,
    positiveSpans: [{ offset: number % 3, length: 2 }],
    positiveBuckets: [number, number],
    counterResetHint: number % 7 === 0 ? 'gauge' : 'unknown',
  });
}

/** What a sample is to be: a float, or the histogram of that number. */
interface Value {
  readonly kind: 'float' | 'histogram' | 'changed';
  readonly number: number;
}

/** Nothing may be made of a histogram but what was known of a reset. */
function kindOf(histogram: FloatHistogram | null, number: number): Value['kind'] {
  if (histogram === null) return 'float';
  const stored = histogramOf(number);
  const isGauge = histogram.counterResetHint === 'gauge';
  const isSame =
    histogramsEqual(histogram, stored) && isGauge === (stored.counterResetHint === 'gauge');
  return isSame ? 'histogram' : 'changed';
}

function batchOf(name: string, timeMs: number, { kind, number }: Value): SampleBatch {
  const builder = new SampleBatchBuilder();
  builder.addSeries(Labels.fromRecord({ __name__: name }));
  if (kind === 'float') builder.addSample(timeMs, number);
  else builder.addHistogram(timeMs, histogramOf(number));
  return builder.take();
}

type Contents = Record<string, [number, Value][]>;

async function contents(store: Pick<TieredStore, 'select'>): Promise<Contents> {
  const selection = await store.select(EVERYTHING, 0, Number.MAX_SAFE_INTEGER);
  const window = createSampleWindow();
  const found: Contents = {};
  for (const row of selection.rows) {
    selection.read(row, 0, Number.MAX_SAFE_INTEGER, window);
    const samples: [number, Value][] = [];
    for (let i = window.start; i < window.end; i++) {
      const histogram = window.histograms?.[i] ?? null;
      const number = histogram === null ? window.values[i]! : histogram.sum;
      samples.push([window.timesMs[i]! - START, { kind: kindOf(histogram, number), number }]);
    }
    if (samples.length > 0) found[selection.labelsOf(row).metricName] = samples;
  }
  return found;
}

class Oracle {
  readonly #series = new Map<string, Map<number, Value>>();

  at(name: string, timeMs: number): Value | null {
    return this.#series.get(name)?.get(timeMs) ?? null;
  }

  set(name: string, timeMs: number, value: Value): void {
    const samples = this.#series.get(name) ?? new Map<number, Value>();
    this.#series.set(name, samples.set(timeMs, value));
  }

  contents(): Contents {
    return Object.fromEntries(
      Array.from(this.#series, ([name, samples]) => [
        name,
        Array.from(samples, ([timeMs, value]): [number, Value] => [timeMs - START, value]).toSorted(
          (a, b) => a[0] - b[0],
        ),
      ]),
    );
  }
}

const kind = fc.constantFrom('float' as const, 'histogram' as const);

describe('late histograms', () => {
  it('are taken within the window, once, as a plain map would', async () => {
    const write = fc.record({
      series: fc.integer({ min: 0, max: 1 }),
      minute: fc.integer({ min: 0, max: 90 }),
      kind,
      number: fc.integer({ min: 1, max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(write, { maxLength: 120 }), async (writes) => {
        const clock = new Clock();
        clock.ms += 90 * MINUTE;
        const segments = new MemorySegmentStore();
        const options = { outOfOrderWindowMs: HOUR, groupDelayMs: 0 };
        const store = new TimeSeriesStore(segments, clock, options);
        await store.open();
        const oracle = new Oracle();
        const youngest = [-Infinity, -Infinity];
        for (const { series, minute, ...value } of writes) {
          const name = `s${series}`;
          const timeMs = START + minute * MINUTE;
          const { accepted, repeated, rejected } = store.append(batchOf(name, timeMs, value));
          const known = oracle.at(name, timeMs);
          const isOld = timeMs < youngest[series]! - HOUR;
          const isSame = known?.kind === value.kind && known.number === value.number;
          expect({ accepted, repeated, ...rejected }).toMatchObject({
            accepted: known === null && !isOld ? 1 : 0,
            repeated: isSame ? 1 : 0,
            duplicate: known !== null && !isSame ? 1 : 0,
            too_old: known === null && isOld ? 1 : 0,
          });
          if (accepted === 0) continue;
          oracle.set(name, timeMs, value);
          youngest[series] = Math.max(youngest[series]!, timeMs);
        }
        expect(await contents(store)).toEqual(oracle.contents());
        await store.close();
        const again = new TimeSeriesStore(segments.powerCut(), clock, options);
        await again.open();
        expect(await contents(again)).toEqual(oracle.contents());
        await again.close();
      }),
      { numRuns: 100 },
    );
  });

  it('are merged with blocks, through moves and restarts', async () => {
    const step = fc.oneof(
      fc.record({
        step: fc.constant('write' as const),
        backMs: fc.integer({ min: 0, max: 3 * HOUR }),
        kind,
        count: fc.integer({ min: 1, max: 20 }),
      }),
      fc.record({ step: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 2 * HOUR }) }),
      fc.constant({ step: 'restart' as const }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const clock = new Clock();
        let segments = new MemorySegmentStore();
        let files = new MemoryBlockFiles();
        let { recent, store } = await openBoth(clock, segments, files);
        const oracle = new Oracle();
        let number = 0;
        for (const one of steps) {
          if (one.step === 'wait') {
            clock.ms += one.ms;
            await store.maintain();
          } else if (one.step === 'restart') {
            await store.close();
            segments = segments.powerCut();
            files = files.restarted();
            ({ recent, store } = await openBoth(clock, segments, files));
          } else {
            for (let i = 0; i < one.count; i++) {
              const timeMs = clock.ms - one.backMs + i * 15_000;
              const value = { kind: one.kind, number: ++number };
              const { accepted, position } = recent.append(batchOf('s', timeMs, value));
              await recent.committed(position);
              if (accepted === 1 && oracle.at('s', timeMs) === null) oracle.set('s', timeMs, value);
            }
          }
          const found = await contents(store);
          // A float and a histogram of one time, one in a block and one in memory, cannot both be shown: the float is.
          const expected = (oracle.contents()['s'] ?? []).map(([timeMs, value], i) => {
            const shown = found['s']?.[i]?.[1];
            return [timeMs, shown?.kind === 'float' && value.kind !== 'float' ? shown : value];
          });
          expect(found['s'] ?? []).toEqual(expected);
        }
        await store.close();
      }),
      { numRuns: 60 },
    );
  });

  it('take away what the one after them said of the one before', async () => {
    const clock = new Clock();
    const store = new TimeSeriesStore(new MemorySegmentStore(), clock, { groupDelayMs: 0 });
    await store.open();
    for (const [timeMs, number] of [
      [0, 2],
      [10, 4],
      [20, 6],
    ] as const) {
      store.append(batchOf('s', START + timeMs, { kind: 'histogram', number }));
    }
    const hints = (): (string | undefined)[] => {
      const selection = store.select(EVERYTHING, 0, Infinity);
      const window = createSampleWindow();
      selection.read(selection.rows[0]!, 0, Infinity, window);
      return Array.from(
        window.histograms!.slice(window.start, window.end),
        (one) => one?.counterResetHint,
      );
    };
    expect(hints()).toEqual(['unknown', 'unknown', 'unknown']);
    store.append(batchOf('s', START + 30, { kind: 'histogram', number: 12 }));
    store.append(batchOf('s', START + 40, { kind: 'histogram', number: 18 }));
    expect(hints().slice(3)).toEqual(['not_reset', 'not_reset']);
    store.append(batchOf('s', START + 35, { kind: 'histogram', number: 600 }));
    expect(hints().slice(3)).toEqual(['not_reset', 'unknown', 'unknown']);
    await store.close();
  });

  it('count against the bound on late samples, and go with their time', async () => {
    const clock = new Clock();
    const options = { groupDelayMs: 0, maxOutOfOrderSamples: 1, outOfOrderWindowMs: HOUR };
    const store = new TimeSeriesStore(new MemorySegmentStore(), clock, options);
    await store.open();
    store.append(batchOf('s', START, { kind: 'histogram', number: 1 }));
    store.append(batchOf('s', START - 1, { kind: 'histogram', number: 2 }));
    const { rejected } = store.append(batchOf('s', START - 2, { kind: 'histogram', number: 3 }));
    expect(rejected.out_of_order_limit).toBe(1);
    expect(store.statistics().outOfOrderSamples).toBe(1);
    await store.dropBefore(START, NO_PAUSES);
    expect(store.statistics().outOfOrderSamples).toBe(0);
    const again = store.append(batchOf('s', START - 2, { kind: 'histogram', number: 3 }));
    expect(again.accepted).toBe(1);
    await store.close();
  });
});

function openBoth(
  clock: Clock,
  segments: MemorySegmentStore,
  files: MemoryBlockFiles,
): Promise<Tiers> {
  return openTiers(clock, segments, files, { tiered: { memoryMs: HOUR } });
}
