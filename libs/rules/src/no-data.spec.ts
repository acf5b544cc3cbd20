import { describe, expect, it } from '@jest/globals';
import { parseRuleFile } from './parse-rule-file.ts';
import { RuleFileError } from './rule-file.ts';
import { Disk, RuleWorld } from './testing/rule-world.ts';

const MINUTE = 60_000;

function ruleWith(noData: string | null, expr = 'errors > 5', more = ''): string {
  const annotations = noData === null ? '{}' : `{binnacle_no_data: "${noData}", summary: s}`;
  return `
groups:
- name: g
  interval: 1m
  rules:
  - alert: Errors
    expr: '${expr}'
    annotations: ${annotations}
${more}`;
}

/** Two targets of one job; `a` has errors, and goes down after minute 3 until minute 9, coming back in good order. */
function worldWithOutage(disk = new Disk()): RuleWorld {
  const world = new RuleWorld(disk);
  world.feed([
    { series: 'up{job="j",instance="a"}', values: '1 1 1 1 0 0 0 0 0 1x20' },
    { series: 'up{job="j",instance="b"}', values: '1x30' },
    {
      series: 'errors{job="j",instance="a",path="/"}',
      values: '9 9 9 9 stale _ _ _ _ 0x20',
    },
    { series: 'errors{job="j",instance="b",path="/"}', values: '0x30' },
  ]);
  return world;
}

/** The minutes in which the alert was told to have ended. */
function endings(world: RuleWorld): number[] {
  const ends = world.sent
    .filter(({ atMs, alert }) => alert.endsAtMs <= atMs)
    .map(({ alert }) => alert.endsAtMs / MINUTE);
  return [...new Set(ends)];
}

