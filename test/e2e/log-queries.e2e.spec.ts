import 'reflect-metadata';
import { request } from 'node:http';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { runCli } from '../../apps/cli/src/cli.ts';
import { startEngine } from '../support/engine.ts';
import { temporaryFolder, untilPasses } from '../support/processes.ts';

const DEADLINE_MS = 60_000;
const COUNT = 120;
const TOKEN = { authorization: 'Bearer grafana-secret' };
const CONFIG = `auth:
  tokens:
    - {name: grafana, token_file: token, may: [read, write]}
limits: {log_query: {max_entries: 1000, max_tails: 1}}
`;
/** A line a second, the last of them just now. */
const endNs = BigInt(Math.floor(Date.now() / 1000)) * 1_000_000_000n;
const startNs = endNs - BigInt(COUNT) * 1_000_000_000n;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let app: NestFastifyApplication;
let url: string;

async function push(labels: Record<string, string>, values: readonly unknown[][]): Promise<void> {
  const { status } = await fetch(`${url}/loki/api/v1/push`, {
    method: 'POST',
    headers: { ...TOKEN, 'content-type': 'application/json' },
    body: JSON.stringify({ streams: [{ stream: labels, values }] }),
  });
  expect(status).toBe(204);
}

function lineOf(i: number): string {
  const level = i % 3 === 0 ? 'error' : 'info';
  return JSON.stringify({ level, n: i, took: `${i}ms`, path: '/a' });
}

beforeAll(async () => {
  folder = await temporaryFolder();
  await writeFile(join(folder.path, 'engine.yml'), CONFIG);
  await writeFile(join(folder.path, 'token'), 'grafana-secret\n');
  ({ app, url } = await startEngine(join(folder.path, 'data'), join(folder.path, 'engine.yml')));
  const times = Array.from({ length: COUNT }, (_, i) => startNs + BigInt(i + 1) * 1_000_000_000n);
  await untilPasses(async () => {
    await push(
      { app: 'web', pod: 'web-0' },
      times.map((timeNs, i) => [String(timeNs), lineOf(i), { trace_id: `t${i}` }]),
    );
  }, DEADLINE_MS);
  await push(
    { app: 'db', pod: 'db-0' },
    times.map((timeNs, i) => [String(timeNs), `level=warn msg="slow query" n=${i}`]),
  );
}, DEADLINE_MS);

afterAll(async () => {
  await app.close();
  await folder.remove();
});

type Query = Record<string, string>;

async function ask(
  path: string,
  query: Query = {},
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string }> {
  const asked = `${url}/loki/api/v1/${path}?${new URLSearchParams(query).toString()}`;
  const response = await fetch(asked, { headers: { ...TOKEN, ...headers } });
  return { status: response.status, text: await response.text() };
}

async function json(path: string, query: Query = {}, headers = {}): Promise<unknown> {
  const { status, text } = await ask(path, query, headers);
  expect({ status, text: status === 200 ? '' : text }).toEqual({ status: 200, text: '' });
  return JSON.parse(text);
}

function valuesOf(answer: unknown): unknown {
  return Reflect.get(Object(answer), 'data');
}

/** The time now, as pushes have it. */
function nextNs(): string {
  return String(BigInt(Date.now()) * 1_000_000n);
}

const range = { start: String(startNs), end: String(endNs + 1n) };

