import { afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { describeOnLoopDisk, LoopDisk } from '../support/loop-disk.ts';
import { temporaryFolder } from '../support/processes.ts';
import { type Engine, ensureBuilt, startEngine, untilReady } from './faulty-engine.ts';
import { readBack, startTraffic, untilAcknowledged } from './ledger-traffic.ts';
import { configWithRule, untilRulesGoOn } from './rules-at-work.ts';
import { SampleLedger } from './sample-ledger.ts';

const DISK_MIB = 64;
const PROBES = 10;
/** How long a kubelet waits for an answer by default. */
const PROBE_TIMEOUT_MS = 1_000;
/** What a busy machine may add to that, once in a while. */
const PATIENCE_MS = 20_000;

let disk: LoopDisk;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let engine: Engine | null = null;
let config: string;

beforeAll(ensureBuilt);

/** How long an answer to a probe takes, in milliseconds; null for none. */
async function probe(path: string, timeoutMs = PATIENCE_MS): Promise<number | null> {
  const startedMs = performance.now();
  const signal = AbortSignal.timeout(timeoutMs);
  const response = await fetch(`${engine!.url}${path}`, { signal }).catch(() => null);
  return response?.status === 200 ? performance.now() - startedMs : null;
}

describeOnLoopDisk('a disk that hangs', () => {
  beforeEach(async () => {
    disk = await LoopDisk.create(DISK_MIB);
    folder = await temporaryFolder();
    config = await configWithRule(join(folder.path, 'data'));
  });
  afterEach(async () => {
    // Nothing that waits for the disk can be ended before.
    await disk.thaw().catch(() => undefined);
    await engine?.process.stop('SIGKILL');
    engine = null;
    await disk.remove();
    await folder.remove();
  });

  it('keeps writers waiting, while health, queries and rules go on, and is forgotten once it is over', async () => {
    const ledger = new SampleLedger(Date.now() - 30 * 60_000);
    const dataDir = join(disk.path, 'data');
    engine = await startEngine(dataDir, { config });
    await untilReady(engine);
    const traffic = startTraffic(engine, ledger, { pauseMs: 5 });
    await untilAcknowledged(ledger, 200);
    await disk.freeze();
    // What was confirmed before may arrive after.
    await untilRulesGoOn(engine);
    const acknowledged = ledger.acknowledgedCount;

    for (const path of ['/-/healthy', '/-/ready', '/livez', '/readyz']) {
      const durations: (number | null)[] = [];
      for (let i = 0; i < PROBES; i++) durations.push(await probe(path));
      expect(durations).not.toContain(null);
      expect(Math.min(...durations.map((duration) => duration ?? Infinity))).toBeLessThan(
        PROBE_TIMEOUT_MS,
      );
    }
    await untilRulesGoOn(engine);
    const found = await readBack(engine);
    expect(ledger.audit(found)).toEqual({ lost: [], invented: [] });
    expect(ledger.acknowledgedCount).toBe(acknowledged);

    await disk.thaw();
    await untilAcknowledged(ledger, 200);
    await traffic.stop();
    expect(traffic.refusalsWithoutDelay()).toBe(0);
    await engine.process.stop('SIGKILL');
    engine = await startEngine(dataDir, { config });
    await untilReady(engine);
    expect(ledger.audit(await readBack(engine))).toEqual({ lost: [], invented: [] });
  });

  it('is seen by this test when the thread that answers waits for the disk', async () => {
    const ledger = new SampleLedger(Date.now() - 30 * 60_000);
    const faults = { writesInMainThread: true };
    engine = await startEngine(join(disk.path, 'data'), { config, faults });
    await untilReady(engine);
    const traffic = startTraffic(engine, ledger);
    await untilAcknowledged(ledger, 200);
    await disk.freeze();
    // The first ones may come before anything was written.
    let answers = 0;
    while (answers < 1_000 && (await probe('/-/healthy', 3_000)) !== null) answers++;
    expect(answers).toBeLessThan(1_000);
    await disk.thaw();
    await traffic.stop();
  });
});
