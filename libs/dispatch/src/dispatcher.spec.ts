import { describe, expect, it } from '@jest/globals';
import { Labels } from '#libs/labels';
import type { IncomingAlert } from './alert.ts';
import { parseAlertmanagerConfig } from './config/parse-alertmanager-config.ts';
import type { DispatcherOptions } from './decision.ts';
import { Dispatcher } from './dispatcher.ts';
import { parseMatchers } from './matchers/parse-matchers.ts';
import { type Fate, Timeline, type TimelineOptions } from '../testing/timeline.ts';

const CONFIG = `
route: {receiver: ops, group_by: [g], group_wait: 30s, group_interval: 5m, repeat_interval: 1h}
receivers:
- name: ops
  webhook_configs: [{url: 'http://127.0.0.1/'}]
`;

function lines(options: Partial<TimelineOptions>): string[] {
  return new Timeline({ config: CONFIG, steps: [], untilSeconds: 0, ...options }).run().lines();
}

describe('Dispatcher: the life of a group', () => {
  it.each<[string, string[], number, string[]]>([
    [
      'waits for group_wait, collecting what fires meanwhile',
      ['0 fire a', '20 fire b', '29 fire c'],
      300,
      ['30 first notification +a +b +c'],
    ],
    [
      'tells of later alerts after group_interval',
      ['0 fire a', '40 fire b'],
      900,
      ['30 first notification +a', '330 new alerts added +a +b'],
    ],
    [
      'keeps quiet while nothing changes, until repeat_interval has passed',
      ['0 fire a'],
      7_300,
      [
        '30 first notification +a',
        '3630 repeat interval elapsed +a',
        '7230 repeat interval elapsed +a',
      ],
    ],
    [
      'tells of one end among several alerts',
      ['0 fire a b', '100 resolve a'],
      900,
      ['30 first notification +a +b', '330 some alerts resolved -a +b'],
    ],
    [
      'tells once that all have ended',
      ['0 fire a b', '100 resolve a', '200 resolve b'],
      4_000,
      ['30 first notification +a +b', '330 all alerts resolved -a -b'],
    ],
    ['says nothing of an alert that ends before group_wait', ['0 fire a', '29 resolve a'], 900, []],
    [
      'does not mention the end of an alert nobody was told of',
      ['0 fire a', '40 fire b', '50 resolve b', '60 resolve a'],
      900,
      ['30 first notification +a', '330 all alerts resolved -a'],
    ],
    [
      'holds several groups apart',
      ['0 fire a/x', '10 fire b/y'],
      100,
      ['30 first notification +a', '40 first notification +b'],
    ],
    [
      'takes a flap between two flushes for one alert',
      ['0 fire a', '60 resolve a', '90 fire a', '400 resolve a'],
      900,
      ['30 first notification +a', '630 all alerts resolved -a'],
    ],
    [
      'begins anew when an alert fires after it was closed',
      ['0 fire a', '60 resolve a', '400 fire a', '450 resolve a'],
      900,
      [
        '30 first notification +a',
        '330 all alerts resolved -a',
        '430 first notification +a',
        '730 all alerts resolved -a',
      ],
    ],
    [
      'lets an alert join a group that has just emptied',
      ['0 fire a', '60 resolve a', '340 fire a'],
      900,
      ['30 first notification +a', '330 all alerts resolved -a', '630 first notification +a'],
    ],
    [
      'closes an alert of which nothing is heard for resolve_timeout',
      ['0 heartbeat a', '60 heartbeat a', '120 heartbeat a'],
      900,
      ['30 first notification +a', '630 all alerts resolved -a'],
    ],
  ])('%s', (_, steps, untilSeconds, expected) => {
    expect(lines({ steps, untilSeconds })).toEqual(expected);
  });

  it('announces at once an alert that is older than group_wait', () => {
    const dispatcher = new Dispatcher(parseAlertmanagerConfig(CONFIG, 'c.yml'));
    const labels = Labels.fromRecord({ alertname: 'a' });
    const nowMs = 1e12;
    const alert = { labels, annotations: Labels.EMPTY, generatorUrl: '', endsAtMs: null };
    dispatcher.accept([{ ...alert, startsAtMs: nowMs - 31_000 }], nowMs);
    expect(dispatcher.decide(nowMs).notifications).toHaveLength(1);
  });
});

