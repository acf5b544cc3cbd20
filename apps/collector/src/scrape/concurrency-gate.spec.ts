import { describe, expect, it } from '@jest/globals';
import { ConcurrencyGate } from './concurrency-gate.ts';

describe('ConcurrencyGate', () => {
  it('never runs more than it should, and everything in the end, failures included', async () => {
    const gate = new ConcurrencyGate(2);
    let running = 0;
    let most = 0;
    const outcomes = await Promise.allSettled(
      Array.from({ length: 7 }, (_, i) =>
        gate.run(async () => {
          most = Math.max(most, ++running);
          await new Promise((resolve) => {
            setImmediate(resolve);
          });
          running--;
          if (i === 3) throw new Error('no');
          return i;
        }),
      ),
    );
    expect(most).toBe(2);
    expect(
      outcomes.map(({ status }) => status).filter((status) => status === 'rejected'),
    ).toHaveLength(1);
    expect(outcomes).toHaveLength(7);
  });
});
