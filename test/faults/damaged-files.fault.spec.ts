import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Matcher } from '#libs/labels';
import { FileSegmentStore, ReadOnlyBlockFiles } from '#libs/node-files';
import { NO_PAUSES } from '#libs/pace';
import { createSampleWindow } from '#libs/samples';
import { BlockArchive, TimeSeriesStore } from '#libs/tsdb';
import { eventually, temporaryFolder } from '../support/processes.ts';
import { FastLife } from './fast-life.ts';
import { askDb, type Engine, ensureBuilt, untilListening, untilReady } from './faulty-engine.ts';
import { METRIC, readBack } from './ledger-traffic.ts';
import { randomFrom } from './random-from.ts';
import type { SampleLedger } from './sample-ledger.ts';

/** `FAULT_SEED` replays the places that were damaged in a failed run. */
const SEED = Number(process.env['FAULT_SEED'] ?? Date.now() % 1_000_000);
const HOUR_MS = 3_600_000;
const HOURS_IN_BLOCKS = 8;
const LOG_SEGMENTS = 4;
const SEGMENT_BYTES = 16_384;
/** Samples of one write request, which are one record of the log. */
const SAMPLES_OF_A_RECORD = 20;
const RECORD_MARK = 'BLF1';

const random = randomFrom(SEED);
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
/** What is damaged, in copies. */
let original: string;
/** Segments of which blocks may hold all. */
let oldSegments: number;
let life: FastLife;
let engine: Engine | null = null;

beforeAll(async () => {
  await ensureBuilt();
  folder = await temporaryFolder();
  original = join(folder.path, 'original');
  life = new FastLife(original);
  await fill();
});
afterEach(async () => {
  await engine?.process.stop('SIGKILL');
  engine = null;
});
afterAll(() => folder.remove());

/** Hours of samples in blocks, and some segments of log after them. */
async function fill(): Promise<void> {
  const endMs = life.ledger.youngestMs + HOURS_IN_BLOCKS * HOUR_MS;
  await writeUntil({}, async () => life.ledger.youngestMs > endMs);
  oldSegments = Math.max(1, (await filesOf(original)).logs.length);
  // Blocks are no longer made; segments gather.
  await writeUntil({ intervalsMs: {}, segmentBytes: SEGMENT_BYTES }, async () => {
    const { logs } = await filesOf(original);
    return logs.length >= oldSegments + LOG_SEGMENTS;
  });
}

async function writeUntil(
  faults: Parameters<FastLife['start']>[0],
  isEnough: () => Promise<boolean>,
): Promise<void> {
  engine = (await untilListening(await life.start(faults)))!;
  await untilReady(engine);
  const enough = eventually('enough samples', async () => ((await isEnough()) ? true : null));
  await life.write(engine, enough);
  expect(await engine.process.stop('SIGTERM')).toBe(0);
}

interface Files {
  readonly logs: readonly string[];
  readonly blocks: readonly string[];
  /** What was set aside of either. */
  readonly corrupt: readonly string[];
}

/** Paths of a store's files, oldest first. */
async function filesOf(dataDir: string): Promise<Files> {
  const metrics = join(dataDir, 'metrics');
  const inLog = (await readdir(metrics)).map((name) => join(metrics, name));
  const inBlocks = (await readdir(join(metrics, 'blocks'))).map((name) =>
    join(metrics, 'blocks', name),
  );
  return {
    logs: inLog.filter((path) => path.endsWith('.log')).toSorted(),
    blocks: inBlocks.filter((path) => path.endsWith('.block')).toSorted(),
    corrupt: [...inLog, ...inBlocks].filter((path) => path.endsWith('.corrupt')),
  };
}

type Holds = (series: string, timeMs: number) => boolean;

/** Which samples a segment of the log holds, read by itself. */
async function samplesOfSegment(path: string): Promise<Holds> {
  const alone = join(folder.path, `alone-${Math.floor(random() * 1e9)}`);
  await mkdir(alone);
  await cp(path, join(alone, '00000001.log'));
  const timer = { nowMs: () => life.clockMs, after: () => () => {} };
  const store = new TimeSeriesStore(new FileSegmentStore(alone), timer);
  await store.open();
  const held = new Set<string>();
  const selection = store.select([new Matcher('__name__', '=', METRIC)], 0, Infinity);
  const window = createSampleWindow();
  for (const row of selection.rows) {
    selection.read(row, 0, Infinity, window);
    const series = selection.labelsOf(row).get('series');
    for (let i = window.start; i < window.end; i++) held.add(`${series}@${window.timesMs[i]}`);
  }
  await store.close();
  return (series, timeMs) => held.has(`${series}@${timeMs}`);
}

