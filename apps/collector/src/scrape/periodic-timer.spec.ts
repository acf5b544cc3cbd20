import { describe, expect, it, jest } from '@jest/globals';
import { PeriodicTimer } from './periodic-timer.ts';

const pause = (ms: number) =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

describe('PeriodicTimer', () => {
  it('runs at its place in each interval until it is stopped', async () => {
    const planned: number[] = [];
    const timer = new PeriodicTimer({ intervalMs: 10, offsetMs: 3 }, async (plannedMs) => {
      planned.push(plannedMs % 10);
    });
    timer.start();
    timer.start();
    while (planned.length < 2) await pause(5);
    timer.stop();
    timer.stop();
    const runs = planned.length;
    expect(new Set(planned)).toEqual(new Set([3]));
    await pause(30);
    expect(planned).toHaveLength(runs);
  });
  it('plans no moment twice, though a timer may wake a millisecond before it', async () => {
    const now = jest.spyOn(Date, 'now');
    try {
      const planned: number[] = [];
      const timer = new PeriodicTimer({ intervalMs: 5, offsetMs: 0 }, async (plannedMs) => {
        planned.push(plannedMs);
        now.mockReturnValue(plannedMs - 1);
      });
      timer.start();
      while (planned.length < 3) await pause(5);
      timer.stop();
      expect(planned[1]! - planned[0]!).toBe(5);
      expect(planned[2]! - planned[1]!).toBe(5);
    } finally {
      now.mockRestore();
    }
  });
  it('never runs a task beside itself', async () => {
    const running = new Set<number>();
    const ended: number[] = [];
    let most = 0;
    const timer = new PeriodicTimer({ intervalMs: 2, offsetMs: 0 }, async (plannedMs) => {
      running.add(plannedMs);
      most = Math.max(most, running.size);
      await pause(10);
      running.delete(plannedMs);
      ended.push(plannedMs);
    });
    timer.start();
    while (ended.length < 5) await pause(5);
    timer.stop();
    while (running.size > 0) await pause(5);
    expect(most).toBe(1);
  });
  it('waits for an interval longer than Node can count', async () => {
    let runs = 0;
    const timer = new PeriodicTimer({ intervalMs: 2 ** 40, offsetMs: 5 }, async () => {
      runs++;
    });
    timer.start();
    await pause(10);
    timer.stop();
    expect(runs).toBe(0);
  });
});
