import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  type LineBatch,
  LogFileError,
  LogTailer,
  type LogTailerOptions,
  MemoryCheckpointStore,
  MemoryLogFiles,
  type TailGroup,
} from './index.ts';

const GROUP: TailGroup = { name: 'pods', from: 'beginning', maxLineBytes: 1000 };
const LOG = '/pods/0.log';

/** A tailer over a file system in memory that is stopped, killed and started again. */
class Bench {
  readonly files = new MemoryLogFiles();
  readonly store = new MemoryCheckpointStore();
  readonly lines: string[] = [];
  readonly ended: string[] = [];
  readonly waiting: LineBatch[] = [];
  nowMs = 1_000_000;
  acknowledges = true;
  tailer!: LogTailer;

  async start(
    options: Partial<LogTailerOptions> = {},
    group: Partial<TailGroup> = {},
  ): Promise<void> {
    this.tailer = new LogTailer({
      files: this.files,
      checkpoints: this.store,
      sink: {
        accept: (batch) => this.#accept(batch),
        end: (key) => this.ended.push(key),
      },
      groups: [{ ...GROUP, ...group }],
      scanIntervalMs: 0,
      checkpointIntervalMs: 0,
      ...options,
    });
    await this.tailer.start();
  }

  async poll(times = 1, stepMs = 100): Promise<void> {
    for (let i = 0; i < times; i++) {
      this.nowMs += stepMs;
      this.files.nowMs = this.nowMs;
      while ((await this.tailer.poll(this.nowMs)).hasMore && this.acknowledges) {
        // Read on at once.
      }
    }
  }

  /** Long enough for rotated files to be closed. */
  async settle(): Promise<void> {
    await this.poll(3, 10_000);
  }

  acknowledgeAll(): void {
    for (const batch of this.waiting.splice(0)) this.tailer.acknowledge(batch);
  }

  #accept(batch: LineBatch): void {
    for (let i = 0; i < batch.lineCount; i++) {
      this.lines.push(batch.bytes.toString('utf8', batch.lineStarts[i], batch.lineEnds[i]));
    }
    if (this.acknowledges) this.tailer.acknowledge(batch);
    else this.waiting.push(batch);
  }
}

async function started(
  options: Partial<LogTailerOptions> = {},
  group: Partial<TailGroup> = {},
): Promise<Bench> {
  const bench = new Bench();
  await bench.start(options, group);
  return bench;
}

function numbered(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => `line ${from + i}`);
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

