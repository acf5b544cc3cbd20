import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type BuiltApp, startBuiltApp } from '../support/built-app.ts';
import { describeOnLoopDisk, LoopDisk } from '../support/loop-disk.ts';
import { eventually, temporaryFolder } from '../support/processes.ts';
import { ensureBuilt } from './faulty-engine.ts';
import { NumberedSink } from './numbered-sink.ts';

const TIMEOUT_MS = 120_000;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let file: string;
let sink: NumberedSink;
let collector: BuiltApp | null = null;
let count = 0;

beforeAll(ensureBuilt);
beforeEach(async () => {
  folder = await temporaryFolder();
  mkdirSync(join(folder.path, 'pods'));
  file = join(folder.path, 'pods', '0.log');
  writeFileSync(file, '');
  sink = new NumberedSink();
  await sink.listen();
  count = 0;
});
afterEach(async () => {
  await collector?.process.stop('SIGKILL');
  collector = null;
  await sink.goAway();
  await folder.remove();
});

/** An output that waits for answers however long a busy machine takes over them: what is sent again is there twice. */
function patient(): unknown {
  return {
    fluentd: [{ name: 'sink', port: sink.port, ack_timeout: '10m', max_backoff: '200ms' }],
  };
}

/** An output for a sink that falls silent. */
function impatient(more: object = {}): unknown {
  const output = { name: 'sink', port: sink.port, ack_timeout: '2s', max_backoff: '200ms' };
  return { fluentd: [{ ...output, ...more }] };
}

/** An output that has nothing but the files to read again. */
function withoutSpool(): unknown {
  return impatient({ spool: { max_size: 0 } });
}

/** Starts the collector on what it had before. */
async function start(outputs = patient(), dataDir = join(folder.path, 'data')): Promise<BuiltApp> {
  const config = join(folder.path, 'collector.yml');
  const files = [{ name: 'pods', include: [file], format: 'cri', from: 'beginning' }];
  const logs = { files, scan_interval: '100ms', poll_interval: '50ms' };
  // JSON is YAML.
  writeFileSync(config, JSON.stringify({ host_metrics: { enabled: false }, logs, outputs }));
  collector = await startBuiltApp('collector', config, dataDir);
  return collector;
}

function lineOf(message: string): string {
  return `2026-03-01T08:00:00.000000000Z stdout F ${message}\n`;
}

/** Writes so many lines and says how many there are now. */
function write(lines: number): void {
  let text = '';
  for (let i = 0; i < lines; i++) text += lineOf(`line ${count++}`);
  appendFileSync(file, text);
}

let rotations = 0;
function rotate(): string {
  const rotated = `${file}.20260301-${String(++rotations).padStart(6, '0')}`;
  renameSync(file, rotated);
  writeFileSync(file, '');
  return rotated;
}

function messages(lines = count): string[] {
  return Array.from({ length: lines }, (_, i) => `line ${i}`);
}

async function untilAllArrive(expected = messages()): Promise<void> {
  await eventually(
    'all lines to arrive',
    () => sink.missing(expected).length === 0 || null,
    TIMEOUT_MS,
  );
}

/** One message in a thousand. */
function isPoison(message: string): boolean {
  return Number(message.slice(5)) % 1_000 === 7;
}

