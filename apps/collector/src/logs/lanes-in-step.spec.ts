import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type LogFileHandle, MemoryCheckpointStore, MemoryLogFiles } from '#libs/log-tail';
import { LogLane, type RecordSink } from './log-lane.ts';
import { logsConfigSchema } from './logs-config.ts';
import { PipelineFactory } from './pipeline-config.ts';

const LOG = '/pods/0.log';
const CONFIG = logsConfigSchema.parse({
  files: [{ name: 'pods', include: ['/pods/*.log'], format: 'cri', from: 'beginning' }],
});
const { files: GROUPS } = CONFIG;
const PIPELINES = new PipelineFactory(CONFIG);

/** Keeps messages, and acknowledges them unless it is told to wait. */
class Receiver implements RecordSink {
  readonly wantsAll = false;
  readonly messages: string[] = [];
  isWaiting = false;
  readonly #waiting: (() => void)[] = [];

  accept(...[, , records, delivered]: Parameters<RecordSink['accept']>): void {
    for (let row = 0; row < records.count; row++) this.messages.push(records.text(row));
    if (this.isWaiting) this.#waiting.push(delivered);
    else delivered();
  }

  close(): void {}

  goOn(): void {
    this.isWaiting = false;
    for (const delivered of this.#waiting.splice(0)) delivered();
  }
}

/** A file system that counts what is read of log lines. */
class CountedFiles extends MemoryLogFiles {
  readBytes = 0;

  override async open(group: string, path: string): Promise<LogFileHandle> {
    const handle = await super.open(group, path);
    const counted = (count: number, position: number): number => {
      // The beginning of a file is looked at again and again.
      if (position > 0) this.readBytes += count;
      return count;
    };
    return {
      id: handle.id,
      isArchive: handle.isArchive,
      contentBytes: () => handle.contentBytes(),
      stat: () => handle.stat(),
      read: async (buffer, offset, length, position) =>
        counted(await handle.read(buffer, offset, length, position), position),
      readNow: (buffer, offset, length, position) =>
        counted(handle.readNow(buffer, offset, length, position), position),
      close: () => handle.close(),
    };
  }
}

class Bench {
  readonly files = new CountedFiles();
  readonly receivers = [new Receiver(), new Receiver(), new Receiver()];
  readonly lanes: LogLane[] = [];
  readonly expected: string[] = [];
  nowMs = Date.now();
  #rotations = 0;
  #count = 0;

  constructor(closeQuietMs: number) {
    for (const [index, sink] of this.receivers.entries()) {
      this.lanes.push(
        new LogLane({
          name: String(index),
          groups: GROUPS,
          createPipeline: (group) => PIPELINES.create(group),
          files: this.files,
          checkpoints: new MemoryCheckpointStore(),
          scanIntervalMs: 0,
          maxInFlightBytes: 2_000,
          maxOpenFiles: 100,
          closeQuietMs,
          pods: null,
          podFields: { labels: [], annotations: [] },
          podWaitMs: 0,
          sink,
          leader: this.lanes[0] ?? null,
        }),
      );
    }
  }

  write(lines: number, parts = 1): void {
    for (let i = 0; i < lines; i++) {
      const message = `message ${++this.#count}${'.'.repeat(this.#count % 50)}`;
      this.expected.push(message);
      const step = Math.ceil(message.length / parts);
      for (let at = 0; at < message.length; at += step) {
        const tag = at + step < message.length ? 'P' : 'F';
        this.#line(tag, message.slice(at, at + step));
      }
    }
  }

  /** A message whose end comes with the next {@link endPart}. */
  beginPart(): void {
    this.#line('P', 'begun and ');
  }

  endPart(): void {
    this.#line('F', 'ended');
    this.expected.push('begun and ended');
  }

  rotate(): void {
    this.files.rename(LOG, `${LOG}.${String(++this.#rotations).padStart(6, '0')}`);
    this.files.append(LOG, '');
  }

  async poll(lane: number, stepMs = 100): Promise<void> {
    this.nowMs += stepMs;
    this.files.nowMs = this.nowMs;
    await this.lanes[lane]!.poll(this.nowMs);
  }

