import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { describeOnLoopDisk, LoopDisk } from '../support/loop-disk.ts';
import { eventually, type RunningProcess, temporaryFolder } from '../support/processes.ts';
import type { EngineFaults } from './engine-faults.ts';
import { type Engine, ensureBuilt, setFaults, startEngine } from './faulty-engine.ts';
import {
  LineLedger,
  type LineAudit,
  type LineTraffic,
  NOTHING_WRONG,
  readLinesBack,
  READS_ALL_LINES,
  startLineTraffic,
  untilLinesAcknowledged,
} from './line-traffic.ts';
import { haltProcess } from './halt-process.ts';
import { randomFrom } from './random-from.ts';

const ROUNDS = Math.ceil(Number(process.env['FAULT_ROUNDS'] ?? 20) / 5);
/** `FAULT_SEED` replays the delays of a failed run; the machine's own timing still differs. */
const SEED = Number(process.env['FAULT_SEED'] ?? Date.now() % 1_000_000);
const DISK_MIB = 96;
const MIB = 1_024 * 1_024;
/** Blocks all the time, and a look at the disk and at what is to be done ten times a second, or hardly ever. */
const BUSY: Partial<EngineFaults> = { lineBlockBytes: 32 * 1_024 };
const LOOKS_OFTEN = { ...BUSY, intervalsMs: { 5_000: 100, 10_000: 100 } };
const LOOKS_NEVER = { ...BUSY, intervalsMs: { 5_000: 3_600_000, 10_000: 100 } };

const random = randomFrom(SEED);
const processes: RunningProcess[] = [];

beforeAll(ensureBuilt);

async function start(dataDir: string, faults: Partial<EngineFaults>): Promise<Engine> {
  const engine = await startEngine(dataDir, { config: READS_ALL_LINES, faults });
  processes.push(engine.process);
  return engine;
}

async function stopAll(): Promise<void> {
  for (const running of processes.splice(0)) await running.stop('SIGKILL');
}

async function untilRefused(traffic: LineTraffic): Promise<void> {
  const before = traffic.refusals();
  // Long enough for some attempts to write what could not be written.
  await sleep(3_000);
  await eventually('lines to be refused', () => (traffic.refusals() > before + 10 ? true : null));
}

/** What goes wrong with a disk, and back. */
interface Trouble {
  begin(alive: Engine): Promise<void>;
  end(alive: Engine): Promise<void>;
}

interface Outcome {
  /** While it lasted, and after another start. */
  readonly audits: readonly LineAudit[];
  readonly acknowledgedMeanwhile: number;
  readonly refusalsWithoutDelay: number;
}

const ALL_WELL: Outcome = {
  audits: [NOTHING_WRONG, NOTHING_WRONG],
  acknowledgedMeanwhile: 0,
  refusalsWithoutDelay: 0,
};

/** Writes before, during and after. @param isNoticed whether writers are expected to be refused meanwhile */
async function liveThrough(
  dataDir: string,
  trouble: Trouble,
  faults: Partial<EngineFaults>,
  isNoticed = true,
): Promise<Outcome> {
  const ledger = new LineLedger();
  const alive = await start(dataDir, faults);
  const traffic = startLineTraffic(alive, ledger);
  await untilLinesAcknowledged(ledger, 500);
  await trouble.begin(alive);
  await (isNoticed ? untilRefused(traffic) : untilLinesAcknowledged(ledger, 500));
  const acknowledged = ledger.acknowledgedCount;
  const owed = ledger.snapshot();
  const meanwhile = owed.audit(await readLinesBack(alive));
  const acknowledgedMeanwhile = ledger.acknowledgedCount - acknowledged;
  await trouble.end(alive);
  await untilLinesAcknowledged(ledger, 500);
  await traffic.stop();
  await alive.process.stop('SIGKILL');
  const again = await start(dataDir, {});
  return {
    audits: [{ ...meanwhile, invented: [] }, ledger.audit(await readLinesBack(again))],
    acknowledgedMeanwhile,
    refusalsWithoutDelay: traffic.refusalsWithoutDelay(),
  };
}

describeOnLoopDisk('log lines on a disk that is full', () => {
  let disk: LoopDisk;
  let dataDir: string;

  beforeEach(async () => {
    disk = await LoopDisk.create(DISK_MIB);
    dataDir = join(disk.path, 'data');
  });
  afterEach(async () => {
    await stopAll();
    await disk.remove();
  });

  function fullUpTo(freeBytes: number): Trouble {
    let empty: (() => Promise<void>) | null = null;
    return {
      begin: async () => {
        empty = await disk.fill(freeBytes);
      },
      end: async () => empty?.(),
    };
  }

  it('are refused before it is full, and taken again', async () => {
    expect(await liveThrough(dataDir, fullUpTo(8 * MIB), LOOKS_OFTEN)).toEqual(ALL_WELL);
  });

  it('are all there that were acknowledged when it fills up at once', async () => {
    expect(await liveThrough(dataDir, fullUpTo(0), LOOKS_NEVER)).toEqual(ALL_WELL);
  });

  it('are seen to be lost by this test when a write that fails goes unnoticed', async () => {
    const faults = { ...LOOKS_NEVER, lineBlockBytes: null, hidesFailures: true };
    const { audits } = await liveThrough(dataDir, fullUpTo(0), faults, false);
    expect(audits[1]!.lost.length).toBeGreaterThan(0);
  });
});

