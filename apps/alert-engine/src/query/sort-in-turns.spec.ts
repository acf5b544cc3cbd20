import { setImmediate as yieldToLoop } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { sortInTurns } from './sort-in-turns.ts';

const byFirst = (a: readonly number[], b: readonly number[]): number => a[0]! - b[0]!;

describe('sortInTurns', () => {
  it.each([0, 1, 2, 999, 1_000, 1_001, 2_500, 10_000])(
    'sorts %i items as a stable sort does',
    async (count) => {
      const items = Array.from({ length: count }, (_, i) => [(i * 7_919) % 97, i]);
      const sorted = await sortInTurns(items, byFirst, () => yieldToLoop());
      expect(sorted).toEqual(items.toSorted(byFirst));
    },
  );

  it('sorts anything', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.integer(), fc.integer())), async (items) => {
        const sorted = await sortInTurns(items, byFirst, () => Promise.resolve());
        expect(sorted).toEqual(items.toSorted(byFirst));
      }),
    );
  });

  it('lets others have their turn', async () => {
    const items = Array.from({ length: 300_000 }, (_, i) => [(i * 7_919) % 99_991]);
    let longestMs = 0;
    let before = performance.now();
    const sorting = new AbortController();
    const watch = (async () => {
      while (!sorting.signal.aborted) {
        await yieldToLoop();
        longestMs = Math.max(longestMs, performance.now() - before);
        before = performance.now();
      }
    })();
    await sortInTurns(items, byFirst, () => yieldToLoop());
    sorting.abort();
    await watch;
    expect(longestMs).toBeLessThan(250);
  });
});
