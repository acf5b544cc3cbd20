import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DeliveryError } from '#libs/notify';
import type { ReceivedRequest } from '../testing/fake-provider.ts';
import { alertOf, ReceiverWorld } from '../testing/receiver-world.ts';

/* What the recorded notifications do not show: other ways to configure, answers that are no success, conversations. */

let world: ReceiverWorld;
beforeAll(async () => {
  world = await ReceiverWorld.start();
});
beforeEach(() => {
  world.provider.reset();
  world.memory.clear();
});
afterAll(() => world.stop());

const FIRING = [alertOf({ labels: { instance: 'host-1' } })];
const RESOLVED = [alertOf({ labels: { instance: 'host-1' }, isResolved: true })];
const GROUP = '17c4e445d234645c9e547ff6d32a864af0ebdadcd1902771c24c8d366637ff41';
const TITLE = '[FIRING:1] DiskFull (host-1 critical)';

type Json = Readonly<Record<string, unknown>>;

function lines(): string[] {
  return world.provider.requests.map(({ method, path }) => `${method} ${path}`);
}

function bodies(): Json[] {
  return world.provider.requests.map(({ body }) => body as Json);
}

async function failureOf(promise: Promise<unknown>): Promise<DeliveryError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof DeliveryError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

/** Slack with a bot's token. */
const bot = (more: string) =>
  world.integration(
    'slack',
    `{app_url: 'URL/api/chat.postMessage', app_token: xoxb-1, channel: '#ops', send_resolved: true${more}}`,
  );

const posted = () => ({ body: { ok: true, channel: 'C1', ts: '1.2' } });

describe('slack', () => {
  it('posts with the token of a bot', async () => {
    world.provider.reset(posted);
    await world.deliver(bot(', message_text: hello'), FIRING);
    expect(world.provider.requests).toEqual([
      {
        method: 'POST',
        path: '/api/chat.postMessage',
        headers: { 'content-type': 'application/json', authorization: 'Bearer xoxb-1' },
        body: {
          channel: '#ops',
          username: 'Alertmanager',
          text: 'hello',
          attachments: [
            {
              title: TITLE,
              title_link: 'http://me.example/#/alerts?receiver=ops',
              text: '',
              fallback: `${TITLE} | http://me.example/#/alerts?receiver=ops`,
              callback_id: '',
              footer: '',
              color: 'danger',
              mrkdwn_in: ['fallback', 'pretext', 'text'],
            },
          ],
        },
      },
    ]);
    expect(world.memory.size).toBe(0);
  });

  it('updates its message in place until the group is over', async () => {
    world.provider.reset(posted);
    const integration = bot(', update_message: true');
    await world.deliver(integration, FIRING);
    await world.deliver(integration, FIRING);
    await world.deliver(integration, RESOLVED);
    await world.deliver(integration, FIRING);
    expect(lines()).toEqual([
      'POST /api/chat.postMessage',
      'POST /api/chat.update',
      'POST /api/chat.update',
      'POST /api/chat.postMessage',
    ]);
    expect(bodies()[2]).toMatchObject({ channel: 'C1', ts: '1.2' });
  });

  it('posts anew where its message is gone', async () => {
    world.provider.reset(({ path }) =>
      path.endsWith('update') ? { body: { ok: false, error: 'message_not_found' } } : posted(),
    );
    const integration = bot(', update_message: true');
    await world.deliver(integration, FIRING);
    await world.deliver(integration, FIRING);
    expect(lines().map((line) => line.split('.')[1])).toEqual([
      'postMessage',
      'update',
      'postMessage',
    ]);
  });

  it('answers in the thread of the first message', async () => {
    world.provider.reset(posted);
    const integration = bot(', thread_replies: true');
    await world.deliver(integration, FIRING);
    await world.deliver(integration, FIRING);
    await world.deliver(integration, RESOLVED);
    expect(bodies().map((body) => body['thread_ts'])).toEqual([undefined, '1.2', '1.2']);
    expect(world.memory.size).toBe(0);
  });

  it.each([
    ['ratelimited', 'rate_limited'],
    ['internal_error', 'server_error'],
    ['invalid_auth', 'unauthorized'],
    ['channel_not_found', 'rejected'],
  ])('knows what %s means: %s', async (error, code) => {
    world.provider.reset(() => ({ body: { ok: false, error } }));
    expect(await failureOf(world.deliver(bot(''), FIRING))).toMatchObject({ code });
  });
});