describe('log queries', () => {
  it('gives the newest lines first, by streams', async () => {
    expect(
      await json('query_range', { query: '{app="web"} |= "error"', limit: '2', ...range }),
    ).toMatchObject({
      status: 'success',
      data: {
        resultType: 'streams',
        result: [
          {
            stream: { app: 'web', pod: 'web-0', trace_id: 't117' },
            values: [[String(endNs - 2_000_000_000n), lineOf(117)]],
          },
          { stream: { trace_id: 't114' }, values: [[String(endNs - 5_000_000_000n), lineOf(114)]] },
        ],
        stats: { summary: { totalEntriesReturned: 2 } },
      },
    });
  });

  it('tells labels apart by where they come from, where the client asks for that', async () => {
    const query = {
      query: '{app="web"} | json | keep n',
      limit: '2',
      direction: 'forward',
      ...range,
    };
    const answer = await json('query_range', query, {
      'x-loki-response-encoding-flags': 'categorize-labels',
    });
    expect(answer).toMatchObject({
      data: {
        encodingFlags: ['categorize-labels'],
        result: [
          {
            stream: {},
            values: [
              [expect.any(String), lineOf(0), { parsed: { n: '0' } }],
              [expect.any(String), lineOf(1), { parsed: { n: '1' } }],
            ],
          },
        ],
      },
    });
    const plain = { query: '{app="web"}', limit: '1', ...range };
    const flagged = await json('query_range', plain, {
      'x-loki-response-encoding-flags': 'categorize-labels',
    });
    expect(flagged).toMatchObject({
      data: {
        result: [
          {
            stream: { app: 'web', pod: 'web-0' },
            values: [[String(endNs), lineOf(119), { structuredMetadata: { trace_id: 't119' } }]],
          },
        ],
      },
    });
  });

  it('takes times in nanoseconds, seconds and RFC 3339, and an interval between lines', async () => {
    const seconds = String(Number(startNs / 1_000_000_000n) + 10.5);
    const end = new Date(Number((startNs + 13_000_000_000n) / 1_000_000n)).toISOString();
    const common = { query: '{app="db"}', direction: 'forward' };
    expect(valuesOf(await json('query_range', { ...common, start: seconds, end }))).toMatchObject({
      result: [
        {
          values: [
            [expect.any(String), expect.stringContaining('n=10')],
            [expect.any(String), expect.stringContaining('n=11')],
          ],
        },
      ],
    });
    const thin = await json('query_range', { ...common, ...range, interval: '50s' });
    expect(valuesOf(thin)).toMatchObject({
      result: [
        { values: [0, 50, 100].map((n) => [expect.any(String), expect.stringMatching(`n=${n}$`)]) },
      ],
    });
  });

  it('refuses what it cannot answer, as a text', async () => {
    expect(await ask('query', { query: '{app="web"}' })).toMatchObject({
      status: 400,
      text: expect.stringContaining('not supported as an instant query type'),
    });
    expect(await ask('query_range', { query: '{app="web"' })).toEqual({
      status: 400,
      text: 'parse error at line 1, col 11: syntax error: unexpected end of query, expecting "," or "}"\n',
    });
    expect(await ask('query_range', { query: '{app="web"}', limit: '5000' })).toMatchObject({
      status: 400,
      text: expect.stringContaining('max entries limit'),
    });
    expect(
      await ask('query_range', {
        query: 'sum(rate({app="db"} | json [1m]))',
        ...range,
        step: '60',
      }),
    ).toMatchObject({
      status: 400,
      text: expect.stringContaining("pipeline error: 'JSONParserErr'"),
    });
    expect(await ask('patterns', { query: 'vector(1)' })).toMatchObject({ status: 400 });
    expect(await ask('rules')).toMatchObject({ status: 404 });
    const { status } = await fetch(`${url}/loki/api/v1/labels`);
    expect(status).toBe(401);
  });
});

describe('metric queries', () => {
  it('answers the health check of Grafana with 2', async () => {
    expect(await json('query', { query: 'vector(1)+vector(1)' })).toMatchObject({
      data: { resultType: 'vector', result: [{ metric: {}, value: [expect.any(Number), '2'] }] },
    });
  });

  it('aggregates over lines at one time and over a range, by GET and by a form', async () => {
    const query = 'sum by (level) (count_over_time({app="web"} | json [2m]))';
    const time = String(endNs);
    expect(await json('query', { query, time })).toMatchObject({
      data: {
        resultType: 'vector',
        result: expect.arrayContaining([
          { metric: { level: 'error' }, value: [Number(endNs / 1_000_000_000n), '40'] },
          { metric: { level: 'info' }, value: [Number(endNs / 1_000_000_000n), '80'] },
        ]),
      },
    });
    const form = new URLSearchParams({
      query: 'sum(rate({app=~"web|db"}[1m]))',
      start: String(endNs - 60_000_000_000n),
      end: String(endNs),
      step: '30s',
    });
    const response = await fetch(`${url}/loki/api/v1/query_range`, {
      method: 'POST',
      body: form,
      headers: TOKEN,
    });
    const at = Number(endNs / 1_000_000_000n);
    expect(await response.json()).toMatchObject({
      data: {
        resultType: 'matrix',
        result: [
          {
            metric: {},
            values: [
              [at - 60, '2'],
              [at - 30, '2'],
              [at, '2'],
            ],
          },
        ],
      },
    });
  });
});