/** Which samples a block may hold: those of its time. */
async function samplesOfBlock(path: string): Promise<Holds> {
  const alone = join(folder.path, `alone-${Math.floor(random() * 1e9)}`);
  await mkdir(alone);
  await cp(path, join(alone, '00000001.block'));
  const archive = new BlockArchive(new ReadOnlyBlockFiles(alone), NO_PAUSES);
  await archive.open();
  const { minMs, maxMs } = archive.blocks[0]!.contents;
  await archive.close();
  return (_, timeMs) => timeMs >= minMs && timeMs <= maxMs;
}

/** What happens to a file; the next one is at hand for what takes two. */
type Damage = (path: string, next: string) => Promise<void>;

async function change(path: string, edit: (bytes: Buffer) => Buffer): Promise<void> {
  await writeFile(path, edit(await readFile(path)));
}

const truncated: Damage = (path) =>
  change(path, (bytes) => {
    let end = Math.floor(bytes.length * (0.2 + 0.6 * random()));
    // Nobody can tell that something is missing where a record would begin.
    while (bytes.toString('latin1', end, end + RECORD_MARK.length) === RECORD_MARK) end++;
    return bytes.subarray(0, end);
  });
const zeroedInside: Damage = (path) =>
  change(path, (bytes) => {
    const start = Math.floor(bytes.length * (0.2 + 0.4 * random()));
    return bytes.fill(0, start, start + Math.min(4_096, bytes.length >> 2));
  });
const zeroed: Damage = (path) => change(path, (bytes) => bytes.fill(0));
const bitFlipped: Damage = (path) =>
  change(path, (bytes) => {
    const at = Math.floor(bytes.length * (0.1 + 0.8 * random()));
    bytes[at]! ^= 1 << Math.floor(random() * 8);
    return bytes;
  });
const missing: Damage = (path) => rm(path);
const swapped: Damage = async (path, next) => {
  await rename(path, `${path}.moved`);
  await rename(next, path);
  await rename(`${path}.moved`, next);
};
/** Once more under the number of a file to come. */
const duplicated: Damage = (path) => cp(path, path.replace(/\d(\d{7}\.)/, '9$1'));

interface Case {
  readonly damage: Damage;
  /** Whether some of what the file held must be missed, for the test to be one. */
  readonly costs: boolean;
  /** Whether `db verify` has to find and name it. A file that is whole, or gone, is no damage to be seen. */
  readonly isNamed: boolean;
  /** Whether the start keeps the file aside; null where that depends on the place of the damage. */
  readonly isSetAside: boolean | null;
  /** At most so many samples are lost. */
  readonly atMost?: number;
}

const DAMAGE_TO_LOG: Readonly<Record<string, Case>> = {
  // What is torn off in the middle of a record looks like any unfinished write.
  truncated: { damage: truncated, costs: true, isNamed: true, isSetAside: false },
  'zeroed inside': { damage: zeroedInside, costs: true, isNamed: true, isSetAside: true },
  zeroed: { damage: zeroed, costs: true, isNamed: true, isSetAside: true },
  'bit-flipped': {
    damage: bitFlipped,
    costs: false,
    isNamed: true,
    isSetAside: true,
    atMost: SAMPLES_OF_A_RECORD,
  },
  missing: { damage: missing, costs: true, isNamed: false, isSetAside: false },
  swapped: { damage: swapped, costs: false, isNamed: false, isSetAside: false, atMost: 0 },
  duplicated: { damage: duplicated, costs: false, isNamed: false, isSetAside: false, atMost: 0 },
};
const DAMAGE_TO_BLOCKS: Readonly<Record<string, Case>> = {
  truncated: { damage: truncated, costs: true, isNamed: true, isSetAside: true },
  'zeroed inside': { damage: zeroedInside, costs: true, isNamed: true, isSetAside: null },
  zeroed: { damage: zeroed, costs: true, isNamed: true, isSetAside: true },
  'bit-flipped': { damage: bitFlipped, costs: false, isNamed: true, isSetAside: null },
  missing: { damage: missing, costs: true, isNamed: false, isSetAside: false },
  swapped: { damage: swapped, costs: false, isNamed: false, isSetAside: false, atMost: 0 },
  duplicated: { damage: duplicated, costs: false, isNamed: false, isSetAside: false, atMost: 0 },
};

