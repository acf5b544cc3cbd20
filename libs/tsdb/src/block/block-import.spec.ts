import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MemoryBlockFiles } from '#libs/block-files';
import { Labels, Matcher } from '#libs/labels';
import { NO_PAUSES } from '#libs/pace';
import { MemorySegmentStore } from '#libs/record-log';
import { createSampleWindow, isStaleMarker, STALE_MARKER } from '#libs/samples';
import { DEFAULT_HEAD_OPTIONS } from '../head-options.ts';
import { TieredStore } from '../tiered-store.ts';
import { TimeSeriesStore } from '../time-series-store.ts';
import { BlockArchive } from './block-archive.ts';
import { BlockImport, DEFAULT_IMPORT_OPTIONS } from './block-import.ts';

const DAY_MS = 24 * 3_600_000;
const NOW = 20_000 * DAY_MS + 5_000_000;
const timer = { nowMs: () => NOW, after: () => () => {} };

type Sample = readonly [series: number, timeMs: number, value: number];

const seriesOf = (number: number): Labels =>
  Labels.fromRecord({ __name__: 'm', series: String(number), parity: String(number % 2) });

async function importInto(
  files: MemoryBlockFiles,
  samples: readonly Sample[],
  options: Partial<typeof DEFAULT_IMPORT_OPTIONS> = {},
): Promise<BlockImport> {
  const archive = new BlockArchive(files, NO_PAUSES);
  await archive.open();
  const blocks = new BlockImport(
    archive,
    NO_PAUSES,
    { ...DEFAULT_IMPORT_OPTIONS, maxTimeMs: NOW, ...options },
    DEFAULT_HEAD_OPTIONS,
  );
  for (const [series, timeMs, value] of samples) {
    expect(blocks.add(seriesOf(series), timeMs, Float64Array.of(value), 0)).toBeNull();
    if (blocks.isFull) await blocks.flush();
  }
  await blocks.flush();
  await archive.close();
  return blocks;
}

/** What an engine that is started on these blocks answers. */
async function stored(files: MemoryBlockFiles): Promise<Map<string, [number, number][]>> {
  const recent = new TimeSeriesStore(new MemorySegmentStore(), timer);
  const store = new TieredStore(
    recent,
    new BlockArchive(files, NO_PAUSES),
    files,
    timer,
    NO_PAUSES,
  );
  await store.open();
  const selection = await store.select([new Matcher('__name__', '=', 'm')], -Infinity, Infinity);
  const window = createSampleWindow();
  const found = new Map<string, [number, number][]>();
  for (const row of selection.rows) {
    selection.read(row, -Infinity, Infinity, window);
    const samples: [number, number][] = [];
    for (let i = window.start; i < window.end; i++) {
      samples.push([window.timesMs[i]!, window.values[i]!]);
    }
    found.set(selection.labelsOf(row).key, samples);
  }
  await store.close();
  return found;
}

