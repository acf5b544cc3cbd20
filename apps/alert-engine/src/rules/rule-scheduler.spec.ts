import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { parseRuleFile } from '#libs/rules';
import { createMemoryRuleManager } from '../../../../test/support/memory-rules.ts';
import { RuleScheduler } from './rule-scheduler.ts';

beforeEach(() => {
  jest.useFakeTimers({ now: 1_000_000_000 });
});

afterEach(() => {
  jest.useRealTimers();
});

function rules(...groups: string[]): ReturnType<typeof parseRuleFile>[] {
  return [parseRuleFile(`groups: [${groups.join(', ')}]`, { file: 'r.yml' })];
}

describe('RuleScheduler', () => {
  it('evaluates each group once in its interval, at its own offset', async () => {
    const manager = createMemoryRuleManager();
    await manager.load(
      rules('{name: a, interval: 15s, rules: []}', '{name: b, interval: 5m, rules: []}'),
      Date.now(),
    );
    const slots = new Map<string, number[]>();
    const scheduler = new RuleScheduler({
      manager,
      nowMs: Date.now,
      evaluate: async (group, slotMs) => {
        await group.evaluate(slotMs, Date.now());
        const { name } = group.config;
        slots.set(name, [...(slots.get(name) ?? []), slotMs]);
      },
    });
    scheduler.sync();
    await jest.advanceTimersByTimeAsync(600_000);
    scheduler.stop();
    await jest.advanceTimersByTimeAsync(600_000);
    expect(slots.get('a')).toHaveLength(40);
    expect(slots.get('b')).toHaveLength(2);
    const [a, b] = manager.groups;
    for (const slot of slots.get('a')!) expect(slot % 15_000).toBe(a!.schedule.offsetMs);
    for (const slot of slots.get('b')!) expect(slot % 300_000).toBe(b!.schedule.offsetMs);
    expect(a!.counters).toMatchObject({ iterations: 40, missed: 0 });
  });
  it('counts the slots that a slow round goes through, and never makes up for them', async () => {
    const manager = createMemoryRuleManager();
    await manager.load(rules('{name: a, interval: 10s, rules: []}'), Date.now());
    let rounds = 0;
    const scheduler = new RuleScheduler({
      manager,
      nowMs: Date.now,
      evaluate: async (group, slotMs) => {
        rounds++;
        await group.evaluate(slotMs, Date.now());
        await new Promise((resolve) => {
          setTimeout(resolve, 25_000);
        });
      },
    });
    scheduler.sync();
    await jest.advanceTimersByTimeAsync(300_000);
    scheduler.stop();
    const { counters } = manager.groups[0]!;
    expect(rounds).toBe(10);
    expect(counters.missed).toBeGreaterThanOrEqual(18);
    expect(counters.iterations).toBe(rounds + counters.missed);
  });
  it('goes on with the groups of a new load and leaves the old ones', async () => {
    const manager = createMemoryRuleManager();
    await manager.load(rules('{name: a, interval: 10s, rules: []}'), Date.now());
    const names: string[] = [];
    const scheduler = new RuleScheduler({
      manager,
      nowMs: Date.now,
      evaluate: async (group, slotMs) => {
        await group.evaluate(slotMs, Date.now());
        names.push(group.config.name);
      },
    });
    scheduler.sync();
    await jest.advanceTimersByTimeAsync(20_000);
    await manager.load(rules('{name: b, interval: 10s, rules: []}'), Date.now());
    scheduler.sync();
    await jest.advanceTimersByTimeAsync(20_000);
    scheduler.stop();
    expect(names).toEqual(['a', 'a', 'b', 'b']);
  });
});
