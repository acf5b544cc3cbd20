import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Labels } from '#libs/labels';
import { MemorySeriesSource } from '#libs/promql';
import {
  type AlertingEntry,
  parseRuleFile,
  ReactiveRules,
  type RuleGroup,
  RuleManager,
} from '#libs/rules';
import { SampleBatchBuilder } from '#libs/samples';
import { createMemoryRuleManager } from '../../../../test/support/memory-rules.ts';
import { ReactiveScheduler } from './reactive-scheduler.ts';

const START_MS = 1_000_000_000;
const RULES = `
groups:
- name: life
  rules: [{alert: Down, expr: up == 0, for: 30s}, {alert: Slow, expr: 'probe_success{slow="1"} == 0'}]
`;

beforeEach(() => {
  jest.useFakeTimers({ now: START_MS });
});

afterEach(() => {
  jest.useRealTimers();
});

/** A scheduler over real rules in memory, and what it evaluated when, in milliseconds since the start. */
class World {
  readonly source = new MemorySeriesSource();
  readonly reactions: [number, string[]][] = [];
  readonly scheduler: ReactiveScheduler;
  group!: RuleGroup;
  isBusy = false;
  readonly #manager: RuleManager;

  constructor() {
    this.#manager = createMemoryRuleManager(this.source);
    this.scheduler = new ReactiveScheduler({
      rules: new ReactiveRules(),
      nowMs: Date.now,
      react: (group, entries, momentMs) => this.#react(group, entries, momentMs),
    });
  }

  async load(): Promise<void> {
    await this.#manager.load([parseRuleFile(RULES, { file: 'r.yml' })], Date.now());
    this.group = this.#manager.groups[0]!;
    this.scheduler.sync(this.#manager.groups);
  }

  /** A sample of now, or of `aheadMs` from now. */
  write(name: string, value: number, aheadMs = 0): void {
    const labels = Labels.fromRecord({ __name__: name });
    const timeMs = Date.now() + aheadMs;
    this.source.add(labels, timeMs, { kind: 'float', value });
    const builder = new SampleBatchBuilder();
    builder.addSeries(labels);
    builder.addSample(timeMs, value);
    this.scheduler.stored(builder.take());
  }

  async #react(
    group: RuleGroup,
    entries: ReadonlySet<AlertingEntry>,
    momentMs: number,
  ): Promise<boolean> {
    if (this.isBusy) return false;
    this.reactions.push([momentMs - START_MS, [...entries].map(({ rule }) => rule.name)]);
    return group.react(entries, momentMs, Date.now());
  }
}

describe('ReactiveScheduler', () => {
  it('evaluates at once, and what comes within a second at its end', async () => {
    const world = new World();
    await world.load();
    world.write('up', 1);
    await jest.advanceTimersByTimeAsync(100);
    expect(world.reactions).toEqual([[1, ['Down']]]);
    world.write('up', 0);
    await jest.advanceTimersByTimeAsync(100);
    world.write('up', 1);
    await jest.advanceTimersByTimeAsync(2_000);
    expect(world.reactions.slice(1)).toEqual([[1_001, ['Down']]]);
  });
  it('evaluates again when the `for` of an alert is over', async () => {
    const world = new World();
    await world.load();
    world.write('up', 0);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(world.reactions).toEqual([
      [1, ['Down']],
      [30_001, ['Down']],
    ]);
    expect(world.group.rules[0]!.rule).toMatchObject({ state: 'firing' });
  });
  it('tries again while a round is under way', async () => {
    const world = new World();
    await world.load();
    world.isBusy = true;
    world.write('up', 0);
    await jest.advanceTimersByTimeAsync(100);
    expect(world.reactions).toEqual([]);
    world.isBusy = false;
    await jest.advanceTimersByTimeAsync(100);
    expect(world.reactions).toHaveLength(1);
  });
  it('looks at samples whose clock is ahead, by a bounded time', async () => {
    const world = new World();
    await world.load();
    world.write('up', 0, 300);
    await jest.advanceTimersByTimeAsync(10);
    world.write('up', 1, 3_600_000);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(world.reactions).toEqual([
      [300, ['Down']],
      [6_001, ['Down']],
    ]);
  });
  it('is quiet for data that no rule waits for, before it begins and after it stopped', async () => {
    const world = new World();
    world.write('up', 0);
    await world.load();
    world.write('probe_success', 0);
    world.write('other', 1);
    await jest.advanceTimersByTimeAsync(5_000);
    world.scheduler.stop();
    world.write('up', 1);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(world.reactions).toEqual([]);
  });
});
