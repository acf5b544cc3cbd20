import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MsgpackReader } from '#libs/forward';
import { MemoryCheckpointStore } from '#libs/log-tail';
import { NodeLogFiles } from '#libs/node-tail';
import { LogLane } from '../../apps/collector/src/logs/log-lane.ts';
import { LogOutput } from '../../apps/collector/src/logs/log-output.ts';
import { logsConfigSchema } from '../../apps/collector/src/logs/logs-config.ts';
import { OutputSink } from '../../apps/collector/src/logs/output-sink.ts';
import { PipelineFactory } from '../../apps/collector/src/logs/pipeline-config.ts';
import { temporaryFolder } from '../support/processes.ts';

// Each of these was seen to fail without what is named in brackets: the bound on open files [DescriptorBudget.isScarce],
// that a line has a longest length [LineReader], that a poll ends while there is more [maxPollBytes], what is not a regular
// file or elsewhere [NodeLogFiles.open], the bound on parts [PartialJoiner], the names that records reserve [RecordFields].

const MIB = 1024 * 1024;
const T = '2026-03-01T08:00:00.000000000Z';
const MAX_OPEN_FILES = 64;
const MAX_LINE_BYTES = 64 * 1024;

interface Arrived {
  readonly seconds: number;
  readonly record: Readonly<Record<string, unknown>>;
}

/** A lane with an output, on files of this machine; whatever it hands over arrives at once. */
class Bench {
  readonly lane: LogLane;
  readonly arrived: Arrived[] = [];
  /** Called for each record as it arrives. */
  onRecord: (record: Readonly<Record<string, unknown>>) => void = () => {};
  nowMs = Date.now();
  #failure: Error | null = null;
  readonly #output: LogOutput;
  readonly #files: NodeLogFiles;

  constructor(root: string, group: Readonly<Record<string, unknown>>) {
    const config = logsConfigSchema.parse({
      files: [
        {
          name: 'g',
          include: [join(root, '**', '*.log')],
          from: 'beginning',
          max_line_bytes: MAX_LINE_BYTES,
          ...group,
        },
      ],
    });
    this.#files = new NodeLogFiles(config.files);
    this.#output = new LogOutput(
      {
        transport: {
          concurrency: 1,
          deliver: (chunks) => {
            try {
              for (const { entries } of chunks) this.#take(entries);
            } catch (error) {
              this.#failure = error as Error;
            }
            return Promise.resolve({ kind: 'delivered' });
          },
          close: () => Promise.resolve(),
        },
        minBackoffMs: 1,
        maxBackoffMs: 1,
        maxRequestBytes: MIB,
        openSpool: null,
        spoolAfterMs: 0,
      },
      {
        sent: () => {},
        failed: () => {},
        rejected: () => {},
        queued: () => {},
        spooled: () => {},
        spoolFailed: () => {},
        stateChanged: () => {},
      },
    );
    const pipelines = new PipelineFactory(config);
    this.lane = new LogLane({
      name: 'test',
      groups: config.files,
      createPipeline: (given) => pipelines.create(given),
      files: this.#files,
      checkpoints: new MemoryCheckpointStore(),
      scanIntervalMs: 0,
      maxInFlightBytes: 4 * MIB,
      maxOpenFiles: MAX_OPEN_FILES,
      closeQuietMs: 300_000,
      pods: null,
      podFields: config.pods,
      podWaitMs: 0,
      leader: null,
      sink: new OutputSink(this.#output, 'test', () => {}),
    });
  }

  async start(): Promise<void> {
    await this.#output.open();
    await this.lane.start();
  }

  /** Until there is nothing to read, as the collector does: whatever is under way arrives between two polls. */
  async drain(): Promise<void> {
    for (let before = -1; before !== this.lane.counters.readBytes;) {
      before = this.lane.counters.readBytes;
      for (let hasMore = true; hasMore;) {
        this.nowMs += 100;
        ({ hasMore } = await this.lane.poll(this.nowMs));
        await this.#output.drain(5_000);
        if (this.#failure !== null) throw this.#failure;
      }
      // What was found is taken for granted for a moment.
      await sleep(50);
      this.nowMs += 100;
      await this.lane.poll(this.nowMs);
      await this.#output.drain(5_000);
    }
  }

  messages(): string[] {
    return this.arrived.map(({ record }) => String(record['message']));
  }

  async close(): Promise<void> {
    await this.lane.stop(this.nowMs);
    await this.#output.close();
    this.#files.close();
  }

  #take(entries: Buffer): void {
    const reader = new MsgpackReader(entries);
    while (!reader.isAtEnd) {
      const [time, record] = reader.readValue() as [
        { readonly bytes: Buffer },
        Readonly<Record<string, unknown>>,
      ];
      this.arrived.push({ seconds: time.bytes.readUInt32BE(0), record });
      this.onRecord(record);
    }
  }
}

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let root: string;
let bench: Bench;
beforeEach(async () => {
  folder = await temporaryFolder();
  root = join(folder.path, 'pods');
  mkdirSync(root);
});
afterEach(async () => {
  await bench.close();
  await folder.remove();
});

