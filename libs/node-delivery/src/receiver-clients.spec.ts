import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DeliveryError, MessageTemplates } from '#libs/notify';
import { alertOf, ReceiverWorld } from '../testing/receiver-world.ts';

/* What all blocks have in common: how a client authorizes itself, and what becomes of templates. */

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

describe('http_config', () => {
  it('fetches a token, keeps it, and asks for another when it is refused', async () => {
    let token = 0;
    let isRefused = false;
    world.provider.reset(({ path }) => {
      if (path.startsWith('/token')) {
        return { body: { access_token: `T${++token}`, expires_in: 3_600 } };
      }
      return { status: isRefused ? 401 : 200 };
    });
    const integration = world.integration(
      'webhook',
      `{url: 'URL/hook', http_config: {oauth2: {client_id: 'a:b', client_secret: 'p&q', scopes: [x, y], token_url: 'URL/token', endpoint_params: {audience: z}}, http_headers: {X-Team: {values: [a], secrets: [b]}}}}`,
    );
    await world.deliver(integration, FIRING);
    await world.deliver(integration, FIRING);
    isRefused = true;
    expect(await failureOf(world.deliver(integration, FIRING))).toMatchObject({
      code: 'unauthorized',
    });
    isRefused = false;
    await world.deliver(integration, FIRING);
    expect(world.provider.requests[0]).toMatchObject({
      method: 'POST',
      path: '/token',
      headers: { authorization: `Basic ${Buffer.from('a%3Ab:p%26q').toString('base64')}` },
      body: { grant_type: 'client_credentials', scope: 'x y', audience: 'z' },
    });
    const sent = world.provider.requests.filter(({ path }) => path === '/hook');
    expect(sent.map(({ headers }) => headers['authorization'])).toEqual([
      'Bearer T1',
      'Bearer T1',
      'Bearer T1',
      'Bearer T2',
    ]);
    expect(sent[0]!.headers).toMatchObject({ 'x-team': 'a, b', 'idempotency-key': 'n1' });
  });

  it.each([
    [{ status: 400, body: { error: 'invalid_client' } }, 'rejected'],
    [{ status: 503 }, 'server_error'],
    [{ body: 'no json' }, 'server_error'],
  ])('says why there is no token: %j', async (answer, code) => {
    world.provider.reset(() => answer);
    const integration = world.integration(
      'webhook',
      `{url: 'URL/hook', http_config: {oauth2: {client_id: c${code}, token_url: 'URL/token'}}}`,
    );
    const error = await failureOf(world.deliver(integration, FIRING));
    expect(error).toMatchObject({ code, message: expect.stringContaining('no token') });
  });
});

describe('templates', () => {
  const templates = MessageTemplates.create([
    [
      'own.tmpl',
      '{{ define "slack.default.title" }}{{ .Nothing.here }}{{ end }}{{ define "mine" }}M{{ end }}',
    ],
  ]);
  const block = `{api_url: 'URL', text: '{{ template "mine" . }}', pretext: '{{ bad', channel: c}`;

  it('takes those of files, and the built-in text in place of one that fails', async () => {
    const integration = world.integration('slack', block);
    const report = await world.deliver(integration, FIRING, {}, { templates });
    expect(bodies()).toMatchObject([{ attachments: [{ text: 'M', title: TITLE }] }]);
    expect(report.templateFaults.map(({ field }) => field).toSorted()).toEqual([
      'pretext',
      'title',
    ]);
  });

  it('sends nothing where the template of an address fails', async () => {
    const integration = world.integration(
      'webex',
      `{api_url: 'URL', room_id: '{{ .No.thing }}', http_config: {authorization: {credentials: t}}}`,
    );
    const error = await failureOf(world.deliver(integration, FIRING));
    expect(error).toMatchObject({ code: 'misconfigured', isRetryable: true });
    expect(lines()).toEqual([]);
  });
});