describe('BlockImport', () => {
  it('keeps every sample whatever the order they come in and however many are collected', async () => {
    const sample = fc.tuple(
      fc.integer({ min: 0, max: 6 }),
      fc.oneof(
        fc.integer({ min: NOW - 3 * DAY_MS, max: NOW }),
        fc.integer({ min: NOW - 3_000, max: NOW }),
        fc.integer({ min: -5_000, max: 5_000 }),
      ),
      fc.integer({ min: 0, max: 1_000 }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(sample, { maxLength: 200 }),
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 9 }),
        async (samples, maxSamples, maxSeries) => {
          const expected = new Map<string, Map<number, number>>();
          // Of two at one time the first stays; give both the same value, since a flush may lie between them.
          const unique = samples.map(([series, timeMs]): Sample => [
            series,
            timeMs,
            (series + timeMs) % 97,
          ]);
          for (const [series, timeMs, value] of unique) {
            const { key } = seriesOf(series);
            if (!expected.has(key)) expected.set(key, new Map());
            expected.get(key)!.set(timeMs, value);
          }
          const files = new MemoryBlockFiles();
          await importInto(files, unique, { maxSamples, maxSeries });
          const found = await stored(files);
          expect([...found.keys()].toSorted()).toEqual([...expected.keys()].toSorted());
          for (const [key, values] of expected) {
            expect(found.get(key)).toEqual([...values].toSorted(([a], [b]) => a - b));
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('writes a block a day and passes over days without samples', async () => {
    const files = new MemoryBlockFiles();
    const { counts } = await importInto(files, [
      [1, NOW, 1],
      [1, NOW - 100 * DAY_MS, 2],
      [2, NOW - 100 * DAY_MS + 1, 3],
      [1, NOW, 4],
    ]);
    expect(counts).toEqual({
      written: 3,
      repeated: 1,
      blocks: 2,
      oldestMs: NOW - 100 * DAY_MS,
      youngestMs: NOW,
    });
    expect(await files.list()).toHaveLength(2);
    expect((await stored(files)).get(seriesOf(1).key)).toEqual([
      [NOW - 100 * DAY_MS, 2],
      [NOW, 1],
    ]);
  });

  it('joins the blocks of a day as it goes on', async () => {
    const files = new MemoryBlockFiles();
    const samples = Array.from({ length: 300 }, (_, i): Sample => [i % 3, NOW - i * 1_000, i]);
    const { counts } = await importInto(files, samples, { maxSamples: 3 });
    expect(counts).toMatchObject({ written: 300, blocks: 100 });
    expect((await files.list()).length).toBeLessThanOrEqual(9);
    expect((await stored(files)).get(seriesOf(0).key)).toHaveLength(100);
  });

  it('adds to what is there, and doing it twice changes nothing', async () => {
    const files = new MemoryBlockFiles();
    await importInto(files, [[1, NOW - 2_000, 1]]);
    await importInto(files, [[1, NOW - 1_000, 2]]);
    const once = await stored(files);
    await importInto(files, [[1, NOW - 1_000, 2]]);
    expect(await stored(files)).toEqual(once);
    expect([...once.values()]).toEqual([
      [
        [NOW - 2_000, 1],
        [NOW - 1_000, 2],
      ],
    ]);
  });

  it('keeps the bits of a stale marker', async () => {
    const files = new MemoryBlockFiles();
    const archive = new BlockArchive(files, NO_PAUSES);
    await archive.open();
    const options = { ...DEFAULT_IMPORT_OPTIONS, maxTimeMs: NOW };
    const blocks = new BlockImport(archive, NO_PAUSES, options, DEFAULT_HEAD_OPTIONS);
    blocks.add(seriesOf(1), NOW, STALE_MARKER, 0);
    blocks.add(seriesOf(1), NOW - 1, Float64Array.of(1), 0);
    await blocks.flush();
    const [series] = await archive.fetch([new Matcher('__name__', '=', 'm')], 0, NOW);
    expect(series!.chunks).toHaveLength(1);
    await archive.close();
    const recent = new TimeSeriesStore(new MemorySegmentStore(), timer);
    const store = new TieredStore(
      recent,
      new BlockArchive(files, NO_PAUSES),
      files,
      timer,
      NO_PAUSES,
    );
    await store.open();
    const selection = await store.select([new Matcher('__name__', '=', 'm')], 0, NOW);
    const window = createSampleWindow();
    selection.read(selection.rows[0]!, 0, NOW, window);
    expect(isStaleMarker(window.values, window.end - 1)).toBe(true);
    await store.close();
  });

  it('says what it does not take', async () => {
    const archive = new BlockArchive(new MemoryBlockFiles(), NO_PAUSES);
    const options = { ...DEFAULT_IMPORT_OPTIONS, maxTimeMs: NOW };
    const blocks = new BlockImport(archive, NO_PAUSES, options, DEFAULT_HEAD_OPTIONS);
    const one = Float64Array.of(1);
    expect(blocks.add(seriesOf(1), NOW + 1, one, 0)).toBe('too_far_in_future');
    expect(blocks.add(seriesOf(1), 1.5, one, 0)).toBe('invalid_time');
    expect(blocks.add(seriesOf(1), -(2 ** 60), one, 0)).toBe('invalid_time');
    const long = Labels.fromRecord({ __name__: 'm', a: 'x'.repeat(5_000) });
    expect(blocks.add(long, NOW, one, 0)).toBe('label_value_too_long');
    expect(blocks.counts.written).toBe(0);
  });
});
