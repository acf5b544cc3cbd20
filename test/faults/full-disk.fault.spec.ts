import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeOnLoopDisk, LoopDisk } from '../support/loop-disk.ts';
import { eventually, temporaryFolder } from '../support/processes.ts';
import type { EngineFaults } from './engine-faults.ts';
import { type Engine, ensureBuilt, setFaults, startEngine, untilReady } from './faulty-engine.ts';
import { readBack, startTraffic, type Traffic, untilAcknowledged } from './ledger-traffic.ts';
import { configWithRule, untilRulesGoOn } from './rules-at-work.ts';
import { SampleLedger } from './sample-ledger.ts';

const DISK_MIB = 64;
const MIB = 1_024 * 1_024;
/** The engine looks at the free space this often, and hardly ever. */
const LOOKS_OFTEN = { 5_000: 100 };
const LOOKS_NEVER = { 5_000: 3_600_000 };

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let engine: Engine | null = null;
let config: string;

beforeAll(ensureBuilt);
beforeEach(async () => {
  folder = await temporaryFolder();
  config = await configWithRule(join(folder.path, 'data'));
});
afterEach(async () => {
  await engine?.process.stop('SIGKILL');
  engine = null;
  await folder.remove();
});

/** What goes wrong with a disk, and back. */
interface Trouble {
  begin(alive: Engine): Promise<void>;
  end(alive: Engine): Promise<void>;
}

interface Outcome {
  /** What was missing while it lasted, and after another start. */
  readonly audits: ReturnType<SampleLedger['audit']>[];
  /** Samples acknowledged after writers had been refused and before they were let in again. */
  readonly acknowledgedMeanwhile: number;
  readonly refusalsWithoutDelay: number;
  /** More open files than before. */
  readonly leakedFiles: number;
}

const NOTHING_WRONG = { lost: [], invented: [] };
const ALL_WELL: Outcome = {
  audits: [NOTHING_WRONG, NOTHING_WRONG],
  acknowledgedMeanwhile: 0,
  refusalsWithoutDelay: 0,
  leakedFiles: 0,
};

async function openFiles({ process: { child } }: Engine): Promise<number> {
  const opened = await Promise.all(
    (await readdir(`/proc/${child.pid}/fd`)).map((fd) =>
      readlink(`/proc/${child.pid}/fd/${fd}`).catch(() => ''),
    ),
  );
  return opened.filter((path) => path.endsWith('.log')).length;
}

async function untilRefused(traffic: Traffic): Promise<void> {
  const before = traffic.refusals();
  // Long enough for some attempts to write what could not be written.
  await sleep(3_000);
  await eventually('writers to be refused', () => (traffic.refusals() > before + 10 ? true : null));
}

/** Writes before, during and after. @param isNoticed whether writers are expected to be refused meanwhile */
async function liveThrough(
  dataDir: string,
  trouble: Trouble,
  faults: Partial<EngineFaults>,
  isNoticed = true,
): Promise<Outcome> {
  const ledger = new SampleLedger(Date.now() - 30 * 60_000);
  const alive = await startEngine(dataDir, { config, faults });
  engine = alive;
  await untilReady(alive);
  const traffic = startTraffic(alive, ledger, { pauseMs: 5 });
  await untilAcknowledged(ledger, 200);
  const filesBefore = await openFiles(alive);
  await trouble.begin(alive);
  await (isNoticed ? untilRefused(traffic) : untilAcknowledged(ledger, 200));
  const acknowledged = ledger.acknowledgedCount;
  await untilRulesGoOn(alive);
  const meanwhile = ledger.audit(await readBack(alive));
  const acknowledgedMeanwhile = ledger.acknowledgedCount - acknowledged;
  await trouble.end(alive);
  await untilAcknowledged(ledger, 200);
  await untilRulesGoOn(alive);
  await traffic.stop();
  const leakedFiles = (await openFiles(alive)) - filesBefore;
  await alive.process.stop('SIGKILL');
  engine = await startEngine(dataDir, { config });
  await untilReady(engine);
  return {
    audits: [meanwhile, ledger.audit(await readBack(engine))],
    acknowledgedMeanwhile,
    refusalsWithoutDelay: traffic.refusalsWithoutDelay(),
    leakedFiles,
  };
}

describeOnLoopDisk('a disk that is full', () => {
  let disk: LoopDisk;
  let dataDir: string;

  beforeEach(async () => {
    disk = await LoopDisk.create(DISK_MIB);
    dataDir = join(disk.path, 'data');
  });
  afterEach(async () => {
    await engine?.process.stop('SIGKILL');
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

  it('makes writers wait before it is full, and lets them in again', async () => {
    const faults = { intervalsMs: LOOKS_OFTEN };
    expect(await liveThrough(dataDir, fullUpTo(4 * MIB), faults)).toEqual(ALL_WELL);
  });

  it('loses nothing that was acknowledged when it fills up all at once', async () => {
    const faults = { intervalsMs: LOOKS_NEVER };
    expect(await liveThrough(dataDir, fullUpTo(0), faults)).toEqual(ALL_WELL);
  });

  it('is seen by this test when a write that fails goes unnoticed', async () => {
    const faults = { intervalsMs: LOOKS_NEVER, hidesFailures: true };
    const { audits } = await liveThrough(dataDir, fullUpTo(0), faults, false);
    expect(audits[1]!.lost.length).toBeGreaterThan(0);
  });
});

describe('a disk that does not confirm', () => {
  const trouble: Trouble = {
    begin: (alive) => setFaults(alive, { failsSync: true }),
    end: (alive) => setFaults(alive, { failsSync: false }),
  };

  it('loses nothing that was acknowledged', async () => {
    expect(await liveThrough(join(folder.path, 'data'), trouble, {})).toEqual(ALL_WELL);
  });

  it('is seen by this test when a sync that fails goes unnoticed', async () => {
    const faults = { hidesFailures: true };
    const { audits } = await liveThrough(join(folder.path, 'data'), trouble, faults, false);
    expect(audits[1]!.lost.length).toBeGreaterThan(0);
  });
});
