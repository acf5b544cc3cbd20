import { inflateSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { drawLineChart } from './line-chart.ts';

const MINUTE_MS = 60_000;

/** The pixels of a PNG as this encoder writes them: chunks, a palette, unfiltered rows. */
function pixelsOf(png: Uint8Array): {
  width: number;
  height: number;
  at: (x: number, y: number) => number;
} {
  const file = Buffer.from(png);
  expect(file.subarray(1, 4).toString()).toBe('PNG');
  const width = file.readUInt32BE(16);
  const height = file.readUInt32BE(20);
  let rows = Buffer.alloc(0);
  let palette = Buffer.alloc(0);
  for (let at = 8; at < file.length;) {
    const length = file.readUInt32BE(at);
    const type = file.toString('latin1', at + 4, at + 8);
    const data = file.subarray(at + 8, at + 8 + length);
    if (type === 'PLTE') palette = data;
    if (type === 'IDAT') rows = inflateSync(data);
    at += length + 12;
  }
  expect(rows).toHaveLength(height * (width + 1));
  return {
    width,
    height,
    at: (x, y) => palette.readUIntBE(rows[y * (width + 1) + 1 + x]! * 3, 3),
  };
}

function chartOf(values: readonly number[], threshold: number | null = null): Uint8Array | null {
  return drawLineChart({
    startMs: 0,
    endMs: (values.length - 1) * MINUTE_MS,
    stepMs: MINUTE_MS,
    series: [{ timesMs: values.map((_, i) => i * MINUTE_MS), values }],
    threshold,
  });
}

const BLUE = 0x24_57_a6;
const RED = 0xb3_26_1e;

/** The heights, from the top, at which a column has a colour. */
function column(png: Uint8Array, x: number, colour: number): number[] {
  const { height, at } = pixelsOf(png);
  return Array.from({ length: height }, (_, y) => y).filter((y) => at(x, y) === colour);
}

describe('drawLineChart', () => {
  it('draws what rises as a line that rises, and a threshold where it is', () => {
    const png = chartOf([0, 10, 20, 30], 20)!;
    const { width } = pixelsOf(png);
    const left = column(png, 90, BLUE)[0]!;
    const right = column(png, width - 20, BLUE)[0]!;
    expect(right).toBeLessThan(left);
    const dashes = Array.from({ length: width }, (_, x) => column(png, x, RED)[0]).filter(
      (y) => y !== undefined,
    );
    expect(new Set(dashes).size).toBe(1);
    expect(dashes.length).toBeGreaterThan(100);
    expect(dashes[0]).toBeLessThan(left);
    expect(dashes[0]).toBeGreaterThan(right);
  });

  it('joins no points over a gap', () => {
    const values = [1, 1, 1, Number.NaN, Number.NaN, Number.NaN, 1, 1, 1];
    const png = chartOf(values)!;
    const { width } = pixelsOf(png);
    expect(column(png, Math.round((84 + width - 16) / 2), BLUE)).toEqual([]);
    expect(column(png, 100, BLUE)).not.toEqual([]);
  });

  it('is null without a value to show', () => {
    expect(chartOf([Number.NaN, Infinity])).toBeNull();
    expect(chartOf([])).toBeNull();
  });

  it('gives a small picture for any values', () => {
    const sizes: number[] = [];
    const values = fc.array(fc.double(), { minLength: 2, maxLength: 200 });
    fc.assert(
      fc.property(values, fc.option(fc.double()), (points, threshold) => {
        sizes.push(chartOf(points, threshold)?.length ?? 0);
      }),
      { numRuns: 50 },
    );
    expect(Math.max(...sizes)).toBeLessThan(64_000);
  });
});
