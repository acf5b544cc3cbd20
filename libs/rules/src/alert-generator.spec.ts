import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { describeConformance } from '../../../test/support/conformance.ts';
import { RuleWorld } from './testing/rule-world.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const ROUND = 30 * SECOND;
const STEP = 15 * SECOND;

/** What was told of an alert: when, and the alert's start and end, in seconds. */
interface Told {
  readonly atS: number;
  readonly startS: number;
  readonly endS: number;
}

function seriesOf(group: string, alert: string, more = ''): string {
  return `alertname="${alert}",rulegroup="${group}"${more}`;
}

/** Rounds of 30 s up to some minutes. @returns the states of one alert as `seconds state`, when they changed */
async function statesOf(world: RuleWorld, alert: string, minutes: number): Promise<string[]> {
  const changes: string[] = [];
  let before = 'none';
  for (let nowMs = 0; nowMs <= minutes * MINUTE; nowMs += ROUND) {
    await world.round(nowMs);
    const own = world.alertStates().filter((state) => state.includes(`"${alert}"`));
    const state = own.map((text) => text.split(' ', 1)[0]!).join('+') || 'none';
    if (state !== before) changes.push(`${nowMs / SECOND} ${state}`);
    before = state;
  }
  return changes;
}

function toldOf(world: RuleWorld, alert: string): Told[] {
  return world.sent
    .filter((sent) => sent.alert.labels.get('alertname') === alert)
    .map(({ atMs, alert: { startsAtMs, endsAtMs } }) => ({
      atS: atMs / SECOND,
      startS: startsAtMs / SECOND,
      endS: endsAtMs / SECOND,
    }));
}