describe('lists', () => {
  it('names labels, their values and streams', async () => {
    expect(await json('labels', range)).toEqual({ status: 'success', data: ['app', 'pod'] });
    expect(await json('label/app/values', range)).toEqual({
      status: 'success',
      data: ['db', 'web'],
    });
    expect(await json('label/pod/values', { ...range, query: '{app="db"}' })).toMatchObject({
      data: ['db-0'],
    });
    expect(await json('series', { ...range, 'match[]': '{app=~"w.*"}' })).toEqual({
      status: 'success',
      data: [{ app: 'web', pod: 'web-0' }],
    });
  });

  it('tells what a query would read', async () => {
    expect(await json('index/stats', { ...range, query: '{app="db"}' })).toMatchObject({
      streams: 1,
      entries: COUNT,
    });
    expect(await json('index/volume', { ...range, query: '{app=~".+"}' })).toMatchObject({
      data: {
        resultType: 'vector',
        result: [{ metric: { app: 'web' } }, { metric: { app: 'db' } }],
      },
    });
    expect(
      await json('index/volume_range', { ...range, query: '{app="db"}', step: '1m' }),
    ).toMatchObject({
      data: { resultType: 'matrix', result: [{ metric: { app: 'db' } }] },
    });
  });

  it('finds the fields of lines and their types', async () => {
    const { fields } = Object(await json('detected_fields', { ...range, query: '{app="web"}' }));
    expect(fields).toEqual(
      expect.arrayContaining([
        { label: 'level', type: 'string', cardinality: 2, parsers: ['json'] },
        { label: 'n', type: 'int', cardinality: COUNT, parsers: ['json'] },
        { label: 'took', type: 'duration', cardinality: COUNT, parsers: ['json'] },
        { label: 'trace_id', type: 'string', cardinality: COUNT, parsers: null },
      ]),
    );
    expect(
      await json('detected_field/level/values', { ...range, query: '{app="web"}' }),
    ).toMatchObject({
      values: ['error', 'info'],
    });
    expect(await json('detected_labels', range)).toEqual({
      detectedLabels: [
        { label: 'app', cardinality: 2 },
        { label: 'pod', cardinality: 2 },
      ],
    });
  });

  it('finds the patterns of lines, which a filter takes', async () => {
    const minutes = { start: String(startNs), end: String(endNs + 1n), step: '60' };
    const found = await json('patterns', { query: '{app="db"}', ...minutes });
    const samples = expect.arrayContaining([[expect.any(Number), expect.any(Number)]]) as unknown;
    const pattern = 'level=warn msg="slow query" n=<_>';
    expect(found).toEqual({ status: 'success', data: [{ pattern, samples }] });
    const { data } = found as { data: [{ samples: [number, number][] }] };
    expect(data[0].samples.reduce((sum, [, count]) => sum + count, 0)).toBe(COUNT);
    const filtered = `sum(count_over_time({app="db"} |> \`${pattern}\` [10m]))`;
    expect(await json('query', { query: filtered, time: String(endNs) })).toMatchObject({
      data: { result: [{ value: [expect.any(Number), String(COUNT)] }] },
    });
    expect(await json('drilldown-limits')).toMatchObject({
      limits: { max_entries_limit_per_query: 1_000, volume_enabled: true },
      pattern_ingester_enabled: true,
    });
  });
  it('tells its version, and formats queries', async () => {
    expect(await json('status/buildinfo')).toMatchObject({
      version: expect.stringMatching(/^3\./),
    });
    expect(await json('format_query', { query: '{app="x"}|="y"' })).toEqual({
      status: 'success',
      data: '{app="x"} |= "y"',
    });
  });
});

async function cli(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const engine = url.replace('http://', 'http://:grafana-secret@');
  const code = await runCli(['query', ...args, '--engine', engine], {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    env: {},
  });
  return { code, out, err };
}

/** When line `i` was written. */
function timeOf(i: number): string {
  return new Date(Number((startNs + BigInt(i + 1) * 1_000_000_000n) / 1_000_000n)).toISOString();
}