  async settle(): Promise<void> {
    for (const receiver of this.receivers) receiver.goOn();
    for (let i = 0; i < 40; i++) for (const lane of this.lanes.keys()) await this.poll(lane, 1_000);
  }

  #line(tag: string, text: string): void {
    this.files.append(LOG, `2026-03-01T08:00:00.000000000Z stdout ${tag} ${text}\n`);
  }
}

async function started(closeQuietMs = 300_000): Promise<Bench> {
  const bench = new Bench(closeQuietMs);
  bench.files.append(LOG, '');
  for (const lane of bench.lanes) await lane.start();
  for (const lane of bench.lanes.keys()) await bench.poll(lane);
  return bench;
}

describe('lanes in step', () => {
  it('are handed what the leading one read', async () => {
    const bench = await started();
    bench.write(10);
    await bench.poll(0);
    for (const { messages } of bench.receivers) expect(messages).toEqual(bench.expected);
    const read = bench.files.readBytes;
    await bench.poll(1);
    await bench.poll(2);
    expect(bench.files.readBytes).toBe(read);
    const status = bench.lanes[1]!.status(bench.nowMs);
    expect(status).toMatchObject([{ lagBytes: 0, lagSeconds: 0 }]);
  });

  it('read nothing before the leading one does', async () => {
    const bench = await started();
    bench.write(10);
    await bench.poll(1);
    expect(bench.receivers[1]!.messages).toEqual([]);
  });

  it('stay in step while a message is held back for its end', async () => {
    const bench = await started();
    bench.beginPart();
    await bench.poll(0);
    expect(bench.lanes[1]!.status(bench.nowMs)).toMatchObject([{ committedOffset: 0 }]);
    bench.endPart();
    await bench.poll(0);
    for (const { messages } of bench.receivers) expect(messages).toEqual(['begun and ended']);
    for (const lane of bench.lanes) {
      expect(lane.status(bench.nowMs)).toMatchObject([{ lagBytes: 0 }]);
    }
  });

  it('read again what was held back for them when they fall behind', async () => {
    const bench = await started();
    bench.receivers[1]!.isWaiting = true;
    bench.write(40);
    bench.beginPart();
    await bench.poll(0);
    bench.endPart();
    await bench.poll(0);
    expect(bench.receivers[2]!.messages).toHaveLength(40);
    await bench.poll(0, 2_000);
    expect(bench.receivers[2]!.messages).toEqual(bench.expected);
    expect(bench.receivers[1]!.messages).toHaveLength(40);
    bench.receivers[1]!.goOn();
    await bench.poll(1);
    expect(bench.receivers[1]!.messages).toEqual(bench.expected);
  });
});

it.each([
  ['open', 300_000],
  ['closed', 0],
])(
  'lanes that stall and go on, over rotations, each have every message once, quiet files %s',
  async (_, closeQuietMs) => {
    const lane = fc.nat(2);
    const operation = fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('poll' as const), lane }) },
      {
        weight: 3,
        arbitrary: fc.record({
          kind: fc.constant('write' as const),
          lines: fc.integer({ min: 1, max: 40 }),
          parts: fc.integer({ min: 1, max: 3 }),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('stall' as const), lane }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('go on' as const), lane }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('rotate' as const) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('part' as const), lane }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 60 }), async (operations) => {
        const bench = await started(closeQuietMs);
        for (const step of operations) {
          switch (step.kind) {
            case 'poll':
              await bench.poll(step.lane);
              break;
            case 'write':
              bench.write(step.lines, step.parts);
              break;
            case 'stall':
              bench.receivers[step.lane]!.isWaiting = true;
              break;
            case 'go on':
              bench.receivers[step.lane]!.goOn();
              break;
            case 'rotate':
              bench.rotate();
              break;
            case 'part':
              bench.beginPart();
              await bench.poll(0);
              await bench.poll(step.lane);
              bench.endPart();
              break;
          }
        }
        await bench.settle();
        for (const { messages } of bench.receivers) expect(messages).toEqual(bench.expected);
      }),
      { numRuns: 150 },
    );
  },
);
