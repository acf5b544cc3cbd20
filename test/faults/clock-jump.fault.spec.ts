import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { eventually, temporaryFolder } from '../support/processes.ts';
import {
  askDb,
  type Engine,
  ensureBuilt,
  setFaults,
  startEngine,
  untilReady,
} from './faulty-engine.ts';
import { readBack, startTraffic, untilAcknowledged } from './ledger-traffic.ts';
import { configWithRule, roundsOf } from './rules-at-work.ts';
import { SampleLedger } from './sample-ledger.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Samples come every 5 ms, 20 a request. */
const STEP_MS = 5;
const JUMPS: readonly (readonly [name: string, byMs: number])[] = [
  ['an hour forward', HOUR_MS],
  ['two days forward', 2 * DAY_MS],
  ['an hour back', -HOUR_MS],
  ['two days back', -2 * DAY_MS],
];
const BLOCK_MS = 30 * MINUTE_MS;
/** No block, joined or not, reaches across a boundary of this. */
const LARGEST_BLOCK_MS = DAY_MS;
const BLOCK_LINE = /level (\d+) {2}(\S+) to (\S+) /;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let dataDir: string;
let engine: Engine | null = null;
let config: string;

beforeAll(ensureBuilt);
beforeEach(async () => {
  folder = await temporaryFolder();
  dataDir = join(folder.path, 'data');
  config = await configWithRule(dataDir);
});
afterEach(async () => {
  await engine?.process.stop('SIGKILL');
  engine = null;
  await folder.remove();
});

async function start(): Promise<Engine> {
  engine = await startEngine(dataDir, { config, faults: { intervalsMs: { 60_000: 100 } } });
  await untilReady(engine);
  return engine;
}

async function audit(
  alive: Engine,
  ledger: SampleLedger,
): Promise<ReturnType<SampleLedger['audit']>> {
  // Writers go on meanwhile.
  const obligations = ledger.snapshot();
  return obligations.audit(await readBack(alive, '6d', Date.now() + 3 * DAY_MS));
}

/** Waits until the rule has been evaluated again, and until old samples have been looked for again. */
async function untilWorkGoesOn(alive: Engine): Promise<void> {
  const before = await roundsOf(alive);
  await eventually('rules to go on', async () =>
    (await roundsOf(alive)) >= before + 2 ? true : null,
  );
}

/** Blocks that reach across the boundary of the window their kind is cut at. */
async function wronglyCutBlocks(): Promise<{ count: number; wrong: string[] }> {
  const { code, output } = await askDb('inspect', dataDir);
  expect(code).toBe(0);
  const lines = output.split('\n').filter((line) => BLOCK_LINE.test(line));
  const wrong = lines.filter((line) => {
    const [, level, from, to] = BLOCK_LINE.exec(line)!;
    const windowMs = level === '0' ? BLOCK_MS : LARGEST_BLOCK_MS;
    return Math.floor(Date.parse(from!) / windowMs) !== Math.floor(Date.parse(to!) / windowMs);
  });
  return { count: lines.length, wrong };
}

describe('a clock that jumps, and back', () => {
  it.each([
    ['of the engine alone', false],
    ['of the whole machine, senders included', true],
  ])('%s', async (_, isShared) => {
    const ledger = new SampleLedger(Date.now() - 10_000, STEP_MS);
    let alive = await start();
    let offsetMs = 0;
    const untilMs = (): number => Date.now() + (isShared ? offsetMs : 0);
    const traffic = startTraffic(alive, ledger, { untilMs, mayReject: true });
    await untilAcknowledged(ledger, 100);
    const jump = async (toMs: number): Promise<void> => {
      await setFaults(alive, { clockOffsetMs: toMs });
      if (isShared) ledger.shift(toMs - offsetMs);
      offsetMs = toMs;
    };
    for (const [name, byMs] of JUMPS) {
      await jump(byMs);
      await untilWorkGoesOn(alive);
      // Whoever has a clock of his own that is far ahead of the engine's is refused.
      if (isShared || byMs > 0) {
        const newcomers = startTraffic(alive, ledger, { untilMs, series: [name], mayReject: true });
        await untilAcknowledged(ledger, 100, newcomers);
        await newcomers.stop();
      }
      expect(await audit(alive, ledger)).toEqual({ lost: [], invented: [] });
      await jump(0);
      await untilWorkGoesOn(alive);
      const newcomers = startTraffic(alive, ledger, { untilMs, series: [`after ${name}`] });
      await untilAcknowledged(ledger, 100, newcomers);
      await newcomers.stop();
      expect(await audit(alive, ledger)).toEqual({ lost: [], invented: [] });
    }
    await traffic.stop();
    expect(await alive.process.stop('SIGTERM')).toBe(0);
    const { code, output } = await askDb('verify', dataDir);
    expect({ code, output }).toMatchObject({ code: 0 });
    const { count, wrong } = await wronglyCutBlocks();
    expect(count).toBeGreaterThan(0);
    expect(wrong).toEqual([]);
    alive = await start();
    expect(await audit(alive, ledger)).toEqual({ lost: [], invented: [] });
  });

  it('is seen by this test when a jump is longer than samples are kept', async () => {
    config = `${config}storage: { retention_time: 1d }\n`;
    const ledger = new SampleLedger(Date.now() - 10_000, STEP_MS);
    const alive = await start();
    const traffic = startTraffic(alive, ledger, { untilMs: Date.now, mayReject: true });
    await untilAcknowledged(ledger, 100);
    await setFaults(alive, { clockOffsetMs: 2 * DAY_MS });
    const lost = await eventually('samples to be lost', async () => {
      const count = (await audit(alive, ledger)).lost.length;
      return count > 0 ? count : null;
    });
    expect(lost).toBeGreaterThan(0);
    await traffic.stop();
  });
});
