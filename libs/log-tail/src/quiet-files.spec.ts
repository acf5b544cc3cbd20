import { describe, expect, it } from '@jest/globals';
import { type Bench, LOG, numbered, rotate, started, textOf } from './tailer-bench.ts';

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

  it('is continued from its archive also where nothing took its name', async () => {
    const bench = await closed();
    bench.files.append(LOG, 'line 1\n');
    bench.files.rename(LOG, `${LOG}.20260301-080001`);
    bench.files.compress(`${LOG}.20260301-080001`);
    await bench.settle();
    expect(bench.lines).toEqual(numbered(0, 2));
    bench.files.append(LOG, 'line 2\n');
    await bench.settle();
    expect(bench.lines).toEqual(numbered(0, 3));
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