describe('Dispatcher: what holds an alert back', () => {
  const inhibiting = `${CONFIG}
inhibit_rules:
- source_matchers: [alertname="down"]
  target_matchers: [alertname=~"a|b|down"]
  equal: [g]
`;
  it.each<[string, Partial<TimelineOptions>, string[]]>([
    [
      'is not announced while another alert inhibits it, and is afterwards',
      { config: inhibiting, steps: ['0 fire down a', '400 resolve down'], untilSeconds: 900 },
      ['30 first notification +down', '630 new alerts added +a -down'],
    ],
    [
      'does not inhibit itself',
      { config: inhibiting, steps: ['0 fire down'], untilSeconds: 60 },
      ['30 first notification +down'],
    ],
    [
      'is inhibited only where the labels to be equal are',
      { config: inhibiting, steps: ['0 fire down/x a/y'], untilSeconds: 60 },
      ['30 first notification +down', '30 first notification +a'],
    ],
    [
      'is not announced while silenced, and is when the silence is gone',
      { steps: ['0 fire a', '1 silence a', '400 unsilence'], untilSeconds: 900 },
      ['630 first notification +a'],
    ],
    [
      'is closed although it ends under a silence',
      { steps: ['0 fire a', '60 silence a', '400 resolve a'], untilSeconds: 900 },
      ['30 first notification +a', '630 all alerts resolved -a'],
    ],
    [
      'is silenced across a restart',
      { steps: ['0 fire a', '1 silence a', '10 restart', '400 unsilence'], untilSeconds: 900 },
      ['630 first notification +a'],
    ],
    [
      'is told anew when it fires again after it ended under an acknowledgement',
      {
        steps: ['0 fire a', '60 ack a', '400 resolve a', '700 fire a'],
        untilSeconds: 1_000,
      },
      ['30 first notification +a', '630 all alerts resolved -a', '730 first notification +a'],
    ],
    [
      'stays acknowledged through repeat_interval and a restart',
      { steps: ['0 fire a', '60 ack a', '100 restart'], untilSeconds: 8_000 },
      ['30 first notification +a'],
    ],
    [
      'is not told twice when the silence ends',
      {
        steps: ['0 fire a', '60 silence a', '400 unsilence', '700 resolve a'],
        untilSeconds: 1_500,
      },
      ['30 first notification +a', '930 all alerts resolved -a'],
    ],
    [
      'does not make a group look resolved that it belongs to',
      { steps: ['0 fire a b', '60 silence a', '70 resolve b', '400 resolve a'], untilSeconds: 900 },
      ['30 first notification +a +b', '330 some alerts resolved -b', '630 all alerts resolved -a'],
    ],
  ])('%s', (_, options, expected) => {
    expect(lines(options)).toEqual(expected);
  });

  it('is held back by the time of day, and its end is told afterwards', () => {
    // The clock of the timeline starts on 2027-01-15 at 08:00 UTC.
    const config = `
route:
  receiver: ops
  routes:
  - receiver: ops
    group_wait: 30s
    group_interval: 5m
    mute_time_intervals: [morning]
receivers:
- name: ops
  webhook_configs: [{url: 'http://127.0.0.1/'}]
time_intervals:
- name: morning
  time_intervals: [{times: [{start_time: '08:05', end_time: '08:20'}]}]
`;
    const steps = ['0 fire a', '320 resolve a', '330 fire b', '400 resolve b'];
    expect(lines({ config, steps, untilSeconds: 3_000 })).toEqual([
      '30 first notification +a',
      '1230 all alerts resolved -a',
    ]);
  });
});

