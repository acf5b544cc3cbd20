import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Matcher } from '#libs/labels';
import { MemorySegmentStore, type Timer } from '#libs/record-log';
import { createSampleWindow } from '#libs/samples';
import { TimeSeriesStore } from '#libs/tsdb';
import { temporaryFolder } from '../support/processes.ts';
import { type Engine, ensureBuilt, spawnEngine, startEngine, untilReady } from './faulty-engine.ts';
import {
  batchOf,
  METRIC,
  readBack,
  startTraffic,
  untilAcknowledged,
  WRITERS,
} from './ledger-traffic.ts';
import { randomFrom } from './random-from.ts';
import { SampleLedger, type SeriesSamples } from './sample-ledger.ts';

const ROUNDS = Math.ceil(Number(process.env['FAULT_ROUNDS'] ?? 20) / 2);
/** `FAULT_SEED` replays the delays of a failed run; the machine's own timing still differs. */
const SEED = Number(process.env['FAULT_SEED'] ?? Date.now() % 1_000_000);

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let dataDir: string;
let engine: Engine | null = null;

beforeAll(ensureBuilt);
beforeEach(async () => {
  folder = await temporaryFolder();
  dataDir = join(folder.path, 'data');
});
afterEach(async () => {
  await engine?.process.stop('SIGKILL');
  engine = null;
  await folder.remove();
});

/** Starts the engine, writes to it and kills it `lifeMs` after the first acknowledgements. */
async function liveAndDie(ledger: SampleLedger, lifeMs: number): Promise<void> {
  engine = await startEngine(dataDir);
  await untilReady(engine);
  const traffic = startTraffic(engine, ledger);
  await untilAcknowledged(ledger, 100);
  await sleep(lifeMs);
  await engine.process.stop('SIGKILL');
  await traffic.ended;
}

describe(`kill -9 of the engine while it takes samples (FAULT_SEED=${SEED})`, () => {
  it(`loses no acknowledged sample in ${ROUNDS} kills`, async () => {
    const random = randomFrom(SEED);
    const ledger = new SampleLedger(Date.now() - 30 * 60_000);
    for (let round = 0; round < ROUNDS; round++) {
      // Now and then it dies while it is starting, the first time included.
      if (round === 0 || random() < 0.25) {
        const starting = await spawnEngine(dataDir);
        await sleep(random() * 1_000);
        await starting.stop('SIGKILL');
      }
      await liveAndDie(ledger, random() * 300);
    }
    engine = await startEngine(dataDir);
    await untilReady(engine);
    expect(ledger.acknowledgedCount).toBeGreaterThan(ROUNDS * 20);
    expect(ledger.audit(await readBack(engine))).toEqual({ lost: [], invented: [] });
  });

  it('is seen by this test when the log does not hold what was acknowledged', async () => {
    const ledger = new SampleLedger(Date.now() - 30 * 60_000);
    await liveAndDie(ledger, 300);
    const log = join(dataDir, 'metrics');
    const logs = (await readdir(log)).filter((name) => name.endsWith('.log'));
    const last = join(log, logs.toSorted().at(-1)!);
    await truncate(last, Math.floor((await stat(last)).size / 2));
    engine = await startEngine(dataDir);
    await untilReady(engine);
    const { lost, invented } = ledger.audit(await readBack(engine));
    expect(lost.length).toBeGreaterThan(0);
    expect(invented).toEqual([]);
  });
});

describe('a power cut under the store', () => {
  const timer: Timer = {
    nowMs: () => Date.now(),
    after(delayMs, run) {
      const handle = setTimeout(run, delayMs);
      return () => clearTimeout(handle);
    },
  };

  /** Writes, cuts the power in the middle of more writes, and audits what comes back. */
  async function audit(ignoresSync: boolean): Promise<ReturnType<SampleLedger['audit']>> {
    const ledger = new SampleLedger(Date.now() - 60_000);
    const segments = new MemorySegmentStore();
    segments.faults.ignoresSync = ignoresSync;
    const store = new TimeSeriesStore(segments, timer);
    await store.open();
    for (let i = 0; i < 20; i++) {
      const series = WRITERS[i % WRITERS.length]!;
      const samples = ledger.issue(series, 10);
      await store.committed(store.append(batchOf(series, samples)).position);
      ledger.acknowledge(series, samples);
    }
    store.append(batchOf('w0', ledger.issue('w0', 10)));
    const after = new TimeSeriesStore(segments.powerCut(), timer);
    await after.open();
    await store.close();
    const selection = after.select([new Matcher('__name__', '=', METRIC)], 0, Infinity);
    const window = createSampleWindow();
    const found = new Map<string, SeriesSamples>();
    for (const row of selection.rows) {
      selection.read(row, 0, Infinity, window);
      const samples = new Map<number, number>();
      for (let i = window.start; i < window.end; i++) {
        samples.set(window.timesMs[i]!, window.values[i]!);
      }
      found.set(selection.labelsOf(row).get('series'), samples);
    }
    return ledger.audit(found);
  }

  it('loses no acknowledged sample', async () => {
    expect(await audit(false)).toEqual({ lost: [], invented: [] });
  });
  it('is seen by this test when syncing does nothing', async () => {
    const { lost, invented } = await audit(true);
    expect(lost).toHaveLength(200);
    expect(invented).toEqual([]);
  });
});