describe('telegram', () => {
  const block = `{api_url: 'URL', bot_token: '1:t', chat_id: '@ops', message_thread_id: 7, disable_notifications: true, parse_mode: '', message: 'm {{ len .Alerts }}'}`;

  it('sends with all options, plain', async () => {
    await world.deliver(world.integration('telegram', block), FIRING);
    expect(bodies()).toEqual([
      {
        chat_id: '@ops',
        text: 'm 1',
        disable_web_page_preview: 'true',
        message_thread_id: '7',
        disable_notification: 'true',
      },
    ]);
  });

  it('sends a text that had to be cut without its tags', async () => {
    const long = `{api_url: 'URL', bot_token_file: token, chat_id_file: chat, message: '<b>{{ .CommonAnnotations.long }}</b>'}`;
    writeFileSync(join(world.folder, 'token'), '2:f\n');
    writeFileSync(join(world.folder, 'chat'), '-5\n');
    const alerts = [alertOf({ annotations: { long: '<&'.repeat(5_000) } })];
    await world.deliver(world.integration('telegram', long), alerts);
    const [{ text, parse_mode: mode, chat_id: chat }] = bodies() as [Json];
    expect([lines()[0], mode, chat]).toEqual(['POST /bot2:f/sendMessage', undefined, '-5']);
    expect(text).toMatch(/^(<&)+<?…$/);
    expect(Array.from(text as string)).toHaveLength(4_096);
  });

  it('waits as long as it is told', async () => {
    world.provider.reset(() => ({
      status: 429,
      body: { ok: false, description: 'Too Many Requests', parameters: { retry_after: 9 } },
    }));
    const error = await failureOf(world.deliver(world.integration('telegram', block), FIRING));
    expect(error).toMatchObject({ code: 'rate_limited', retryAfterMs: 9_000 });
  });
});

describe('pagerduty', () => {
  it('speaks the older API for a service key', async () => {
    const block = `{service_key: 'sk-{{ .CommonLabels.severity }}', url: 'URL/v1', details: {only: 'x'}, client: c, client_url: 'http://c'}`;
    await world.deliver(world.integration('pagerduty', block), RESOLVED);
    expect(bodies()).toEqual([
      {
        service_key: 'sk-critical',
        incident_key: GROUP,
        event_type: 'resolve',
        description: '[RESOLVED] DiskFull (host-1 critical)',
        client: 'c',
        client_url: 'http://c',
        details: expect.objectContaining({ only: 'x', num_firing: 0, num_resolved: 1 }),
      },
    ]);
  });

  it('cuts the summary, and leaves details out that make an event too large', async () => {
    const alerts = [alertOf({ annotations: { big: 'x'.repeat(520_000) } })];
    const block = `{routing_key: rk, url: 'URL/v2', description: '{{ .CommonAnnotations.big }}', links: [{href: '', text: nowhere}]}`;
    await world.deliver(world.integration('pagerduty', block), alerts);
    const [body] = bodies();
    expect(JSON.stringify(body).length).toBeLessThan(5_000);
    expect(body).not.toHaveProperty('links');
    expect(body).toMatchObject({
      payload: { summary: `${'x'.repeat(1_023)}…`, custom_details: { note: expect.any(String) } },
    });
  });
});

describe('opsgenie', () => {
  const block = `{api_url: 'URL', api_key_file: key, update_alerts: true, note: n, entity: e, actions: 'a, b', details: {own: '{{ .Status }}'}, responders: [{name: 'x, y', type: teams}, {username: u@x, type: user}]}`;
  beforeEach(() => writeFileSync(join(world.folder, 'key'), 'og'));

  it('creates and updates', async () => {
    await world.deliver(world.integration('opsgenie', block), FIRING);
    expect(lines()).toEqual([
      'POST /v2/alerts',
      `PUT /v2/alerts/${GROUP}/message?identifierType=alias`,
      `PUT /v2/alerts/${GROUP}/description?identifierType=alias`,
    ]);
    expect(world.provider.requests[0]!.headers['authorization']).toBe('GenieKey og');
    expect(bodies()[0]).toMatchObject({
      alias: GROUP,
      message: TITLE,
      note: 'n',
      entity: 'e',
      actions: ['a', 'b'],
      details: { own: 'firing', alertname: 'DiskFull' },
      responders: [
        { name: 'x', type: 'team' },
        { name: 'y', type: 'team' },
        { username: 'u@x', type: 'user' },
      ],
    });
    expect(bodies()[1]).toEqual({ message: TITLE });
  });

  it('closes', async () => {
    await world.deliver(world.integration('opsgenie', block), RESOLVED);
    expect(lines()).toEqual([`POST /v2/alerts/${GROUP}/close?identifierType=alias`]);
    expect(bodies()).toEqual([{ source: 'http://me.example/#/alerts?receiver=ops', note: 'n' }]);
  });
});

