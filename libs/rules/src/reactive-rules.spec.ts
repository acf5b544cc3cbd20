import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Labels } from '#libs/labels';
import { SampleBatchBuilder, type SampleBatch, STALE_MARKER } from '#libs/samples';
import { ChangedValues } from './changed-values.ts';
import { ReactiveRules } from './reactive-rules.ts';
import type { AlertingEntry, RuleGroup } from './rule-group.ts';
import { Disk, RuleWorld } from './testing/rule-world.ts';

const SECOND = 1_000;
const MINUTE = 60_000;

const RULES = `
groups:
- name: life
  rules:
  - alert: Down
    expr: 'up{job="a"} == 0'
    for: 90s
  - alert: NotReady
    expr: 'kube_pod_status_ready{condition="true"} == 0'
  - alert: Errors
    expr: errors > 5
  - alert: ErrorsNow
    expr: errors > 5
    annotations: {binnacle_reactive: "true"}
  - alert: DownLater
    expr: up == 0
    annotations: {binnacle_reactive: "false"}
  - record: x
    expr: up
- name: offset
  query_offset: 1m
  rules:
  - alert: Down
    expr: up == 0
`;

function batchOf(...samples: [Record<string, string>, number, number][]): SampleBatch {
  const builder = new SampleBatchBuilder();
  for (const [labels, timeMs, value] of samples) {
    builder.addSeries(Labels.fromRecord(labels));
    if (Number.isNaN(value)) builder.addSampleFrom(timeMs, STALE_MARKER, 0);
    else builder.addSample(timeMs, value);
  }
  return builder.take();
}

function namesOf(entries: Iterable<AlertingEntry>): string[] {
  return [...entries].map(({ rule }) => rule.name);
}

async function reactiveWorld(): Promise<{
  world: RuleWorld;
  rules: ReactiveRules;
  life: RuleGroup;
}> {
  const world = new RuleWorld(new Disk());
  await world.load(RULES);
  const rules = new ReactiveRules();
  rules.sync(world.manager.groups);
  return { world, rules, life: world.manager.groups[0]! };
}

function downStates(world: RuleWorld): string[] {
  return world.alertStates().filter((state) => state.includes('"Down"'));
}

describe('which rules a sample touches', () => {
  it('those that read signs of life, and those that say so', async () => {
    const { rules, life } = await reactiveWorld();
    const groups = rules.note(
      batchOf(
        [{ __name__: 'up', job: 'a' }, 0, 0],
        [{ __name__: 'kube_pod_status_ready', condition: 'true' }, 0, 1],
        [{ __name__: 'errors' }, 5, 1],
      ),
    );
    expect([...groups]).toEqual([life]);
    const touched = rules.take(life)!;
    expect(namesOf(touched.entries)).toEqual(['Down', 'NotReady', 'ErrorsNow']);
    expect(touched.newestMs).toBe(5);
    expect(rules.take(life)).toBeNull();
    expect(namesOf(rules.entriesOf(life))).toEqual(['Down', 'NotReady', 'ErrorsNow']);
  });
  it('not where the series is none of the selector’s', async () => {
    const { rules } = await reactiveWorld();
    expect(rules.note(batchOf([{ __name__: 'up', job: 'b' }, 0, 0])).size).toBe(0);
  });
  it('not while the value stays the same', async () => {
    const { rules, life } = await reactiveWorld();
    const up = { __name__: 'up', job: 'a' };
    const sizes = [1, 1, 0, 0, NaN, NaN, 1].map((value, i) => {
      const { size } = rules.note(batchOf([up, i, value]));
      rules.take(life);
      return size;
    });
    expect(sizes).toEqual([1, 0, 1, 0, 1, 0, 1]);
  });
});

