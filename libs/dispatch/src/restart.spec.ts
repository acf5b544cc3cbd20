import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseAlertmanagerConfig } from './config/parse-alertmanager-config.ts';
import { Dispatcher } from './dispatcher.ts';
import {
  decodeDispatchRecord,
  encodeDispatchRecord,
  readDispatchRecords,
} from './notification-log.ts';
import { type Fate, type Sent, Timeline } from '../testing/timeline.ts';

const CONFIG = `
route: {receiver: ops, group_by: [g], group_wait: 30s, group_interval: 5m, repeat_interval: 1h}
receivers:
- name: ops
  webhook_configs: [{url: 'http://127.0.0.1/'}]
inhibit_rules:
- source_matchers: [alertname="c"]
  target_matchers: [alertname="b"]
  equal: [g]
`;

describe('Dispatcher: a restart', () => {
  it.each<[string, string[], number, string[]]>([
    [
      'before group_wait loses nothing',
      ['0 fire a', '10 restart'],
      100,
      ['30 first notification +a'],
    ],
    [
      'does not announce again',
      ['0 fire a', '60 restart', '400 restart', '401 restart'],
      900,
      ['30 first notification +a'],
    ],
    [
      'keeps the pace of repetition',
      ['0 fire a', '1000 restart'],
      3_700,
      ['30 first notification +a', '3630 repeat interval elapsed +a'],
    ],
    [
      'keeps an end that was not told yet',
      ['0 fire a', '60 resolve a', '70 restart'],
      900,
      ['30 first notification +a', '330 all alerts resolved -a'],
    ],
    [
      'closes an alert that is not heard of again, after resolve_timeout',
      ['0 heartbeat a', '60 down 600'],
      2_000,
      ['30 first notification +a', '1230 all alerts resolved -a'],
    ],
    [
      'does not close an alert whose source could not reach us while we were down',
      ['0 heartbeat a', '60 down 600', '700 heartbeat a', '900 heartbeat a', '1100 heartbeat a'],
      1_300,
      ['30 first notification +a'],
    ],
    [
      'closes an alert that is said to have ended meanwhile',
      ['0 fire a', '60 down 600', '661 resolve a'],
      2_000,
      ['30 first notification +a', '930 all alerts resolved -a'],
    ],
  ])('%s', (_, steps, untilSeconds, expected) => {
    expect(new Timeline({ config: CONFIG, steps, untilSeconds }).run().lines()).toEqual(expected);
  });

  it('sends a message again under the same id if its result is not known', () => {
    let isFirst = true;
    const timeline = new Timeline({
      config: CONFIG,
      steps: ['0 fire a'],
      untilSeconds: 900,
      fateOf: () => {
        const fate: Fate = isFirst ? 'lost' : 'delivered';
        isFirst = false;
        return fate;
      },
    }).run();
    expect(timeline.lines()).toEqual(['30 first notification +a', '30 first notification +a']);
    expect(timeline.sent[0]!.notification).toEqual(timeline.sent[1]!.notification);
  });

  const steps = ['0 fire a b', '60 resolve a', '400 fire a', '401 silence b'];

  it('gives the same state from the log, from its values and from a checkpoint', () => {
    const timeline = new Timeline({ config: CONFIG, steps, untilSeconds: 402 }).run();
    const state = [...timeline.dispatcher.checkpoint()];
    const texts = timeline.records.map(encodeDispatchRecord);
    for (const records of [
      texts.map((text) => decodeDispatchRecord(text)!),
      readDispatchRecords(timeline.kept.values()).records,
      state,
    ]) {
      const dispatcher = new Dispatcher(parseAlertmanagerConfig(CONFIG, 'am.yml'));
      dispatcher.restore(records, timeline.nowMs);
      expect([...dispatcher.checkpoint()]).toEqual(state);
    }
    expect(state.length).toBeLessThan(timeline.records.length);
  });

  it('keeps nothing of what is over', () => {
    const timeline = new Timeline({
      config: CONFIG,
      steps: ['0 fire a', '60 resolve a', '1000 fire b'],
      untilSeconds: 1_001,
    }).run();
    expect([...timeline.kept.keys()].filter((key) => key.startsWith('target'))).toEqual([]);
    expect([...timeline.kept.keys()].filter((key) => key.startsWith('alert'))).toHaveLength(1);
  });

  it('loses only the records that are damaged, and counts them', () => {
    const timeline = new Timeline({ config: CONFIG, steps, untilSeconds: 402 }).run();
    const values = [...timeline.kept.values()];
    const sound = readDispatchRecords(values);
    const hurt = readDispatchRecords([...values, '{', '{"kind":"alert"}', '']);
    expect(hurt).toEqual({ records: sound.records, damagedCount: 2 });
    for (let i = 0; i < values.length; i++) {
      const { records } = readDispatchRecords(values.toSpliced(i, 1, 'x'));
      const dispatcher = new Dispatcher(parseAlertmanagerConfig(CONFIG, 'am.yml'));
      dispatcher.restore(records, timeline.nowMs);
      expect(dispatcher.decide(timeline.nowMs).wakeUpMs).not.toBeNaN();
    }
  });
});

