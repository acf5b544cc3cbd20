import { mkdir, readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { LogStore } from '#libs/log-store';
import { FileBlockFiles, FileSegmentStore } from '#libs/node-files';
import { NO_PAUSES } from '#libs/pace';
import { eventually, getText, temporaryFolder } from '../support/processes.ts';
import { storedLines } from '../support/stored-lines.ts';
import type { EngineFaults } from './engine-faults.ts';
import { type Engine, ensureBuilt, startEngine } from './faulty-engine.ts';
import { randomFrom } from './random-from.ts';

const ROUNDS = Math.ceil(Number(process.env['FAULT_ROUNDS'] ?? 20) / 4);
const SEED = Number(process.env['FAULT_SEED'] ?? Date.now() % 1_000_000);
const WRITERS = 3;
const LINES_PER_PUSH = 20;

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

/** Lines that were sent, and those of them that were acknowledged. */
class Ledger {
  readonly sent = new Set<string>();
  readonly acknowledged = new Set<string>();
  #next = 0;

  take(count: number): string[] {
    const lines = Array.from({ length: count }, () => `line ${this.#next++}`);
    for (const line of lines) this.sent.add(line);
    return lines;
  }
}

/** Pushes until the engine is gone; what got no answer is not sent again. */
async function write(url: string, writer: number, ledger: Ledger): Promise<void> {
  for (;;) {
    const lines = ledger.take(LINES_PER_PUSH);
    const values = lines.map((line) => [`${Date.now()}000000`, line]);
    const body = JSON.stringify({ streams: [{ stream: { writer: String(writer) }, values }] });
    const headers = { 'content-type': 'application/json' };
    const status = await fetch(`${url}/loki/api/v1/push`, { method: 'POST', headers, body }).then(
      (response) => response.status,
      () => null,
    );
    if (status === null) return;
    if (status === 204) for (const line of lines) ledger.acknowledged.add(line);
    else if (status !== 503) throw new Error(`status ${status}`);
  }
}

/** Blocks are written and joined all the time. */
const BUSY = { lineBlockBytes: 16 * 1_024, intervalsMs: { 10_000: 20 } };

/** Starts the engine, writes to it, and kills it `lifeMs` after it took more lines. */
async function liveAndDie(
  ledger: Ledger,
  lifeMs: number,
  faults: Partial<EngineFaults> = {},
  until: (alive: Engine) => Promise<unknown> = async () => {},
): Promise<void> {
  engine = await startEngine(dataDir, { faults });
  const { url } = engine;
  const before = ledger.acknowledged.size;
  const writing = Promise.all(Array.from({ length: WRITERS }, (_, i) => write(url, i, ledger)));
  await eventually('lines to be taken', () =>
    ledger.acknowledged.size > before + 100 ? true : null,
  );
  await until(engine);
  await sleep(lifeMs);
  await engine.process.stop('SIGKILL');
  engine = null;
  await writing;
}

async function untilJoined({ url }: Engine): Promise<unknown> {
  return eventually('blocks to be joined', async () => {
    const metrics = await getText(`${url}/metrics`);
    const joined = /^binnacle_logstore_blocks_joined_total (\d+)/m.exec(metrics ?? '')?.[1];
    return Number(joined ?? 0) > 0 ? true : null;
  });
}

/** What a start finds. */
async function readBack(): Promise<string[]> {
  const timer = { nowMs: () => Date.now(), after: () => () => {} };
  const blocks = join(dataDir, 'logs', 'blocks');
  await mkdir(blocks, { recursive: true });
  const files = new FileSegmentStore(join(dataDir, 'logs'));
  const store = new LogStore(files, new FileBlockFiles(blocks), timer, NO_PAUSES);
  await store.open();
  const lines = await storedLines(store);
  await store.close();
  return lines.map(({ line }) => line);
}

describe(`kill -9 of the engine while it takes log lines (FAULT_SEED=${SEED})`, () => {
  it(`loses no acknowledged line in ${ROUNDS} kills, and has none twice`, async () => {
    const random = randomFrom(SEED);
    const ledger = new Ledger();
    await liveAndDie(ledger, 0, BUSY, untilJoined);
    for (let round = 0; round < ROUNDS; round++) await liveAndDie(ledger, random() * 600, BUSY);
    const found = await readBack();
    const known = new Set(found);
    expect([...ledger.acknowledged].filter((line) => !known.has(line))).toEqual([]);
    expect(found.filter((line) => !ledger.sent.has(line))).toEqual([]);
    expect(known.size).toBe(found.length);
    expect(ledger.acknowledged.size).toBeGreaterThan(ROUNDS * 100);
  });

  it('is seen by this test when the log does not hold what was acknowledged', async () => {
    const ledger = new Ledger();
    await liveAndDie(ledger, 200);
    const log = join(dataDir, 'logs');
    const segments = (await readdir(log)).filter((name) => name.endsWith('.log'));
    const last = join(log, segments.toSorted().at(-1)!);
    await truncate(last, Math.floor((await stat(last)).size / 2));
    const known = new Set(await readBack());
    expect([...ledger.acknowledged].some((line) => !known.has(line))).toBe(true);
  });
});