/** Starts an engine on a copy and says what is missing. */
async function auditOf(dataDir: string): Promise<ReturnType<SampleLedger['audit']>> {
  const copy = new FastLife(dataDir, { ledger: life.ledger.snapshot(), clockMs: life.clockMs });
  engine = (await untilListening(await copy.start({ intervalsMs: {} })))!;
  await untilReady(engine);
  const found = await readBack(engine, copy.range, copy.clockMs + HOUR_MS);
  expect(await engine.process.stop('SIGTERM')).toBe(0);
  return copy.ledger.audit(found);
}

/** Splits `series@time=value`. */
function sampleOf(text: string): [series: string, timeMs: number] {
  const [, series, timeMs] = /^(.*)@(\d+)=/.exec(text)!;
  return [series!, Number(timeMs)];
}

describe(`a data directory that is damaged (FAULT_SEED=${SEED})`, () => {
  it('holds all of it while it is not', async () => {
    const { logs, blocks } = await filesOf(original);
    expect(logs.length).toBeGreaterThanOrEqual(LOG_SEGMENTS);
    expect(blocks.length).toBeGreaterThanOrEqual(3);
    const dataDir = join(folder.path, 'sound');
    await cp(original, dataDir, { recursive: true });
    expect(await askDb('verify', dataDir)).toMatchObject({ code: 0 });
    expect(await auditOf(dataDir)).toEqual({ lost: [], invented: [] });
  });

  it.each([
    ...Object.entries(DAMAGE_TO_LOG).map(([name, one]) => [name, 'segment', one] as const),
    ...Object.entries(DAMAGE_TO_BLOCKS).map(([name, one]) => [name, 'block', one] as const),
  ])('has a %s %s, and keeps everything else', async (name, kind, one) => {
    const dataDir = join(folder.path, `${kind}-${name}`);
    await cp(original, dataDir, { recursive: true });
    const files = await filesOf(dataDir);
    const choice = kind === 'segment' ? files.logs : files.blocks;
    // The segment that was written last, and the first, have nothing beside them.
    const from = kind === 'segment' ? oldSegments : 1;
    const at = from + Math.floor(random() * (choice.length - 1 - from));
    const path = choice[at]!;
    const held = await (kind === 'segment' ? samplesOfSegment(path) : samplesOfBlock(path));
    await one.damage(path, choice[at + 1]!);

    const verdict = await askDb('verify', dataDir);
    const named = kind === 'segment' ? `segment ${Number(path.slice(-12, -4))}` : path.slice(-14);
    expect({ ...verdict, isNamed: verdict.output.includes(named) }).toMatchObject(
      one.isNamed ? { isNamed: true } : { code: 0 },
    );

    const { lost, invented } = await auditOf(dataDir);
    expect(invented).toEqual([]);
    expect(lost.filter((text) => !held(...sampleOf(text)))).toEqual([]);
    expect(lost.length).toBeLessThanOrEqual(one.atMost ?? Infinity);
    expect(lost.length).toBeGreaterThanOrEqual(one.costs ? 1 : 0);
    const { corrupt } = await filesOf(dataDir);
    expect(corrupt.filter((aside) => !aside.startsWith(path))).toEqual([]);
    expect(corrupt.length > 0).toBe(one.isSetAside ?? corrupt.length > 0);
  });

  it('is made sound by a repair where only a part of a block is damaged', async () => {
    const dataDir = join(folder.path, 'repaired');
    await cp(original, dataDir, { recursive: true });
    const path = (await filesOf(dataDir)).blocks[1]!;
    await bitFlipped(path, path);
    expect(await askDb('repair', dataDir)).toMatchObject({ code: 1 });
    expect((await filesOf(dataDir)).corrupt).toEqual([`${path}.corrupt`]);
    expect(await askDb('verify', dataDir)).toMatchObject({ code: 0 });
    const held = await samplesOfBlock(path.replace(dataDir, original));
    const { lost, invented } = await auditOf(dataDir);
    expect(invented).toEqual([]);
    expect(lost.filter((text) => !held(...sampleOf(text)))).toEqual([]);
  });
});