describe('Dispatcher: receivers', () => {
  it('does not tell ends to a receiver that does not want them, but tells a new start', () => {
    const config = CONFIG.replace(
      "'http://127.0.0.1/'",
      "'http://127.0.0.1/', send_resolved: false",
    );
    const steps = ['0 fire a b', '60 resolve a', '400 fire a', '700 resolve a b'];
    expect(lines({ config, steps, untilSeconds: 2_000 })).toEqual([
      '30 first notification +a +b',
      '630 new alerts added +a +b',
    ]);
  });

  it('tells each integration of a receiver on its own account', () => {
    const config = `
global: {smtp_smarthost: 'localhost:25', smtp_from: a@example.org}
route: {receiver: ops, group_wait: 0s, group_interval: 1m}
receivers:
- name: ops
  webhook_configs: [{url: 'http://127.0.0.1/1'}, {url: 'http://127.0.0.1/2'}]
  email_configs: [{to: b@example.org}]
`;
    const timeline = new Timeline({
      config,
      steps: ['0 fire a', '10 resolve a'],
      untilSeconds: 130,
      fateOf: (notification, atSeconds) =>
        notification.integration.index === 1 && atSeconds < 100 ? 'abandoned' : 'delivered',
    }).run();
    expect(timeline.linesByIntegration()).toEqual([
      'webhook[0]/ops 0 first notification +a',
      'webhook[1]/ops 0 first notification +a',
      'email[0]/ops 0 first notification +a',
      'webhook[0]/ops 60 all alerts resolved -a',
    ]);
    expect(new Set(timeline.sent.map(({ notification }) => notification.id)).size).toBe(4);
  });

  const owing: [string, Fate, string[], number, string[]][] = [
    [
      'tries again at the next flush after a refusal',
      'abandoned',
      ['0 fire a'],
      700,
      ['30 first notification +a', '330 first notification +a', '630 first notification +a'],
    ],
    [
      'does not repeat a message that is still on its way',
      'unknown',
      ['0 fire a'],
      700,
      ['30 first notification +a'],
    ],
    [
      'replaces a message on its way when the group has changed',
      'unknown',
      ['0 fire a', '100 fire b'],
      700,
      ['30 first notification +a', '330 first notification +a +b'],
    ],
    [
      'closes what may have been announced',
      'unknown',
      ['0 fire a', '100 resolve a'],
      700,
      ['30 first notification +a', '330 all alerts resolved -a'],
    ],
  ];
  it.each(owing)('%s', (_, fate, steps, untilSeconds, expected) => {
    expect(lines({ steps, untilSeconds, fateOf: () => fate })).toEqual(expected);
  });

  it('withdraws a message that has become pointless', () => {
    const dispatcher = new Dispatcher(parseAlertmanagerConfig(CONFIG, 'c.yml'));
    const labels = Labels.fromRecord({ alertname: 'a' });
    const fire = (nowMs: number, endsAtMs: number) =>
      dispatcher.accept(
        [{ labels, annotations: Labels.EMPTY, generatorUrl: '', startsAtMs: 0, endsAtMs }],
        nowMs,
      );
    fire(60_000, 1e12);
    const first = dispatcher.decide(60_000).notifications[0]!;
    dispatcher.settle(first.id, 'delivered', 60_000);
    fire(70_000, 70_000);
    const closing = dispatcher.decide(360_000).notifications[0]!;
    expect(closing.reason).toBe('all alerts resolved');
    fire(370_000, 1e12);
    expect(dispatcher.decide(660_000)).toMatchObject({
      withdrawn: [closing.id],
      notifications: [],
    });
  });

  it('gives up after a day on a receiver that refuses to hear of an end, and counts it', () => {
    const timeline = new Timeline({
      config: CONFIG,
      steps: ['0 fire a', '60 resolve a'],
      untilSeconds: 2 * 86_400,
      fateOf: (_, atSeconds) => (atSeconds < 100 ? 'delivered' : 'abandoned'),
    }).run();
    expect(timeline.sent.length).toBeGreaterThan(280);
    expect(timeline.sent.length).toBeLessThan(292);
    expect(timeline.dispatcher.drops.closings).toBe(1);
    expect([...timeline.dispatcher.alerts()]).toHaveLength(0);
    expect([...timeline.dispatcher.groups()]).toHaveLength(0);
  });

  it('drops new alerts over its limit and counts them', () => {
    const dispatcher = new Dispatcher(parseAlertmanagerConfig(CONFIG, 'c.yml'), {
      maxAlerts: 2,
      closingKeepMs: 1,
    });
    const alerts = ['a', 'b', 'c', 'a'].map((alertname) => ({
      labels: Labels.fromRecord({ alertname }),
      annotations: Labels.EMPTY,
      generatorUrl: '',
      startsAtMs: null,
      endsAtMs: null,
    }));
    dispatcher.accept(alerts, 0);
    expect([...dispatcher.alerts()]).toHaveLength(2);
    expect(dispatcher.drops.alerts).toBe(1);
  });
});

describe('Dispatcher: a changed configuration', () => {
  const other = CONFIG.replace('group_by: [g]', 'group_by: [alertname]');
  const gone = CONFIG.replaceAll('ops', 'dev');

  it('keeps the pace of groups that stay', () => {
    const reloads = { same: CONFIG };
    const steps = ['0 fire a', '100 reload same', '200 fire b'];
    expect(lines({ steps, reloads, untilSeconds: 400 })).toEqual([
      '30 first notification +a',
      '330 new alerts added +a +b',
    ]);
  });

  it('closes an alert under the key it was announced with', () => {
    const timeline = new Timeline({
      config: CONFIG,
      steps: ['0 fire a', '100 reload other', '200 resolve a'],
      reloads: { other },
      untilSeconds: 900,
    }).run();
    const keys = timeline.sent.map(
      ({ notification }) => `${notification.status} ${notification.groupKey}`,
    );
    expect(keys).toEqual([
      'firing {}:{}',
      'firing {}:{alertname="a"}',
      'resolved {}:{}',
      'resolved {}:{alertname="a"}',
    ]);
  });

  it('forgets a receiver that is gone, and counts what it was still to be told', () => {
    const timeline = new Timeline({
      config: CONFIG,
      steps: ['0 fire a', '100 reload gone', '200 resolve a'],
      reloads: { gone },
      untilSeconds: 900,
    }).run();
    expect(timeline.linesByIntegration()).toEqual([
      'webhook[0]/ops 30 first notification +a',
      'webhook[0]/dev 100 first notification +a',
      'webhook[0]/dev 400 all alerts resolved -a',
    ]);
    expect(timeline.dispatcher.drops.targets).toBe(1);
  });
});

