import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { parseAlertmanagerConfig, RECEIVER_BLOCKS, redactAlertmanagerConfig } from '#libs/dispatch';
import { DeliveryError } from '#libs/notify';
import { ConfigTextError } from '#libs/yaml-config';
import fc from 'fast-check';
import { ACCOUNT_SID, RECEIVER_BLOCKS_WITH_SECRETS } from '../testing/receiver-blocks.ts';
import { alertOf, ReceiverWorld } from '../testing/receiver-world.ts';

let world: ReceiverWorld;
beforeAll(async () => {
  world = await ReceiverWorld.start();
});
beforeEach(() => world.provider.reset());
afterAll(() => world.stop());

const CANARY = 'canary-7f3a';

// Fluentd speaks no HTTP and has a spec of its own.
const kinds = RECEIVER_BLOCKS.map(({ kind }): string => kind).filter((kind) => kind !== 'fluentd');

it('there is a block of every kind', () => {
  expect(Object.keys(RECEIVER_BLOCKS_WITH_SECRETS)).toEqual(kinds.toSorted());
});

const blockOf = (kind: string) => RECEIVER_BLOCKS_WITH_SECRETS[kind]!.replaceAll('CANARY', CANARY);

describe('hostile labels and annotations', () => {
  const EVIL = [
    '<!channel> <!here> <@U123> <!subteam^S1>',
    '@everyone @here @channel @all @room',
    '[click](https://evil.example) <https://evil.example|click>',
    '<b>bold</b> <a href="https://evil.example">x</a> <script>alert(1)</script>',
    '<@all> <users/all> <at id=all></at> <at user_id="all">x</at> @**all** @*admins* @_**Bob**',
    'x\r\nBcc: everyone@example.org\r\n\r\n\u2028\u202e\u0000',
    '{{ .ExternalURL }} {{ range . }}',
    '"}], "evil": [{"a": "',
  ].join(' ');
  const alerts = [
    alertOf({
      labels: { alertname: EVIL, severity: EVIL, evil: EVIL, __proto__: EVIL },
      annotations: { summary: EVIL, description: EVIL, runbook_url: `javascript:alert('${EVIL}')` },
    }),
  ];

  /** What must not be in the texts a medium is sent. */
  const ACTS: Readonly<Record<string, RegExp>> = {
    slack: /<[!@#]|<https?:[^>]*\|/,
    mattermost: /@(all|channel|here)\b|\]\(/i,
    rocketchat: /@(all|channel|here)\b|\]\(/i,
    discord: /\]\(/,
    msteams: /\]\(/,
    msteamsv2: /\]\(/,
    telegram: /<(b|a|script)\b/i,
    webex: /<@|\]\(/,
    wechat: /<@|\]\(|<font/,
    googlechat: /<users\/|<https:\/\/evil/,
    matrix: /<(b|script)\b|href="https:\/\/evil|javascript:/,
    feishu: /<at\b|\]\(https:\/\/evil/,
    dingtalk: /\]\(https:\/\/evil/,
    zulip: /@_?\*|\]\(https:\/\/evil/,
    gotify: /[^\\]\]\(https:\/\/evil|[^\\]<script/,
  };

  it.each(kinds)('%s: the message says what they say, and nothing happens', async (kind) => {
    world.provider.reset(({ path }) =>
      path.includes('gettoken') ? { body: { errcode: 0, access_token: 'T' } } : { body: {} },
    );
    const report = await world.deliver(world.integration(kind, blockOf(kind)), alerts);
    expect(report.templateFaults).toEqual([]);
    const sent = world.provider.requests.at(-1)!;
    const texts = [...textsIn(sent.body)].filter((text) => !text.startsWith('#'));
    // Matrix's plain body and Gotify's title are shown as they are.
    const marked = { matrix: '<strong>', gotify: '**' }[kind] ?? '';
    const acting = texts.filter((text) => text.includes(marked));
    expect(acting.filter((text) => ACTS[kind]?.test(text))).toEqual([]);
    // Whatever the labels hold, what is sent is one request, well formed, to where it should go.
    expect(sent.path).toMatch(/^[!-~]+$/);
    expect(Object.values(sent.headers).join()).not.toMatch(/evil|Bcc/);
  });

  it('sns: the subject is one line of ASCII', async () => {
    await world.deliver(world.integration('sns', blockOf('sns')), alerts);
    const { Subject: subject } = world.provider.requests[0]!.body as Record<string, string>;
    expect(subject).toMatch(/^[ -~]{1,99}$/);
  });

  it('discord: nobody is called', async () => {
    await world.deliver(world.integration('discord', blockOf('discord')), alerts);
    expect(world.provider.requests[0]!.body).toMatchObject({ allowed_mentions: { parse: [] } });
  });

  it('matrix: nobody is mentioned', async () => {
    await world.deliver(world.integration('matrix', blockOf('matrix')), alerts);
    expect(world.provider.requests[0]!.body).toMatchObject({ 'm.mentions': {} });
  });
});

describe('long labels and annotations', () => {
  const long = [
    alertOf({
      labels: { alertname: '🔥'.repeat(9_000) },
      annotations: { summary: 'é'.repeat(40_000) },
    }),
  ];
  const LIMITS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
    discord: { title: 256, description: 4_096, content: 2_000 },
    telegram: { text: 4_096 },
    pushover: { title: 250, message: 1_024 },
    opsgenie: { message: 130, description: 15_000 },
    pagerduty: { summary: 1_024 },
    victorops: { state_message: 20_480 },
    jira: { summary: 255, description: 32_767 },
    slack: { title: 1_024, text: 7_500 },
    zulip: { topic: 60, content: 10_000 },
    twilio: { Body: 1_600 },
    ntfy: { title: 250, message: 4_096 },
  };
  const BYTE_LIMITS: Readonly<Record<string, number>> = {
    webex: 7_500,
    googlechat: 32_000,
    dingtalk: 20_000,
    feishu: 20_000,
    wechat: 2_300,
    msteams: 28_000,
    msteamsv2: 28_000,
    matrix: 65_536,
    sns: 262_144,
  };

  it.each(Object.entries(LIMITS))('%s: fields keep to %j', async (kind, limits) => {
    await world.deliver(world.integration(kind, blockOf(kind)), long);
    const fields = new Map(fieldsIn(world.provider.requests.at(-1)!.body));
    for (const [name, limit] of Object.entries(limits)) {
      const text = fields.get(name) ?? '';
      expect(Array.from(text).length).toBeLessThanOrEqual(limit);
      expect(text).not.toMatch(/\uFFFD|[\uD800-\uDBFF](?![\uDC00-\uDFFF])/);
    }
  });

  it.each(Object.entries(BYTE_LIMITS))(
    '%s: a message has at most %d bytes',
    async (kind, limit) => {
      world.provider.reset(() => ({ body: { access_token: 'T' } }));
      await world.deliver(world.integration(kind, blockOf(kind)), long);
      const bytes = Buffer.byteLength(JSON.stringify(world.provider.requests.at(-1)!.body));
      expect(bytes).toBeLessThanOrEqual(limit);
      expect(bytes).toBeGreaterThan(500);
    },
  );
});

