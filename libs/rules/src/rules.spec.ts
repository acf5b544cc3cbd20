import { describe, expect, it } from '@jest/globals';
import { Labels } from '#libs/labels';
import { parseRuleFile } from './parse-rule-file.ts';
import { DEFAULT_RULE_TIMING } from './rule-context.ts';
import { parseRulesRequest, rulesToJson } from './rules-api.ts';
import { Disk, RuleWorld } from './testing/rule-world.ts';

const MINUTE = 60_000;

const DOWN = `
groups:
- name: g
  interval: 1m
  rules:
  - alert: Down
    expr: up == 0
    for: 2m
    labels: {severity: page, who: '{{ $labels.instance }}'}
    annotations: {summary: '{{ $labels.instance }} has {{ $value }} in {{ $externalLabels.cluster }}'}
`;

describe('an alerting rule', () => {
  it('is pending, fires, is resolved and says so each time', async () => {
    const world = new RuleWorld(new Disk(), {}, { cluster: 'c' });
    world.feed([{ series: 'up{instance="a"}', values: '0 0 0 0 1 1 1' }]);
    await world.load(DOWN);
    await world.rounds(0, MINUTE);
    expect(world.alertStates()).toEqual([
      'pending {alertname="Down", instance="a", severity="page", who="a"}',
    ]);
    expect(world.sent).toEqual([]);
    await world.rounds(2 * MINUTE, 5 * MINUTE);
    expect(
      world.sent.map(({ atMs, alert }) =>
        [atMs, alert.startsAtMs, alert.endsAtMs].map((t) => t / MINUTE),
      ),
    ).toEqual([
      [2, 2, 6],
      [4, 2, 4],
    ]);
    const { alert } = world.sent[0]!;
    expect(alert.labels.toString()).toBe(
      '{alertname="Down", cluster="c", instance="a", severity="page", who="a"}',
    );
    expect(alert.annotations.toString()).toBe('{summary="a has 0 in c"}');
    expect(alert.generatorUrl).toBe('http://engine.example/graph?g0.expr=up+%3D%3D+0&g0.tab=1');
  });
  it('writes ALERTS and ALERTS_FOR_STATE, and marks them stale when they end', async () => {
    const world = new RuleWorld();
    world.feed([{ series: 'up{instance="a"}', values: '0 0 0 1' }], MINUTE, MINUTE);
    await world.load(DOWN);
    await world.rounds(MINUTE, 2 * MINUTE);
    expect(await world.query('ALERTS', 2 * MINUTE)).toEqual([
      'ALERTS{alertname="Down", alertstate="pending", instance="a", severity="page", who="a"} 1',
    ]);
    await world.round(3 * MINUTE);
    expect(await world.query('ALERTS', 3 * MINUTE)).toEqual([
      'ALERTS{alertname="Down", alertstate="firing", instance="a", severity="page", who="a"} 1',
    ]);
    expect(await world.query('ALERTS_FOR_STATE', 3 * MINUTE)).toEqual([
      'ALERTS_FOR_STATE{alertname="Down", instance="a", severity="page", who="a"} 60',
    ]);
    await world.round(4 * MINUTE);
    expect(await world.query('{__name__=~"ALERTS.*"}', 4 * MINUTE)).toEqual([]);
  });
  it('sends a firing alert again after the resend delay, and a resolved one for a quarter of an hour', async () => {
    const world = new RuleWorld(new Disk(), { resendDelayMs: 3 * MINUTE });
    world.feed([{ series: 'up{instance="a"}', values: '0x9 1x60' }]);
    await world.load(DOWN.replace('for: 2m', 'for: 0s'));
    await world.rounds(0, 60 * MINUTE);
    const times = world.sent.map(({ atMs }) => atMs / MINUTE);
    expect(times).toEqual([0, 4, 8, 10, 14, 18, 22]);
    expect(new Set(world.sent.slice(3).map(({ alert }) => alert.endsAtMs))).toEqual(
      new Set([10 * MINUTE]),
    );
    expect(world.alertStates()).toEqual([]);
  });
  it('fails when templates make two alerts the same, and tells the firing ones again', async () => {
    const world = new RuleWorld();
    world.feed([
      { series: 'up{instance="a"}', values: '0x20' },
      { series: 'up{instance="b"}', values: '1 1 1 0x20' },
    ]);
    await world.load(
      DOWN.replace('for: 2m', 'for: 0s').replace("'{{ $labels.instance }}'", 'x, instance: same'),
    );
    await world.rounds(0, 2 * MINUTE);
    expect(world.sent).toHaveLength(2);
    await world.rounds(3 * MINUTE, 6 * MINUTE);
    const { health } = world.manager.groups[0]!.rules[0]!;
    expect(health).toMatchObject({
      health: 'err',
      lastError: 'vector contains metrics with the same labelset after applying alert labels',
    });
    const last = world.sent.at(-1)!;
    expect(last.alert.endsAtMs).toBeGreaterThan(9 * MINUTE);
    expect(world.alertStates()).toHaveLength(1);
  });
  it('puts a template’s failure into the text', async () => {
    const world = new RuleWorld();
    world.feed([{ series: 'up{instance="a"}', values: '0x5' }]);
    await world.load(
      DOWN.replace('for: 2m', 'for: 0s').replace(
        "'{{ $labels.instance }} has",
        '\'{{ humanize "x" }}',
      ),
    );
    await world.round(0);
    expect(world.sent[0]!.alert.annotations.get('summary')).toMatch(
      /^<error expanding template: error executing template __alert_Down: .* invalid syntax>$/,
    );
  });
  it('answers `query` in templates from the same moment', async () => {
    const world = new RuleWorld();
    world.feed([
      { series: 'up{instance="a"}', values: '0x5' },
      { series: 'region{name="north"}', values: '7x5' },
    ]);
    const text =
      '\'{{ with query "region" }}{{ . | first | label "name" }} {{ . | first | value }}{{ end }}\'';
    await world.load(
      DOWN.replace('for: 2m', 'for: 0s').replace(/'\{\{ \$labels.instance \}\} has.*'/, text),
    );
    await world.round(0);
    expect(world.sent[0]!.alert.annotations.get('summary')).toBe('north 7');
  });
  it('refuses more alerts than the limit with a clear error', async () => {
    const world = new RuleWorld();
    world.feed(
      Array.from({ length: 5 }, (_, i) => ({ series: `up{instance="${i}"}`, values: '0x5' })),
    );
    await world.load(DOWN.replace('interval: 1m', 'interval: 1m\n  limit: 4'));
    await world.round(0);
    expect(world.manager.groups[0]!.rules[0]!.health.lastError).toBe(
      'exceeded limit of 4 with 5 alerts',
    );
    expect(world.alertStates()).toEqual([]);
  });
  it('keeps labels called __proto__ and with any character', async () => {
    const world = new RuleWorld();
    world.feed([{ series: '{"up", "__proto__"="a\\"\\n\\u0000ü"}', values: '0x5' }]);
    await world.load(DOWN.replace('for: 2m', 'for: 0s'));
    await world.round(0);
    expect(world.sent[0]!.alert.labels.get('__proto__')).toBe('a"\n\u0000ü');
  });
});