const issue = (category: string) => ({
  body: { issues: [{ key: 'OPS-1', fields: { status: { statusCategory: { key: category } } } }] },
});

const jira = (more = '') =>
  world.integration(
    'jira',
    `{api_url: 'URL/rest/api/2', project: OPS, issue_type: Bug, resolve_transition: Close, reopen_transition: Reopen, reopen_duration: 1h, wont_fix_resolution: Rejected, labels: ['a b'], fields: {customfield_1: {value: '{{ .Status }}'}}${more}}`,
  );

describe('jira', () => {
  const transitions = {
    body: {
      transitions: [
        { id: '11', name: 'Start' },
        { id: '21', name: 'Close' },
        { id: '31', name: 'Reopen' },
      ],
    },
  };
  const answering = (category: string) => (request: ReceivedRequest) =>
    request.path.includes('/search')
      ? issue(category)
      : request.method === 'GET'
        ? transitions
        : {};

  it('changes an issue that is open', async () => {
    world.provider.reset(answering('new'));
    await world.deliver(jira(), FIRING);
    expect(lines()).toEqual(['POST /rest/api/2/search', 'PUT /rest/api/2/issue/OPS-1']);
    expect(bodies()[0]!['jql']).toBe(
      `resolution != "Rejected" and (resolutiondate is EMPTY OR resolutiondate >= -60m) and project="OPS" and labels="ALERT{${GROUP}}" order by status ASC,resolutiondate DESC`,
    );
    expect(bodies()[1]).toMatchObject({
      fields: {
        summary: TITLE,
        labels: [`ALERT{${GROUP}}`, 'a_b'],
        customfield_1: { value: 'firing' },
      },
    });
  });

  it.each([
    ['reopens one that is done', FIRING, 'done', '31'],
    ['closes one that is open', RESOLVED, 'indeterminate', '21'],
  ])('%s', async (_, alerts, category, id) => {
    world.provider.reset(answering(category));
    await world.deliver(jira(), alerts);
    expect(lines().slice(2)).toEqual([
      'GET /rest/api/2/issue/OPS-1/transitions',
      'POST /rest/api/2/issue/OPS-1/transitions',
    ]);
    expect(bodies().at(-1)).toEqual({ transition: { id } });
  });

  it('leaves summary and description alone where it should', async () => {
    world.provider.reset(answering('new'));
    const more =
      ', summary: {template: s, enable_update: false}, description: {template: d, enable_update: false}';
    await world.deliver(jira(more), FIRING);
    const { fields } = bodies()[1] as { fields: Json };
    expect(Object.keys(fields).toSorted()).toEqual(['customfield_1', 'labels', 'priority']);
  });

  it('speaks version 3 and the search of the cloud', async () => {
    world.provider.reset(() => ({ body: { issues: [] } }));
    const block = `{api_url: 'URL/rest/api/3', api_type: cloud, project: OPS, issue_type: Bug, description: "a\\n\\nb"}`;
    await world.deliver(world.integration('jira', block), FIRING);
    expect(lines()).toEqual(['POST /rest/api/3/search/jql', 'POST /rest/api/3/issue']);
    expect(bodies()[1]).toMatchObject({
      fields: {
        description: {
          type: 'doc',
          version: 1,
          content: [
            {
              type: 'paragraph',
              content: [
                { type: 'text', text: 'a' },
                { type: 'hardBreak' },
                { type: 'hardBreak' },
                { type: 'text', text: 'b' },
              ],
            },
          ],
        },
      },
    });
  });

  it('says which transition is not there', async () => {
    world.provider.reset((request) =>
      request.path.includes('/search') ? issue('new') : { body: { transitions: [] } },
    );
    const error = await failureOf(world.deliver(jira(), RESOLVED));
    expect(error).toMatchObject({ code: 'rejected' });
    expect(error.message).toContain('no transition "Close"');
  });
});

