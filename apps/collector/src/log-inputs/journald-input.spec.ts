import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AppLogger } from '#libs/platform';
import { Registry } from 'prom-client';
import { type IntakeBatch, IntakeRefusal, LogIntake } from '../logs/log-intake.ts';
import { LiveView } from '../logs/live-view.ts';
import { InputMetrics } from './input-metrics.ts';
import { JournaldInput } from './journald-input.ts';
import { SenderFields } from './sender-fields.ts';

/** Each start tells what lies in the file of its number, and ends at once where there is one named `ends`. */
const JOURNALCTL = `#!/bin/sh
cd "$(dirname "$0")"
echo "$@" >> calls
n=$(wc -l < calls)
[ -e "journal.$n" ] && cat "journal.$n"
[ -e ends ] && { rm ends; exit 1; }
exec sleep 600
`;

/** As large as what is handed over at once. */
const LARGE = 'x'.repeat(300_000);

function entry(number: number, text = ''): string {
  const fields = { __CURSOR: `c${number}`, MESSAGE: `entry ${number} ${text}` };
  return `${JSON.stringify({ ...fields, __REALTIME_TIMESTAMP: '1700000000000001' })}\n`;
}

/** Takes what it is told to take. */
class Intake extends LogIntake {
  readonly taken: string[] = [];
  refuses: (message: string) => boolean = () => false;

  override take(batch: IntakeBatch): Promise<void> {
    const messages = batch.parts.flatMap(({ records }) =>
      Array.from({ length: records.count }, (_, row) =>
        records.bytesOf(row).toString('utf8', records.starts[row], records.ends[row]).slice(0, 7),
      ),
    );
    if (messages.some((message) => this.refuses(message))) {
      return Promise.reject(new IntakeRefusal('disk'));
    }
    this.taken.push(...messages);
    return Promise.resolve();
  }
}

let folder: string;
let intake: Intake;
let registry: Registry;
const inputs: JournaldInput[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'journald-'));
  writeFileSync(join(folder, 'journalctl'), JOURNALCTL, { mode: 0o755 });
  registry = new Registry();
  intake = new Intake(new LiveView(registry));
});
afterEach(async () => {
  for (const input of inputs.splice(0)) await input.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function start(): Promise<JournaldInput> {
  const input = new JournaldInput(
    {
      name: 'journald',
      program: join(folder, 'journalctl'),
      directory: undefined,
      units: [],
      from: 'end',
      labels: {},
    },
    {
      baseDir: folder,
      dataDir: folder,
      intake,
      metrics: new InputMetrics(registry),
      logger: AppLogger.create({ app: 'test', level: 'silent' }),
    },
    new SenderFields({}, intake),
  );
  inputs.push(input);
  await input.start();
  return input;
}

const cursor = (): string | null => {
  const path = join(folder, 'journald.cursor');
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : null;
};

const calls = (): string[] =>
  readFileSync(join(folder, 'calls'), 'utf8')
    .trim()
    .split('\n')
    .map((call) => call.replace('--output=json --all --follow ', ''));

async function until(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(10)) if (holds()) return;
  throw new Error('it did not come to that within 60 s');
}

describe('the cursor of the journal', () => {
  it('stays before what is not safe, though what came later is', async () => {
    writeFileSync(join(folder, 'journal.1'), entry(1) + entry(2, LARGE) + entry(3));
    intake.refuses = (message) => message === 'entry 2';
    const first = await start();
    await until(() => intake.taken.includes('entry 3'));
    await first.stop();
    expect(intake.taken).toEqual(['entry 3']);
    expect(cursor()).toBeNull();
    const metrics = await registry.metrics();
    expect(metrics).toContain('binnacle_log_input_refused_total{input="journald",reason="disk"} 2');
  });

  it('moves on once the rest is safe', async () => {
    writeFileSync(join(folder, 'journal.1'), entry(1) + entry(2, LARGE) + entry(3));
    intake.refuses = (message) => message === 'entry 2';
    await start();
    await until(() => intake.taken.includes('entry 3'));
    intake.refuses = () => false;
    await until(() => cursor() === 'c3');
    expect(intake.taken).toEqual(['entry 3', 'entry 1', 'entry 2']);
  });
});

describe('journalctl that ends and is started again', () => {
  it('goes on behind what was read, be it safe yet or not', async () => {
    writeFileSync(join(folder, 'journal.1'), entry(1));
    writeFileSync(join(folder, 'journal.2'), entry(2));
    writeFileSync(join(folder, 'ends'), '');
    intake.refuses = () => true;
    await start();
    await until(() => existsSync(join(folder, 'calls')) && calls().length === 2);
    intake.refuses = () => false;
    await until(() => cursor() === 'c2');
    expect(calls()).toEqual(['--lines=0', '--after-cursor=c1 --no-tail']);
    expect(intake.taken.toSorted()).toEqual(['entry 1', 'entry 2']);
  });

  it('misses nothing where nothing was read yet', async () => {
    writeFileSync(join(folder, 'ends'), '');
    await start();
    await until(() => existsSync(join(folder, 'calls')) && calls().length === 2);
    expect(calls()[1]).toMatch(/^--since=@\d{10} --no-tail$/);
  });
});
