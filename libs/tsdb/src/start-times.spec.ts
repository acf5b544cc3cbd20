import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MemoryBlockFiles } from '#libs/block-files';
import { createFloatHistogram } from '#libs/histogram';
import { Labels, Matcher } from '#libs/labels';
import { MemorySegmentStore } from '#libs/record-log';
import { createSampleWindow, type SampleBatch, SampleBatchBuilder } from '#libs/samples';
import { Clock, HOUR, MINUTE, openTiers, START, type Tiers } from '../testing/tiers.ts';
import { TieredStore } from './index.ts';
import { StartTimes } from './start-times.ts';

const EVERYTHING = [new Matcher('__name__', '!=', '')];

function open(clock: Clock, segments: MemorySegmentStore, files: MemoryBlockFiles): Promise<Tiers> {
  return openTiers(clock, segments, files, {
    recent: { segmentBytes: 2_000, segmentPerDefinitions: 0 },
    tiered: { memoryMs: HOUR },
  });
}

function batchOf(name: string, timeMs: number, startMs: number, isHistogram = false): SampleBatch {
  const builder = new SampleBatchBuilder();
  builder.addSeries(Labels.fromRecord({ __name__: name }));
  if (isHistogram) builder.addHistogram(timeMs, createFloatHistogram({ count: 1, sum: 1 }));
  else builder.addSample(timeMs, 1);
  if (startMs !== 0) builder.setStartTime(startMs);
  return builder.take();
}

/** Time and start time of every sample. */
async function starts(store: TieredStore): Promise<Record<string, [number, number][]>> {
  const selection = await store.select(EVERYTHING, 0, Number.MAX_SAFE_INTEGER);
  const window = createSampleWindow();
  const found: Record<string, [number, number][]> = {};
  for (const row of selection.rows) {
    selection.read(row, 0, Number.MAX_SAFE_INTEGER, window);
    const samples: [number, number][] = [];
    for (let i = window.start; i < window.end; i++) {
      samples.push([window.timesMs[i]! - START, window.startTimesMs?.[i] ?? 0]);
    }
    if (samples.length > 0) found[selection.labelsOf(row).metricName] = samples;
  }
  return found;
}

describe('start times', () => {
  it('cost nothing where there are none, and one entry where they never change', () => {
    const times = new StartTimes();
    const changes = { rows: [], fromMs: [], startsMs: [] };
    for (let i = 0; i < 10; i++) times.note(3, i, 0, false, changes);
    expect(times.isUsed).toBe(false);
    for (let i = 10; i < 20; i++) times.note(3, i, 5, false, changes);
    expect(changes).toEqual({ rows: [3], fromMs: [10], startsMs: [5] });
    expect(times.earlierCount).toBe(0);
    expect([times.at(3, 9), times.at(3, 10), times.at(3, 99), times.at(2, 99)]).toEqual([
      0, 5, 5, 0,
    ]);
    times.removeRow(3);
    expect(times.has(3)).toBe(false);
  });

  it('are those of a plain map, in whatever order samples come', () => {
    const write = fc.record({
      timeMs: fc.integer({ min: 0, max: 40 }),
      startMs: fc.integer({ min: 0, max: 3 }),
    });
    const property = fc.property(
      fc.array(write, { maxLength: 60 }),
      fc.integer({ min: 0, max: 40 }),
      (writes, cutoffMs) => {
        const times = new StartTimes();
        const replayed = new StartTimes();
        const oracle = new Map<number, number>();
        let lastMs = -1;
        const changes = { rows: [], fromMs: [], startsMs: [] };
        for (const { timeMs, startMs } of writes) {
          if (oracle.has(timeMs)) continue;
          oracle.set(timeMs, startMs);
          times.note(1, timeMs, startMs, timeMs < lastMs, changes);
          lastMs = Math.max(lastMs, timeMs);
        }
        for (const [i, row] of changes.rows.entries()) {
          replayed.set(row, changes.fromMs[i]!, changes.startsMs[i]!);
        }
        times.dropBefore(cutoffMs);
        const column = new Float64Array(1);
        for (const [timeMs, startMs] of oracle) {
          expect(timeMs < cutoffMs ? startMs : times.at(1, timeMs)).toBe(startMs);
          expect(replayed.at(1, timeMs)).toBe(startMs);
          if (replayed.has(1)) replayed.read(1, Float64Array.of(timeMs), 0, 1, column);
          expect(replayed.has(1) ? column[0] : 0).toBe(startMs);
        }
        // Nothing is kept for what has gone.
        times.dropBefore(Infinity);
        expect(times.earlierCount).toBe(0);
      },
    );
    fc.assert(property, { numRuns: 500 });
  });

  it('go with their samples through log, blocks, joined blocks and restarts', async () => {
    const clock = new Clock();
    let segments = new MemorySegmentStore();
    let files = new MemoryBlockFiles();
    let opened = await open(clock, segments, files);
    const expected: Record<string, [number, number][]> = {
      same: [],
      resets: [],
      delta: [],
      h: [],
      none: [],
    };
    const append = async (name: string, timeMs: number, startMs: number): Promise<void> => {
      const { position, rejectedTotal } = opened.recent.append(
        batchOf(name, timeMs, startMs, name === 'h'),
      );
      expect(rejectedTotal).toBe(0);
      await opened.recent.committed(position);
      expected[name]!.push([timeMs - START, startMs]);
    };
    for (let round = 0; round < 4; round++) {
      for (let i = round * 130; i < (round + 1) * 130; i++) {
        clock.ms += MINUTE;
        await append('same', clock.ms, START - 5);
        await append('resets', clock.ms, START + Math.floor(i / 200) * 200 * MINUTE);
        await append('delta', clock.ms, clock.ms - MINUTE);
        await append('h', clock.ms, i < 100 ? 0 : START + 7);
        await append('none', clock.ms, 0);
        if (i % 50 === 49) {
          await append('resets', clock.ms - 20 * MINUTE + 1, START + 3);
          await append('h', clock.ms - 20 * MINUTE + 1, START + 3);
          for (const samples of Object.values(expected)) samples.sort((a, b) => a[0] - b[0]);
        }
        if (i % 10 === 0) await opened.store.maintain();
      }
      expect(await starts(opened.store)).toEqual(expected);
      await opened.store.close();
      segments = segments.powerCut();
      files = files.restarted();
      opened = await open(clock, segments, files);
      expect(await starts(opened.store)).toEqual(expected);
    }
    // Some were joined.
    expect(opened.archive.blocks[0]!.contents.level).toBeGreaterThan(0);
    expect(await starts(opened.store)).toEqual(expected);
    // Only so much is kept in memory as there are samples.
    expect(opened.recent.head.starts.earlierCount).toBeLessThan(3 * 120);
    await opened.store.close();
  });

  it('that are no times, or after their sample, are taken for unknown', async () => {
    const clock = new Clock();
    const { recent, store } = await open(clock, new MemorySegmentStore(), new MemoryBlockFiles());
    for (const [i, startMs] of [START + 1, -5, 0.5, NaN, Infinity].entries()) {
      recent.append(batchOf(`s${i}`, START, startMs));
    }
    recent.append(batchOf('fine', START, START));
    expect(await starts(store)).toEqual({
      s0: [[0, 0]],
      s1: [[0, 0]],
      s2: [[0, 0]],
      s3: [[0, 0]],
      s4: [[0, 0]],
      fine: [[0, START]],
    });
    await store.close();
  });
});