describe('a group of 10,000 alerts', () => {
  const crowd = Array.from({ length: 10_000 }, (_, i) =>
    alertOf({
      labels: { instance: `host-${i}` },
      annotations: { summary: `host-${i} is not well` },
    }),
  );

  it.each(kinds)('%s: it is told of, whatever a template makes of so many', async (kind) => {
    world.provider.reset(() => ({ body: { errcode: 0, access_token: 'T' } }));
    // Nobody here speaks as all services do; what counts is that there was something to send.
    const outcome = await world.deliver(world.integration(kind, blockOf(kind)), crowd).then(
      ({ templateFaults }) => templateFaults.map(({ message }) => message),
      (error: unknown) => (error instanceof DeliveryError ? [] : [String(error)]),
    );
    expect(world.provider.requests.length).toBeGreaterThan(0);
    // A text that would be longer than a template may give is left out.
    const others = outcome.filter((message) => !message.endsWith('1048576 characters'));
    expect(others).toEqual([]);
  });
});

/** A service that answers with all it was sent. */
const echo = (status: number) => (request: object) => ({
  status,
  body: `you sent ${decodeURIComponent(JSON.stringify(request).replaceAll('%', '%25'))}`,
});

describe('whatever labels hold and services answer', () => {
  const labels = fc.dictionary(
    fc.oneof(
      fc.constantFrom('alertname', 'severity', '__proto__', 'job'),
      fc.string({ minLength: 1 }),
    ),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 50 }),
    { maxKeys: 5 },
  );
  const body = fc.oneof(
    fc.json(),
    fc.string(),
    fc
      .record({
        ok: fc.boolean(),
        error: fc.anything({ maxDepth: 1 }),
        issues: fc.array(fc.anything()),
        transitions: fc.anything(),
        errcode: fc.integer(),
        access_token: fc.constantFrom('T', '', null),
        parameters: fc.anything({ maxDepth: 1 }),
      })
      .map((answer) => JSON.stringify(answer)),
  );
  const answer = fc.record({
    status: fc.constantFrom(200, 200, 200, 201, 302, 400, 401, 404, 429, 500),
    retryAfter: fc.constantFrom(null, '1', 'nonsense'),
    body,
  });

  it.each(kinds)('%s: it is delivered or fails as a delivery does', async (kind) => {
    const integration = world.integration(kind, blockOf(kind));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ labels, annotations: labels, isResolved: fc.boolean() }), {
          minLength: 1,
          maxLength: 3,
        }),
        fc.array(answer, { minLength: 1, maxLength: 5 }),
        async (parts, answers) => {
          let count = 0;
          const send = async () => answers[count++ % answers.length]!;
          const outcome = await world
            .deliver(integration, parts.map(alertOf), {}, {}, { http: { send } })
            .then(
              () => 'delivered',
              (error: unknown) => (error instanceof DeliveryError ? error.code : error),
            );
          expect(typeof outcome).toBe('string');
        },
      ),
      { numRuns: 60 },
    );
  });

  it.each(kinds)('%s: a block with anything in it is read or refused with its line', (kind) => {
    const block = blockOf(kind).replaceAll('URL', 'http://x');
    const pairs = block.slice(1, -1).split(', ');
    const value = fc.constantFrom(
      '',
      '[]',
      '{}',
      '~',
      '-1',
      'true',
      "'{{ .x'",
      '[{a: b}]',
      'http://x',
      '1h',
    );
    const keys = [
      ...pairs.map((pair) => pair.split(':')[0]!),
      'http_config',
      'timeout',
      'send_resolved',
      'fields',
      'actions',
      'sigv4',
      'nonsense',
    ];
    const change = fc.tuple(fc.constantFrom(...keys), value);
    fc.assert(
      fc.property(fc.subarray(pairs), fc.array(change, { maxLength: 3 }), (kept, changes) => {
        const changed = new Set(changes.map(([key]) => key));
        const members = [
          ...kept.filter((pair) => !changed.has(pair.split(':')[0]!)),
          ...[...new Map<string, string>(changes)].map(([key, written]) => `${key}: ${written}`),
        ];
        const text = `route: {receiver: ops}\nreceivers: [{name: ops, ${kind}_configs: [{${members.join(', ')}}]}]`;
        expect(verdictOn(text)).toMatch(/^(good|am\.yml:\d+: )/);
      }),
      { numRuns: 150 },
    );
  });

  it.each(['googlechat', 'dingtalk'])('%s: an address from a file may be none', async (kind) => {
    writeFileSync(join(world.folder, 'address'), 'nonsense');
    const integration = world.integration(
      kind,
      `{webhook_url_file: address, ${kind === 'dingtalk' ? 'secret: s' : 'threads: true'}}`,
    );
    const sent = world.deliver(integration, [alertOf({})]);
    await expect(sent).rejects.toMatchObject({ code: 'misconfigured' });
  });
});

