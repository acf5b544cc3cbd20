import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  type ByteFlow,
  type LineBatch,
  LogTailer,
  type LogTailerOptions,
  MemoryCheckpointStore,
  MemoryLogFiles,
  noFlow,
} from './index.ts';

const LOG = '/pods/0.log';

/** A tailer whose files share one count, also over restarts. */
class Bench {
  readonly files = new MemoryLogFiles();
  readonly store = new MemoryCheckpointStore();
  readonly flow: ByteFlow = noFlow();
  readonly waiting: LineBatch[] = [];
  nowMs = 1_000_000;
  written = 0;
  acknowledges = true;
  tailer!: LogTailer;

  async start(
    options: Partial<LogTailerOptions> = {},
    from: 'beginning' | 'end' = 'beginning',
  ): Promise<void> {
    this.tailer = new LogTailer({
      files: this.files,
      checkpoints: this.store,
      sink: {
        accept: (batch) => {
          if (this.acknowledges) this.tailer.acknowledge(batch);
          else this.waiting.push(batch);
        },
        end: () => {},
      },
      groups: [{ name: 'pods', from, maxLineBytes: 1_000 }],
      scanIntervalMs: 0,
      checkpointIntervalMs: 0,
      flowOf: () => this.flow,
      ...options,
    });
    await this.tailer.start();
  }

  write(text: string, path = LOG): void {
    this.files.append(path, text);
    this.written += text.length;
  }

  async poll(stepMs = 100): Promise<void> {
    this.nowMs += stepMs;
    this.files.nowMs = this.nowMs;
    for (let hasMore = true; hasMore;) {
      const result = await this.tailer.poll(this.nowMs);
      hasMore = result.hasMore && !result.isBlocked;
    }
  }

  async settle(): Promise<void> {
    for (let i = 0; i < 3; i++) await this.poll(10_000);
  }

  acknowledgeAll(): void {
    for (const batch of this.waiting.splice(0)) this.tailer.acknowledge(batch);
    this.tailer.countFlows();
  }
}

async function started(options: Partial<LogTailerOptions> = {}): Promise<Bench> {
  const bench = new Bench();
  await bench.start(options);
  return bench;
}

