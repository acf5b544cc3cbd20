import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { alertOf, ReceiverWorld } from '../testing/receiver-world.ts';

let world: ReceiverWorld;
beforeAll(async () => {
  world = await ReceiverWorld.start();
});
beforeEach(() => world.provider.reset());
afterAll(() => world.stop());

const FIRING = [alertOf({ labels: { instance: 'host-1' } })];
const RESOLVED = [alertOf({ labels: { instance: 'host-1' }, isResolved: true })];
const TITLE = '[FIRING:1] critical DiskFull (instance=host-1)';
const JSON_TYPE = { 'content-type': 'application/json' };
const FORM_TYPE = { 'content-type': 'application/x-www-form-urlencoded' };
const GROUP = '17c4e445d234645c9e547ff6d32a864a';
const SID = 'AC0123456789abcdef0123456789abcdef';
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

const WEBHOOK = {
  receiver: 'ops',
  status: 'firing',
  version: '4',
  groupKey: '{}:{alertname="DiskFull"}',
  truncatedAlerts: 0,
  externalURL: 'http://me.example',
  alerts: [expect.objectContaining({ status: 'firing', startsAt: '2026-02-03T04:05:06Z' })],
};

/** Whom Twilio was told to write to. */
function numbers(): (string | undefined)[] {
  return world.provider.requests.map(({ body }) => (body as Record<string, string>)['To']);
}

