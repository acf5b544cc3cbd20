import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SeriesIdTable } from './series-id-table.ts';

/** Ids as a log has them: runs that begin anywhere, also beyond 32 bits. */
const ids = fc
  .array(fc.tuple(fc.nat(2 ** 36), fc.integer({ min: 1, max: 200 })), { maxLength: 20 })
  .map((runs) =>
    runs.flatMap(([first, length]) => Array.from({ length }, (_, i) => first + 1 + i)),
  );

describe('SeriesIdTable', () => {
  it('answers as a map does', () => {
    fc.assert(
      fc.property(ids, ids, (given, asked) => {
        const table = new SeriesIdTable();
        const known = new Map<number, number>();
        for (const [row, id] of given.entries()) {
          expect(table.rowOf(id)).toBe(known.get(id) ?? -1);
          table.set(id, row);
          known.set(id, row);
        }
        for (const id of [...asked, ...given]) expect(table.rowOf(id)).toBe(known.get(id) ?? -1);
      }),
    );
  });

  it('holds more pages than it has room for at first', () => {
    const table = new SeriesIdTable();
    for (let row = 0; row < 5_000; row++) table.set(row * 1_000 + 1, row);
    for (let row = 0; row < 5_000; row++) {
      expect(table.rowOf(row * 1_000 + 1)).toBe(row);
      expect(table.rowOf(row * 1_000 + 2)).toBe(-1);
    }
  });
});