describe('a growing file', () => {
  it('is read line by line as it grows, an unfinished line when it is finished', async () => {
    const bench = await started();
    bench.files.append(LOG, 'one\ntwo\nthr');
    await bench.poll(2);
    expect(bench.lines).toEqual(['one', 'two']);
    bench.files.append(LOG, 'ee\n');
    await bench.poll();
    expect(bench.lines).toEqual(['one', 'two', 'three']);
    const [status] = bench.tailer.status(bench.nowMs);
    expect(status).toMatchObject({
      path: LOG,
      state: 'active',
      sizeBytes: 14,
      readOffset: 14,
      committedOffset: 14,
      lagBytes: 0,
      lagSeconds: 0,
      lastError: null,
    });
  });

  it('is read from its beginning, whatever is asked for, where an earlier run’s offsets are not understood', async () => {
    const checkpoints = { load: () => Promise.resolve(null), save: () => Promise.resolve() };
    const bench = await started({ checkpoints }, { from: 'end' });
    bench.files.append(LOG, 'one\ntwo\n');
    await bench.poll();
    expect(bench.lines).toEqual(['one', 'two']);
  });

  it('is read from its end where that is asked for, but a new one from its beginning', async () => {
    const bench = await started({}, { from: 'end' });
    bench.files.append(LOG, 'old\nhalf of');
    await bench.poll();
    bench.files.append(LOG, ' a line\nnew\n');
    bench.files.append('/pods/1.log', 'first\n');
    await bench.poll();
    expect(bench.lines.toSorted()).toEqual(['first', 'new']);
  });

  it('with a line longer than a chunk is read whole, with one beyond the limit cut off', async () => {
    const bench = await started({ chunkBytes: 64 });
    const long = 'x'.repeat(900);
    bench.files.append(LOG, `${long}\nshort\n${'y'.repeat(1500)}\nafter\n`);
    await bench.poll(2);
    expect(bench.lines).toEqual([long, 'short', 'y'.repeat(1000), 'after']);
    expect(bench.tailer.counters).toMatchObject({ truncatedLines: 1, truncatedBytes: 500 });
  });

  it('without any newline is bounded in memory and told once', async () => {
    const bench = await started({ chunkBytes: 4096, maxInFlightBytes: 16_384 });
    for (let i = 0; i < 50; i++) {
      bench.files.append(LOG, 'z'.repeat(10_000));
      await bench.poll();
    }
    bench.files.append(LOG, '\nnext\n');
    await bench.poll();
    expect(bench.lines).toEqual(['z'.repeat(1000), 'next']);
    expect(bench.tailer.counters.truncatedBytes).toBe(499_000);
  });

  it('does not keep others from their turn', async () => {
    const bench = await started({ chunkBytes: 100, maxPollBytes: 1000 });
    bench.acknowledges = false;
    bench.files.append('/pods/busy.log', textOf(numbered(0, 5000)));
    bench.files.append('/pods/quiet.log', 'quiet\n');
    await bench.poll();
    expect(bench.lines).toContain('quiet');
    expect(bench.lines.length).toBeLessThan(300);
  });

  it('lets the next look wait once all is read, acknowledged and saved, until something happens', async () => {
    const bench = await started();
    bench.acknowledges = false;
    bench.files.append(LOG, 'one\n');
    const isAtRest = async (): Promise<boolean> =>
      (await bench.tailer.poll((bench.nowMs += 1))).isAtRest;
    expect(await isAtRest()).toBe(false);
    bench.acknowledgeAll();
    expect(await isAtRest()).toBe(false);
    bench.files.tellsOfChanges = true;
    expect(await isAtRest()).toBe(true);
    bench.files.append(LOG, 'two\n');
    bench.tailer.noteChange('/pods');
    expect(await isAtRest()).toBe(false);
    bench.acknowledgeAll();
    await isAtRest();
    expect(await isAtRest()).toBe(true);
    bench.files.tellsOfChanges = false;
    expect(await isAtRest()).toBe(false);
  });

  it('waits when too much is under way, and goes on after acknowledgement', async () => {
    const bench = await started({ chunkBytes: 100, maxInFlightBytes: 300 });
    bench.acknowledges = false;
    bench.files.append(LOG, textOf(numbered(0, 100)));
    await bench.poll(5);
    expect(bench.tailer.inFlightBytes).toBeLessThanOrEqual(400);
    const before = bench.lines.length;
    expect(before).toBeLessThan(60);
    expect((await bench.tailer.poll(bench.nowMs)).isBlocked).toBe(true);
    expect(bench.tailer.status(bench.nowMs + 4000)[0]!.lagSeconds).toBeGreaterThan(3);
    while (bench.lines.length < 100) {
      bench.acknowledgeAll();
      await bench.poll();
    }
    expect(bench.lines).toEqual(numbered(0, 100));
  });
});

