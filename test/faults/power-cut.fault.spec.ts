import { afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeOnLoopDisk, LoopDisk } from '../support/loop-disk.ts';
import { eventually, type RunningProcess, startProcess } from '../support/processes.ts';
import { FastLife } from './fast-life.ts';
import { type Engine, ensureBuilt, FAULTS, untilListening, untilReady } from './faulty-engine.ts';
import { haltProcess } from './halt-process.ts';
import { readBack, untilAcknowledged } from './ledger-traffic.ts';
import { randomFrom } from './random-from.ts';
import type { SampleLedger } from './sample-ledger.ts';

const CUTS = Math.ceil(Number(process.env['FAULT_ROUNDS'] ?? 20) / 2);
/** `FAULT_SEED` replays the delays of a failed run; the machine's own timing still differs. */
const SEED = Number(process.env['FAULT_SEED'] ?? Date.now() % 1_000_000);
const HOUR_MS = 3_600_000;
const DISK_MIB = 128;

const random = randomFrom(SEED);
let disk: LoopDisk;
const processes: RunningProcess[] = [];

beforeAll(ensureBuilt);

function forEachDisk(): void {
  beforeEach(async () => {
    disk = await LoopDisk.create(DISK_MIB);
  });
  afterEach(async () => {
    for (const running of processes.splice(0)) await running.stop('SIGKILL');
    await disk.remove();
  });
}

/** What of a ledger is missing on the disk as it would be after a power cut at this moment. */
async function auditAfterCut(
  life: FastLife,
  running: RunningProcess,
): Promise<ReturnType<SampleLedger['audit']>> {
  const obligations = life.ledger.snapshot();
  await haltProcess(running);
  const place = await disk.mountAfterPowerCut();
  running.child.kill('SIGCONT');
  // It names a process that a power cut would have ended.
  await rm(join(place, 'data', 'lock'), { force: true });
  const after = new FastLife(join(place, 'data'), { ledger: obligations, clockMs: life.clockMs });
  const second = await after.start({ intervalsMs: {} });
  processes.push(second);
  const engine = (await untilListening(second))!;
  await untilReady(engine);
  const found = await readBack(engine, after.range, after.clockMs + HOUR_MS);
  await second.stop('SIGKILL');
  await disk.unmount(place);
  after.expire();
  return after.ledger.audit(found);
}

async function startOnDisk(life: FastLife, ignoresSync: boolean): Promise<Engine> {
  const running = await life.start({ ignoresSync });
  processes.push(running);
  const engine = (await untilListening(running))!;
  await untilReady(engine);
  return engine;
}

function runState(path: string, task: string, ignoresSync = false): RunningProcess {
  const script = join(import.meta.dirname, 'state-writer.process.ts');
  const flags = ['--conditions=repo-source', '--disable-warning=ExperimentalWarning'];
  const args = [...flags, '--import', FAULTS, script, path, task];
  const env = { FAULTS: JSON.stringify({ ignoresSync }) };
  const running = startProcess(process.execPath, args, { env });
  processes.push(running);
  return running;
}

function keysIn(output: string): string[] {
  // The last line may be on its way.
  return output.split('\n').slice(0, -1);
}

/** Keys that were acknowledged before a cut and are not there after it. */
async function lostInCut(ignoresSync: boolean): Promise<string[]> {
  const running = runState(join(disk.path, 'state.db'), 'write', ignoresSync);
  const acknowledged = await eventually('changes to be acknowledged', () => {
    const keys = keysIn(running.output());
    return keys.length > 50 + random() * 200 ? keys : null;
  });
  await haltProcess(running);
  const place = await disk.mountAfterPowerCut();
  await running.stop('SIGKILL');
  const reader = runState(join(place, 'state.db'), 'list');
  expect(await reader.ended).toBe(0);
  const found = new Set(keysIn(reader.output()));
  await disk.unmount(place);
  return acknowledged.filter((key) => !found.has(key));
}

describeOnLoopDisk(`a power cut under the engine (FAULT_SEED=${SEED})`, () => {
  forEachDisk();

  it(`loses no acknowledged sample in ${CUTS} cuts`, async () => {
    const life = new FastLife(join(disk.path, 'data'));
    const engine = await startOnDisk(life, false);
    const writing = life.write(engine);
    for (let cut = 0; cut < CUTS; cut++) {
      await untilAcknowledged(life.ledger, 100);
      await sleep(random() * 300);
      expect(await auditAfterCut(life, engine.process)).toEqual({ lost: [], invented: [] });
    }
    await engine.process.stop('SIGKILL');
    await writing;
    const blocks = await readdir(join(disk.path, 'data', 'metrics', 'blocks'));
    expect(blocks.filter((name) => name.endsWith('.block')).length).toBeGreaterThan(0);
  });

  it('is seen by this test when syncing does nothing', async () => {
    const life = new FastLife(join(disk.path, 'data'));
    const engine = await startOnDisk(life, true);
    const writing = life.write(engine);
    await untilAcknowledged(life.ledger, 100);
    const { lost, invented } = await auditAfterCut(life, engine.process);
    expect(lost.length).toBeGreaterThan(0);
    expect(invented).toEqual([]);
    await engine.process.stop('SIGKILL');
    await writing;
  });
});

describeOnLoopDisk(`a power cut under the state of alerts (FAULT_SEED=${SEED})`, () => {
  forEachDisk();

  it('loses no acknowledged change', async () => {
    for (let cut = 0; cut < CUTS / 2; cut++) {
      expect(await lostInCut(false)).toEqual([]);
    }
  });

  it('is seen by this test when syncing does nothing', async () => {
    expect((await lostInCut(true)).length).toBeGreaterThan(0);
  });
});