describe('receivers of our own', () => {
  it.each<[string, string, object]>([
    [
      'googlechat',
      `{webhook_url: 'URL/v1/spaces/S/messages?key=K&token=T', message: 'hi {{ .Status }}'}`,
      {
        method: 'POST',
        path: '/v1/spaces/S/messages?key=K&token=T',
        headers: JSON_TYPE,
        body: { text: 'hi firing' },
      },
    ],
    [
      'googlechat',
      `{webhook_url: 'URL/v1/spaces/S/messages?key=K', message: hi, threads: true}`,
      {
        method: 'POST',
        path: '/v1/spaces/S/messages?key=K&messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD',
        headers: JSON_TYPE,
        body: { text: 'hi', thread: { threadKey: GROUP } },
      },
    ],
    [
      'matrix',
      `{homeserver_url: 'URL/', room_id: '!r:example.org', access_token: tok, message: "a\\nb<c>"}`,
      {
        method: 'PUT',
        path: '/_matrix/client/v3/rooms/!r%3Aexample.org/send/m.room.message/n1',
        headers: { ...JSON_TYPE, authorization: 'Bearer tok' },
        body: {
          msgtype: 'm.text',
          body: 'a\nb<c>',
          format: 'org.matrix.custom.html',
          formatted_body: 'a<br>b&lt;c&gt;',
          'm.mentions': {},
        },
      },
    ],
    [
      'ntfy',
      `{server_url: 'URL', topic: alerts, token: tk_1, message: hi}`,
      {
        method: 'POST',
        path: '/',
        headers: { ...JSON_TYPE, authorization: 'Bearer tk_1' },
        body: {
          topic: 'alerts',
          title: TITLE,
          message: 'hi',
          priority: 5,
          tags: ['rotating_light'],
          click: 'http://me.example',
        },
      },
    ],
    [
      'ntfy',
      `{server_url: 'URL', topic: '{{ .CommonLabels.severity }}', title: t, message: hi, priority: low, tags: [a], click: 'http://x'}`,
      {
        method: 'POST',
        path: '/',
        headers: JSON_TYPE,
        body: {
          topic: 'critical',
          title: 't',
          message: 'hi',
          priority: 2,
          tags: ['a'],
          click: 'http://x',
        },
      },
    ],
    [
      'gotify',
      `{server_url: 'URL/g', token: tok, message: hi}`,
      {
        method: 'POST',
        path: '/g/message',
        headers: { ...JSON_TYPE, 'x-gotify-key': 'tok' },
        body: {
          title: TITLE,
          message: 'hi',
          priority: 8,
          extras: {
            'client::display': { contentType: 'text/plain' },
            'client::notification': { click: { url: 'http://me.example' } },
          },
        },
      },
    ],
    [
      'zulip',
      `{api_url: 'URL', bot_email: bot@example.org, api_key: key, stream: ops, message: hi}`,
      {
        method: 'POST',
        path: '/api/v1/messages',
        headers: { ...FORM_TYPE, authorization: basic('bot@example.org:key') },
        body: { type: 'stream', to: 'ops', topic: 'DiskFull', content: 'hi' },
      },
    ],
    [
      'dingtalk',
      `{webhook_url: 'URL/robot/send?access_token=T', secret: SEC, at_mobiles: ['123'], message: hi}`,
      {
        method: 'POST',
        // base64 of HMAC-SHA256 with the secret over time, line feed and secret.
        path: '/robot/send?access_token=T&timestamp=1770091596000&sign=K2UHTOymw%2BVyudEM17tnhvNhO4VP4%2FxWKyXAdz8TZ6M%3D',
        headers: JSON_TYPE,
        body: {
          msgtype: 'markdown',
          markdown: { title: TITLE, text: 'hi\n\n@123' },
          at: { atMobiles: ['123'], isAtAll: false },
        },
      },
    ],
    [
      'feishu',
      `{webhook_url: 'URL/open-apis/bot/v2/hook/H', secret: SEC, message: hi}`,
      {
        method: 'POST',
        path: '/open-apis/bot/v2/hook/H',
        headers: JSON_TYPE,
        body: {
          timestamp: '1770091596',
          // base64 of HMAC-SHA256 over nothing, with time, line feed and secret as the key.
          sign: 'Yoqkuqer9qwNbfAgwmYjmC2dBfntN9Ukedf3no+FH+c=',
          msg_type: 'interactive',
          card: {
            header: { title: { tag: 'plain_text', content: TITLE }, template: 'red' },
            elements: [{ tag: 'div', text: { tag: 'lark_md', content: 'hi' } }],
          },
        },
      },
    ],
    [
      'twilio',
      `{api_url: 'URL', account_sid: ${SID}, auth_token: tok, from: '+1', to: ['+2']}`,
      {
        method: 'POST',
        path: `/2010-04-01/Accounts/${SID}/Messages.json`,
        headers: { ...FORM_TYPE, authorization: basic(`${SID}:tok`) },
        body: { To: '+2', From: '+1', Body: `${TITLE} 95 % used` },
      },
    ],
    [
      'grafanaoncall',
      `{url: 'URL/integrations/v1/alertmanager/x/'}`,
      {
        method: 'POST',
        path: '/integrations/v1/alertmanager/x/',
        headers: JSON_TYPE,
        body: expect.objectContaining(WEBHOOK),
      },
    ],
    [
      'goalert',
      `{server_url: 'URL', token: a b}`,
      {
        method: 'POST',
        path: '/api/v2/prometheusalertmanager/incoming?token=a+b',
        headers: JSON_TYPE,
        body: expect.objectContaining(WEBHOOK),
      },
    ],
    [
      'alertmanager',
      `{url: 'URL/am/', valid_for: 1h}`,
      {
        method: 'POST',
        path: '/am/api/v2/alerts',
        headers: JSON_TYPE,
        body: [
          {
            labels: { alertname: 'DiskFull', instance: 'host-1', severity: 'critical' },
            annotations: { summary: '95 % used' },
            startsAt: '2026-02-03T04:05:06Z',
            endsAt: '2026-02-03T05:06:36Z',
            generatorURL: 'http://prom.example/graph?g0.expr=up',
          },
        ],
      },
    ],
    ['heartbeat', `{url: 'URL/ping/1'}`, { method: 'GET', path: '/ping/1', headers: {}, body: '' }],
  ])('%s %s', async (kind, block, expected) => {
    const report = await world.deliver(world.integration(kind, block), FIRING);
    expect(world.provider.requests).toEqual([expected]);
    expect(report).toEqual({ templateFaults: [], refusedAddressees: [] });
  });

  it.each<[string, string, (body: never) => unknown, unknown]>([
    [
      'ntfy',
      `{server_url: 'URL', topic: a}`,
      ({ title, priority, tags }: Record<string, unknown>) => [title, priority, tags],
      ['[RESOLVED] critical DiskFull (instance=host-1)', 3, ['white_check_mark']],
    ],
    [
      'gotify',
      `{server_url: 'URL', token: t}`,
      ({ priority }: Record<string, unknown>) => priority,
      4,
    ],
    [
      'feishu',
      `{webhook_url: 'URL/h'}`,
      ({ card }: { card: { header: { template: string } } }) => card.header.template,
      'green',
    ],
    [
      'alertmanager',
      `{url: 'URL'}`,
      ([{ endsAt }]: [{ endsAt: string }]) => endsAt,
      '2026-02-03T04:06:06Z',
    ],
  ])('%s: an end looks different', async (kind, block, part, expected) => {
    await world.deliver(world.integration(kind, block), RESOLVED);
    const [request] = world.provider.requests;
    expect(part(request!.body as never)).toEqual(expected);
  });

  it('lays a message out for each medium', async () => {
    const alerts = [
      alertOf({
        labels: { instance: 'a_b' },
        annotations: {
          description: 'x *y*',
          value: '95',
          runbook_url: 'https://runbooks.example/(1)',
        },
      }),
    ];
    const textOf = async (kind: string, block: string) => {
      world.provider.reset();
      await world.deliver(world.integration(kind, block), alerts);
      return world.provider.requests[0]!.body as Record<string, string>;
    };
    const foot = 'Sent to ops: first notification – http://me.example';
    const since = 'since 2026-02-03 04:05:06 UTC (1m30s)';
    const { text } = await textOf('googlechat', `{webhook_url: 'URL/'}`);
    expect(text!.replaceAll('\u200b', '')).toBe(
      `*FIRING: DiskFull – 1 alert firing*\ninstance: a_b\n\n*FIRING* 95 % used\nx *y*\n${since}\nvalue: 95\n<https://runbooks.example/(1)|Runbook> · <http://prom.example/graph?g0.expr=up|Graph> · <http://me.example/silence?labels=%7B%22alertname%22%3A%22DiskFull%22%2C%22instance%22%3A%22a_b%22%2C%22severity%22%3A%22critical%22%7D|Silence>\n\n${foot}`,
    );
    expect(text).toContain('x *\u200by*\u200b');
    const { formatted_body: html } = await textOf(
      'matrix',
      `{homeserver_url: 'URL', room_id: r, access_token: t}`,
    );
    expect(html).toBe(
      `<strong>FIRING: DiskFull – 1 alert firing</strong><br>instance: a_b<br><br><strong>FIRING</strong> 95 % used<br>x *y*<br>${since}<br>value: 95<br><a href="https://runbooks.example/(1)">Runbook</a> · <a href="http://prom.example/graph?g0.expr=up">Graph</a> · <a href="http://me.example/silence?labels=%7B%22alertname%22%3A%22DiskFull%22%2C%22instance%22%3A%22a_b%22%2C%22severity%22%3A%22critical%22%7D">Silence</a><br><br>${foot}`,
    );
    const { message } = await textOf('gotify', `{server_url: 'URL', token: t}`);
    expect(message).toContain(String.raw`instance: a\_b`);
    expect(message).toContain('[Runbook](https://runbooks.example/%281%29)');
  });

  it('leaves whole alerts out of what would be too long', async () => {
    const many = Array.from({ length: 90 }, (_, i) =>
      alertOf({ labels: { instance: `host-${i}` }, annotations: { description: 'é'.repeat(900) } }),
    );
    await world.deliver(world.integration('ntfy', `{server_url: 'URL', topic: a}`), many);
    const { message } = world.provider.requests[0]!.body as { message: string };
    expect(Buffer.byteLength(message)).toBeLessThanOrEqual(4_096);
    expect(message).toMatch(/… and 8\d more alerts\n\nSent to ops/);
  });

  it.each([
    ['dingtalk', `{webhook_url: 'URL/'}`, { errcode: 310_000, errmsg: 'no keyword' }, 'rejected'],
    ['dingtalk', `{webhook_url: 'URL/'}`, { errcode: -1, errmsg: 'busy' }, 'server_error'],
    ['dingtalk', `{webhook_url: 'URL/'}`, { errcode: 130_101, errmsg: 'x' }, 'rate_limited'],
    ['feishu', `{webhook_url: 'URL/'}`, { code: 19_021, msg: 'sign match fail' }, 'rejected'],
    ['feishu', `{webhook_url: 'URL/'}`, { code: 9_499, msg: 'too many' }, 'rate_limited'],
  ])('%s %s answers 200 with %j: %s', async (kind, block, body, code) => {
    world.provider.reset(() => ({ body }));
    const sent = world.deliver(world.integration(kind, block), FIRING);
    await expect(sent).rejects.toMatchObject({ code });
  });

  it('matrix: waits as long as the homeserver says', async () => {
    world.provider.reset(() => ({
      status: 429,
      body: { errcode: 'M_LIMIT_EXCEEDED', retry_after_ms: 2_500 },
    }));
    const block = `{homeserver_url: 'URL', room_id: r, access_token: t}`;
    await expect(world.deliver(world.integration('matrix', block), FIRING)).rejects.toMatchObject({
      code: 'rate_limited',
      retryAfterMs: 2_500,
    });
  });

  it('heartbeat: calls another address at the end, or none', async () => {
    const both = world.integration(
      'heartbeat',
      `{url: 'URL/a', resolved_url: 'URL/b', method: POST}`,
    );
    await world.deliver(both, RESOLVED);
    await world.deliver(world.integration('heartbeat', `{url: 'URL/a'}`), RESOLVED);
    expect(world.provider.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /b',
    ]);
  });

  describe('twilio', () => {
    const block = `{api_url: 'URL', account_sid: ${SID}, auth_token: tok, messaging_service_sid: MG1, to: ['+1', '+2', '+3']}`;

    it('goes on behind a number that is refused, and names it', async () => {
      world.provider.reset(({ body }) => ({
        status: (body as Record<string, string>)['To'] === '+1' ? 400 : 201,
      }));
      const report = await world.deliver(world.integration('twilio', block), FIRING);
      expect(numbers()).toEqual(['+1', '+2', '+3']);
      expect(report.refusedAddressees).toEqual(['+1']);
    });

    it('fails where every number is refused', async () => {
      world.provider.reset(() => ({ status: 400 }));
      const sent = world.deliver(world.integration('twilio', block), FIRING);
      await expect(sent).rejects.toMatchObject({ code: 'rejected' });
    });

    it('sends nobody the same message twice when an attempt is repeated', async () => {
      world.provider.reset(({ body }) => ({
        status: (body as Record<string, string>)['To'] === '+3' ? 503 : 201,
      }));
      const integration = world.integration('twilio', block);
      await expect(world.deliver(integration, FIRING)).rejects.toMatchObject({
        code: 'server_error',
      });
      world.provider.reset();
      await world.deliver(integration, FIRING);
      expect(numbers()).toEqual(['+3']);
      await world.deliver(integration, FIRING, { id: 'n2' });
      expect(numbers()).toEqual(['+3', '+1', '+2', '+3']);
    });
  });
});