async function begin(group: Readonly<Record<string, unknown>> = {}): Promise<Bench> {
  bench = new Bench(root, group);
  await bench.start();
  return bench;
}

function write(path: string, text: string | Buffer): string {
  const full = join(root, path);
  mkdirSync(join(full, '..'), { recursive: true });
  writeFileSync(full, text);
  return full;
}

describe('100,000 empty files', () => {
  it('are not opened, and those with lines in them are read beside them at once', async () => {
    for (let i = 0; i < 200; i++) {
      mkdirSync(join(root, `pod-${i}`));
      for (let j = 0; j < 500; j++) {
        closeSync(openSync(join(root, `pod-${i}`, `${j}.log`), 'w'));
      }
    }
    const { lane } = await begin();
    write('pod-100/quiet.log', 'one\n');
    await bench.drain();
    expect(bench.messages()).toEqual(['one']);
    expect(lane.openFiles).toBeLessThanOrEqual(MAX_OPEN_FILES);
    expect(lane.status(bench.nowMs).length).toBeLessThanOrEqual(MAX_OPEN_FILES);
    appendFileSync(join(root, 'pod-199', '499.log'), 'two\n');
    lane.noteChange('content', join(root, 'pod-199'));
    // What was known of a file is looked at again after a while where nobody tells.
    for (let i = 0; i < 200 && bench.arrived.length < 2; i++) {
      await bench.drain();
      await sleep(100);
    }
    expect(bench.messages()).toEqual(['one', 'two']);
    expect(lane.counters.skippedFiles).toBe(0);
  });
});

describe('a gigabyte without a newline', () => {
  it('is one line that keeps its beginning, and the rest of it is counted', async () => {
    const gigabyte = 1024 * MIB;
    const path = write('0.log', 'the beginning');
    const file = openSync(path, 'r+');
    ftruncateSync(file, gigabyte);
    writeSync(file, '\nthe next line\n', gigabyte);
    closeSync(file);
    const { lane } = await begin();
    let mostExternal = 0;
    bench.onRecord = () => {
      mostExternal = Math.max(mostExternal, process.memoryUsage().external);
    };
    const before = process.memoryUsage().external;
    write('other.log', 'meanwhile\n');
    await bench.drain();
    const messages = bench.messages();
    expect(messages).toHaveLength(3);
    // It does not have to wait for the gigabyte.
    expect(messages.indexOf('meanwhile')).toBeLessThan(2);
    const long = messages.find((message) => message.startsWith('the beginning'))!;
    expect(long.length).toBe(MAX_LINE_BYTES);
    expect(messages.at(-1)).toBe('the next line');
    expect(lane.counters).toMatchObject({
      truncatedLines: 1,
      truncatedBytes: gigabyte - MAX_LINE_BYTES,
      readLines: 3,
    });
    expect(mostExternal - before).toBeLessThan(64 * MIB);
  });
});

describe('a pod that writes more than anybody can read', () => {
  it('leaves the quiet ones their turns: a chunk of it for each of theirs', async () => {
    const text = `${'x'.repeat(1_000)}\n`.repeat(1_000);
    const loud = write('loud.log', text);
    const quiet = Array.from({ length: 8 }, (_, i) => write(`quiet-${i}.log`, ''));
    await begin();
    await bench.drain();
    for (let i = 0; i < 60; i++) appendFileSync(loud, text);
    let loudBytes = 0;
    let written = 0;
    /** How much of the loud one arrived between the writing of a quiet line and its arrival. */
    const waits: number[] = [];
    const since = new Map<string, number>();
    bench.onRecord = ({ message }) => {
      const arrived = String(message);
      const at = since.get(arrived);
      if (at !== undefined) {
        waits.push(loudBytes - at);
        return;
      }
      loudBytes += arrived.length;
      if (loudBytes < (written + 1) * MIB || written === 40) return;
      // It goes on while it is read.
      appendFileSync(loud, text);
      const line = `quiet ${written}`;
      since.set(line, loudBytes);
      appendFileSync(quiet[written++ % quiet.length]!, `${line}\n`);
    };
    await bench.drain();
    expect(written).toBe(40);
    expect(waits).toHaveLength(40);
    // What one poll reads, and what was under way before it.
    expect(Math.max(...waits)).toBeLessThanOrEqual(16 * MIB);
    expect(loudBytes).toBe(100 * 1_000 * 1_000);
  });
});