/** A writer that rotates, in a process of its own: LINES ROTATIONS LINES_PER_SECOND */
function startWriter(...args: readonly number[]): ChildProcess {
  const script = join(import.meta.dirname, 'log-writer.process.mjs');
  return spawn(process.execPath, [script, file, ...args.map(String)], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
}

async function untilEnded(writer: ChildProcess): Promise<void> {
  if (writer.exitCode === null) await once(writer, 'exit');
  expect(writer.exitCode).toBe(0);
}

function withLate(lines: number, late: number): string[] {
  return [...messages(lines), ...Array.from({ length: late }, (_, i) => `late ${i + 1}`)];
}

describe('files that rotate', () => {
  it('a hundred times at 10,000 lines a second lose no line and double none', async () => {
    await start();
    const writer = startWriter(50_000, 100, 10_000);
    await untilEnded(writer);
    await untilAllArrive(withLate(50_000, 100));
    expect(sink.doubled()).toEqual([]);
  });

  it('and are compressed while the collector stands still', async () => {
    const { process: running } = await start();
    write(1_000);
    await untilAllArrive();
    running.child.kill('SIGSTOP');
    write(50);
    const rotated: string[] = [];
    for (let i = 0; i < 4; i++) {
      rotated.push(rotate());
      write(2_000);
    }
    // As the kubelet does: all but the last.
    for (const path of rotated.slice(0, -1)) {
      writeFileSync(`${path}.gz`, gzipSync(readFileSync(path)));
      rmSync(path);
    }
    running.child.kill('SIGCONT');
    await untilAllArrive();
    expect(sink.doubled()).toEqual([]);
  });

  // Seen to lose lines without FileRoster's look for files that came and went between two looks: all five of a burst do.
  it('five times in a second, and in a moment', async () => {
    await start();
    const writer = startWriter(5_000, 5, 5_000);
    await untilEnded(writer);
    await untilAllArrive(withLate(5_000, 5));
    const expected: string[] = [];
    for (let burst = 0; burst < 4; burst++) {
      for (let i = 0; i <= 5; i++) {
        const lines = Array.from({ length: 100 }, (_, line) => `burst ${burst} ${i} ${line}`);
        appendFileSync(file, lines.map(lineOf).join(''));
        expected.push(...lines);
        if (i < 5) rotate();
      }
      await untilAllArrive(expected);
    }
    expect(sink.doubled()).toEqual([]);
  });

  it('twice while the collector stands still for three seconds', async () => {
    const { process: running } = await start();
    write(1_000);
    await untilAllArrive();
    running.child.kill('SIGSTOP');
    for (let i = 0; i < 2; i++) {
      write(1_000);
      rotate();
      write(1_000);
      await sleep(1_500);
    }
    running.child.kill('SIGCONT');
    await untilAllArrive();
    expect(sink.doubled()).toEqual([]);
  });

  // Seen to lose lines where offsets are saved as lines are handed out: the spool, which would have them, is off.
  it('four times while the collector is dead', async () => {
    const outputs = withoutSpool();
    const { process: running } = await start(outputs);
    write(20_000);
    await untilAllArrive();
    // Offsets are saved meanwhile, and may not be those of lines that nobody has acknowledged.
    sink.mood = 'silent';
    write(1_000);
    await sleep(2_500);
    await running.stop('SIGKILL');
    sink.mood = 'well';
    for (let i = 0; i < 4; i++) {
      write(1_000);
      rotate();
      write(1_000);
    }
    await start(outputs);
    write(1_000);
    await untilAllArrive();
    expect(sink.acknowledged.size).toBe(count);
  });
});

describe('a server', () => {
  it('that takes everything and says nothing costs no line', async () => {
    sink.mood = 'silent';
    await start(impatient());
    for (let i = 0; i < 4; i++) {
      write(5_000);
      rotate();
      await sleep(500);
    }
    expect(sink.acknowledged.size).toBe(0);
    sink.mood = 'well';
    await untilAllArrive();
  });

  it('that acknowledges a byte at a time costs no line', async () => {
    sink.mood = 'dripping';
    await start();
    for (let i = 0; i < 10; i++) {
      write(2_000);
      await sleep(100);
    }
    await untilAllArrive();
    expect(sink.doubled()).toEqual([]);
  });

  it('that is away costs no line, over a restart and rotations that only the spool knows of', async () => {
    const spool = { after: '0s' };
    const output = { name: 'sink', port: sink.port, max_backoff: '200ms', spool };
    await sink.goAway();
    const first = await start({ fluentd: [output] });
    for (let i = 0; i < 3; i++) {
      write(3_000);
      rotate();
      await sleep(300);
    }
    const spooled = 'binnacle_output_spool_records{output="fluentd-sink"} 9000';
    await eventually('the records to be in the spool', async () => {
      const text = await (await fetch(`${first.url}/metrics`)).text();
      return text.includes(spooled) || null;
    });
    await first.process.stop('SIGKILL');
    // What is in the spool needs no file any more.
    for (let number = rotations; number > rotations - 3; number--) {
      renameSync(
        `${file}.20260301-${String(number).padStart(6, '0')}`,
        join(folder.path, String(number)),
      );
    }
    await start({ fluentd: [output] });
    await sink.listen();
    await untilAllArrive();
    expect(sink.acknowledged.size).toBe(count);
  });

  it('that refuses one record in a thousand gets all others once, and those are kept', async () => {
    const arrived = new Map<string, number>();
    const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      const lines = gunzipSync(Buffer.concat(parts)).toString().trimEnd().split('\n');
      const found = lines.map((line) => (JSON.parse(line) as { message: string }).message);
      if (found.some(isPoison)) {
        response.writeHead(400).end('poison');
        return;
      }
      for (const message of found) arrived.set(message, (arrived.get(message) ?? 0) + 1);
      response.writeHead(204).end();
    };
    const server = createServer((request, response) => void take(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      await start({ http_logs: [{ name: 'picky', url }] });
      write(5_000);
      await eventually('all others to arrive', () => arrived.size === 4_995 || null, TIMEOUT_MS);
      expect([...arrived.values()].every((times) => times === 1)).toBe(true);
      const path = join(folder.path, 'data', 'logs', 'spool', 'http-picky', 'rejected.ndjson');
      const kept = await eventually('the rejected to be kept', () => {
        const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
        return lines.length === 5 ? lines : null;
      });
      expect(
        kept.map((line) => (JSON.parse(line) as { record: { message: string } }).record.message),
      ).toEqual(messages().filter(isPoison));
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

describeOnLoopDisk('the disk under spool and offsets', () => {
  let disk: LoopDisk;
  beforeEach(async () => {
    disk = await LoopDisk.create(32);
  });
  afterEach(async () => {
    await collector?.process.stop('SIGKILL');
    await disk.remove();
  });

  it('may be full: what does not fit stays in the files, and arrives', async () => {
    const output = { name: 'sink', port: sink.port, max_backoff: '200ms', spool: { after: '0s' } };
    await sink.goAway();
    await start({ fluentd: [output] }, join(disk.path, 'data'));
    write(2_000);
    const spool = join(disk.path, 'data', 'logs', 'spool', 'fluentd-sink');
    await eventually('the spool to be used', () => readdirSync(spool).length > 0 || null);
    const giveBack = await disk.fill(0);
    write(60_000);
    await sleep(2_000);
    await giveBack();
    write(1_000);
    await sink.listen();
    await untilAllArrive();
    expect(sink.acknowledged.size).toBe(count);
  });

  // Seen to lose lines where offsets are saved as lines are handed out: the spool, which would have them, is off.
  it('loses its power at any moment, and no line that was not acknowledged', async () => {
    const outputs = withoutSpool();
    await start(outputs, join(disk.path, 'data'));
    for (let round = 0; round < 3; round++) {
      write(3_000);
      await untilAllArrive();
      sink.mood = 'silent';
      write(1_000);
      await sleep(2_500);
      const { process: running } = collector!;
      const place = await disk.mountAfterPowerCut();
      await running.stop('SIGKILL');
      sink.mood = 'well';
      await start(outputs, join(place, 'data'));
      write(1_000);
      await untilAllArrive();
      await collector!.process.stop('SIGKILL');
      await disk.unmount(place);
      if (round < 2) await start(outputs, join(disk.path, 'data'));
    }
    expect(sink.acknowledged.size).toBe(count);
  });
});
