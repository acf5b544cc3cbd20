import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import { MsgpackWriter } from '#libs/forward';
import { receivedAwsSignature } from '../../../../test/support/received-aws-signature.ts';
import { indexOf } from './bulk-body.ts';
import { openSearchOutputsSchema } from './http-logs-config.ts';
import { createHttpTransport } from './http-logs-output.ts';
import type { LogChunk } from './log-chunk.ts';
import { entriesOf } from './log-entries.ts';
import type { LogTransport } from './log-transport.ts';

interface StoredDocument {
  readonly index: string;
  readonly document: Readonly<Record<string, unknown>>;
}

/** As strict as OpenSearch is about bulk requests: the path, the type, pairs of lines, names of indices, types of fields. */
class BulkServer {
  readonly stored: StoredDocument[] = [];
  readonly requests: IncomingMessage[] = [];
  readonly bodies: Buffer[] = [];
  /** Documents for which there is no room now. */
  isBusyWith: (document: Readonly<Record<string, unknown>>) => boolean = () => false;
  /** Instead of an answer. */
  status: number | null = null;
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests.push(request);
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    this.bodies.push(Buffer.concat(parts));
    const { pathname } = new URL(request.url!, 'http://server');
    const isBulk = request.method === 'POST' && pathname === '/base/_bulk';
    const isTyped = request.headers['content-type'] === 'application/x-ndjson';
    const text = gunzipSync(Buffer.concat(parts)).toString();
    if (this.status !== null || !isBulk || !isTyped || !text.endsWith('\n')) {
      response.writeHead(this.status ?? 406).end('{"error":"not a bulk request"}');
      return;
    }
    const lines = text.slice(0, -1).split('\n');
    const items = [];
    for (let i = 0; i < lines.length; i += 2) {
      // Whatever else it says, only this is taken.
      const [, index] = /^\{"create":\{"_index":"([^"]*)"\}\}$/.exec(lines[i]!) ?? [];
      if (index === undefined) throw new Error(`not an action: ${lines[i]}`);
      const document = JSON.parse(lines[i + 1]!) as Record<string, unknown>;
      items.push({ create: this.#create(index, document) });
    }
    const errors = items.some(({ create }) => create.status >= 300);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ errors, items }));
  }

  #create(
    index: string,
    document: Readonly<Record<string, unknown>>,
  ): { readonly status: number; readonly error?: object } {
    if (!/^[a-z0-9][a-z0-9._-]*$/.test(index)) {
      return { status: 400, error: { type: 'invalid_index_name_exception', reason: index } };
    }
    if (typeof document['@timestamp'] !== 'string' || !isNumeric(document['status'])) {
      return {
        status: 400,
        error: { type: 'mapper_parsing_exception', reason: 'failed to parse' },
      };
    }
    if (this.isBusyWith(document)) {
      return { status: 429, error: { type: 'es_rejected_execution_exception', reason: null } };
    }
    this.stored.push({ index, document });
    return { status: 201 };
  }
}

function isNumeric(value: unknown): boolean {
  return value === undefined || typeof value === 'number';
}

function chunkOf(...records: readonly Readonly<Record<string, unknown>>[]): LogChunk {
  const writer = new MsgpackWriter();
  for (const record of records) {
    writer.arrayHeader(2);
    writer.eventTime(1_772_352_000, 5);
    writer.value(record);
  }
  return { tag: 'binnacle.pods', entries: Buffer.from(writer.written), count: records.length };
}

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function started(
  over: Readonly<Record<string, unknown>> = {},
  environment: Readonly<Record<string, string>> = {},
): Promise<{ server: BulkServer; transport: LogTransport }> {
  const server = new BulkServer();
  const url = `${await server.listen()}/base/?pretty=false`;
  const [config] = openSearchOutputsSchema.parse([{ name: 'main', url, ...over }]);
  const transport = createHttpTransport(config!, { baseDir: '.', userAgent: 'test' }, environment);
  closing.push(
    () => transport.close(),
    () => server.close(),
  );
  return { server, transport };
}