describe('binnacle query --logs', () => {
  it('prints lines, the oldest first, and numbers', async () => {
    const lines = await cli('--logs', '{app="db"} |= "n=11"', '--since', '10m', '--limit', '3');
    expect(lines).toEqual({
      code: 0,
      err: '',
      out: [117, 118, 119]
        .map((i) => `${timeOf(i)} {app="db", pod="db-0"} level=warn msg="slow query" n=${i}\n`)
        .join(''),
    });
    const at = String(endNs);
    expect(
      await cli('--logs', 'sum(count_over_time({app="db"}[10s]))', '--time', at),
    ).toMatchObject({
      code: 0,
      out: `{} 10 @${endNs / 1_000_000_000n}\n`,
    });
  });

  it('says what is wrong', async () => {
    expect(await cli('--logs', '{app="db"')).toMatchObject({
      code: 1,
      err: expect.stringContaining('binnacle query: parse error at line 1, col 10'),
    });
    expect(await cli('--logs', '{app="db"}', '--limit', '9999')).toMatchObject({
      code: 1,
      err: expect.stringContaining('the engine answered 400: max entries limit'),
    });
    expect((await cli('up', '--since', '1h')).code).toBe(2);
  });
});

/** The status of a handshake that is refused. */
function refusedStatus(path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(url + path, {
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        ...headers,
      },
    });
    asked.on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asked.on('upgrade', (_response, socket) => {
      socket.destroy();
      resolve(101);
    });
    asked.on('error', reject);
    asked.end();
  });
}

describe('tail', () => {
  it('sends what there is, then what comes in', async () => {
    const query = new URLSearchParams({
      query: '{app="web"} |= "followed"',
      start: String(startNs),
    });
    const address = `${url.replace('http', 'ws')}/loki/api/v1/tail?${query.toString()}`;
    await push({ app: 'web', pod: 'web-1' }, [[String(endNs), 'followed: the first']]);
    // Node's own client; the headers are an extension of it.
    const socket = new WebSocket(address, Object({ headers: TOKEN }));
    const received: string[] = [];
    socket.addEventListener('message', ({ data }) => {
      const { streams } = JSON.parse(String(data));
      for (const { values } of streams) for (const [, line] of values) received.push(line);
    });
    await untilPasses(async () => {
      expect(received).toEqual(['followed: the first']);
    }, DEADLINE_MS);
    // One client is all that may follow here.
    expect(await refusedStatus(`/loki/api/v1/tail?${query.toString()}`, TOKEN)).toBe(429);
    await push({ app: 'web', pod: 'web-1' }, [
      [nextNs(), 'not this one'],
      [nextNs(), 'followed: another'],
    ]);
    await push({ app: 'db', pod: 'db-0' }, [[nextNs(), 'followed: elsewhere']]);
    await push({ app: 'web', pod: 'web-0' }, [[nextNs(), `followed: ${'x'.repeat(70_000)}`]]);
    await untilPasses(async () => {
      expect(received.map((line) => line.slice(0, 20))).toEqual([
        'followed: the first',
        'followed: another',
        'followed: xxxxxxxxxx',
      ]);
    }, DEADLINE_MS);
    const closed = new Promise<number>((resolve) => {
      socket.addEventListener('close', ({ code }) => resolve(code));
    });
    socket.close(1000);
    expect(await closed).toBe(1000);
  });

  it('refuses who has no credentials, and what is no query for lines', async () => {
    const path = `/loki/api/v1/tail?query=${encodeURIComponent('{app="web"}')}`;
    expect(await refusedStatus(path, {})).toBe(401);
    const metric = `/loki/api/v1/tail?query=${encodeURIComponent('rate({app="web"}[1m])')}`;
    expect(await refusedStatus(metric, TOKEN)).toBe(400);
    expect(await refusedStatus(path, { ...TOKEN, 'sec-websocket-version': '8' })).toBe(400);
    expect(await ask('tail', { query: '{app="web"}' })).toMatchObject({ status: 400 });
    // Other upgrades are not taken: the request is answered as it stands.
    expect(await refusedStatus('/loki/api/v1/labels', { ...TOKEN, upgrade: 'h2c' })).toBe(200);
  });
});
