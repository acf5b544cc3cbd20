import { describe, expect, it } from '@jest/globals';
import { LogFileError } from './index.ts';
import { LOG, numbered, started, textOf } from './tailer-bench.ts';

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