describe('rotation by rename', () => {
  it('finishes the old file, then begins the new one', async () => {
    const bench = await started();
    bench.files.append(LOG, 'one\n');
    await bench.poll();
    bench.files.append(LOG, 'two\n');
    bench.files.rename(LOG, `${LOG}.1`);
    bench.files.append(`${LOG}.1`, 'late\n');
    bench.files.append(LOG, 'three\n');
    await bench.poll();
    bench.files.append(`${LOG}.1`, 'very late\n');
    await bench.poll();
    expect(bench.lines).toEqual(['one', 'two', 'late', 'three', 'very late']);
    await bench.settle();
    expect(bench.files.openHandles).toBe(1);
    expect(bench.ended).toHaveLength(1);
  });

  it('does not read a file again that is found under its rotated name as well', async () => {
    const bench = await started();
    bench.files.matches = () => true;
    bench.files.append(LOG, 'one\n');
    await bench.poll();
    bench.files.rename(LOG, `${LOG}.1`);
    bench.files.append(LOG, 'two\n');
    await bench.poll();
    await bench.settle();
    await bench.settle();
    expect(bench.lines).toEqual(['one', 'two']);
  });

  it('leaves older rotated files and other neighbours alone', async () => {
    const bench = await started();
    bench.files.append(`${LOG}.1`, 'ancient\n');
    bench.files.append(`${LOG}.gz`, 'binary\n');
    bench.nowMs += 3_600_000;
    bench.files.nowMs = bench.nowMs;
    bench.files.append(LOG, 'one\n');
    bench.files.append(`${LOG}.pos`, '123\n');
    await bench.poll();
    bench.files.rename(LOG, `${LOG}.2`);
    bench.files.append(LOG, 'two\n');
    await bench.poll();
    expect(bench.lines).toEqual(['one', 'two']);
  });

  it('misses no file that came and went between two looks', async () => {
    const bench = await started();
    const expected: string[] = ['first'];
    bench.files.append(LOG, 'first\n');
    await bench.poll();
    bench.files.rename(LOG, `${LOG}.1000`);
    for (let round = 0; round < 30; round++) {
      for (let inner = 0; inner < 5; inner++) {
        const line = `round ${round} file ${inner}`;
        expected.push(line);
        bench.files.append(LOG, `${line}\n`);
        bench.nowMs += 3;
        bench.files.nowMs = bench.nowMs;
        if (inner < 4) bench.files.rename(LOG, `${LOG}.${round * 10 + inner}`);
      }
      await bench.poll();
      bench.files.rename(LOG, `${LOG}.${round * 10 + 9}`);
    }
    await bench.settle();
    expect(bench.lines).toEqual(expected);
  });

  it('misses none when the path was empty at one look', async () => {
    const bench = await started();
    bench.files.append(LOG, 'one\n');
    await bench.poll();
    bench.files.rename(LOG, `${LOG}.1`);
    await bench.poll();
    bench.files.append(LOG, 'two\n');
    bench.files.rename(LOG, `${LOG}.2`);
    bench.files.append(LOG, 'three\n');
    await bench.poll();
    expect(bench.lines).toEqual(['one', 'two', 'three']);
  });

  it('goes on with a file that grows after it was closed', async () => {
    const bench = await started();
    bench.files.matches = () => true;
    bench.files.append(LOG, 'one\n');
    await bench.poll();
    bench.files.rename(LOG, `${LOG}.1`);
    await bench.settle();
    expect(bench.files.openHandles).toBe(0);
    bench.files.append(`${LOG}.1`, 'two\n');
    await bench.poll();
    expect(bench.lines).toEqual(['one', 'two']);
  });
});

describe('truncation', () => {
  it('begins at the front again', async () => {
    const bench = await started();
    bench.files.append(LOG, 'one\ntwo\n');
    await bench.poll();
    bench.files.truncate(LOG);
    await bench.poll();
    bench.files.append(LOG, 'three\n');
    await bench.poll();
    expect(bench.lines).toEqual(['one', 'two', 'three']);
    expect(bench.tailer.counters.truncations).toBe(1);
  });

  it('is noticed also when the file has grown beyond the old offset since', async () => {
    const bench = await started();
    bench.files.append(LOG, 'one\ntwo\n');
    await bench.poll();
    bench.files.truncate(LOG);
    const lines = numbered(0, 20);
    bench.files.append(LOG, textOf(lines));
    await bench.poll();
    expect(bench.lines).toEqual(['one', 'two', ...lines]);
  });

  it('is noticed after a restart, and does not mix old acknowledgements in', async () => {
    const bench = await started();
    bench.acknowledges = false;
    bench.files.append(LOG, textOf(numbered(0, 10)));
    await bench.poll();
    bench.files.truncate(LOG);
    await bench.poll();
    bench.acknowledgeAll();
    expect(bench.tailer.status(bench.nowMs)[0]).toMatchObject({
      readOffset: 0,
      committedOffset: 0,
    });
    bench.acknowledges = true;
    bench.files.append(LOG, 'new\n');
    await bench.poll();
    await bench.tailer.stop(bench.nowMs);
    bench.files.truncate(LOG);
    bench.files.append(LOG, 'newer\nnewest\n');
    await bench.start();
    await bench.poll();
    expect(bench.lines).toEqual([...numbered(0, 10), 'new', 'newer', 'newest']);
  });
});