describe('what is no log file, under names of log files', () => {
  it('is neither read nor waited for, and told where it was tried', async () => {
    const secret = existsSync('/etc/shadow') ? '/etc/shadow' : '/etc/passwd';
    symlinkSync(secret, join(root, 'shadow.log'));
    symlinkSync(root, join(root, 'circle'));
    symlinkSync(join(root, 'no-such'), join(root, 'dangling.log'));
    execFileSync('sh', ['-c', 'mkfifo "$0"', join(root, 'pipe.log')]);
    mkdirSync(join(root, 'folder.log'));
    symlinkSync('/dev/zero', join(root, 'zero.log'));
    const strange = 'a\nb\u001B[31m "c" {d}\t';
    write(`${strange}/0.log`, 'fine\n');
    const { lane } = await begin();
    for (let i = 0; i < 3; i++) await bench.drain();
    expect(bench.messages()).toEqual(['fine']);
    expect(bench.arrived[0]!.record['file']).toBe(join(root, strange, '0.log'));
    const failed = lane.status(bench.nowMs).filter(({ lastError }) => lastError !== null);
    expect(failed.map(({ lastError }) => lastError)).toEqual([
      `${join(root, 'shadow.log')}: outside_root`,
    ]);
    expect(lane.counters.openErrors).toBeGreaterThan(0);
  });
});

describe('messages in parts', () => {
  const part = `${T} stdout P ${'p'.repeat(100)}\n`;

  it('of ten thousand parts are one message, cut at its bound and counted', async () => {
    write('0.log', `${part.repeat(10_000)}${T} stdout F end\n${T} stdout F next\n`);
    const { lane } = await begin({ format: 'cri' });
    await bench.drain();
    const [long, next, ...others] = bench.messages();
    expect(others).toEqual([]);
    expect(long!.length).toBe(MAX_LINE_BYTES);
    expect(next).toBe('next');
    expect(lane.groups.get('g')!.lines.counters.truncatedMessages).toBe(1);
  });

  it('that never end are told after a while, counted, and hold up nobody', async () => {
    const path = write('0.log', part);
    const { lane } = await begin({ format: 'cri' });
    for (let i = 0; i < 50; i++) {
      await bench.drain();
      appendFileSync(path, part.repeat(100));
    }
    write('other.log', `${T} stdout F meanwhile\n`);
    await bench.drain();
    expect(bench.messages()).toContain('meanwhile');
    const length = (): number =>
      bench.messages().reduce((most, message) => Math.max(most, message.length), 0);
    expect(length()).toBeLessThanOrEqual(MAX_LINE_BYTES);
    bench.nowMs += 3_600_000;
    await bench.drain();
    const { counters } = lane.groups.get('g')!.lines;
    expect(counters.unfinishedMessages + counters.truncatedMessages).toBeGreaterThan(0);
    expect(bench.messages().filter((message) => message.startsWith('ppp')).length).toBeGreaterThan(
      0,
    );
    const status = lane.status(bench.nowMs).find(({ path: tailed }) => tailed === path);
    expect(status).toMatchObject({ lagBytes: 0 });
  });
});

describe('messages of strange bytes', () => {
  it('arrive, each once, in forms that receivers can read', async () => {
    write(
      '0.log',
      Buffer.concat([
        Buffer.from(`${T} stdout F bad `),
        Buffer.from([0xff, 0xfe, 0xc3, 0x28, 0x0a]),
        Buffer.from(`${T} stdout F nul \0 in it\n`),
        Buffer.from(`${T} stdout F windows\r\n`),
        Buffer.from(`${T} stdout F \u{1F600}\n`),
        Buffer.from([0x00, 0x0a, 0x0a]),
        Buffer.from(`${T} stdout F last\n`),
      ]),
    );
    await begin({ format: 'cri' });
    await bench.drain();
    const messages = bench.messages();
    expect(messages.filter((message) => message.length > 1)).toEqual([
      'bad \uFFFD\uFFFD\uFFFD(',
      'nul \0 in it',
      'windows\r',
      '\u{1F600}',
      'last',
    ]);
  });

  it('of 1970 and 2099 have the times that are in them', async () => {
    const times = ['1970-01-01T00:00:07Z', '2099-12-31T23:59:59.999999999Z'];
    write('0.log', times.map((time) => `${time} stdout F ${time}\n`).join(''));
    await begin({ format: 'cri' });
    await bench.drain();
    expect(bench.arrived.map(({ seconds }) => seconds)).toEqual([
      7,
      Date.UTC(2099, 11, 31, 23, 59, 59) / 1000,
    ]);
  });

  it('that are JSON cannot say of themselves whose they are', async () => {
    const uid = '0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0';
    const own = {
      namespace: 'kube-system',
      pod: 'root',
      container: 'root',
      file: '/etc/shadow',
      stream: 'stderr',
      message: 'hello',
      constructor: 1,
      mine: 'kept',
    };
    const text = JSON.stringify(own).replace('{', '{"__proto__":{"polluted":true},');
    write(`shop_web-1_${uid}/app/0.log`, `${T} stdout F ${text}\n`);
    await begin({ format: 'cri', parser: 'json' });
    await bench.drain();
    const [{ record }] = bench.arrived as [Arrived];
    expect(record).toMatchObject({ stream: 'stdout', message: 'hello', mine: 'kept' });
    expect(record).toMatchObject({ file: join(root, `shop_web-1_${uid}/app/0.log`) });
    expect(record['namespace']).not.toBe('kube-system');
    expect(record['pod']).not.toBe('root');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});
