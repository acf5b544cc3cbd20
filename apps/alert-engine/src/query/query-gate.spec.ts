import { describe, expect, it } from '@jest/globals';
import { QueryGate } from './query-gate.ts';

const never = new AbortController().signal;

/** A body that runs until it is told to end. */
function held(): { body: () => Promise<string>; end: () => void } {
  const { promise, resolve } = Promise.withResolvers<string>();
  return { body: () => promise, end: () => resolve('done') };
}

describe('QueryGate', () => {
  it('lets so many run at a time and the others in the order they came', async () => {
    const gate = new QueryGate(2, 10);
    const first = held();
    const second = held();
    const order: string[] = [];
    const running = [gate.run(never, first.body), gate.run(never, second.body)];
    const waiting = ['a', 'b'].map((name) =>
      gate.run(never, async () => {
        order.push(name);
      }),
    );
    expect([gate.running, gate.waiting, order]).toEqual([2, 2, []]);
    first.end();
    await Promise.all([running[0], ...waiting]);
    expect(order).toEqual(['a', 'b']);
    second.end();
    await running[1];
    expect([gate.running, gate.waiting]).toEqual([0, 0]);
  });

  it('makes room when a query fails', async () => {
    const gate = new QueryGate(1, 10);
    await expect(gate.run(never, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(gate.run(never, async () => 'yes')).resolves.toBe('yes');
  });

  it('ends the wait of a query whose time is over or whose client is gone', async () => {
    const gate = new QueryGate(1, 10);
    const first = held();
    const running = gate.run(never, first.body);
    const late = gate.run(AbortSignal.timeout(1), async () => 'late');
    const client = new AbortController();
    const gone = gate.run(client.signal, async () => 'gone');
    client.abort();
    expect(await Promise.allSettled([late, gone])).toMatchObject([
      { reason: { errorType: 'timeout', status: 503 } },
      { reason: { errorType: 'canceled' } },
    ]);
    expect(gate.waiting).toBe(0);
    first.end();
    await running;
  });

  it('refuses when too many wait', async () => {
    const gate = new QueryGate(1, 1);
    const first = held();
    const running = [gate.run(never, first.body), gate.run(never, async () => 'second')];
    await expect(gate.run(never, async () => 'third')).rejects.toMatchObject({
      errorType: 'unavailable',
      status: 503,
    });
    first.end();
    await Promise.all(running);
  });
});