describe('deletion', () => {
  it('drains the open file, its unfinished line included', async () => {
    const bench = await started();
    bench.files.append(LOG, 'one\n');
    await bench.poll();
    bench.files.append(LOG, 'two\nlast');
    bench.files.delete(LOG);
    await bench.settle();
    expect(bench.lines).toEqual(['one', 'two', 'last']);
    expect(bench.files.openHandles).toBe(0);
    expect(bench.tailer.status(bench.nowMs)).toEqual([]);
  });

  it('does not take a new file with the same inode for the old one', async () => {
    const bench = await started();
    bench.files.append(LOG, 'one\ntwo\n');
    await bench.poll();
    await bench.tailer.stop(bench.nowMs);
    bench.files.delete(LOG);
    bench.files.append(LOG, 'other\nbytes\n');
    await bench.start();
    await bench.poll();
    expect(bench.lines).toEqual(['one', 'two', 'other', 'bytes']);
  });

  it('nor one of the same size', async () => {
    const bench = await started();
    bench.files.append(LOG, 'one\ntwo\n');
    await bench.poll();
    await bench.tailer.stop(bench.nowMs);
    bench.files.delete(LOG);
    bench.files.append(LOG, 'six\nten\n');
    await bench.start();
    await bench.poll();
    expect(bench.lines).toEqual(['one', 'two', 'six', 'ten']);
  });
});

describe('a restart', () => {
  it('goes on where everything was acknowledged', async () => {
    const bench = await started();
    bench.files.append(LOG, 'one\ntwo\n');
    await bench.poll();
    await bench.tailer.stop(bench.nowMs);
    expect(bench.files.openHandles).toBe(0);
    bench.files.append(LOG, 'three\n');
    await bench.start({}, { from: 'end' });
    await bench.poll();
    expect(bench.lines).toEqual(['one', 'two', 'three']);
  });

  it('tells again what was not acknowledged', async () => {
    const bench = await started({ chunkBytes: 8 });
    bench.files.append(LOG, textOf(['aaaaaa', 'bbbbbb', 'cccccc']));
    bench.acknowledges = false;
    await bench.poll();
    expect(bench.waiting.length).toBeGreaterThanOrEqual(3);
    bench.tailer.acknowledge(bench.waiting[0]!);
    bench.tailer.acknowledge(bench.waiting[2]!);
    await bench.tailer.stop(bench.nowMs);
    bench.acknowledges = true;
    bench.lines.length = 0;
    await bench.start();
    await bench.poll();
    expect(bench.lines).toEqual(['bbbbbb', 'cccccc']);
  });

  it('tells again a line that was held back for its continuation', async () => {
    const bench = await started();
    bench.acknowledges = false;
    bench.files.append(LOG, 'first\npart\n');
    await bench.poll();
    bench.tailer.acknowledge(bench.waiting[0]!, 6);
    await bench.tailer.stop(bench.nowMs);
    bench.acknowledges = true;
    bench.lines.length = 0;
    await bench.start();
    await bench.poll();
    expect(bench.lines).toEqual(['part']);
  });

  it('finds a file again that was renamed meanwhile, and those that came and went', async () => {
    const bench = await started();
    bench.files.append(LOG, 'one\n');
    await bench.poll();
    await bench.tailer.stop(bench.nowMs);
    bench.files.append(LOG, 'two\n');
    for (const [index, line] of ['three', 'four', 'five'].entries()) {
      bench.files.rename(LOG, `${LOG}.${index}`);
      bench.nowMs += 1000;
      bench.files.nowMs = bench.nowMs;
      bench.files.append(LOG, `${line}\n`);
    }
    await bench.start({}, { from: 'end' });
    await bench.poll();
    expect(bench.lines).toEqual(['one', 'two', 'three', 'four', 'five']);
    await bench.settle();
    await bench.tailer.stop(bench.nowMs);
    await bench.start();
    await bench.settle();
    expect(bench.lines).toHaveLength(5);
  });

  it('tells what an old file still has before the new one, however long ago it was renamed', async () => {
    const bench = await started({ chunkBytes: 16 });
    bench.acknowledges = false;
    bench.files.append(LOG, textOf(numbered(0, 10)));
    await bench.poll();
    bench.nowMs += 3_600_000;
    await bench.poll();
    await bench.tailer.stop(bench.nowMs);
    bench.files.rename(LOG, `${LOG}.old`);
    bench.files.append(LOG, textOf(numbered(10, 20)));
    bench.lines.length = 0;
    bench.acknowledges = true;
    await bench.start({ chunkBytes: 16 });
    await bench.poll();
    expect(bench.lines).toEqual(numbered(0, 20));
  });

  it('finds a renamed file again also when its path is gone', async () => {
    const bench = await started();
    bench.files.append(LOG, 'one\n');
    await bench.poll();
    await bench.tailer.stop(bench.nowMs);
    bench.files.append(LOG, 'two\n');
    bench.files.rename(LOG, `${LOG}.1`);
    await bench.start();
    await bench.settle();
    expect(bench.lines).toEqual(['one', 'two']);
  });

  it('counts a file that is gone', async () => {
    const bench = await started();
    bench.files.append(LOG, 'one\n');
    await bench.poll();
    await bench.tailer.stop(bench.nowMs);
    bench.files.delete(LOG);
    await bench.start();
    await bench.poll(2, 60_001);
    expect(bench.tailer.counters.lostFiles).toBe(1);
    expect(bench.store.saved).toEqual([]);
  });
});

