import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { LogTailer } from '#libs/log-tail';
import { FileCheckpointStore, NodeLogFiles } from '#libs/node-tail';

const here = dirname(fileURLToPath(import.meta.url));
const ROTATIONS = 100;

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'log-rotation-'));
  file = join(folder, '0.log');
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function startProcess(script: string, args: readonly string[]): ChildProcess {
  const flags = ['--conditions=repo-source', '--disable-warning=ExperimentalWarning'];
  return spawn(process.execPath, [...flags, join(here, script), ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

function messageOf(line: string): string {
  return line.slice(line.indexOf(' F ') + 3);
}

function expectedMessages(lines: number, rotations: number): string[] {
  const messages = Array.from({ length: lines }, (_, i) => `line ${i}`);
  for (let i = 1; i <= rotations; i++) messages.push(`late ${i}`);
  return messages;
}

/** How often each message came. */
function countsOf(messages: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const message of messages) counts.set(message, (counts.get(message) ?? 0) + 1);
  return counts;
}

describe('100 rotations at 10,000 lines a second', () => {
  it('lose no line and double none', async () => {
    const messages: string[] = [];
    const tailer: LogTailer = new LogTailer({
      files: new NodeLogFiles([{ name: 'g', include: [file], exclude: [] }]),
      checkpoints: new FileCheckpointStore(join(folder, 'state', 'tail.json')),
      groups: [{ name: 'g', from: 'beginning', maxLineBytes: 1024 * 1024 }],
      scanIntervalMs: 100,
      rotatedGraceMs: 2_000,
      sink: {
        accept(batch): void {
          for (let i = 0; i < batch.lineCount; i++) {
            const [start, end] = [batch.lineStarts[i]!, batch.lineEnds[i]!];
            messages.push(messageOf(batch.bytes.toString('utf8', start, end)));
          }
          tailer.acknowledge(batch);
        },
        end(): void {},
      },
    });
    await tailer.start();
    writeFileSync(file, '');
    await tailer.poll(Date.now());
    const writer = startProcess('log-writer.process.mjs', [file, '50000', '100', '10000']);
    while (writer.exitCode === null && writer.signalCode === null) {
      await tailer.poll(Date.now());
      await sleep(10);
    }
    expect(await exitOf(writer)).toBe(0);
    for (let i = 0; i < 5; i++) await tailer.poll(Date.now() + i * 3_000);
    await tailer.stop(Date.now());

    expect(readdirSync(folder).filter((name) => name.startsWith('0.log.'))).toHaveLength(ROTATIONS);
    const expected = expectedMessages(50_000, ROTATIONS);
    const counts = countsOf(messages);
    expect(expected.filter((message) => !counts.has(message))).toEqual([]);
    expect(messages).toHaveLength(expected.length);
    // Lines of one file, and files of one path, come in order; late ones may come after the next file has begun.
    const numbers = messages.filter((message) => message.startsWith('line '));
    expect(numbers).toEqual(expected.slice(0, 50_000));
  });
});

describe('a tailer that is killed again and again while files rotate', () => {
  it('loses no line', async () => {
    const output = join(folder, 'output');
    const args = [file, output, join(folder, 'state', 'tail.json')];
    writeFileSync(file, '');
    // A run that never came to look at the file leaves nothing for the next one to go on from.
    let first: ChildProcess | null = startProcess('log-tail.process.ts', args);
    while (!existsSync(args[2]!)) await sleep(10);
    const writer = startProcess('log-writer.process.mjs', [file, '20000', '40', '4000']);
    let kills = 0;
    while (writer.exitCode === null && writer.signalCode === null) {
      const tail = first ?? startProcess('log-tail.process.ts', args);
      first = null;
      await sleep(250 + ((kills * 137) % 400));
      tail.kill('SIGKILL');
      await exitOf(tail);
      kills++;
    }
    expect(await exitOf(writer)).toBe(0);
    expect(kills).toBeGreaterThan(2);
    rmSync(`${output}.tailing`, { force: true });
    const tail = startProcess('log-tail.process.ts', args);
    const expected = expectedMessages(20_000, 40);
    let missing = expected;
    for (const end = Date.now() + 120_000; missing.length > 0 && Date.now() < end;) {
      await sleep(500);
      const counts = countsOf(readFileSync(output, 'utf8').split('\n').map(messageOf));
      missing = expected.filter((message) => !counts.has(message));
    }
    while (!existsSync(`${output}.tailing`)) await sleep(10);
    tail.kill('SIGTERM');
    expect(await exitOf(tail)).toBe(0);
    expect(missing).toEqual([]);
  });
});