describe('wechat', () => {
  const block = `{api_url: 'URL/cgi-bin/', corp_id: c, api_secret: s, to_party: p, message_type: markdown, message: m}`;

  it('asks for a token once, and again when it has run out or is refused', async () => {
    let isGood = true;
    world.provider.reset(({ path }) =>
      path.includes('gettoken')
        ? { body: { errcode: 0, access_token: 'T', expires_in: 7_200 } }
        : { body: isGood ? { errcode: 0 } : { errcode: 40_014, errmsg: 'invalid access_token' } },
    );
    const integration = world.integration('wechat', block);
    await world.deliver(integration, FIRING);
    await world.deliver(integration, FIRING);
    expect(lines()).toEqual([
      'GET /cgi-bin/gettoken?corpid=c&corpsecret=s',
      'POST /cgi-bin/message/send?access_token=T',
      'POST /cgi-bin/message/send?access_token=T',
    ]);
    expect(bodies()[1]).toEqual({
      text: { content: '' },
      markdown: { content: 'm' },
      toparty: 'p',
      msgtype: 'markdown',
      safe: '0',
    });
    isGood = false;
    expect(await failureOf(world.deliver(integration, FIRING))).toMatchObject({
      code: 'server_error',
    });
    isGood = true;
    await world.deliver(integration, FIRING);
    world.nowMs += 7_200_000;
    await world.deliver(integration, FIRING);
    expect(lines().filter((line) => line.includes('gettoken'))).toHaveLength(3);
  });

  it.each([
    [45_009, 'rate_limited'],
    [81_013, 'rejected'],
  ])('knows what %d means: %s', async (errcode, code) => {
    world.provider.reset(() => ({ body: { errcode, access_token: 'T', errmsg: 'x' } }));
    const other = block.replace('api_secret: s', `api_secret: s${errcode}`);
    expect(
      await failureOf(world.deliver(world.integration('wechat', other), FIRING)),
    ).toMatchObject({ code });
  });
});

