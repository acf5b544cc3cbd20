import { describe, expect, it } from '@jest/globals';
import { QueryEngine } from '#libs/promql';
import { PlanCache } from './plan-cache.ts';

function cache(limit: number): PlanCache {
  const engine = new QueryEngine({ nowMs: () => 0, yieldToLoop: () => Promise.resolve() });
  return new PlanCache(engine, limit);
}

describe('PlanCache', () => {
  it('gives the same plan for the same query', () => {
    const plans = cache(2);
    expect(plans.planOf('up')).toBe(plans.planOf('up'));
    expect(plans.planOf('up')).not.toBe(plans.planOf('up '));
  });

  it('forgets the one that was used longest ago', () => {
    const plans = cache(2);
    const up = plans.planOf('up');
    const down = plans.planOf('down');
    plans.planOf('up');
    plans.planOf('sideways');
    expect(plans.size).toBe(2);
    expect(plans.planOf('up')).toBe(up);
    expect(plans.planOf('down')).not.toBe(down);
  });

  it('keeps neither errors nor what is very long', () => {
    const plans = cache(2);
    expect(() => plans.planOf('sum(')).toThrow('parse error');
    plans.planOf(`up{job="${'x'.repeat(10_000)}"}`);
    expect(plans.size).toBe(0);
  });
});