describe('evaluation outside the interval', () => {
  it('fires and resolves at once and writes no series', async () => {
    const { world, rules, life } = await reactiveWorld();
    const { source } = world.disk;
    const ready = Labels.fromRecord({
      __name__: 'kube_pod_status_ready',
      condition: 'true',
      pod: 'p',
    });
    const entries = [...rules.entriesOf(life)];
    source.add(ready, 0, { kind: 'float', value: 1 });
    await world.round(0);
    source.add(ready, 20 * SECOND, { kind: 'float', value: 0 });
    expect(await life.react(entries, 20 * SECOND, 20 * SECOND)).toBe(true);
    expect(world.sent.map(({ atMs, alert }) => [atMs, alert.startsAtMs])).toEqual([
      [20 * SECOND, 20 * SECOND],
    ]);
    expect(await world.query('ALERTS{alertname="NotReady"}', 20 * SECOND)).toEqual([]);
    source.add(ready, 30 * SECOND, { kind: 'float', value: 1 });
    await life.react(entries, 30 * SECOND, 30 * SECOND);
    expect(world.sent.at(-1)!.alert.endsAtMs).toBe(30 * SECOND);
    expect(life.counters).toMatchObject({ iterations: 1, evaluations: 6, reactions: 6 });
  });
  it('is not taken back by a round for an earlier moment', async () => {
    const { world, rules, life } = await reactiveWorld();
    const ready = Labels.fromRecord({ __name__: 'kube_pod_status_ready', condition: 'true' });
    world.disk.source.add(ready, 0, { kind: 'float', value: 1 });
    world.disk.source.add(ready, 60_010, { kind: 'float', value: 0 });
    await life.react(rules.entriesOf(life), 60_020, 60_020);
    await world.round(MINUTE);
    expect(world.alertStates()).toEqual(['firing {alertname="NotReady", condition="true"}']);
    expect(world.sent).toHaveLength(1);
  });
  it('names the end of a `for` as its next time', async () => {
    const { world, rules, life } = await reactiveWorld();
    world.feed([{ series: 'up{job="a"}', values: '0x10' }]);
    await world.round(0);
    const entries = [...rules.entriesOf(life)];
    expect(entries[0]!.rule.nextDeadlineMs()).toBe(90 * SECOND);
    await life.react(entries, 90 * SECOND, 90 * SECOND);
    expect(world.alertStates()).toContain('firing {alertname="Down", job="a"}');
    expect(entries[0]!.rule.nextDeadlineMs()).toBeNull();
  });
  it('waits for a round under way, and the round for it', async () => {
    const { world, rules, life } = await reactiveWorld();
    world.feed([{ series: 'up{job="a"}', values: '0x10' }]);
    const round = life.evaluate(0, 0);
    expect(await life.react(rules.entriesOf(life), 1, 1)).toBe(false);
    await round;
    const reaction = life.react(rules.entriesOf(life), 2, 2);
    await life.evaluate(MINUTE, MINUTE);
    expect(await reaction).toBe(true);
    expect(life.lastSlotMs).toBe(MINUTE);
  });
  it('comes to the same alerts as rounds at those moments would', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ gapS: fc.integer({ min: 1, max: 50 }), value: fc.boolean() }), {
          maxLength: 20,
        }),
        async (changes) => {
          const reacting = await reactiveWorld();
          const plain = await reactiveWorld();
          const up = Labels.fromRecord({ __name__: 'up', job: 'a' });
          let nowMs = 0;
          for (const { gapS, value } of changes) {
            nowMs += gapS * SECOND;
            for (const { world } of [reacting, plain]) {
              world.disk.source.add(up, nowMs, { kind: 'float', value: value ? 1 : 0 });
            }
            await reacting.life.react(reacting.rules.entriesOf(reacting.life), nowMs, nowMs);
            await plain.life.evaluate(nowMs, nowMs);
            expect(downStates(reacting.world)).toEqual(downStates(plain.world));
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('ChangedValues', () => {
  it('never takes a changed value for the same', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ max: 300, min: 0 }), fc.integer({ max: 2, min: 0 })), {
          maxLength: 2_000,
        }),
        (notes) => {
          const values = new ChangedValues(64);
          const model = new Map<number, number>();
          return notes.every(([series, value]) => {
            const isChanged = values.note(`series ${series}`, value);
            const isSame = model.get(series) === value;
            model.set(series, value);
            return isChanged || isSame;
          });
        },
      ),
    );
    expect(new ChangedValues(64).note('series', 0)).toBe(true);
  });
  it('remembers as many series as it has places for', () => {
    const values = new ChangedValues();
    let repeated = 0;
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 10_000; i++) if (!values.note(`s${i}`, 1) && round === 1) repeated++;
    }
    expect(repeated).toBeGreaterThan(9_900);
  });
});