describeOnLoopDisk('log lines on a disk that hangs', () => {
  let disk: LoopDisk;

  beforeEach(async () => {
    disk = await LoopDisk.create(DISK_MIB);
  });
  afterEach(async () => {
    // Nothing that waits for the disk can be ended before.
    await disk.thaw().catch(() => undefined);
    await stopAll();
    await disk.remove();
  });

  it('wait, while health is answered and lines are read, and go on once it is over', async () => {
    const dataDir = join(disk.path, 'data');
    const ledger = new LineLedger();
    const engine = await start(dataDir, BUSY);
    const traffic = startLineTraffic(engine, ledger);
    await untilLinesAcknowledged(ledger, 500);
    await disk.freeze();
    // What was confirmed before may arrive after.
    await sleep(2_000);
    const acknowledged = ledger.acknowledgedCount;
    const owed = ledger.snapshot();
    for (const path of ['/-/healthy', '/livez']) {
      const response = await fetch(`${engine.url}${path}`);
      expect(response.status).toBe(200);
    }
    expect(owed.audit(await readLinesBack(engine)).lost).toEqual([]);
    expect(ledger.acknowledgedCount).toBe(acknowledged);
    await disk.thaw();
    await untilLinesAcknowledged(ledger, 500);
    await traffic.stop();
    expect(traffic.refusalsWithoutDelay()).toBe(0);
    await engine.process.stop('SIGKILL');
    const again = await start(dataDir, {});
    expect(ledger.audit(await readLinesBack(again))).toEqual(NOTHING_WRONG);
  });
});

describe('log lines on a disk that does not confirm', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  const trouble: Trouble = {
    begin: (alive) => setFaults(alive, { failsSync: true }),
    end: (alive) => setFaults(alive, { failsSync: false }),
  };

  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(async () => {
    await stopAll();
    await folder.remove();
  });

  it('are all there that were acknowledged', async () => {
    const dataDir = join(folder.path, 'data');
    expect(await liveThrough(dataDir, trouble, LOOKS_OFTEN)).toEqual(ALL_WELL);
  });

  it('are seen to be lost by this test when a sync that fails goes unnoticed', async () => {
    const dataDir = join(folder.path, 'data');
    const faults = { hidesFailures: true };
    const { audits } = await liveThrough(dataDir, trouble, faults, false);
    expect(audits[1]!.lost.length).toBeGreaterThan(0);
  });

  it(`are all there after SIGTERM in the middle of it, in time, ${ROUNDS} times (FAULT_SEED=${SEED})`, async () => {
    const dataDir = join(folder.path, 'data');
    const ledger = new LineLedger();
    for (let round = 0; round < ROUNDS; round++) {
      const engine = await start(dataDir, LOOKS_OFTEN);
      const traffic = startLineTraffic(engine, ledger);
      await untilLinesAcknowledged(ledger, 200);
      await sleep(random() * 300);
      // The engine itself ends with 1 where going down takes longer than it promises.
      expect(await engine.process.stop('SIGTERM')).toBe(0);
      await traffic.stop();
    }
    const engine = await start(dataDir, {});
    expect(ledger.audit(await readLinesBack(engine))).toEqual(NOTHING_WRONG);
  });
});

describeOnLoopDisk(`log lines in a power cut (FAULT_SEED=${SEED})`, () => {
  let disk: LoopDisk;

  beforeEach(async () => {
    disk = await LoopDisk.create(DISK_MIB);
  });
  afterEach(async () => {
    await stopAll();
    await disk.remove();
  });

  /** What of a ledger is missing on the disk as it would be after a power cut at this moment. */
  async function auditAfterCut(ledger: LineLedger, engine: Engine): Promise<LineAudit> {
    const owed = ledger.snapshot();
    await haltProcess(engine.process);
    const place = await disk.mountAfterPowerCut();
    engine.process.child.kill('SIGCONT');
    // It names a process that a power cut would have ended.
    await rm(join(place, 'data', 'lock'), { force: true });
    const after = await start(join(place, 'data'), {});
    const found = await readLinesBack(after);
    await after.process.stop('SIGKILL');
    await disk.unmount(place);
    // What was sent after the ledger was copied may be there.
    return { ...owed.audit(found), invented: ledger.audit(found).invented };
  }

  it(`are all there that were acknowledged, in ${ROUNDS} cuts`, async () => {
    const ledger = new LineLedger();
    const engine = await start(join(disk.path, 'data'), LOOKS_OFTEN);
    const traffic = startLineTraffic(engine, ledger);
    for (let cut = 0; cut < ROUNDS; cut++) {
      await untilLinesAcknowledged(ledger, 300);
      await sleep(random() * 300);
      expect(await auditAfterCut(ledger, engine)).toEqual(NOTHING_WRONG);
    }
    await traffic.stop();
  });

  it('are seen to be lost by this test when syncing does nothing', async () => {
    const ledger = new LineLedger();
    const engine = await start(join(disk.path, 'data'), { ignoresSync: true });
    const traffic = startLineTraffic(engine, ledger);
    await untilLinesAcknowledged(ledger, 300);
    expect((await auditAfterCut(ledger, engine)).lost.length).toBeGreaterThan(0);
    await traffic.stop();
  });
});