describe('trouble with a file', () => {
  it('is shown, counted, and over when it is over', async () => {
    const bench = await started();
    bench.files.append(LOG, 'one\n');
    bench.files.append('/pods/1.log', 'other\n');
    bench.files.readErrors.set(LOG, new LogFileError('unreadable', LOG));
    await bench.poll(2);
    expect(bench.lines).toEqual(['other']);
    const status = bench.tailer.status(bench.nowMs).find(({ path }) => path === LOG);
    expect(status?.lastError).toBe('/pods/0.log: unreadable');
    expect(bench.tailer.counters.readErrors).toBeGreaterThan(0);
    bench.files.readErrors.clear();
    await bench.poll();
    expect(bench.lines).toEqual(['other', 'one']);
  });

  it('with too many of them leaves the rest unread and says so', async () => {
    const bench = await started({ maxFiles: 2 });
    for (let i = 0; i < 5; i++) bench.files.append(`/pods/${i}.log`, 'x\n');
    await bench.poll(2);
    expect(bench.lines).toHaveLength(2);
    expect(bench.tailer.counters.skippedFiles).toBe(3);
  });
});

type Step =
  | { readonly kind: 'write'; readonly lines: number; readonly cut: boolean }
  | { readonly kind: 'rotate' }
  | { readonly kind: 'poll' }
  | { readonly kind: 'kill' };

function steps(withKills: boolean): fc.Arbitrary<Step[]> {
  return fc.array(
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          kind: fc.constant('write' as const),
          lines: fc.integer({ min: 1, max: 8 }),
          cut: fc.boolean(),
        }),
      },
      { weight: 3, arbitrary: fc.constant<Step>({ kind: 'rotate' }) },
      { weight: 4, arbitrary: fc.constant<Step>({ kind: 'poll' }) },
      { weight: withKills ? 2 : 0, arbitrary: fc.constant<Step>({ kind: 'kill' }) },
    ),
    { maxLength: 60 },
  );
}

async function run(bench: Bench, sequence: readonly Step[], options: Partial<LogTailerOptions>) {
  let written = 0;
  let rotations = 0;
  let pending = '';
  const flush = (): void => {
    bench.files.append(LOG, pending);
    pending = '';
  };
  for (const step of sequence) {
    bench.nowMs += 7;
    bench.files.nowMs = bench.nowMs;
    switch (step.kind) {
      case 'write': {
        const text = pending + textOf(numbered(written, written + step.lines));
        const cut = step.cut ? text.length - 3 : text.length;
        written += step.lines;
        bench.files.append(LOG, text.slice(0, cut));
        pending = text.slice(cut);
        break;
      }
      case 'rotate':
        if (written === 0) break;
        // A writer finishes its line before it turns to the new file.
        flush();
        bench.files.rename(LOG, `${LOG}.${++rotations}`);
        bench.files.append(LOG, '');
        break;
      case 'poll':
        await bench.poll();
        break;
      case 'kill':
        // Nothing is saved or closed properly; the next run has only what the store has.
        await bench.start(options);
        break;
    }
  }
  flush();
  await bench.settle();
  return written;
}

