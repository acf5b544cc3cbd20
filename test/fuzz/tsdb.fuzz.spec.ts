import { crc32 } from 'node:zlib';
import { beforeAll, describe } from '@jest/globals';
import { BlockError, MemoryBlockFiles } from '#libs/block-files';
import { createFloatHistogram } from '#libs/histogram';
import { Labels, Matcher } from '#libs/labels';
import { NO_PAUSES } from '#libs/pace';
import { MemorySegmentStore, type Timer } from '#libs/record-log';
import { createSampleWindow, SampleBatchBuilder } from '#libs/samples';
import {
  BlockArchive,
  ChunkError,
  type ReplayReport,
  TieredStore,
  TimeSeriesStore,
} from '#libs/tsdb';
import { itWithstands, promise } from './fuzz.ts';
import type { Random } from './random.ts';

const NOW_MS = 1_700_000_000_000;
const HEADER_BYTES = 16;
const SERIES = 6;
const ROUNDS = 8;
/** A timer that never rings: a store that is replayed and read flushes nothing. */
const timer: Timer = { nowMs: () => NOW_MS, after: () => () => {} };
const OPTIONS = { maxSeries: 200 };

/** Fixed words before the id that no random byte resembles. */
function labelsOf(series: number): Labels {
  return Labels.fromRecord({ __name__: 'fuzz', series: `s${series}`, zone: 'a'.repeat(series) });
}

/** A segment as the store writes it: a batch a round, each flushed, so that it has many frames. */
async function writtenSegment(): Promise<Buffer> {
  const segments = new MemorySegmentStore();
  const store = new TimeSeriesStore(segments, timer, OPTIONS);
  await store.open();
  for (let round = 0; round < ROUNDS; round++) {
    const builder = new SampleBatchBuilder();
    for (let series = 0; series < SERIES; series++) {
      builder.addSeries(labelsOf(series));
      builder.addSample(NOW_MS - (ROUNDS - round) * 15_000, series * 1_000 + round + 0.25);
    }
    store.append(builder.take());
    if (round === ROUNDS / 2) await store.dropExpired();
  }
  await store.close();
  return firstSegment(segments);
}

/** A segment with all there is besides floats: histograms, late ones too, start times, exemplars and metadata. */
async function segmentOfTheRest(): Promise<Buffer> {
  const segments = new MemorySegmentStore();
  const store = new TimeSeriesStore(segments, timer, OPTIONS);
  await store.open();
  for (const round of [0, 2, 1, 3]) {
    const timeMs = NOW_MS - (ROUNDS - round) * 15_000;
    const builder = new SampleBatchBuilder();
    for (let series = 0; series < 3; series++) {
      builder.addSeries(labelsOf(series));
      const buckets = [round + 1, series];
      const count = round + 1 + series;
      builder.addHistogram(
        timeMs,
        createFloatHistogram({
          count,
          sum: round / 3,
          positiveSpans: [{ offset: series, length: 2 }],
          positiveBuckets: buckets,
        }),
      );
      builder.setStartTime(timeMs - round * 1_000);
    }
    store.append(builder.take(), {
      exemplars: [
        { series: labelsOf(0), labels: Labels.fromRecord({ trace_id: 'ab' }), value: 1, timeMs },
      ],
      metadata: [{ family: `fuzz_${round}`, type: 'histogram', help: 'Of all.', unit: 's' }],
    });
  }
  await store.close();
  return firstSegment(segments);
}

async function firstSegment(segments: MemorySegmentStore): Promise<Buffer> {
  const [first] = await segments.list();
  return Buffer.from(segments.bytesOf(first!.sequence));
}

interface Frame {
  readonly header: Buffer;
  readonly payload: Buffer;
}

function framesOf(segment: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at < segment.length;) {
    const end = at + HEADER_BYTES + segment.readUInt32LE(at + 4);
    frames.push({
      header: segment.subarray(at, at + HEADER_BYTES),
      payload: segment.subarray(at + HEADER_BYTES, end),
    });
    at = end;
  }
  return frames;
}

/** The payload in a frame whose checksums are right, as a program with a bug or of another version would write it. */
function framed(header: Buffer, payload: Buffer): Buffer {
  const bytes = Buffer.concat([header, payload]);
  bytes.writeUInt32LE(payload.length, 4);
  bytes.writeUInt32LE(crc32(payload), 8);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 12)), 12);
  return bytes;
}

async function replayed(
  segmentTexts: readonly Buffer[],
): Promise<{ store: TimeSeriesStore; report: ReplayReport }> {
  const segments = new MemorySegmentStore();
  for (const [i, bytes] of segmentTexts.entries()) {
    await segments.create(i + 1);
    await segments.append(i + 1, bytes);
  }
  const store = new TimeSeriesStore(segments, timer, OPTIONS);
  return { store, report: await store.open() };
}

