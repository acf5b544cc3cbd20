import { describe, expect, it } from '@jest/globals';
import { LogFileError } from './log-files.ts';
import { Bench, LOG, numbered, rotate, started } from './tailer-bench.ts';

async function stalled(): Promise<Bench> {
  const bench = await started();
  bench.files.append(LOG, 'line 0\n');
  await bench.poll();
  return bench;
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

  it('are read once they can be, where that fails at first and they are found by their own names', async () => {
    const bench = new Bench();
    bench.files.matches = (_, path) => path.includes('.log');
    const archive = `${LOG}.20260301-080001.gz`;
    bench.files.append(LOG, 'line 0\n');
    bench.files.compress(rotate(bench, 1));
    bench.files.append(LOG, 'line 1\n');
    bench.files.readErrors.set(archive, new LogFileError('unreadable', archive));
    await bench.start();
    await bench.settle();
    expect(bench.lines).toEqual(['line 1']);
    bench.files.readErrors.clear();
    await bench.settle();
    expect(bench.lines.toSorted()).toEqual(numbered(0, 2));
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

  it('are continued by the next run also where nothing took their name', async () => {
    const bench = await stalled();
    await bench.tailer.stop(bench.nowMs);
    bench.files.append(LOG, 'line 1\n');
    bench.files.rename(LOG, `${LOG}.20260301-080001`);
    bench.files.compress(`${LOG}.20260301-080001`);
    await bench.start();
    await bench.poll(2);
    expect(bench.lines).toEqual(numbered(0, 2));
    // Longer than files of an earlier run are looked for.
    await bench.poll(10, 10_000);
    bench.files.append(LOG, 'line 2\n');
    await bench.settle();
    expect(bench.lines).toEqual(numbered(0, 3));
    expect(bench.tailer.counters).toMatchObject({ lostFiles: 0, lostBytes: 0 });
  });

  it('are read on when they grew between the end of reading and being compressed', async () => {
    const bench = await stalled();
    const rotated = rotate(bench, 1);
    bench.files.append(LOG, 'line 1\n');
    await bench.settle();
    bench.files.append(rotated, 'line 2\n');
    bench.files.compress(rotated);
    rotate(bench, 2);
    bench.files.append(LOG, 'line 3\n');
    await bench.settle();
    expect(bench.lines).toEqual(numbered(0, 4));
  });

  it.each([
    ['while it runs', false],
    ['while it is stopped', true],
  ])('are read though the new file gets the inode of the old one %s', async (_, isStopped) => {
    const bench = await started({ closeQuietMs: 0 });
    bench.files.append(LOG, 'line 0\n');
    await bench.poll(2);
    expect(bench.files.openHandles).toBe(0);
    if (isStopped) await bench.tailer.stop(bench.nowMs);
    bench.files.append(LOG, 'line 1\n');
    bench.files.compress(rotate(bench, 1));
    bench.files.append(LOG, 'line 2\n');
    // The inode of the first file is free by now.
    rotate(bench, 2);
    bench.files.append(LOG, 'line 3\n');
    if (isStopped) await bench.start({ closeQuietMs: 0 });
    await bench.settle();
    expect(bench.lines).toEqual(numbered(0, 4));
    await bench.poll(10, 10_000);
    expect(bench.lines).toEqual(numbered(0, 4));
    expect(bench.tailer.counters).toMatchObject({ truncations: 0, lostFiles: 0, lostBytes: 0 });
  });

  it('are read though one gets the inode of a file that was read', async () => {
    const bench = await started({ closeQuietMs: 0 });
    bench.files.append(LOG, 'line 0\n');
    await bench.poll();
    const first = rotate(bench, 1);
    bench.files.append(LOG, 'line 1\n');
    await bench.settle();
    expect(bench.files.openHandles).toBe(0);
    bench.files.delete(first);
    bench.files.append(LOG, 'line 2\n');
    const second = rotate(bench, 2);
    bench.files.append(LOG, 'line 3\n');
    bench.files.compress(second);
    await bench.settle();
    expect(bench.lines).toEqual(numbered(0, 4));
  });

  it.each([
    ['while it runs', false],
    ['while it is stopped', true],
  ])('or copied before they were truncated are read on from the copy, %s', async (_, isStopped) => {
    const bench = await started({ closeQuietMs: 0 });
    bench.files.append(LOG, 'line 0\n');
    await bench.poll(2);
    if (isStopped) await bench.tailer.stop(bench.nowMs);
    bench.files.append(`${LOG}.1`, 'line 0\nline 1\n');
    bench.files.truncate(LOG);
    bench.files.append(LOG, 'line 2\n');
    if (isStopped) await bench.start({ closeQuietMs: 0 });
    await bench.settle();
    expect(bench.lines).toEqual(numbered(0, 3));
  });

  it('are left alone while they are being made of a file that is there', async () => {
    const bench = await stalled();
    const rotated = rotate(bench, 1);
    bench.files.append(rotated, 'line 1\n');
    bench.files.append(`${rotated}.gz`, 'line 0\n');
    bench.files.append(LOG, 'line 2\n');
    await bench.settle();
    expect(bench.lines).toEqual(numbered(0, 3));
  });

  it('are known also where the pattern finds them', async () => {
    const bench = new Bench();
    bench.files.matches = (_, path) => path.includes('.log');
    await bench.start();
    bench.files.append(LOG, 'line 0\n');
    await bench.poll();
    const rotated = rotate(bench, 1);
    bench.files.append(rotated, 'line 1\n');
    bench.files.append(LOG, 'line 2\n');
    await bench.settle();
    bench.files.compress(rotated);
    await bench.settle();
    await bench.tailer.stop(bench.nowMs);
    await bench.start();
    await bench.settle();
    expect(bench.lines).toEqual(numbered(0, 3));
  });
});

describe('a container that is started again and again', () => {
  it('is heard each time, though its file has the inode and size of one that was read', async () => {
    const bench = await started();
    for (let run = 0; run < 4; run++) {
      bench.files.append(`/pods/${run}.log`, `line ${run}\n`);
      await bench.settle();
      bench.files.delete(`/pods/${run}.log`);
      await bench.settle();
    }
    expect(bench.lines).toEqual(numbered(0, 4));
  });
});