describe('a group', () => {
  it('shows each rule the results of those before it', async () => {
    const world = new RuleWorld();
    world.feed([
      { series: 'x{a="1"}', values: '1x5' },
      { series: 'x{a="2"}', values: '2x5' },
    ]);
    await world.load(`
groups:
- name: chain
  labels: {team: t}
  rules:
  - {record: x:sum, expr: sum(x), labels: {src: r}}
  - {record: x:twice, expr: 2 * x:sum}
  - {alert: Much, expr: 'x:twice > 5'}
`);
    await world.round(0);
    expect(await world.query('{__name__=~"x:.*"}', 0)).toEqual([
      'x:sum{src="r", team="t"} 3',
      'x:twice{src="r", team="t"} 6',
    ]);
    expect(world.alertStates()).toEqual(['firing {alertname="Much", src="r", team="t"}']);
  });
  it('records native histograms', async () => {
    const world = new RuleWorld();
    world.feed([
      { series: 'x{a="1"}', values: '{{schema:0 sum:5 count:4 buckets:[1 2 1]}}x3' },
      { series: 'x{a="2"}', values: '{{schema:0 sum:5 count:4 buckets:[1 2 1]}} stale' },
    ]);
    await world.load(`groups: [{name: g, rules: [
      {record: x:sum, expr: sum(x)}, {record: x:count, expr: 'histogram_count(x:sum)'}, {record: y, expr: x}]}]`);
    await world.round(0);
    expect(await world.query('{__name__=~"x:.*|y"}', 0)).toEqual([
      'x:count 8',
      'x:sum count 8',
      'y{a="1"} count 4',
      'y{a="2"} count 4',
    ]);
    await world.round(MINUTE);
    expect(await world.query('y', MINUTE)).toEqual(['y{a="1"} count 4']);
  });
  it('says with details how many samples a rule gave and whether it reacts', async () => {
    const world = new RuleWorld();
    world.feed([{ series: 'up{instance="a"}', values: '0x9' }]);
    await world.load(DOWN.replace('for: 2m', 'for: 0s'));
    await world.round(0);
    const rulesOf = (query: string): unknown => {
      const request = parseRulesRequest(new URLSearchParams(query));
      const { groups } = rulesToJson(world.manager.groups, request) as {
        groups: { rules: unknown[] }[];
      };
      return groups[0]!.rules[0];
    };
    expect(rulesOf('details=true')).toMatchObject({ lastSamples: 2, reactive: true });
    expect(rulesOf('')).not.toHaveProperty('reactive');
    expect(() => rulesOf('details=x')).toThrow('neither true nor false');
  });
  it('evaluates and writes at the query offset', async () => {
    const world = new RuleWorld();
    world.feed([{ series: 'x', values: '0 1 2 3 4 5' }]);
    await world.load('groups: [{name: g, query_offset: 2m, rules: [{record: y, expr: x}]}]');
    await world.round(5 * MINUTE);
    expect(await world.query('y', 3 * MINUTE)).toEqual(['y 3']);
    expect(await world.query('y', 3 * MINUTE - 1)).toEqual([]);
  });
  it('keeps what it knows of rules that fail and goes on with the next', async () => {
    const world = new RuleWorld();
    world.feed([
      { series: 'x{a="1"}', values: '1x9' },
      { series: 'x{a="2"}', values: '2x9' },
    ]);
    await world.load(`
groups:
- name: g
  limit: 1
  rules:
  - {record: over, expr: x}
  - {record: dup, expr: 'label_replace(x, "a", "z", "", "")'}
  - {record: same, expr: 'sum by (a) (x{a="1"})', labels: {a: ''}}
  - {record: fine, expr: count(x)}
`);
    await world.round(0);
    const group = world.manager.groups[0]!;
    expect(group.rules.map(({ health }) => health.lastError)).toEqual([
      'exceeded limit of 1 with 2 series',
      expect.stringContaining('same labelset'),
      '',
      '',
    ]);
    expect(group.counters).toMatchObject({ evaluations: 4, failures: 2, iterations: 1 });
    expect(await world.query('fine', 0)).toEqual(['fine 2']);
  });
  it('reports a store that takes nothing and does not lose the alert', async () => {
    const world = new RuleWorld();
    world.feed([{ series: 'up{instance="a"}', values: '0x9' }]);
    await world.load(DOWN.replace('for: 2m', 'for: 0s'));
    world.sinkFailure = 'disk full';
    await world.round(0);
    expect(world.manager.groups[0]!.rules[0]!.health.lastError).toBe('disk full');
    expect(world.sent).toHaveLength(1);
  });
  it('saves before it announces', async () => {
    const world = new RuleWorld();
    world.feed([{ series: 'up{instance="a"}', values: '0x9' }]);
    await world.load(DOWN.replace('for: 2m', 'for: 0s'));
    let savedBefore = -1;
    world.onSent = () => {
      savedBefore = world.disk.changes.filter(({ kind }) => kind === 'put').length;
    };
    await world.round(0);
    expect(savedBefore).toBe(1);
  });
  it('announces even while no state can be kept, says so, and keeps it once it can', async () => {
    const world = new RuleWorld();
    world.feed([{ series: 'up{instance="a"}', values: '0x9' }]);
    await world.load(DOWN.replace('for: 2m', 'for: 0s'));
    world.stateFailure = 'no space';
    await world.rounds(0, MINUTE);
    expect(world.sent).toHaveLength(1);
    const [entry] = world.manager.groups[0]!.rules;
    expect(entry!.health).toMatchObject({
      health: 'err',
      lastError: 'the state of alerts could not be kept: no space',
    });
    expect(world.disk.changes).toEqual([]);
    world.stateFailure = null;
    await world.round(2 * MINUTE);
    expect(entry!.health.health).toBe('ok');
    const kinds = world.disk.changes.map(({ kind }) => kind);
    expect(new Set(kinds)).toEqual(new Set(['evaluated', 'put']));
    expect(kinds.filter((kind) => kind === 'put')).toHaveLength(1);
  });
  it('writes stale markers for series that vanish and for groups that are removed', async () => {
    const world = new RuleWorld();
    world.feed([
      { series: 'x{a="1"}', values: '1 1 1 1' },
      { series: 'x{a="2"}', values: '2 stale' },
    ]);
    const two =
      'groups: [{name: a, rules: [{record: y, expr: x}]}, {name: b, rules: [{record: z, expr: x}]}]';
    await world.load(two);
    await world.rounds(0, MINUTE);
    expect(await world.query('y', MINUTE)).toEqual(['y{a="1"} 1']);
    expect(await world.query('z', MINUTE)).toEqual(['z{a="1"} 1']);
    await world.load('groups: [{name: a, rules: [{record: y, expr: x}]}]', MINUTE + 1);
    expect(await world.query('z', 2 * MINUTE)).toEqual([]);
    expect(await world.query('y', 2 * MINUTE)).toEqual(['y{a="1"} 1']);
  });
});