/** Where a conversation breaks the contract, in words. */
function complaints(sent: readonly Sent[]): string[] {
  const found: string[] = [];
  const fates = new Map<string, Fate>();
  const last = new Map<string, string>();
  for (const { notification, fate } of sent) {
    if (fate === 'abandoned') continue;
    const { id } = notification;
    const before = fates.get(id);
    fates.set(id, fate);
    if (before !== undefined) {
      if (before !== 'lost') found.push(`${id} was sent twice without a fault`);
      continue;
    }
    for (const { fingerprint, status } of notification.alerts) {
      if (status === 'resolved' && last.get(fingerprint) !== 'firing') {
        found.push(`${id} closes ${fingerprint}, which is not open`);
      }
      last.set(fingerprint, status);
    }
  }
  for (const [fingerprint, status] of last) {
    if (status === 'firing') found.push(`${fingerprint} was never closed`);
  }
  return found;
}

/*
 * Whatever happens, a receiver that drops messages with an id it has seen is told of each alert in turn that it fires
 * and that it ended, the last word being that it ended; and a double arrives only where a process died.
 */
describe('Dispatcher: every announced alert is closed exactly once', () => {
  const names = ['a', 'b', 'c', 'a/x'];
  const step = fc.tuple(
    fc.integer({ min: 1, max: 400 }),
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc.tuple(fc.constantFrom('fire', 'resolve'), fc.constantFrom(...names)),
      },
      { weight: 1, arbitrary: fc.tuple(fc.constant('heartbeat'), fc.constantFrom(...names)) },
      { weight: 2, arbitrary: fc.constant(['restart', ''] as [string, string]) },
      { weight: 1, arbitrary: fc.tuple(fc.constant('down'), fc.constantFrom('20', '700')) },
      {
        weight: 3,
        arbitrary: fc.constantFrom<[string, string]>(
          ['silence', 'a'],
          ['silence', 'b'],
          ['ack', 'a'],
          ['ack', 'b'],
          ['unsilence', ''],
        ),
      },
    ),
  );
  const fate = fc.constantFrom<Fate>('delivered', 'delivered', 'delivered', 'lost', 'abandoned');

  it('holds for any history, with restarts anywhere and a receiver that fails', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40 }),
        fc.array(fate, { maxLength: 60 }),
        (ops, fates) => {
          let seconds = 0;
          let messages = 0;
          const steps = ops.map(([pause, [verb, name]]) => {
            seconds += pause;
            return `${seconds} ${verb} ${name}`.trim();
          });
          const endSeconds = seconds + 2_000;
          steps.push(`${endSeconds} unsilence`, `${endSeconds} resolve ${names.join(' ')}`);
          const timeline: Timeline = new Timeline({
            config: CONFIG,
            steps,
            untilSeconds: endSeconds + 4_000,
            fateOf: ({ id }) => {
              // A receiver that has taken a message does not refuse it the second time.
              const isKnown = timeline.sent.some(
                (one) => one.notification.id === id && one.fate === 'lost',
              );
              return isKnown ? 'delivered' : (fates[messages++] ?? 'delivered');
            },
          });
          timeline.run();
          expect(complaints(timeline.sent)).toEqual([]);
          expect([...timeline.dispatcher.alerts()]).toEqual([]);
        },
      ),
      { numRuns: 400 },
    );
  });
});