describe('records for OpenSearch', () => {
  it('become documents of the index of their day, with credentials and nothing unneeded in the answer', async () => {
    const { server, transport } = await started({
      index: 'logs-{namespace}-%Y.%m.%d',
      authorization: { type: 'ApiKey', credentials: 'a2V5' },
    });
    const delivery = await transport.deliver([
      chunkOf({ namespace: 'Shop', message: 'one', status: 200 }),
      chunkOf({ message: 'two' }),
    ]);
    expect(delivery).toEqual({ kind: 'delivered' });
    expect(server.stored).toEqual([
      {
        index: 'logs-shop-2026.03.01',
        document: {
          '@timestamp': '2026-03-01T08:00:00.000000005Z',
          tag: 'binnacle.pods',
          message: 'one',
          namespace: 'Shop',
          status: 200,
        },
      },
      { index: 'logs-none-2026.03.01', document: expect.objectContaining({ message: 'two' }) },
    ]);
    const { headers, url } = server.requests[0]!;
    expect(headers.authorization).toBe('ApiKey a2V5');
    expect(new URL(url!, 'http://server').searchParams.get('pretty')).toBe('false');
    expect(url).toContain('filter_path=');
  });

  it('are judged one by one: those that do not fit are given up, those for which there is no room tried again', async () => {
    const { server, transport } = await started();
    server.isBusyWith = ({ message }) => message === 'later';
    const delivery = await transport.deliver([
      chunkOf({ message: 'one' }, { message: 'bad', status: 'ok' }),
      chunkOf({ message: 'later' }, { message: 'two' }),
    ]);
    expect(delivery).toMatchObject({
      kind: 'partial',
      rejected: new Map([[1, 'status 400: mapper_parsing_exception: failed to parse']]),
      again: new Set([2]),
      detail: 'status 429: es_rejected_execution_exception',
    });
    expect(server.stored.map(({ document }) => document['message'])).toEqual(['one', 'two']);
  });

  it.each([
    [301, 'retry'],
    [401, 'retry'],
    [403, 'retry'],
    [404, 'retry'],
    [405, 'retry'],
    [408, 'retry'],
    [429, 'retry'],
    [500, 'retry'],
    [503, 'retry'],
    [400, 'rejected'],
    [413, 'rejected'],
  ])('with status %d of the whole request: %s', async (status, kind) => {
    const { server, transport } = await started();
    server.status = status;
    expect(await transport.deliver([chunkOf({ message: 'one' })])).toMatchObject({ kind });
  });
});

describe('the name of an index', () => {
  const [entry] = entriesOf(chunkOf({ message: 'm', app: 'A/b c', empty: '' }));

  it.each([
    ['logs', 'logs'],
    ['logs-%Y.%m.%d-%H', 'logs-2026.03.01-08'],
    ['logs-{app}', 'logs-a_b_c'],
    ['{tag}', 'binnacle.pods'],
    ['{missing}-x', 'none-x'],
    ['{empty}', 'none'],
    ['a%%b', 'a%b'],
  ])('of %s is %s', (template, expected) => {
    expect(indexOf(template, 'binnacle.pods', entry!)).toBe(expected);
  });

  it.each(['Logs', 'a b', 'a,b', 'a*', ''])('is not made from %j', (index) => {
    const given = [{ name: 'x', url: 'http://a', index }];
    expect(openSearchOutputsSchema.safeParse(given).success).toBe(false);
  });
});