describeConformance('the alert generator suite', ['rules', 'alert-generator'], (folder) => {
  const rules = readFileSync(`${folder}/rules.yaml`, 'utf8');

  /** Values of one case's series, `[value, minutes]` one after the other, sampled every 15 s. */
  async function worldWith(
    series: Readonly<Record<string, readonly (readonly [number | null, number])[]>>,
  ): Promise<RuleWorld> {
    const world = new RuleWorld();
    for (const [labels, phases] of Object.entries(series)) {
      const values = phases.flatMap(([value, minutes]) =>
        Array.from({ length: (minutes * MINUTE) / STEP }, (_, i) =>
          value === null ? (i === 0 ? 'stale' : '_') : String(value),
        ),
      );
      world.feed(
        [{ series: `alert_generator_test_suite{${labels}}`, values: values.join(' ') }],
        STEP,
      );
    }
    await world.load(rules);
    return world;
  }

  describe('pending, firing and resolved', () => {
    const group = 'PendingAndFiringAndResolved';
    const alert = `${group}_SimpleAlert`;

    it('goes through the states, is sent again each minute, and resolved for a quarter of an hour', async () => {
      const world = await worldWith({
        [seriesOf(group, alert)]: [
          [5, 1],
          [15, 8],
          [5, 25],
        ],
      });
      expect(await statesOf(world, alert, 30)).toEqual([
        '60 pending',
        '420 firing',
        '540 inactive',
        '1470 none',
      ]);
      const told = toldOf(world, alert);
      const firing = told.filter(({ atS, endS }) => endS > atS);
      expect(firing.map(({ atS }) => atS)).toEqual([420, 510]);
      for (const { atS, startS, endS } of firing) expect([startS, endS - atS]).toEqual([420, 240]);
      const resolved = told.filter(({ atS, endS }) => endS <= atS);
      expect(new Set(resolved.map(({ startS, endS }) => `${startS}-${endS}`))).toEqual(
        new Set(['420-540']),
      );
      expect([resolved[0]!.atS, resolved.at(-1)!.atS <= 1_440]).toEqual([540, true]);
      expect(world.sent[0]!.alert.annotations.toString()).toBe(
        '{description="SimpleAlert is firing", summary="The value is 15 15"}',
      );
    });
    it('writes ALERTS and ALERTS_FOR_STATE at each evaluation', async () => {
      const world = await worldWith({ [seriesOf(group, alert)]: [[15, 20]] });
      await world.rounds(0, 5 * MINUTE + ROUND, ROUND);
      const own = `alertname="${alert}"`;
      const labels = `${own}, alertstate="pending", foo="bar", rulegroup="${group}"`;
      expect(await world.query(`ALERTS{${own}}`, 5 * MINUTE + ROUND)).toEqual([
        `ALERTS{${labels}} 1`,
      ]);
      expect(await world.query(`ALERTS_FOR_STATE{${own}}`, 5 * MINUTE + ROUND)).toEqual([
        `ALERTS_FOR_STATE{${own}, foo="bar", rulegroup="${group}"} 0`,
      ]);
      await world.round(6 * MINUTE);
      expect(await world.query(`ALERTS{${own}}`, 6 * MINUTE)).toEqual([
        `ALERTS{${labels.replace('pending', 'firing')}} 1`,
      ]);
    });
    it('a missing sample sets a pending alert back', async () => {
      const world = await worldWith({
        [seriesOf(group, alert)]: [
          [15, 4],
          [null, 1],
          [15, 5],
          [5, 2],
        ],
      });
      expect(await statesOf(world, alert, 12)).toEqual([
        '0 pending',
        '240 none',
        '300 pending',
        '600 none',
      ]);
      expect(toldOf(world, alert)).toEqual([]);
    });
  });

  it('pending and resolved, always inactive: sends nothing', async () => {
    const group = 'PendingAndResolved_AlwaysInactive';
    const [pending, inactive] = [`${group}_PendingAlert`, `${group}_InactiveAlert`];
    const world = await worldWith({
      [seriesOf(group, pending)]: [
        [15, 2],
        [5, 8],
      ],
      [seriesOf(group, inactive)]: [[50, 10]],
    });
    expect(await statesOf(world, pending, 8)).toEqual(['0 pending', '120 none']);
    expect(world.alertStates()).toEqual([]);
    expect(world.sent).toEqual([]);
  });

  describe('no `for`, and one shorter than the interval', () => {
    const group = 'ZeroFor_SmallFor';

    it('fires at once, and after one interval', async () => {
      const [zero, small] = [`${group}_ZeroFor`, `${group}_SmallFor`];
      const world = await worldWith({
        [seriesOf(group, zero)]: [[15, 5]],
        [seriesOf(group, small)]: [[15, 5]],
      });
      expect(await statesOf(world, zero, 1)).toEqual(['0 firing']);
      const again = await worldWith({ [seriesOf(group, small)]: [[15, 5]] });
      expect(await statesOf(again, small, 1)).toEqual(['0 pending', '30 firing']);
    });
    it('expands its templates', async () => {
      const world = await worldWith({
        [seriesOf(group, `${group}_ZeroFor`)]: [[15, 5]],
        [seriesOf(group, `${group}_SmallFor`)]: [[15, 5]],
        [`rulegroup="${group}",for="template",id="2"`]: [[7, 5]],
        [`rulegroup="${group}",for="template",id="1"`]: [[5, 5]],
      });
      await world.rounds(0, ROUND, ROUND);
      const annotationsOf = (alert: string): Record<string, string> =>
        world.sent
          .find(({ alert: { labels } }) => labels.get('alertname') === alert)!
          .alert.annotations.toRecord();
      expect(annotationsOf(`${group}_ZeroFor`)).toEqual({
        description: 'This should immediately fire',
        template_query_test: 'Args are: foo bar 99. first_id:1,1:5,2:7,',
        template_test: '1.049M 1Mi 2m 15s 95.9% 2022-01-25 12:36:43 +0000 UTC',
      });
      expect(annotationsOf(`${group}_SmallFor`)).toEqual({
        description: 'This should fire after an interval',
        template_test: 'This Part IS TESTING the strings. ::1 127.0.0.1. 7815. replaced text. .',
      });
    });
  });

  it('new alerts, and the order of rules: the second rule sees what the first wrote in the same round', async () => {
    const group = 'NewAlerts_OrderCheck';
    const [first, second] = [`${group}_Rule1`, `${group}_Rule2`];
    const world = await worldWith({
      [seriesOf(group, first, ',variant="one"')]: [[15, 10]],
      [seriesOf(group, first, ',variant="two"')]: [
        [5, 2],
        [15, 8],
      ],
    });
    expect(await statesOf(world, second, 6)).toEqual(['300 firing']);
    expect(toldOf(world, first).map(({ startS }) => startS)).toEqual(
      expect.arrayContaining([180, 300]),
    );
    const { alert } = world.sent.find(
      ({ alert: { labels } }) => labels.get('alertname') === second,
    )!;
    expect(alert.annotations.get('description')).toBe(
      `Based on ALERTS. Old alertname was ${first}. foo was bar.`,
    );
    expect(alert.labels.get('foo')).toBe('baz');
  });
});
