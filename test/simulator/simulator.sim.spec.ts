import { describe, expect, it } from '@jest/globals';
import { runScenario } from './scenario.ts';

const seeds = Number(process.env['SIMULATOR_SEEDS'] ?? 50);
const CHUNK = 25;

describe('a collector and an engine in simulated time', () => {
  const chunks = Array.from({ length: Math.ceil(seeds / CHUNK) }, (_, i) => i * CHUNK);

  it.each(chunks)('keep their promises under the faults of seeds %d and on', async (first) => {
    for (let seed = first; seed < Math.min(first + CHUNK, seeds); seed++) {
      const { violations } = await runScenario({ seed });
      // `npm run simulate -- --seed N` replays it with its log.
      expect({ seed, violations }).toEqual({ seed, violations: [] });
    }
  });

  it('run the same way twice from the same seed', async () => {
    const [one, two] = [await runScenario({ seed: 7 }), await runScenario({ seed: 7 })];
    expect(one).toEqual(two);
    expect(one.acknowledgedSamples).toBeGreaterThan(100);
  });

  it('announce and close alerts, so that the books are about something', async () => {
    let announced = 0;
    for (let seed = 0; seed < 10; seed++)
      announced += (await runScenario({ seed })).announced.length;
    expect(announced).toBeGreaterThan(10);
  });

  it('are seen to break the contract when the log of notifications is lost at a restart', async () => {
    const violations: string[] = [];
    for (let seed = 0; seed < 40; seed++) {
      const result = await runScenario({ seed, sabotage: 'dispatch-log-forgets' });
      violations.push(...result.violations);
    }
    expect(violations).not.toEqual([]);
  });

  it('are seen to lose silences when they are gone at a restart', async () => {
    const violations: string[] = [];
    let silences = 0;
    for (let seed = 0; seed < 20; seed++) {
      const result = await runScenario({ seed, sabotage: 'silences-are-forgotten' });
      violations.push(...result.violations);
      silences += result.silences;
    }
    expect(silences).toBeGreaterThan(10);
    expect(violations.some((text) => text.startsWith('silences acknowledged and lost'))).toBe(true);
  });

  it('are seen to lose samples when the disk does not keep what it confirmed', async () => {
    const { violations } = await runScenario({ seed: 3, sabotage: 'disk-ignores-sync' });
    expect(violations.some((text) => text.startsWith('acknowledged and lost'))).toBe(true);
  });
});