/** Reads everything a store has, and checks that it makes sense. @returns how many samples there are */
function readAll(
  store: TimeSeriesStore,
  check: (labels: Labels, timeMs: number, value: number) => void,
): number {
  const selection = store.select([new Matcher('__name__', '=~', '.*')], -Infinity, Infinity);
  const window = createSampleWindow();
  let count = 0;
  for (const row of selection.rows) {
    selection.read(row, -Infinity, Infinity, window);
    for (let i = window.start; i < window.end; i++) {
      const timeMs = window.timesMs[i]!;
      promise(i === window.start || timeMs > window.timesMs[i - 1]!, 'samples out of order');
      check(selection.labelsOf(row), timeMs, window.values[i]!);
      count++;
    }
  }
  return count;
}

/** Reads every exemplar and all metadata a store has, and checks that they make sense. */
function readExtras(store: TimeSeriesStore): void {
  const everything = [[new Matcher('__name__', '=~', '.*')]];
  for (const { exemplars } of store.exemplars.select(everything, -Infinity, Infinity)) {
    promise(
      exemplars.every(({ timeMs }, i) => i === 0 || timeMs > exemplars[i - 1]!.timeMs),
      'exemplars out of order',
    );
  }
  for (const [, known] of store.metadata.entries(null)) {
    promise(known.length > 0 && known.length <= 8, 'a family without metadata, or with too much');
  }
}

/** That a sample was written, and for that series. */
function checkWritten(labels: Labels, timeMs: number, value: number): void {
  const series = Math.floor(value / 1_000);
  const round = value - series * 1_000 - 0.25;
  promise(
    series >= 0 &&
      series < SERIES &&
      labels.key === labelsOf(series).key &&
      timeMs === NOW_MS - (ROUNDS - round) * 15_000,
    () => `nobody wrote ${labels.toString()} ${value} at ${timeMs}`,
  );
}

/** The store goes on after the replay: what is written now is there, beside what was found. */
async function checkGoesOn(store: TimeSeriesStore): Promise<void> {
  const builder = new SampleBatchBuilder();
  builder.addSeries(Labels.fromRecord({ __name__: 'after' }));
  builder.addSample(NOW_MS, 1);
  const { accepted } = store.append(builder.take());
  promise(accepted === 1, 'no sample is taken after the replay');
  await store.close();
}

describe('the log of the store', () => {
  const damagedCorpus: Buffer[] = [];
  const payloadCorpus: Buffer[] = [];
  let frames: readonly Frame[] = [];

  beforeAll(async () => {
    const segment = await writtenSegment();
    frames = framesOf(segment);
    damagedCorpus.push(segment);
    payloadCorpus.push(...frames.map(({ payload }) => payload));
    payloadCorpus.push(...framesOf(await segmentOfTheRest()).map(({ payload }) => payload));
  });

  itWithstands({
    name: 'damaged segment',
    corpus: damagedCorpus,
    tokens: [
      'BLF1',
      'BLF1\x00\x00\x00\x00',
      '\x00\x00\x00\x00',
      '\x01',
      '\x7f',
      'fuzz',
      '__name__',
    ],
    refusals: [],
    divisor: 4,
    async decode(input) {
      const { store, report } = await replayed([input]);
      promise(readAll(store, checkWritten) === report.samples, 'the report counts wrong');
      promise(report.damagedBytes + report.tornBytes <= input.length, 'more damage than bytes');
      await checkGoesOn(store);
      return report.samples > 0;
    },
  });

  itWithstands({
    name: 'record that lies',
    corpus: payloadCorpus,
    tokens: [
      '\x00',
      '\x01',
      '\x02',
      '\x03',
      '\x04',
      '\x05',
      '\x06',
      '\x7f',
      '\x01\x00',
      '\x06trace_id',
      'fuzz',
      '__name__',
      '\x08__name__',
    ],
    refusals: [],
    divisor: 4,
    async decode(input, random: Random) {
      const at = random.below(frames.length);
      const segment = Buffer.concat(
        frames.map(({ header, payload }, i) => framed(header, i === at ? input : payload)),
      );
      const { store, report } = await replayed([segment]);
      const count = readAll(store, () => {});
      promise(count <= report.samples, 'more samples than were read');
      readExtras(store);
      await checkGoesOn(store);
      return report.unknownRecords === 0;
    },
  });
});

const BLOCK_START_MS = NOW_MS - 4 * 3_600_000;

