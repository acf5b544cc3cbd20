import { setImmediate as yieldToLoop } from 'node:timers/promises';
import { describe, expect, it, jest } from '@jest/globals';
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
    // A clock of its own: a millisecond for a thousand comparisons, whatever else the machine does.
    let comparisons = 0;
    const now = jest.spyOn(performance, 'now').mockImplementation(() => comparisons / 1_000);
    let most = 0;
    let before = 0;
    const compare = (a: readonly number[], b: readonly number[]): number => {
      comparisons++;
      return byFirst(a, b);
    };
    try {
      await sortInTurns(items, compare, async () => {
        most = Math.max(most, comparisons - before);
        before = comparisons;
        await yieldToLoop();
      });
    } finally {
      now.mockRestore();
    }
    expect(before).toBeGreaterThan(1_000_000);
    // Four milliseconds, and the longest piece between two looks at the clock.
    expect(most).toBeLessThan(4_000 + 12_000);
  });
});