describe('a reload', () => {
  it('keeps unchanged groups whole and the alerts of unchanged rules in changed ones', async () => {
    const world = new RuleWorld();
    world.feed([{ series: 'up{instance="a"}', values: '0x30' }]);
    await world.load(DOWN);
    await world.rounds(0, MINUTE);
    const before = world.manager.groups[0];
    expect(await world.load(`# moved down\n${DOWN}`, MINUTE)).toMatchObject({ kept: 1 });
    expect(world.manager.groups[0]).toBe(before);
    await world.load(DOWN.replace('has {{', 'shows {{').replace('for: 2m', 'for: 3m'), MINUTE);
    await world.round(2 * MINUTE);
    expect(world.sent).toEqual([]);
    await world.round(3 * MINUTE);
    expect(world.sent[0]!.alert.startsAtMs).toBe(3 * MINUTE);
    expect(world.sent[0]!.alert.annotations.get('summary')).toMatch(/^a shows 0/);
  });
  it('takes new external labels and a new address, with the alerts going on', async () => {
    const world = new RuleWorld();
    world.feed([{ series: 'up{instance="a"}', values: '0x30' }]);
    await world.load(DOWN.replace('for: 2m', 'for: 0s'));
    await world.round(0);
    const files = [parseRuleFile(DOWN.replace('for: 2m', 'for: 0s'), { file: 'rules.yml' })];
    const externalLabels = Labels.fromRecord({ cluster: 'new' });
    const timing = { ...DEFAULT_RULE_TIMING, resendDelayMs: 2 * MINUTE };
    await world.manager.load(files, 1, { externalLabels, externalUrl: 'https://new/', timing });
    await world.round(5 * MINUTE);
    const { alert } = world.sent.at(-1)!;
    expect(alert.labels.get('cluster')).toBe('new');
    expect(alert.generatorUrl).toMatch(/^https:\/\/new\/graph/);
    expect(alert.startsAtMs).toBe(0);
    // Four times what is longer, the interval or the new resend delay.
    expect(alert.endsAtMs).toBe(13 * MINUTE);
  });
  it('takes another evaluation interval and query offset for groups that name none', async () => {
    const world = new RuleWorld();
    world.feed([{ series: 'x', values: '0 1 2 3 4 5' }]);
    const files = [
      parseRuleFile('groups: [{name: g, rules: [{record: y, expr: x}]}]', { file: 'r.yml' }),
    ];
    const surroundings = {
      externalLabels: Labels.EMPTY,
      externalUrl: '',
      timing: { ...DEFAULT_RULE_TIMING, defaultIntervalMs: 15_000 },
      queryOffsetMs: 2 * MINUTE,
    };
    await world.manager.load(files, 0, surroundings);
    const [group] = world.manager.groups;
    expect([group!.intervalMs, group!.canReact]).toEqual([15_000, false]);
    await world.round(5 * MINUTE);
    expect(await world.query('y', 3 * MINUTE)).toEqual(['y 3']);
    await world.manager.load(files, 0, surroundings);
    expect(world.manager.groups[0]).toBe(group);
  });
  it('forgets the alerts of rules that changed their labels, on disk as well', async () => {
    const world = new RuleWorld();
    world.feed([{ series: 'up{instance="a"}', values: '0x30' }]);
    await world.load(DOWN);
    await world.round(0);
    await world.load(DOWN.replace('severity: page', 'severity: info'), MINUTE);
    expect(world.alertStates()).toEqual([]);
    expect((await world.disk.state.load()).alerts.size).toBe(0);
  });
});

