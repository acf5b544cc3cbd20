import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { readdir, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Labels, Matcher } from '#libs/labels';
import { compressBlock, wholeBatch, WriteEncoder } from '#libs/remote-write';
import { createSampleWindow, type SampleBatch, SampleBatchBuilder } from '#libs/samples';
import { MemorySegmentStore, TimeSeriesStore, type Timer } from '#libs/tsdb';
import {
  eventually,
  getText,
  type RunningProcess,
  runToEnd,
  startProcess,
  temporaryFolder,
} from '../support/processes.ts';
import { SampleLedger, type SeriesSamples } from './sample-ledger.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const ENGINE = join(ROOT, 'dist', 'apps', 'alert-engine', 'src', 'main.js');
const ROUNDS = Number(process.env['FAULT_ROUNDS'] ?? 20);
/** `FAULT_SEED` replays the delays of a failed run; the machine's own timing still differs. */
const SEED = Number(process.env['FAULT_SEED'] ?? Date.now() % 1_000_000);
const METRIC = 'fault_samples';
const WRITERS = ['w0', 'w1', 'w2', 'w3'];

function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function batchOf(
  series: string,
  samples: readonly (readonly [timeMs: number, value: number])[],
): SampleBatch {
  const builder = new SampleBatchBuilder();
  builder.addSeries(Labels.fromRecord({ __name__: METRIC, series }));
  for (const [timeMs, value] of samples) builder.addSample(timeMs, value);
  return builder.take();
}

interface Engine {
  readonly process: RunningProcess;
  readonly url: string;
}

async function startEngine(dataDir: string): Promise<Engine> {
  const running = startProcess(process.execPath, [
    ENGINE,
    '--data',
    dataDir,
    '--listen',
    '127.0.0.1:0',
  ]);
  const address = await eventually(`the engine to listen:\n${running.output()}`, () => {
    if (running.child.exitCode !== null) throw new Error(running.output());
    return /"address":"([^"]+)"/.exec(running.output())?.[1] ?? null;
  });
  return { process: running, url: `http://${address}` };
}

async function untilReady({ url }: Engine): Promise<void> {
  await eventually('the engine to be ready', () => getText(`${url}/readyz`));
}

/** Sends one request after the other until one gets no answer. */
async function writeUntilKilled(
  engine: Engine,
  series: string,
  ledger: SampleLedger,
): Promise<void> {
  const encoder = new WriteEncoder('prometheus.WriteRequest');
  for (;;) {
    const samples = ledger.issue(series, 20);
    const body = compressBlock(encoder.encode([wholeBatch(batchOf(series, samples))]));
    const response = await fetch(`${engine.url}/api/v1/write`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' },
      body: new Uint8Array(body),
    }).catch(() => null);
    if (response === null) return;
    if (response.status === 204) ledger.acknowledge(series, samples);
    else if (response.status !== 503)
      throw new Error(`${response.status} ${await response.text()}`);
  }
}

interface MatrixAnswer {
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly values: readonly (readonly [seconds: number, value: string])[];
    }[];
  };
}

async function readBack({ url }: Engine, range = '1h'): Promise<Map<string, SeriesSamples>> {
  const query = encodeURIComponent(`${METRIC}[${range}]`);
  // The youngest samples may be ahead of the clock, since their times are counted and not read.
  const time = Date.now() / 1000 + 600;
  const text = await eventually('an answer', () =>
    getText(`${url}/api/v1/query?query=${query}&time=${time}`),
  );
  const found = new Map<string, SeriesSamples>();
  for (const { metric, values } of (JSON.parse(text) as MatrixAnswer).data.result) {
    const samples = values.map(([seconds, value]): [number, number] => [
      Math.round(seconds * 1000),
      Number(value),
    ]);
    found.set(metric['series']!, new Map(samples));
  }
  return found;
}

describe(`kill -9 of the engine while it takes samples (FAULT_SEED=${SEED})`, () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let engine: Engine | null = null;

  beforeEach(async () => {
    folder = await temporaryFolder();
    const build = `import('./scripts/lib/workspace.mjs').then((tools) => tools.ensureBuilt())`;
    const { code, output } = await runToEnd(process.execPath, ['-e', build], { cwd: ROOT });
    if (code !== 0) throw new Error(output);
  });
  afterEach(async () => {
    await engine?.process.stop('SIGKILL');
    engine = null;
    await folder.remove();
  });

  /** Starts the engine, writes to it and kills it `lifeMs` after the first acknowledgements. */
  async function liveAndDie(ledger: SampleLedger, lifeMs: number): Promise<void> {
    engine = await startEngine(folder.path);
    await untilReady(engine);
    const alive = engine;
    const before = ledger.acknowledgedCount;
    const writers = WRITERS.map((series) => writeUntilKilled(alive, series, ledger));
    await eventually('samples to be acknowledged', () =>
      ledger.acknowledgedCount > before + 100 ? true : null,
    );
    await sleep(lifeMs);
    await engine.process.stop('SIGKILL');
    await Promise.all(writers);
  }

  it(
    `loses no acknowledged sample in ${ROUNDS} kills`,
    async () => {
      const random = randomFrom(SEED);
      const ledger = new SampleLedger(Date.now() - 30 * 60_000);
      for (let round = 0; round < ROUNDS; round++) {
        // Now and then it dies while it is starting.
        if (random() < 0.25) {
          const starting = await startEngine(folder.path);
          await sleep(random() * 60);
          await starting.process.stop('SIGKILL');
        }
        await liveAndDie(ledger, random() * 300);
      }
      engine = await startEngine(folder.path);
      await untilReady(engine);
      expect(ledger.acknowledgedCount).toBeGreaterThan(ROUNDS * 20);
      expect(ledger.audit(await readBack(engine))).toEqual({ lost: [], invented: [] });
    },
    ROUNDS * 60_000 + 120_000,
  );

  it(
    `loses no acknowledged sample in ${ROUNDS} kills while samples move to blocks`,
    async () => {
      const random = randomFrom(SEED);
      // Each request holds most of a minute, so that blocks become due all the time.
      const ledger = new SampleLedger(Date.now() - 72 * 3_600_000, 2_000);
      for (let round = 0; round < ROUNDS; round++) await liveAndDie(ledger, random() * 300);
      engine = await startEngine(folder.path);
      await untilReady(engine);
      expect(ledger.audit(await readBack(engine, '73h'))).toEqual({ lost: [], invented: [] });
      const blocks = join(folder.path, 'metrics', 'blocks');
      const names = (await readdir(blocks)).filter((name) => name.endsWith('.block'));
      expect(names.length).toBeGreaterThan(0);
      // And the test would notice.
      await engine.process.stop('SIGKILL');
      await rm(join(blocks, names.toSorted().at(-1)!));
      engine = await startEngine(folder.path);
      await untilReady(engine);
      expect(ledger.audit(await readBack(engine, '73h')).lost.length).toBeGreaterThan(0);
    },
    ROUNDS * 60_000 + 120_000,
  );

  it('is seen by this test when the log does not hold what was acknowledged', async () => {
    const ledger = new SampleLedger(Date.now() - 30 * 60_000);
    await liveAndDie(ledger, 300);
    const log = join(folder.path, 'metrics');
    const logs = (await readdir(log)).filter((name) => name.endsWith('.log'));
    const last = join(log, logs.toSorted().at(-1)!);
    await truncate(last, Math.floor((await stat(last)).size / 2));
    engine = await startEngine(folder.path);
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