describe('the bytes of files', () => {
  it('are seen as they are written, and shipped when they are acknowledged', async () => {
    const bench = await started();
    bench.acknowledges = false;
    bench.write('one\ntwo\nunfin');
    await bench.poll();
    expect(bench.flow).toEqual({ seenBytes: 13, shippedBytes: 0, lostBytes: 0 });
    bench.acknowledgeAll();
    expect(bench.flow).toEqual({ seenBytes: 13, shippedBytes: 8, lostBytes: 0 });
    bench.acknowledges = true;
    bench.write('ished\n');
    await bench.poll();
    expect(bench.flow).toEqual({ seenBytes: 19, shippedBytes: 19, lostBytes: 0 });
  });

  it('are seen also while nothing is read', async () => {
    const bench = await started({ isHeldUp: () => true });
    bench.write('one\n');
    await bench.poll();
    expect(bench.flow).toEqual({ seenBytes: 4, shippedBytes: 0, lostBytes: 0 });
  });

  it('are those of files that were rotated or deleted as well, their last line included', async () => {
    const bench = await started();
    bench.write('one\n');
    await bench.poll();
    bench.write('two\nlast');
    bench.files.rename(LOG, `${LOG}.1`);
    bench.write('new\n');
    bench.files.rename(LOG, `${LOG}.2`);
    bench.write('newest\n');
    await bench.settle();
    bench.files.delete(LOG);
    await bench.settle();
    expect(bench.flow).toEqual({
      seenBytes: bench.written,
      shippedBytes: bench.written,
      lostBytes: 0,
    });
  });

  it('are those of archives as they were before', async () => {
    const bench = await started();
    bench.write('one\n');
    await bench.poll();
    await bench.tailer.stop(bench.nowMs);
    bench.write('two\nthree\n');
    bench.files.rename(LOG, `${LOG}.20260301-080001`);
    bench.files.append(LOG, '');
    bench.files.compress(`${LOG}.20260301-080001`);
    bench.write('four\n');
    await bench.start();
    await bench.settle();
    expect(bench.flow).toMatchObject({ seenBytes: bench.written, shippedBytes: bench.written });
  });

  it('are counted once over a restart, though not all had been read', async () => {
    const bench = await started();
    bench.write('one\n');
    await bench.poll();
    bench.acknowledges = false;
    bench.write('two\n');
    await bench.poll();
    await bench.tailer.stop(bench.nowMs);
    bench.waiting.length = 0;
    bench.acknowledges = true;
    await bench.start();
    await bench.poll();
    expect(bench.flow).toEqual({ seenBytes: 8, shippedBytes: 8, lostBytes: 0 });
  });

  it('do not have what was there before they were wanted', async () => {
    const bench = new Bench();
    bench.files.append(LOG, 'long ago\n');
    await bench.start({}, 'end');
    await bench.poll();
    bench.write('now\n');
    await bench.poll();
    expect(bench.flow).toEqual({ seenBytes: 4, shippedBytes: 4, lostBytes: 0 });
  });

  it('are lost when they are overwritten before they are read, and the difference says so', async () => {
    let isHeldUp = false;
    const bench = await started({ isHeldUp: () => isHeldUp });
    bench.write('one\n');
    await bench.poll();
    isHeldUp = true;
    bench.write('never read\n');
    await bench.poll();
    bench.files.truncate(LOG);
    isHeldUp = false;
    bench.write('three\n');
    await bench.poll();
    expect(bench.flow).toEqual({ seenBytes: 21, shippedBytes: 10, lostBytes: 11 });
    expect(bench.tailer.counters.lostBytes).toBe(11);
  });

  it('are not lost while they are on their way from a file that was overwritten', async () => {
    const bench = await started();
    bench.acknowledges = false;
    bench.write('one\n');
    await bench.poll();
    bench.files.truncate(LOG);
    await bench.poll();
    bench.acknowledgeAll();
    expect(bench.flow).toEqual({ seenBytes: 4, shippedBytes: 4, lostBytes: 0 });
  });

  it('are lost when the file is gone at a restart, and the difference says so', async () => {
    let isHeldUp = false;
    const bench = await started({ isHeldUp: () => isHeldUp });
    bench.write('one\n');
    await bench.poll();
    isHeldUp = true;
    bench.write('never read\n');
    await bench.poll();
    await bench.tailer.stop(bench.nowMs);
    bench.files.delete(LOG);
    isHeldUp = false;
    await bench.start();
    for (let i = 0; i < 8; i++) await bench.poll(10_000);
    expect(bench.flow).toEqual({ seenBytes: 15, shippedBytes: 4, lostBytes: 11 });
    expect(bench.tailer.counters).toMatchObject({ lostFiles: 1, lostBytes: 11 });
  });

  it('are what was written, whatever happens between two looks but a loss', async () => {
    const step = fc.constantFrom('write', 'part', 'rotate', 'restart', 'poll', 'settle');
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const bench = await started();
        let rotated = 0;
        for (const [i, kind] of steps.entries()) {
          if (kind === 'write') bench.write(`line ${i}\n`);
          else if (kind === 'part') bench.write(`part ${i} `);
          else if (kind === 'poll') await bench.poll();
          else if (kind === 'settle') await bench.settle();
          else if (kind === 'restart') {
            await bench.tailer.stop(bench.nowMs);
            await bench.start();
          } else if (bench.written > 0) {
            await bench.poll();
            bench.files.rename(LOG, `${LOG}.${++rotated}`);
            bench.write(`line ${i}\n`);
          }
        }
        bench.write('\n');
        await bench.settle();
        expect(bench.flow).toEqual({
          seenBytes: bench.written,
          shippedBytes: bench.written,
          lostBytes: 0,
        });
      }),
    );
  });
});
