import { describe, expect, it } from '@jest/globals';
import { Gauge } from 'prom-client';
import { createRegistry } from './default-metrics.ts';

describe('the metrics of the runtime', () => {
  it.each([
    ['p99', 0.25, 0.05],
    ['min', 0.2, 0],
    ['mean', 0.199, 0],
    ['stddev', 0.25, 0.25],
  ])('tell in %s how late the event loop was, without the period', async (what, took, late) => {
    const gauge = createRegistry(200).getSingleMetric(`nodejs_eventloop_lag_${what}_seconds`);
    if (!(gauge instanceof Gauge)) throw new Error('there is no such gauge');
    gauge.set({}, took);
    const { values } = await gauge.get();
    expect(values).toHaveLength(1);
    expect(values[0]!.value).toBeCloseTo(late, 6);
  });

  it('have no names of gauges that end like those of counters', async () => {
    expect(await createRegistry(10).metrics()).not.toMatch(/^nodejs_active_\w+_total/m);
  });
});