describe('records for OpenSearch in AWS', () => {
  const sigv4 = { region: 'eu-central-1', access_key: 'AKID', secret_key: 'secret' };

  it.each([
    ['a domain', { ...sigv4 }, 'es'],
    [
      'a collection, with keys that are lent',
      { ...sigv4, service: 'aoss', session_token: 'lent' },
      'aoss',
    ],
  ])('are signed for %s', async (_, keys, service) => {
    const { server, transport } = await started({ sigv4: keys });
    expect(await transport.deliver([chunkOf({ message: 'one' })])).toEqual({ kind: 'delivered' });
    const [request] = server.requests;
    const { authorization, 'x-amz-security-token': token } = request!.headers;
    expect(authorization).toMatch(
      new RegExp(`^AWS4-HMAC-SHA256 Credential=AKID/\\d{8}/eu-central-1/${service}/aws4_request, `),
    );
    expect(authorization).toContain(
      `Signature=${receivedAwsSignature(request!.url!, request!.headers, server.bodies[0]!, 'secret')}`,
    );
    expect(token).toBe('session_token' in keys ? 'lent' : undefined);
    expect(request!.headers['content-type']).toBe('application/x-ndjson');
  });

  it('are signed with keys that the pod is lent, and wait while there are none', async () => {
    let isAway = true;
    const agent = createServer(({ headers }, response) => {
      const isKnown = headers.authorization === 'Bearer pod' && !isAway;
      const keys = { AccessKeyId: 'AKPOD', SecretAccessKey: 'lent secret', Token: 'lent' };
      response.writeHead(isKnown ? 200 : 403).end(JSON.stringify(keys));
    }).listen(0, '127.0.0.1');
    closing.push(() => void agent.close());
    await once(agent, 'listening');
    const { port } = agent.address() as AddressInfo;
    const { server, transport } = await started(
      { sigv4: {} },
      {
        AWS_REGION: 'eu-west-1',
        AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${port}/keys`,
        AWS_CONTAINER_AUTHORIZATION_TOKEN: 'Bearer pod',
        AWS_SHARED_CREDENTIALS_FILE: '/nowhere/credentials',
        AWS_CONFIG_FILE: '/nowhere/config',
      },
    );
    expect(await transport.deliver([chunkOf({ message: 'one' })])).toEqual({
      kind: 'retry',
      detail: 'the container’s agent has answered 403',
      afterMs: null,
    });
    isAway = false;
    expect(await transport.deliver([chunkOf({ message: 'one' })])).toEqual({ kind: 'delivered' });
    const [request] = server.requests;
    const { authorization, 'x-amz-security-token': token } = request!.headers;
    expect(authorization).toMatch(/Credential=AKPOD\/\d{8}\/eu-west-1\/es\/aws4_request, /);
    expect(authorization).toContain(
      `Signature=${receivedAwsSignature(request!.url!, request!.headers, server.bodies[0]!, 'lent secret')}`,
    );
    expect(token).toBe('lent');
  });

  it.each([
    [{ ...sigv4, secret_key: undefined }, 'give secret_key or secret_key_file, one of them'],
    [{ ...sigv4, secret_key_file: 'x' }, 'give secret_key or secret_key_file, one of them'],
    [{ ...sigv4, region: 'eu central' }, 'expected a region, such as eu-central-1'],
    [{ secret_key: 'secret' }, 'secret_key needs access_key'],
    [{ session_token_file: 'x' }, 'session_token needs access_key'],
    [{ ...sigv4, profile: 'p' }, 'give profile or access_key, not both'],
    [{ external_id: 'x' }, 'external_id needs role_arn'],
  ])('need a region and one secret: %j', (keys, message) => {
    const parsed = openSearchOutputsSchema.safeParse([
      { name: 'main', url: 'https://search.example.com', sigv4: keys },
    ]);
    expect(parsed.error?.issues.map((issue) => issue.message)).toEqual([message]);
  });

  it('have no other credentials', () => {
    const parsed = openSearchOutputsSchema.safeParse([
      { name: 'main', url: 'https://s.example.com', sigv4, bearer_token_file: 'token' },
    ]);
    expect(parsed.error?.issues.map((issue) => issue.message)).toEqual([
      'give sigv4 or other credentials, not both',
    ]);
  });
});