describe('secrets', () => {
  it.each(kinds)('%s: are in no error, whatever the service says', async (kind) => {
    const integration = world.integration(kind, blockOf(kind));
    const said: string[] = [inspect(integration, { depth: 9 }), JSON.stringify(integration)];
    for (const status of [307, 400, 401, 429, 500]) {
      world.provider.reset(echo(status));
      const error = await world.deliver(integration, [alertOf({})]).then(
        () => null,
        (failure: unknown) => failure as Error,
      );
      expect(error).toMatchObject({ name: 'DeliveryError' });
      said.push(inspect(error, { depth: 9 }), error!.message, String(error!.stack));
    }
    expect(world.provider.requests.length).toBeGreaterThan(0);
    expect(said.filter((text) => text.includes(CANARY))).toEqual([]);
    // What went into an answer in base64 is as good as in plain.
    const encoded = [
      Buffer.from(`u:${CANARY}`),
      Buffer.from(`b:${CANARY}`),
      Buffer.from(`${ACCOUNT_SID}:${CANARY}`),
    ];
    for (const each of encoded) {
      expect(said.filter((text) => text.includes(each.toString('base64')))).toEqual([]);
    }
  });

  it('of a token server are in no error, whatever it says', async () => {
    const block = `{url: 'URL', http_config: {oauth2: {client_id: a, client_secret: ${CANARY}/x, token_url: 'URL/token'}}}`;
    for (const status of [307, 400, 500]) {
      world.provider.reset(echo(status));
      const error = await world.deliver(world.integration('webhook', block), [alertOf({})]).then(
        () => null,
        (failure: unknown) => failure as Error,
      );
      expect(error!.message).toMatch(/no token: .*<secret>/);
      const encoded = Buffer.from(`a:${CANARY}%2Fx`).toString('base64');
      expect(inspect(error, { depth: 9 })).not.toContain(CANARY);
      expect(inspect(error, { depth: 9 })).not.toContain(encoded);
    }
  });

  it.each(kinds)('%s: are not shown with the configuration', (kind) => {
    const block = blockOf(kind).replaceAll('URL', 'http://x');
    const text = `route: {receiver: ops}\nreceivers: [{name: ops, ${kind}_configs: [${block}]}]\n`;
    expect(parseAlertmanagerConfig(text, 'am.yml').receivers).toHaveLength(1);
    expect(redactAlertmanagerConfig(text)).not.toContain(CANARY);
    const broken = text.replace('}]}]', ', nonsense: 1}]}]');
    const refusal = refusalOf(broken);
    expect(refusal.message).toMatch(/nonsense/);
    expect(inspect(refusal, { depth: 9 })).not.toContain(CANARY);
  });

  it('of clients are not shown with the configuration', () => {
    const text = `
global:
  slack_app_token: CANARY
  opsgenie_api_key: CANARY
  wechat_api_secret: CANARY
  victorops_api_key: CANARY
  telegram_bot_token: CANARY
  rocketchat_token: CANARY
  rocketchat_token_id: CANARY
  mattermost_webhook_url: http://x/CANARY
  http_config:
    proxy_url: http://u:CANARY@p
    proxy_connect_header: {X-A: [CANARY]}
    http_headers: {X-B: {secrets: [CANARY]}}
    oauth2: {client_id: a, client_secret: CANARY, token_url: 'http://x', tls_config: {key: CANARY, cert: c}}
route: {receiver: ops}
receivers: [{name: ops}]
`.replaceAll('CANARY', CANARY);
    expect(inspect(parseAlertmanagerConfig(text, 'am.yml'), { depth: 20 })).not.toContain(CANARY);
    expect(redactAlertmanagerConfig(text)).not.toContain(CANARY);
  });
});

function verdictOn(text: string): string {
  try {
    parseAlertmanagerConfig(text, 'am.yml');
    return 'good';
  } catch (error) {
    return error instanceof ConfigTextError ? error.message : String(error);
  }
}

function refusalOf(text: string): Error {
  try {
    parseAlertmanagerConfig(text, 'am.yml');
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('it was accepted');
}

function* textsIn(value: unknown): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) yield* textsIn(inner);
  }
}

function* fieldsIn(value: unknown): Generator<[string, string]> {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    if (typeof inner === 'string') yield [name, inner];
    else if (name !== 'custom_details') yield* fieldsIn(inner);
  }
}
