import { describe, expect, it } from '@jest/globals';
import { parseAlertmanagerConfig } from '#libs/dispatch';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { translateAlertmanagerConfig } from './index.ts';

const metadata = { namespace: 'shop', name: 'team' };

describe('an AlertmanagerConfig', () => {
  const { refusals, secrets, ...parts } = translateAlertmanagerConfig({
    metadata,
    spec: {
      route: {
        receiver: 'chat',
        groupBy: ['job'],
        groupWait: '10s',
        matchers: [{ name: 'severity', value: 'info', matchType: '!=' }],
        routes: [
          {
            receiver: 'pager',
            matchers: [{ name: 'job', value: 'web|db', regex: true }],
            muteTimeIntervals: ['nights'],
            continue: true,
          },
        ],
      },
      receivers: [
        {
          name: 'chat',
          slackConfigs: [
            {
              apiURL: { name: 'slack', key: 'url' },
              channel: '#a',
              sendResolved: true,
              iconURL: 'https://acme.dev/i.png',
              fields: [{ title: 'a', value: 'b', short: true }],
              httpConfig: { followRedirects: false, tlsConfig: { serverName: 'x' } },
            },
          ],
        },
        {
          name: 'pager',
          pagerdutyConfigs: [
            {
              routingKey: { name: 'pd', key: 'key' },
              clientURL: 'https://acme.dev',
              details: [{ key: 'firing', value: '{{ .Alerts.Firing | len }}' }],
            },
          ],
          emailConfigs: [
            {
              to: 'a@acme.dev',
              from: 'b@acme.dev',
              smarthost: 'mail:25',
              requireTLS: false,
              authUsername: 'u',
              authPassword: { name: 'mail', key: 'password' },
              headers: [{ key: 'Subject', value: 'x' }],
            },
          ],
          webhookConfigs: [{ urlSecret: { name: 'hook', key: 'url' }, maxAlerts: 3 }],
          telegramConfigs: [
            { botToken: { name: 'tg', key: 'token' }, chatID: 7, parseMode: 'HTML' },
          ],
          discordConfigs: [{ apiURL: { name: 'dc', key: 'url' } }],
        },
      ],
      inhibitRules: [
        {
          sourceMatch: [{ name: 'severity', value: 'critical' }],
          targetMatch: [{ name: 'severity', value: 'warning', matchType: '=' }],
          equal: ['job'],
        },
      ],
      muteTimeIntervals: [
        {
          name: 'nights',
          timeIntervals: [
            {
              times: [{ startTime: '00:00', endTime: '06:00' }],
              weekdays: ['monday:friday'],
              daysOfMonth: [{ start: 1, end: 5 }, { start: -1 }],
              months: ['january'],
            },
          ],
        },
      ],
    },
  });

  it('is about alerts of its namespace only, under names of its own', () => {
    expect(refusals).toEqual([]);
    expect(parts.route).toEqual({
      receiver: 'shop/team/chat',
      group_by: ['job'],
      group_wait: '10s',
      matchers: ['namespace="shop"', 'severity!="info"'],
      continue: true,
      routes: [
        {
          receiver: 'shop/team/pager',
          matchers: ['job=~"web|db"'],
          mute_time_intervals: ['shop/team/nights'],
          continue: true,
        },
      ],
    });
    expect(parts.inhibitRules).toEqual([
      {
        source_matchers: ['namespace="shop"', 'severity="critical"'],
        target_matchers: ['namespace="shop"', 'severity="warning"'],
        equal: ['job'],
      },
    ]);
  });

  it('is what an alertmanager.yml can hold, with files in the place of Secrets', () => {
    const text = stringify({
      route: { receiver: 'none', routes: [parts.route] },
      receivers: [{ name: 'none' }, ...parts.receivers],
      inhibit_rules: parts.inhibitRules,
      time_intervals: parts.timeIntervals,
    });
    const { receivers } = parseAlertmanagerConfig(text, 'am.yml');
    expect(receivers.map(({ name }) => name)).toEqual([
      'none',
      'shop/team/chat',
      'shop/team/pager',
    ]);
    expect(secrets.map(({ path }) => path)).toEqual([
      'secrets/shop/slack/url',
      'secrets/shop/pd/key',
      'secrets/shop/mail/password',
      'secrets/shop/hook/url',
      'secrets/shop/tg/token',
      'secrets/shop/dc/url',
    ]);
  });

  it('is translated or refused, whatever it holds', () => {
    const keys = ['route', 'receivers', 'inhibitRules', 'muteTimeIntervals', '__proto__'];
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...keys), fc.jsonValue()), (spec) => {
        const { receivers } = translateAlertmanagerConfig({ metadata, spec });
        for (const { name } of receivers) expect(name).toMatch(/^shop\/team\//);
      }),
    );
  });

  it('names no file outside of its folder', () => {
    const { refusals: refused } = translateAlertmanagerConfig({
      metadata,
      spec: {
        receivers: [{ name: 'a', slackConfigs: [{ apiURL: { name: '..', key: '../../x' } }] }],
      },
    });
    expect(refused).toHaveLength(1);
  });
});
