import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, type RunningProcess, temporaryFolder } from '../support/processes.ts';
import { FastLife } from './fast-life.ts';
import { type Engine, ensureBuilt, untilListening, untilReady } from './faulty-engine.ts';
import { readBack, untilAcknowledged } from './ledger-traffic.ts';
import { randomFrom } from './random-from.ts';

const ROUNDS = Math.ceil(Number(process.env['FAULT_ROUNDS'] ?? 20) / 5);
/** `FAULT_SEED` replays the delays of a failed run; the machine's own timing still differs. */
const SEED = Number(process.env['FAULT_SEED'] ?? Date.now() % 1_000_000);
const HOUR_MS = 3_600_000;
const SEGMENTS = 7;

const random = randomFrom(SEED);
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let life: FastLife;
let running: RunningProcess | null = null;

beforeAll(ensureBuilt);
beforeEach(async () => {
  folder = await temporaryFolder();
  life = new FastLife(join(folder.path, 'data'));
});
afterEach(async () => {
  await running?.stop('SIGKILL');
  running = null;
  await folder.remove();
});

async function start(faults: Parameters<FastLife['start']>[0] = {}): Promise<Engine> {
  running = await life.start(faults);
  return (await untilListening(running))!;
}

/** Sends samples and has the engine stopped in the middle of it. @returns the exit code */
async function stopUnderLoad(engine: Engine): Promise<number | null> {
  const writing = life.write(engine);
  await untilAcknowledged(life.ledger, 100);
  await sleep(random() * 300);
  // Writers go on until nobody answers.
  const code = await engine.process.stop('SIGTERM');
  await writing;
  return code;
}

async function segmentCount(): Promise<number> {
  const names = await readdir(join(folder.path, 'data', 'metrics'));
  return names.filter((name) => name.endsWith('.log')).length;
}

async function audit(): Promise<unknown> {
  const engine = await start();
  await untilReady(engine);
  life.expire();
  const found = await readBack(engine, life.range, life.clockMs + HOUR_MS);
  await engine.process.stop('SIGKILL');
  return life.ledger.audit(found);
}

// The engine itself ends with 1 where going down takes longer than it promises.
describe(`SIGTERM (FAULT_SEED=${SEED})`, () => {
  it(`ends the engine in time under load, ${ROUNDS} times, and loses nothing`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const engine = await start();
      await untilReady(engine);
      expect(await stopUnderLoad(engine)).toBe(0);
    }
    expect(await audit()).toEqual({ lost: [], invented: [] });
  });

  it('ends the engine in time while it reads its log, and loses nothing', async () => {
    const first = await start({ intervalsMs: {}, segmentBytes: 16_384 });
    await untilReady(first);
    const isLong = eventually('some segments of log', async () =>
      (await segmentCount()) >= SEGMENTS ? true : null,
    );
    await life.write(first, isLong);
    expect(await first.process.stop('SIGTERM')).toBe(0);
    // Reading all of it would take longer than the engine promises to take for going down.
    const engine = await start({ slowReadMs: 4_000 });
    await eventually('the log to be read', async () => {
      const response = await fetch(`${engine.url}/readyz`);
      const text = await response.text();
      return response.status === 503 && text.includes('[-] store') ? true : null;
    });
    await sleep(random() * 2_000);
    expect(await engine.process.stop('SIGTERM')).toBe(0);
    expect(await audit()).toEqual({ lost: [], invented: [] });
  });
});