describe('no_data', () => {
  it('resolves when a target goes down, as Prometheus does, where the rule does not say', async () => {
    const world = worldWithOutage();
    await world.load(ruleWith(null));
    await world.rounds(0, 12 * MINUTE);
    expect(endings(world)).toEqual([4]);
  });
  it.each(['keep', 'unknown', 'alert'])(
    '%s: goes on until the data says otherwise',
    async (kind) => {
      const world = worldWithOutage();
      await world.load(ruleWith(kind));
      await world.rounds(0, 8 * MINUTE);
      expect(world.alertStates()).toEqual([
        'firing {alertname="Errors", instance="a", job="j", path="/"}',
      ]);
      await world.rounds(9 * MINUTE, 12 * MINUTE);
      expect(endings(world)).toEqual([9]);
    },
  );
  it('unknown: says in the alert since when', async () => {
    const world = worldWithOutage();
    await world.load(ruleWith('unknown'));
    await world.rounds(0, 8 * MINUTE);
    expect(world.sent[0]!.alert.annotations.toString()).toBe('{summary="s"}');
    expect(world.sent.at(-1)!.alert.annotations.toString()).toBe(
      '{no_data="no data since 1970-01-01T00:04:00Z", summary="s"}',
    );
  });
  it('resolves what is gone while its target is in good health', async () => {
    const world = new RuleWorld();
    world.feed([
      { series: 'up{job="ksm",instance="k"}', values: '1x20' },
      { series: 'waiting{job="ksm",instance="k",pod="p"}', values: '1 1 1 stale' },
    ]);
    await world.load(ruleWith('keep', 'waiting == 1'));
    await world.rounds(0, 6 * MINUTE);
    expect(endings(world)).toEqual([3]);
  });
  it('counts a target that nobody scrapes any more as one that says nothing', async () => {
    const world = new RuleWorld();
    world.feed([
      { series: 'up{job="j",instance="a"}', values: '1 1 1 stale' },
      { series: 'errors{job="j",instance="a"}', values: '9 9 9 stale' },
    ]);
    await world.load(ruleWith('keep'));
    await world.rounds(0, 30 * MINUTE);
    expect(world.alertStates()).toHaveLength(1);
    expect(endings(world)).toEqual([]);
  });
  it('keep for a time: ends after it', async () => {
    const world = worldWithOutage();
    await world.load(ruleWith('keep for 3m'));
    await world.rounds(0, 12 * MINUTE);
    expect(endings(world)).toEqual([7]);
  });
  it('keep: a pending alert waits', async () => {
    const world = worldWithOutage();
    await world.load(ruleWith('keep', 'errors > 5', '    for: 6m'));
    await world.rounds(0, 8 * MINUTE);
    expect(world.alertStates()).toEqual([
      'pending {alertname="Errors", instance="a", job="j", path="/"}',
    ]);
    expect(world.sent).toEqual([]);
  });
  it('alert: a pending alert goes on to fire', async () => {
    const world = worldWithOutage();
    await world.load(ruleWith('alert', 'errors > 5', '    for: 6m'));
    await world.rounds(0, 8 * MINUTE);
    expect(world.alertStates()).toEqual([
      'firing {alertname="Errors", instance="a", job="j", path="/"}',
    ]);
  });
  it('alert: fires for a rule that finds no data at all, with the labels it asks for', async () => {
    const world = new RuleWorld();
    world.feed([
      { series: 'up{job="j",instance="a"}', values: '1 1 0 0 0 1x20' },
      { series: 'errors{job="j",instance="a"}', values: '0 0 stale _ _ 0x20' },
    ]);
    await world.load(ruleWith('alert', 'sum by (instance) (rate(errors{job="j"}[2m])) > 5'));
    await world.rounds(0, 2 * MINUTE);
    await world.rounds(3 * MINUTE, 4 * MINUTE);
    expect(world.alertStates()).toEqual(['firing {alertname="Errors", job="j"}']);
    await world.rounds(5 * MINUTE, 8 * MINUTE);
    expect(endings(world)).toEqual([5]);
  });
  it('alert: stays quiet where healthy targets simply have no such series', async () => {
    const world = new RuleWorld();
    world.feed([{ series: 'up{job="j",instance="a"}', values: '1x20' }]);
    await world.load(ruleWith('alert', 'errors{job="j"} > 5'));
    await world.rounds(0, 5 * MINUTE);
    expect(world.alertStates()).toEqual([]);
  });
  it('knows alerts by what their aggregation leaves of the labels', async () => {
    const world = worldWithOutage();
    await world.load(ruleWith('keep', 'sum by (instance) (errors) > 5'));
    await world.rounds(0, 8 * MINUTE);
    expect(world.alertStates()).toEqual(['firing {alertname="Errors", instance="a"}']);
    await world.rounds(9 * MINUTE, 10 * MINUTE);
    expect(endings(world)).toEqual([9]);
  });
  it('does not take the labels of the other side of a join for those of the alert', async () => {
    const world = worldWithOutage();
    world.feed([
      { series: 'owner{job="info",instance="i",path="/",team="t"}', values: '1x30' },
      { series: 'up{job="info",instance="i"}', values: '1x30' },
    ]);
    await world.load(ruleWith('keep', '(errors > 5) * on (path) group_left (team) owner'));
    await world.rounds(0, 8 * MINUTE);
    expect(world.alertStates()).toEqual([
      'firing {alertname="Errors", instance="a", job="j", path="/", team="t"}',
    ]);
    await world.rounds(9 * MINUTE, 10 * MINUTE);
    expect(endings(world)).toEqual([9]);
  });
  it('resolves an alert whose condition fails for data that is there', async () => {
    const world = new RuleWorld();
    world.feed([
      { series: 'up{job="j",instance="a"}', values: '1 1 1 0x20' },
      { series: 'pushed{job="j",instance="a"}', values: '9 9 9 1x20' },
    ]);
    await world.load(ruleWith('keep', 'pushed > 5'));
    await world.rounds(0, 5 * MINUTE);
    expect(endings(world)).toEqual([3]);
  });
  it('needs no data where absence is the condition', async () => {
    const world = new RuleWorld();
    world.feed([{ series: 'up{job="j",instance="a"}', values: '1 1 _ _ _ _ _ _ _ _ 1 1 1' }]);
    await world.load(ruleWith('keep', 'absent(up{job="j"})'));
    await world.rounds(0, 12 * MINUTE);
    expect(endings(world)).toEqual([10]);
  });
  it('goes on over a restart, and the time with it', async () => {
    const disk = new Disk();
    const before = worldWithOutage(disk);
    await before.load(ruleWith('keep for 5m'));
    await before.rounds(0, 6 * MINUTE);
    const after = new RuleWorld(disk, { settleMs: 0 });
    await after.manager.restore();
    await after.load(ruleWith('keep for 5m'), 7 * MINUTE);
    await after.round(7 * MINUTE);
    expect(after.alertStates()).toHaveLength(1);
    await after.round(9 * MINUTE);
    expect(endings(after)).toEqual([9]);
  });
});

describe('annotations for Binnacle', () => {
  it('are not sent, and shown as what they are', () => {
    const [group] = parseRuleFile(ruleWith('keep for 2h'), { file: 'r.yml' }).groups;
    expect(group!.rules[0]).toMatchObject({
      annotations: [['summary', 's']],
      extensions: { noData: { kind: 'keep', forMs: 7_200_000 }, isReactive: null },
    });
  });
  it.each([
    ['binnacle_no_data: hold', 'is not one of resolve, keep, unknown, alert'],
    ['binnacle_no_data: keep for', 'is not one of'],
    ['binnacle_no_data: keep for ever', 'is not one of'],
    ['binnacle_no_data: alert for 5m', 'is not one of'],
    ['binnacle_reactive: "yes"', 'neither "true" nor "false"'],
    ['binnacle_nodata: keep', 'accepted are binnacle_no_data, binnacle_reactive'],
  ])('%s is refused with its line', (annotation, message) => {
    const text = `groups: [{name: g, rules: [{alert: A, expr: up, annotations: {\n  ${annotation}}}]}]`;
    const parse = (): unknown => parseRuleFile(text, { file: 'r.yml' });
    expect(parse).toThrow(RuleFileError);
    expect(parse).toThrow(/^r\.yml:2: group "g", rule 1, "A": /);
    expect(parse).toThrow(message);
  });
});