describe('any sequence of writing, rotating and looking', () => {
  /** Closed whenever it can be. */
  const closing = { closeQuietMs: 0, maxOpenFiles: 2 };

  it.each([
    ['open while quiet', {}],
    ['closed at once', closing],
  ])('tells each line once and in order, %s', async (_, more) => {
    await fc.assert(
      fc.asyncProperty(
        steps(false),
        fc.integer({ min: 16, max: 64 }),
        async (sequence, chunkBytes) => {
          const options = { chunkBytes, ...more };
          const bench = await started(options);
          await bench.poll();
          const written = await run(bench, sequence, options);
          expect(bench.lines).toEqual(numbered(0, written));
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each([
    ['open while quiet', {}],
    ['closed at once', closing],
  ])('tells each line at least once when it is killed at any time, %s', async (_, more) => {
    await fc.assert(
      fc.asyncProperty(
        steps(true),
        fc.integer({ min: 16, max: 64 }),
        async (sequence, chunkBytes) => {
          const options = { chunkBytes, checkpointIntervalMs: 150, ...more };
          const bench = await started(options);
          bench.files.append(LOG, '');
          await bench.poll();
          await bench.tailer.save(bench.nowMs);
          const written = await run(bench, sequence, options);
          expect([...new Set(bench.lines)].toSorted()).toEqual(numbered(0, written).toSorted());
        },
      ),
      { numRuns: 300 },
    );
  });
});

async function stalled(): Promise<Bench> {
  const bench = await started();
  bench.files.append(LOG, 'line 0\n');
  await bench.poll();
  return bench;
}

function rotate(bench: Bench, number: number): string {
  const rotated = `${LOG}.20260301-08000${number}`;
  bench.files.rename(LOG, rotated);
  bench.files.append(LOG, '');
  return rotated;
}

describe('rotated files that were compressed before they were read', () => {
  it('are read, before those that were not, and those that were read are not read again', async () => {
    const bench = await stalled();
    bench.files.append(LOG, 'line 1\n');
    bench.files.compress(rotate(bench, 1));
    bench.files.append(LOG, 'line 2\n');
    bench.files.compress(rotate(bench, 2));
    bench.files.append(LOG, 'line 3\n');
    rotate(bench, 3);
    bench.files.append(LOG, 'line 4\n');
    await bench.settle();
    expect(bench.lines).toEqual(numbered(0, 5));
    rotate(bench, 4);
    bench.files.append(LOG, 'line 5\n');
    await bench.settle();
    expect(bench.lines).toEqual(numbered(0, 6));
  });

  it('are continued by the next run where the last one stopped', async () => {
    const bench = await stalled();
    await bench.tailer.stop(bench.nowMs);
    bench.files.append(LOG, 'line 1\n');
    bench.files.compress(rotate(bench, 1));
    bench.files.append(LOG, 'line 2\n');
    await bench.start();
    await bench.settle();
    expect(bench.lines).toEqual(numbered(0, 3));
    expect(bench.tailer.counters.lostFiles).toBe(0);
  });

  it('are known when they are compressed after they were read', async () => {
    const bench = await stalled();
    const rotated = rotate(bench, 1);
    bench.files.append(LOG, 'line 1\n');
    await bench.settle();
    bench.files.compress(rotated);
    rotate(bench, 2);
    bench.files.append(LOG, 'line 2\n');
    await bench.settle();
    expect(bench.lines).toEqual(numbered(0, 3));
  });
});

/** A tailer that has read a file and closed it, for it was quiet. */
async function closed(lines = ['line 0']): Promise<Bench> {
  const bench = await started({ closeQuietMs: 1_000 });
  bench.files.append(LOG, textOf(lines));
  await bench.poll(2, 1_000);
  expect(bench.files.openHandles).toBe(0);
  expect(bench.tailer.status(bench.nowMs)).toMatchObject([{ path: LOG, isOpen: false }]);
  return bench;
}

describe('a file that is quiet', () => {
  it('is closed, and opened again when it grows', async () => {
    const bench = await closed();
    await bench.poll(3, 1_000);
    expect(bench.files.openHandles).toBe(0);
    bench.files.append(LOG, 'line 1\nline 2\n');
    await bench.poll();
    expect(bench.lines).toEqual(numbered(0, 3));
    expect(bench.tailer.openFiles).toBe(1);
    expect(bench.tailer.status(bench.nowMs)).toMatchObject([{ isOpen: true, lagBytes: 0 }]);
  });

  it('stays open with an unfinished line, or one that is held back or not acknowledged', async () => {
    const bench = await started({ closeQuietMs: 1_000 });
    bench.files.append(LOG, 'half of a');
    await bench.poll(3, 1_000);
    expect(bench.tailer.openFiles).toBe(1);
    bench.acknowledges = false;
    bench.files.append(LOG, ' line\n');
    await bench.poll(3, 1_000);
    expect(bench.tailer.openFiles).toBe(1);
    bench.acknowledgeAll();
    await bench.poll(3, 1_000);
    expect(bench.tailer.openFiles).toBe(0);
  });

  it('is found under its other name when it is renamed while it is closed', async () => {
    const bench = await closed();
    bench.files.append(LOG, 'line 1\n');
    const rotated = rotate(bench, 1);
    bench.files.append(LOG, 'line 3\n');
    bench.files.append(rotated, 'line 2\n');
    await bench.settle();
    expect(bench.lines).toEqual(numbered(0, 4));
    expect(bench.tailer.counters).toMatchObject({ rotations: 1, truncations: 0, lostBytes: 0 });
  });

  it.each([
    ['a file', ['line 0']],
    ['an empty file', []],
  ])('is continued from the archive that is made of %s while it is closed', async (_, lines) => {
    const bench = await closed(lines);
    bench.files.append(LOG, textOf(numbered(lines.length, 3)));
    bench.files.compress(rotate(bench, 1));
    bench.files.append(LOG, 'line 3\n');
    await bench.settle();
    expect(bench.lines).toEqual(numbered(0, 4));
    await bench.settle();
    expect(bench.tailer.status(bench.nowMs)).toHaveLength(1);
  });

  it('ends when it is deleted while it is closed', async () => {
    const bench = await closed();
    bench.files.delete(LOG);
    await bench.settle();
    expect(bench.ended).toHaveLength(1);
    expect(bench.tailer.status(bench.nowMs)).toEqual([]);
    expect(bench.tailer.counters).toMatchObject({ lostFiles: 0, readErrors: 0 });
  });

  it.each([
    ['another', 'other 1\nother 2\n', ['other 1', 'other 2']],
    ['another of its size', 'lime 0\n', ['lime 0']],
    ['a smaller one', 'x\n', ['x']],
  ])('is not taken for %s that gets its inode and its name', async (_, text, expected) => {
    const bench = await closed();
    bench.files.delete(LOG);
    bench.nowMs += 5;
    bench.files.nowMs = bench.nowMs;
    bench.files.append(LOG, text);
    await bench.poll(2);
    expect(bench.lines).toEqual(['line 0', ...expected]);
  });

  it('is read from the front when it is truncated while it is closed', async () => {
    const bench = await closed();
    bench.files.truncate(LOG);
    bench.files.append(LOG, 'line 1\n');
    await bench.poll(2);
    expect(bench.lines).toEqual(numbered(0, 2));
    expect(bench.tailer.counters.truncations).toBe(1);
  });
});

describe('more files than may be open', () => {
  it('are all read, while those that were quiet for longest are closed', async () => {
    let most = 0;
    const bench = await started({ maxOpenFiles: 5 });
    const look = bench.files.open.bind(bench.files);
    bench.files.open = async (...args) => {
      const handle = await look(...args);
      most = Math.max(most, bench.files.openHandles);
      return handle;
    };
    const paths = Array.from({ length: 40 }, (_, i) => `/pods/${i}.log`);
    for (const [i, path] of paths.entries()) bench.files.append(path, `first ${i}\n`);
    await bench.poll(10);
    for (const [i, path] of paths.entries()) bench.files.append(path, `second ${i}\n`);
    await bench.poll(10);
    expect(bench.lines.toSorted()).toEqual(
      paths.flatMap((_, i) => [`first ${i}`, `second ${i}`]).toSorted(),
    );
    expect(most).toBe(5);
    expect(bench.tailer.counters.skippedFiles).toBe(0);
    // What is busy keeps its place.
    bench.files.append('/pods/7.log', 'third\n');
    await bench.poll();
    bench.files.append('/pods/8.log', 'third\n');
    await bench.poll();
    const open = bench.tailer.status(bench.nowMs).filter(({ isOpen }) => isOpen);
    expect(open.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['/pods/7.log', '/pods/8.log']),
    );
  });

  it('wait, and are counted, while none can be closed', async () => {
    const bench = await started({ maxOpenFiles: 2 });
    bench.acknowledges = false;
    for (let i = 0; i < 4; i++) bench.files.append(`/pods/${i}.log`, `line ${i}\n`);
    await bench.poll(3);
    expect(bench.lines).toHaveLength(2);
    expect(bench.tailer.counters.skippedFiles).toBe(2);
    bench.acknowledges = true;
    bench.acknowledgeAll();
    await bench.poll(3);
    expect(bench.lines.toSorted()).toEqual(numbered(0, 4));
    expect(bench.tailer.counters.skippedFiles).toBe(0);
  });
});
