import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { eventually, type RunningProcess, temporaryFolder } from '../support/processes.ts';
import { FAULT_PHASES, type FaultPhase } from './engine-faults.ts';
import { FastLife } from './fast-life.ts';
import { type Engine, ensureBuilt, untilListening, untilReady } from './faulty-engine.ts';
import { readBack, untilAcknowledged } from './ledger-traffic.ts';
import { randomFrom } from './random-from.ts';
import type { SampleLedger } from './sample-ledger.ts';

const ROUNDS = Math.ceil(Number(process.env['FAULT_ROUNDS'] ?? 20) / 4);
/** `FAULT_SEED` replays the places where a failed run died. */
const SEED = Number(process.env['FAULT_SEED'] ?? Date.now() % 1_000_000);
const HOUR_MS = 3_600_000;
/** So many changes of the disk, or so, belong to a phase while it runs once or twice. */
const STEPS: Readonly<Record<FaultPhase, number>> = {
  start: 10,
  ingestion: 200,
  checkpoint: 20,
  sealing: 20,
  compaction: 20,
  retention: 4,
};
const FEWEST_OF_A_START = 4;
const MOST_OF_A_START = 100;

const random = randomFrom(SEED);
const hits = new Map<FaultPhase, number>();
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let dataDir: string;
let running: RunningProcess | null = null;

beforeAll(ensureBuilt);
beforeEach(async () => {
  folder = await temporaryFolder();
  dataDir = join(folder.path, 'data');
});
afterEach(async () => {
  await running?.stop('SIGKILL');
  running = null;
  await folder.remove();
});
afterAll(() => {
  const counts = FAULT_PHASES.map((phase) => `${phase} ${hits.get(phase) ?? 0}`);
  process.stdout.write(`killed in: ${counts.join(', ')}\n`);
});

function hit(phase: FaultPhase): void {
  hits.set(phase, (hits.get(phase) ?? 0) + 1);
}

async function untilReadyOrDead({ process: { child }, url }: Engine): Promise<void> {
  await eventually('the engine to be ready or to have died', async () => {
    if (child.signalCode !== null) return true;
    const response = await fetch(`${url}/readyz`).catch(() => null);
    return response?.status === 200 ? true : null;
  });
}

/** Lets an engine run until it dies within a phase, at a change of the disk chosen at random. */
async function dieIn(phase: FaultPhase, life: FastLife): Promise<void> {
  const step = 1 + Math.floor(random() * STEPS[phase]);
  running = await life.start({ deathPoint: { phase, step, isAfter: random() < 0.5 } });
  const engine = await untilListening(running);
  if (engine !== null) {
    await untilReadyOrDead(engine);
    // A start that took fewer changes than `step` is over.
    const isOver = phase === 'start' && running.child.signalCode === null;
    if (isOver) {
      await running.stop('SIGKILL');
      return;
    }
    await life.write(engine);
  }
  await running.ended;
  expect(running.child.signalCode).toBe('SIGKILL');
  hit(phase);
}

/** What is missing, of what is within the retention, after another start. */
async function audit(life: FastLife): Promise<ReturnType<SampleLedger['audit']>> {
  running = await life.start({});
  const engine = (await untilListening(running))!;
  await untilReady(engine);
  life.expire();
  const found = await readBack(engine, life.range, life.clockMs + HOUR_MS);
  await running.stop('SIGKILL');
  return life.ledger.audit(found);
}

describe(`kill -9 of the engine at a change of its disk (FAULT_SEED=${SEED})`, () => {
  it('comes to its first start however often that is interrupted', async () => {
    const life = new FastLife(dataDir);
    let deaths = 0;
    let engine: Engine | null = null;
    // Each time one change of the disk later, on what the one before has left.
    while (engine === null && deaths < MOST_OF_A_START) {
      const deathPoint = { phase: 'start', step: deaths + 1, isAfter: deaths % 2 === 0 } as const;
      running = await life.start({ deathPoint });
      engine = await untilListening(running);
      if (engine !== null) break;
      expect(running.child.signalCode).toBe('SIGKILL');
      hit('start');
      deaths++;
    }
    expect(deaths).toBeGreaterThanOrEqual(FEWEST_OF_A_START);
    await untilReady(engine!);
    await life.write(engine!, untilAcknowledged(life.ledger, 100));
    await running!.stop('SIGKILL');
    expect(await audit(life)).toEqual({ lost: [], invented: [] });
  });

  it(`loses no acknowledged sample in ${ROUNDS} kills in every phase`, async () => {
    const life = new FastLife(dataDir);
    for (let round = 0; round < ROUNDS; round++) {
      for (const phase of FAULT_PHASES) await dieIn(phase, life);
      // After each round, so that what has not expired yet is looked at.
      expect(await audit(life)).toEqual({ lost: [], invented: [] });
    }
    for (const phase of FAULT_PHASES.slice(1)) expect(hits.get(phase)).toBe(ROUNDS);
  });

  it.each([
    ['blocks are not there that were reported as written', { losesBlocks: true }],
    ['retention drops what is not old enough', { retentionAheadMs: 1_000 * HOUR_MS }],
  ])('is seen by this test when %s', async (_, faults) => {
    const life = new FastLife(dataDir);
    running = await life.start(faults);
    const engine = (await untilListening(running))!;
    await untilReady(engine);
    const writtenMs = life.ledger.youngestMs + 12 * HOUR_MS;
    const isWritten = eventually('hours of samples', () =>
      life.ledger.youngestMs > writtenMs ? true : null,
    );
    await life.write(engine, isWritten);
    await running.stop('SIGKILL');
    const { lost, invented } = await audit(life);
    expect(lost.length).toBeGreaterThan(0);
    expect(invented).toEqual([]);
  });
});