describe('a restart', () => {
  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8])(
    'after minute %d of an alert’s life loses, doubles and invents nothing',
    async (killedAt) => {
      const script = '1 0 0 0 0 1 1 1 1 1 1 1';
      const run = async (restartAt: number | null): Promise<string[]> => {
        const disk = new Disk();
        let world = new RuleWorld(disk, { settleMs: 0 });
        world.feed([{ series: 'up{instance="a"}', values: script }]);
        await world.load(DOWN);
        const told: string[] = [];
        for (let minute = 0; minute <= 9; minute++) {
          await world.round(minute * MINUTE);
          if (minute === restartAt) {
            told.push(...world.sent.map(described));
            world = new RuleWorld(disk, { settleMs: 0 });
            await world.manager.restore();
            await world.load(DOWN, minute * MINUTE);
          }
        }
        told.push(...world.sent.map(described));
        // Telling the same thing again is allowed and harmless; what is told has to be the same.
        return [...new Set(told)];
      };
      expect(await run(killedAt)).toEqual(await run(null));
    },
  );
  it('resolves nothing while the data is still on its way, nor when the first evaluation fails', async () => {
    const disk = new Disk();
    const first = new RuleWorld(disk);
    first.feed([{ series: 'up{instance="a"}', values: '0x3' }]);
    await first.load(DOWN);
    await first.rounds(0, 3 * MINUTE);
    // An hour later the samples are too old to be seen.
    const hour = 60 * MINUTE;
    const second = new RuleWorld(disk);
    await second.manager.restore();
    await second.load(DOWN, hour);
    await second.round(hour);
    expect(second.alertStates()).toEqual([
      'firing {alertname="Down", instance="a", severity="page", who="a"}',
    ]);
    expect(second.sent[0]!.alert).toMatchObject({ startsAtMs: 2 * MINUTE });
    expect(second.sent[0]!.alert.endsAtMs).toBeGreaterThan(hour);
    second.feed([{ series: 'up{instance="a"}', values: '0 0 1' }], MINUTE, hour + MINUTE);
    await second.rounds(hour + MINUTE, hour + 5 * MINUTE);
    const last = second.sent.find(({ atMs, alert }) => alert.endsAtMs <= atMs)!;
    expect([last.atMs, last.alert.startsAtMs, last.alert.endsAtMs]).toEqual([
      hour + 3 * MINUTE,
      2 * MINUTE,
      hour + 3 * MINUTE,
    ]);
  });
  it('forgets alerts of rules that are gone', async () => {
    const disk = new Disk();
    const first = new RuleWorld(disk);
    first.feed([{ series: 'up{instance="a"}', values: '0x3' }]);
    await first.load(DOWN);
    await first.round(0);
    const second = new RuleWorld(disk);
    await second.manager.restore();
    await second.load('groups: []', MINUTE);
    expect((await disk.state.load()).alerts.size).toBe(0);
  });
});

function described({ alert }: { alert: { startsAtMs: number; endsAtMs: number } }): string {
  // The end of a firing alert is only a guess that moves on.
  const { startsAtMs, endsAtMs } = alert;
  return endsAtMs - startsAtMs >= 4 * MINUTE
    ? `fires ${startsAtMs}`
    : `fired ${startsAtMs}-${endsAtMs}`;
}