/** A block as the store writes it. */
async function writtenBlock(): Promise<Buffer> {
  const files = new MemoryBlockFiles();
  const recent = new TimeSeriesStore(new MemorySegmentStore(), timer, OPTIONS);
  const archive = new BlockArchive(files, NO_PAUSES);
  const store = new TieredStore(recent, archive, files, timer, NO_PAUSES);
  await store.open();
  const builder = new SampleBatchBuilder();
  for (let series = 0; series < SERIES; series++) {
    builder.addSeries(labelsOf(series));
    for (let round = 0; round < ROUNDS; round++) {
      builder.addSample(BLOCK_START_MS + round * 15_000, series * 1_000 + round + 0.25);
    }
  }
  recent.append(builder.take());
  await store.maintain();
  await store.close();
  const [block] = await files.list();
  return Buffer.from(files.bytesOf(block!.name));
}

/** Looks at a block in every way there is. @returns how many samples it gave */
async function lookAtBlock(
  bytes: Buffer,
  check: (series: string, timeMs: number, value: number) => void,
): Promise<number> {
  const files = new MemoryBlockFiles();
  files.put('00000001.block', bytes);
  const recent = new TimeSeriesStore(new MemorySegmentStore(), timer, OPTIONS);
  const archive = new BlockArchive(files, NO_PAUSES);
  const store = new TieredStore(recent, archive, files, timer, NO_PAUSES);
  const { blocks } = await store.open();
  promise(blocks.blocks + blocks.damaged.length === 1, 'neither used nor set aside');
  await store.labelNames([], 0, NOW_MS);
  await store.labelValues('series', [], 0, NOW_MS);
  await store.series([new Matcher('series', '!=', 's1')], 0, NOW_MS);
  for await (const { chunks } of archive.scan('00000001.block')) {
    promise(chunks.length > 0, 'a series without chunks');
  }
  let count = 0;
  const window = createSampleWindow();
  const selection = await store.select([new Matcher('zone', '=~', 'a*')], 0, NOW_MS);
  for (const row of selection.rows) {
    selection.read(row, 0, NOW_MS, window);
    for (let i = window.start; i < window.end; i++) {
      promise(i === window.start || window.timesMs[i]! > window.timesMs[i - 1]!, 'out of order');
      check(selection.labelsOf(row).key, window.timesMs[i]!, window.values[i]!);
      count++;
    }
  }
  await store.close();
  return count;
}

/** Where the parts with a checksum in front of them lie, as found by trying. */
function partsOf(bytes: Buffer): { start: number; end: number }[] {
  const parts: { start: number; end: number }[] = [];
  for (let start = 8; start < bytes.length - 24;) {
    let end = start + 5;
    while (
      end <= bytes.length - 24 &&
      crc32(bytes.subarray(start + 4, end)) !== bytes.readUInt32LE(start)
    ) {
      end++;
    }
    if (end > bytes.length - 24) throw new Error('the block does not consist of framed parts');
    parts.push({ start, end });
    start = end;
  }
  return parts;
}

describe('blocks of the store', () => {
  const blockCorpus: Buffer[] = [];
  const partCorpus: Buffer[] = [];
  let block: Buffer = Buffer.alloc(0);
  let parts: readonly { start: number; end: number }[] = [];

  beforeAll(async () => {
    block = await writtenBlock();
    parts = partsOf(block);
    blockCorpus.push(block);
    partCorpus.push(...parts.map(({ start, end }) => block.subarray(start + 4, end)));
  });

  itWithstands({
    name: 'damaged block',
    corpus: blockCorpus,
    tokens: ['BNBLOCK1', '\x00\x00\x00\x00', '\x01', '\x7f', 'fuzz', '__name__'],
    refusals: [],
    divisor: 4,
    async decode(input) {
      const count = await lookAtBlock(input, (key, timeMs, value) => {
        const series = Math.floor(value / 1_000);
        promise(
          key === labelsOf(series).key &&
            timeMs === BLOCK_START_MS + (value - series * 1_000 - 0.25) * 15_000,
          () => `nobody wrote ${value} at ${timeMs}`,
        );
      });
      return count > 0;
    },
  });

  itWithstands({
    name: 'part of a block that lies',
    corpus: partCorpus,
    tokens: ['\x00', '\x01', '\x7f', '\xff\xff\xff\xff\x0f', 'fuzz', '__name__', '\x08__name__'],
    refusals: [BlockError, ChunkError],
    divisor: 4,
    async decode(input, random: Random) {
      const { start, end } = parts[random.below(parts.length)]!;
      // Of the same length, so that the other parts stay where they are said to be.
      const content = Buffer.alloc(end - start - 4);
      input.copy(content);
      const bytes = Buffer.from(block);
      content.copy(bytes, start + 4);
      bytes.writeUInt32LE(crc32(content), start);
      return (await lookAtBlock(bytes, () => {})) > 0;
    },
  });
});