describe('others', () => {
  it.each<[string, string, object]>([
    [
      'pushover',
      `{user_key: u, token: t, title: T, message: ' ', url: 'http://x', priority: '1', sound: s, device: d, ttl: 90s, html: true}`,
      {
        path: '/1/messages.json',
        body: {
          token: 't',
          user: 'u',
          title: 'T',
          message: '(no details)',
          url: 'http://x',
          priority: '1',
          sound: 's',
          device: 'd',
          ttl: '90',
          html: '1',
          timestamp: '1770091596',
        },
      },
    ],
    [
      'discord',
      `{webhook_url: 'URL/d', username: Bot, avatar_url: 'http://a', title: T, message: M, content: C}`,
      {
        body: {
          content: 'C',
          embeds: [{ title: 'T', description: 'M', color: 0x992d22 }],
          allowed_mentions: { parse: [] },
          username: 'Bot',
          avatar_url: 'http://a',
        },
      },
    ],
    [
      'rocketchat',
      `{api_url: 'URL', token: t, token_id: i, channel: c, emoji: ':x:', title: T, title_link: L, text: X, fields: [{title: a, value: b, short: true}], actions: [{text: go, url: 'http://x'}]}`,
      {
        path: '/api/v1/chat.postMessage',
        headers: { 'content-type': 'application/json', 'x-auth-token': 't', 'x-user-id': 'i' },
        body: {
          channel: 'c',
          emoji: ':x:',
          attachments: [
            {
              title: 'T',
              title_link: 'L',
              color: 'red',
              text: 'X',
              fields: [{ title: 'a', value: 'b', short: true }],
              actions: [{ type: 'button', text: 'go', url: 'http://x' }],
            },
          ],
        },
      },
    ],
    [
      'mattermost',
      `{webhook_url: 'URL/m', text: X, title: T, title_link: L, fallback: F, priority: {priority: urgent, requested_ack: true}, props: {card: C}, author_name: A, fields: [{title: a, value: b}]}`,
      {
        body: {
          username: 'Alertmanager',
          priority: { priority: 'urgent', requested_ack: true, persistent_notifications: false },
          props: { card: 'C' },
          attachments: [
            {
              fallback: 'F',
              color: 'danger',
              text: 'X',
              title: 'T',
              title_link: 'L',
              author_name: 'A',
              fields: [{ title: 'a', value: 'b', short: false }],
            },
          ],
        },
      },
    ],
    [
      'webhook',
      `{url: 'URL/hook/{{ .CommonLabels.severity }}', payload: {n: '{{ len .Alerts }}', text: 'a {{ .Status }}', list: ['{{ .Status }}', 1, null], labels: '{{ .CommonLabels | toJson }}'}}`,
      {
        path: '/hook/critical',
        body: {
          n: 1,
          text: 'a firing',
          list: ['firing', 1, null],
          labels: { alertname: 'DiskFull', instance: 'host-1', severity: 'critical' },
        },
      },
    ],
    [
      'victorops',
      `{api_url: 'URL/', api_key: k, routing_key: 'r/{{ .Status }}', message_type: warning, custom_fields: {f: '{{ .Status }}'}}`,
      {
        path: '/k/r%2Ffiring',
        body: expect.objectContaining({ message_type: 'WARNING', f: 'firing', entity_id: GROUP }),
      },
    ],
    [
      'sns',
      `{api_url: 'URL', phone_number: '+1', message: 'é', sigv4: {region: eu-west-1, access_key: AK, secret_key: SK}, attributes: {a: b}}`,
      {
        body: {
          Action: 'Publish',
          Version: '2010-03-31',
          Message: 'é',
          PhoneNumber: '+1',
          'MessageAttributes.entry.1.Name': 'a',
          'MessageAttributes.entry.1.Value.DataType': 'String',
          'MessageAttributes.entry.1.Value.StringValue': 'b',
        },
      },
    ],
  ])('%s %s', async (kind, block, expected) => {
    const report = await world.deliver(world.integration(kind, block), FIRING);
    expect(world.provider.requests).toMatchObject([expected]);
    expect(world.provider.requests[0]!.body).toEqual((expected as { body: unknown }).body);
    expect(report.templateFaults).toEqual([]);
  });

  it('sns: takes on a role, with keys of the environment', async () => {
    world.provider.reset(({ body }) => ({
      body:
        (body as Json)['Action'] === 'AssumeRole'
          ? '<R><AccessKeyId>LENT</AccessKeyId><SecretAccessKey>S2</SecretAccessKey><SessionToken>TOK</SessionToken></R>'
          : '',
    }));
    const block = `{topic_arn: 'arn:aws:sns:eu-west-1:1:t.fifo', sigv4: {role_arn: 'arn:aws:iam::1:role/r'}}`;
    const environment = { AWS_ACCESS_KEY_ID: 'AK', AWS_SECRET_ACCESS_KEY: 'SK' };
    const integration = world.integration('sns', block);
    await world.deliver(integration, FIRING, {}, { environment });
    await world.deliver(integration, FIRING, {}, { environment });
    expect(bodies().map((body) => body['Action'])).toEqual(['AssumeRole', 'Publish', 'Publish']);
    expect(world.provider.requests[1]!.headers).toMatchObject({
      'x-amz-security-token': 'TOK',
      authorization: expect.stringContaining('Credential=LENT/20260203/eu-west-1/sns/aws4_request'),
    });
    expect(bodies()[1]).toMatchObject({ MessageGroupId: GROUP, MessageDeduplicationId: 'n1' });
  });

  it('sns: says that there are no keys', async () => {
    const block = `{topic_arn: 'arn:aws:sns:eu-west-1:1:t'}`;
    const error = await failureOf(world.deliver(world.integration('sns', block), FIRING));
    expect(error).toMatchObject({ code: 'misconfigured', isRetryable: true });
  });

  it('msteams: sees an error within a 200', async () => {
    world.provider.reset(() => ({
      body: 'Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId x',
    }));
    const integration = world.integration('msteams', `{webhook_url: 'URL/t'}`);
    expect(await failureOf(world.deliver(integration, FIRING))).toMatchObject({
      code: 'rate_limited',
    });
  });
});
