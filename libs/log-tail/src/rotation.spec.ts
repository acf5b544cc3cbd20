import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { LogTailerOptions } from './index.ts';
import { type Bench, LOG, numbered, started, textOf } from './tailer-bench.ts';

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

type Step =
  | { readonly kind: 'write'; readonly lines: number; readonly cut: boolean }
  | { readonly kind: 'rotate' | 'leave' | 'compress' | 'poll' | 'wait' | 'stop' | 'kill' };

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
      { weight: 1, arbitrary: fc.constant<Step>({ kind: 'leave' }) },
      { weight: 3, arbitrary: fc.constant<Step>({ kind: 'compress' }) },
      { weight: 1, arbitrary: fc.constant<Step>({ kind: 'wait' }) },
      { weight: 1, arbitrary: fc.constant<Step>({ kind: 'stop' }) },
      { weight: 4, arbitrary: fc.constant<Step>({ kind: 'poll' }) },
      { weight: withKills ? 2 : 0, arbitrary: fc.constant<Step>({ kind: 'kill' }) },
    ),
    { maxLength: 60 },
  );
}

async function run(bench: Bench, sequence: readonly Step[], options: Partial<LogTailerOptions>) {
  let written = 0;
  let rotations = 0;
  let compressed = 0;
  let pending = '';
  const leave = (): void => {
    // A writer finishes its line before it turns to the new file.
    bench.files.append(LOG, pending);
    pending = '';
    bench.files.rename(LOG, `${LOG}.${++rotations}`);
  };
  let isThere = true;
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
        isThere = true;
        break;
      }
      case 'rotate':
      case 'leave':
        if (written === 0 || !isThere) break;
        leave();
        isThere = step.kind === 'rotate';
        if (isThere) bench.files.append(LOG, '');
        break;
      case 'compress':
        // The oldest first, as whoever rotates does.
        if (compressed < rotations) bench.files.compress(`${LOG}.${++compressed}`);
        break;
      case 'poll':
        await bench.poll();
        break;
      case 'wait':
        await bench.settle();
        break;
      case 'stop':
        await bench.tailer.stop(bench.nowMs);
        await bench.start(options);
        break;
      case 'kill':
        // Nothing is saved or closed properly; the next run has only what the store has.
        await bench.start(options);
        break;
    }
  }
  bench.files.append(LOG, pending);
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
          bench.files.reusesInodes = false;
          bench.files.append(LOG, '');
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
          bench.files.reusesInodes = false;
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
