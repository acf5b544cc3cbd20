import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ValuePanes } from './value-panes.ts';
import { Windows } from './windows.ts';

/** The quantile as its definition has it. */
function quantileOf(phi: number, values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => (Number.isNaN(a) ? -1 : Number.isNaN(b) ? 1 : a - b));
  const rank = phi * (sorted.length - 1);
  const lower = Math.floor(rank);
  const weight = rank - lower;
  if (weight === 0) return sorted[lower]!;
  return sorted[lower]! * (1 - weight) + sorted[lower + 1]! * weight;
}

describe('ValuePanes', () => {
  it('finds the quantiles of windows, however they overlap', () => {
    const sample = fc.record({
      time: fc.integer({ min: -5, max: 200 }),
      value: fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double(), fc.constant(Number.NaN)),
    });
    fc.assert(
      fc.property(
        fc.array(sample, { maxLength: 60 }),
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 40 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (samples, rangeNs, stepNs, phi) => {
          const windows = new Windows({ firstEndNs: BigInt(rangeNs), stepNs, count: 5, rangeNs });
          const panes = new ValuePanes(windows.paneCount);
          for (const { time, value } of samples) {
            const pane = windows.paneAt(time);
            if (pane >= 0) panes.add(pane, value);
          }
          panes.sort();
          for (let step = 0; step < 5; step++) {
            const inWindow = samples
              .filter(({ time }) => time > step * stepNs && time <= step * stepNs + rangeNs)
              .map(({ value }) => value);
            expect(panes.countIn(windows, step)).toBe(inWindow.length);
            if (inWindow.length === 0) continue;
            const found = panes.quantile(windows, step, inWindow.length, phi);
            expect(found + 0).toEqual(quantileOf(phi, inWindow) + 0);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
