import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { NO_PAUSES, type Pace } from './pace.ts';
import { sortInTurns } from './sort-in-turns.ts';

const byFirst = (a: readonly number[], b: readonly number[]): number => a[0]! - b[0]!;

/** A pace by the number of comparisons, whatever else the machine does. */
class CountedPace implements Pace {
  comparisons = 0;
  most = 0;
  #before = 0;
  readonly #due: number;

  constructor(due: number) {
    this.#due = due;
  }

  readonly compare = (a: readonly number[], b: readonly number[]): number => {
    this.comparisons++;
    return byFirst(a, b);
  };

  isDue(): boolean {
    return this.comparisons - this.#before >= this.#due;
  }

  async rest(): Promise<void> {
    this.most = Math.max(this.most, this.comparisons - this.#before);
    this.#before = this.comparisons;
  }
}

describe('sortInTurns', () => {
  it.each([0, 1, 2, 1_023, 1_024, 1_025, 2_500, 10_000])(
    'sorts %i items as a stable sort does',
    async (count) => {
      const items = Array.from({ length: count }, (_, i) => [(i * 7_919) % 97, i]);
      const expected = items.toSorted(byFirst);
      await sortInTurns(items, byFirst, NO_PAUSES);
      expect(items).toEqual(expected);
    },
  );

  it('sorts anything', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.integer(), fc.integer())), async (items) => {
        const expected = items.toSorted(byFirst);
        await sortInTurns(items, byFirst, NO_PAUSES);
        expect(items).toEqual(expected);
      }),
    );
  });

  it('lets others have their turn', async () => {
    const items = Array.from({ length: 300_000 }, (_, i) => [(i * 7_919) % 99_991]);
    const pace = new CountedPace(4_000);
    await sortInTurns(items, pace.compare, pace);
    expect(pace.comparisons).toBeGreaterThan(1_000_000);
    // What is due, and the longest piece between two looks.
    expect(pace.most).toBeLessThan(4_000 + 12_000);
  });
});