function severe(alertname: string, severity: string, startsAtMs: number): IncomingAlert {
  return {
    labels: Labels.fromRecord({ alertname, severity }),
    annotations: Labels.EMPTY,
    generatorUrl: '',
    startsAtMs,
    endsAtMs: 1e15,
  };
}

describe('Dispatcher: what it counts', () => {
  it('tells what kept alerts from being announced', () => {
    const rule = '{source_matchers: [alertname="big"], target_matchers: [alertname="small"]}';
    const steps = ['0 fire big small a', '1 silence a'];
    const timeline = new Timeline({
      config: `${CONFIG}\ninhibit_rules: [${rule}]\n`,
      steps,
      untilSeconds: 400,
    }).run();
    // At 30 s and at 330 s.
    expect(timeline.dispatcher.suppressed).toEqual({
      silence: 2,
      inhibition: 2,
      mute_time_interval: 0,
      active_time_interval: 0,
    });
    const route = `{matchers: ['alertname!=""'], mute_time_intervals: [all]}`;
    const muted = CONFIG.replace('repeat_interval', `routes: [${route}], repeat_interval`);
    const config = `${muted}\ntime_intervals: [{name: all, time_intervals: [{}]}]\n`;
    const { dispatcher } = new Timeline({ config, steps, untilSeconds: 31 }).run();
    expect(dispatcher.suppressed).toMatchObject({ silence: 0, mute_time_interval: 3 });
  });
});

describe('Dispatcher: a more severe alert', () => {
  const T = 1e12;

  /** A group told of `first` at T + 30 s; then `second` joins at T + 60 s. @returns when the second is told */
  function toldAt(first: string, second: string, options: Partial<DispatcherOptions> = {}) {
    const dispatcher = new Dispatcher(parseAlertmanagerConfig(CONFIG, 'c.yml'), options);
    dispatcher.accept([severe('a', first, T)], T);
    for (const { id } of dispatcher.decide(T + 30_000).notifications) {
      dispatcher.settle(id, 'delivered', T + 30_000);
    }
    dispatcher.decide(T + 30_000);
    dispatcher.accept([severe('b', second, T + 60_000)], T + 60_000);
    for (let nowMs = T + 60_000; nowMs <= T + 330_000; nowMs += 30_000) {
      if (dispatcher.decide(nowMs).notifications.length > 0) return (nowMs - T) / 1_000;
    }
    return null;
  }

  it.each([
    ['warning', 'critical', 60],
    ['info', 'warning', 60],
    ['critical', 'warning', 330],
    ['warning', 'warning', 330],
    ['whatever', 'critical', 330],
    ['warning', 'whatever', 330],
  ])('than %s: %s is told at second %d', (first, second, expected) => {
    expect(toldAt(first, second)).toBe(expected);
  });

  it('waits like any other where that is switched off or the order is another one', () => {
    expect(toldAt('warning', 'critical', { severity: null })).toBe(330);
    const severity = { label: 'severity', values: ['warning', 'critical'] };
    expect(toldAt('warning', 'critical', { severity })).toBe(330);
    expect(toldAt('critical', 'warning', { severity })).toBe(60);
  });

  it('waits while it is silenced', () => {
    const dispatcher = new Dispatcher(parseAlertmanagerConfig(CONFIG, 'c.yml'));
    dispatcher.accept([severe('a', 'info', T)], T);
    dispatcher.decide(T + 30_000);
    const posted = {
      id: null,
      matchers: parseMatchers('alertname="b"'),
      startsAtMs: T,
      endsAtMs: T + 1e9,
      createdBy: '',
      comment: '',
      annotations: null,
    };
    dispatcher.silences.commit(dispatcher.silences.planPut(posted, T, 's').changes);
    dispatcher.accept([severe('b', 'critical', T + 60_000)], T + 60_000);
    expect(dispatcher.decide(T + 60_000).wakeUpMs).toBe(T + 330_000);
  });
});
