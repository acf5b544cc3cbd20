import { describe, expect, it } from '@jest/globals';
import { runOutage } from './log-outage.ts';
import { IN_FLIGHT_BYTES } from './simulated-log-path.ts';

const seeds = Array.from({ length: Number(process.env['LOG_OUTAGE_SEEDS'] ?? 2) }, (_, i) => i);
/** No line of a container is shorter. */
const LEAST_LINE_BYTES = 40;
/** Rotated files are held until they are read; none piles up. */
const MOST_OPEN_FILES = 3 * 4;

function isAscending(numbers: readonly number[]): boolean {
  return numbers.every((number, i) => i === 0 || number > numbers[i - 1]!);
}

describe('a sink that is away for an hour', () => {
  it.each(seeds)(
    'costs no line under the cap of the spool, though the collector is killed (seed %d)',
    async (seed) => {
      const spoolBytes = 4 * 1024 * 1024;
      const result = await runOutage({ seed, spoolBytes, isKilled: true });
      expect(result.writtenAway).toBeGreaterThan(20_000);
      expect(result.isDrained).toBe(true);
      expect(result.dropped).toBe(0);
      expect(result.acknowledged).toBe(result.written);
      for (const numbers of result.arrived.values()) expect(isAscending(numbers)).toBe(true);
      expect(result.path.mostDiskBytes).toBeLessThanOrEqual(spoolBytes);
      expect(result.path.mostQueued).toBeLessThanOrEqual((2 * IN_FLIGHT_BYTES) / LEAST_LINE_BYTES);
    },
  );

  it.each(seeds)(
    'costs the oldest beyond the cap, each of them counted, and nobody waits (seed %d)',
    async (seed) => {
      const spoolBytes = 1024 * 1024;
      const result = await runOutage({ seed, spoolBytes, isKilled: false });
      expect(result.isDrained).toBe(true);
      expect(result.dropped).toBeGreaterThan(1_000);
      expect(result.acknowledged + result.dropped).toBe(result.written);
      expect(result.doubled).toBe(0);
      for (const numbers of result.arrived.values()) {
        expect(isAscending(numbers)).toBe(true);
        // What is missing was written before most of what is there, and it is one stretch, but for what was under way.
        const gaps = numbers.filter((number, i) => number !== (numbers[i - 1] ?? -1) + 1);
        expect(gaps.length).toBeLessThanOrEqual(2);
      }
      expect(result.path.mostDiskBytes).toBeLessThanOrEqual(spoolBytes);
      expect(result.path.mostOpenFiles).toBeLessThanOrEqual(MOST_OPEN_FILES);
      expect(result.path.mostQueued).toBeLessThanOrEqual((2 * IN_FLIGHT_BYTES) / LEAST_LINE_BYTES);
    },
  );

  it('runs the same way twice from the same seed', async () => {
    const options = { seed: 5, spoolBytes: 1024 * 1024, isKilled: true };
    const [one, two] = [await runOutage(options), await runOutage(options)];
    expect(one.log.length).toBeGreaterThan(3);
    expect({ ...one, path: null }).toEqual({ ...two, path: null });
  });

  it('is seen to cost lines where there is no spool and the collector is killed', async () => {
    const result = await runOutage({
      seed: 1,
      spoolBytes: 4 * 1024 * 1024,
      hasSpool: false,
      isKilled: true,
    });
    expect(result.acknowledged).toBeLessThan(result.written);
  });
});
