import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Labels } from '#libs/labels';
import { SampleBatchBuilder } from '#libs/samples';
import { STORE_WRITER, type StoreWriter } from '../../apps/alert-engine/src/store/store-writer.ts';
import { startEngine } from '../support/engine.ts';
import { eventually, getText } from '../support/processes.ts';

const SERIES_COUNT = 2_000;
const SAMPLE_COUNT = 10;
const STEP_MS = 15_000;
const nowMs = Math.floor(Date.now() / STEP_MS) * STEP_MS;

let folder: string;
let app: NestFastifyApplication;
let url: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'binnacle-query-e2e-'));
  const configFile = join(folder, 'engine.yml');
  await writeFile(configFile, 'limits: {query: {timeout: 2m, max_samples: 1000000}}\n');
  ({ app, url } = await startEngine(join(folder, 'data'), configFile));
  const builder = new SampleBatchBuilder();
  for (let series = 0; series < SERIES_COUNT; series++) {
    builder.addSeries(Labels.fromRecord({ __name__: 'e2e_total', id: String(series) }));
    for (let i = SAMPLE_COUNT; i > 0; i--) {
      builder.addSample(nowMs - i * STEP_MS, (SAMPLE_COUNT - i) * series);
    }
  }
  await app.get<StoreWriter>(STORE_WRITER, { strict: false }).append(builder.take());
});

afterAll(async () => {
  await app.close();
  await rm(folder, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** Asks without undoing the encoding of the answer, as `fetch` would. */
function ask(path: string, encoding: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(url + path, { headers: { 'accept-encoding': encoding } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const { statusCode: status = 0, headers } = response;
        resolve({ status, headers, body: Buffer.concat(chunks) });
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}

async function json(path: string): Promise<unknown> {
  return (await fetch(url + path)).json();
}

const range = `start=${(nowMs - SAMPLE_COUNT * STEP_MS) / 1000}&end=${nowMs / 1000}&step=15`;

describe('the engine’s query API', () => {
  it('answers from what was written', async () => {
    expect(await json('/api/v1/query?query=count(e2e_total)')).toMatchObject({
      status: 'success',
      data: { resultType: 'vector', result: [{ metric: {}, value: [expect.any(Number), '2000'] }] },
    });
    expect(await json('/api/v1/label/__name__/values')).toMatchObject({
      data: expect.arrayContaining(['e2e_total']),
    });
    expect(await json('/api/v1/series?match[]=e2e_total{id="7"}')).toEqual({
      status: 'success',
      data: [{ __name__: 'e2e_total', id: '7' }],
    });
  });

  it('leads the links in alerts to the value of their expression', async () => {
    const response = await fetch(`${url}/graph?g0.expr=${encodeURIComponent('count(e2e_total)')}`);
    expect(await response.json()).toMatchObject({
      data: { result: [{ value: [expect.any(Number), '2000'] }] },
    });
  });

  it('takes a form', async () => {
    const body = new URLSearchParams({ query: 'sum(e2e_total{id=~"1|2"})' });
    const response = await fetch(`${url}/api/v1/query`, { method: 'POST', body });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      data: { result: [{ value: [expect.any(Number), '27'] }] },
    });
  });

  it('streams a large answer, compressed as the client likes', async () => {
    const path = `/api/v1/query_range?query=e2e_total&${range}`;
    const plain = await ask(path, 'identity');
    const gzip = await ask(path, 'gzip');
    const zstd = await ask(path, 'gzip, zstd');
    expect(plain.body.length).toBeGreaterThan(400_000);
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(gzip.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(gzip.body).equals(plain.body)).toBe(true);
    expect(zstd.headers['content-encoding']).toBe('zstd');
    expect(zstdDecompressSync(zstd.body).equals(plain.body)).toBe(true);
    expect(zstd.body.length * 5).toBeLessThan(plain.body.length);
    const parsed = JSON.parse(plain.body.toString()) as { data: { result: unknown[] } };
    expect(parsed.data.result).toHaveLength(SERIES_COUNT);
  });

  it('goes on after a client that went away in the middle of an answer', async () => {
    const gone = new AbortController();
    const asked = fetch(`${url}/api/v1/query_range?query=e2e_total&${range}`, {
      signal: gone.signal,
    });
    await asked.then(() => gone.abort());
    expect(await json('/api/v1/query?query=1')).toMatchObject({ data: { resultType: 'scalar' } });
  });

  it.each([
    ['a syntax error', 'query=sum(', 400, 'bad_data'],
    ['deep nesting', `query=${'('.repeat(5_000)}1${')'.repeat(5_000)}`, 400, 'bad_data'],
    ['an absurd time', 'query=up&time=1e300', 400, 'bad_data'],
    ['a time long ago', 'query=up&time=-9999999999', 200, undefined],
    ['a negative limit', 'query=up&limit=-1', 400, 'bad_data'],
    ['series that do not match', 'query=e2e_total*on()e2e_total', 422, 'execution'],
    ['too many samples', 'query=count_over_time(e2e_total[1h:1ms])', 422, 'execution'],
    ['a heavy regular expression', 'query=e2e_total{id=~"(a%2B)%2B$"}', 200, undefined],
  ])('answers %s at once', async (_, parameters, status, errorType) => {
    const began = performance.now();
    const response = await fetch(`${url}/api/v1/query?${parameters}`);
    const body = (await response.json()) as { errorType?: string };
    expect({ status: response.status, errorType: body.errorType }).toEqual({ status, errorType });
    expect(performance.now() - began).toBeLessThan(60_000);
  });

  it('refuses a query of a megabyte', async () => {
    const body = new URLSearchParams({ query: `up${' + up'.repeat(200_000)}` });
    const began = performance.now();
    const response = await fetch(`${url}/api/v1/query`, { method: 'POST', body });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ errorType: 'bad_data' });
    expect(performance.now() - began).toBeLessThan(60_000);
  });

  it.each([
    ['start=10&end=5&step=1', 'end timestamp must not be before start time'],
    ['start=0&end=5&step=-1', 'zero or negative query resolution'],
    ['start=0&end=11001&step=1', 'exceeded maximum resolution of 11,000 points'],
  ])('refuses the range %s', async (parameters, message) => {
    const response = await fetch(`${url}/api/v1/query_range?query=up&${parameters}`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      errorType: 'bad_data',
      error: expect.stringContaining(message),
    });
  });

  it('counts its queries', async () => {
    const text = await (await fetch(`${url}/metrics`)).text();
    expect(text).toMatch(/binnacle_query_requests_total\{outcome="success"\} [1-9]/);
    expect(text).toMatch(/binnacle_query_requests_total\{outcome="bad_data"\} [1-9]/);
    // The one whose client went away may take a moment to notice.
    await eventually('every query to end', async () =>
      (await getText(`${url}/metrics`))?.includes('binnacle_query_running 0') === true
        ? true
        : null,
    );
  });
});

describe('input that is meant to hurt', () => {
  const end = String(nowMs / 1000);
  const start = String(nowMs / 1000 - 3_600);
  it.each<readonly [string, string, Readonly<Record<string, string>>, RegExp]>([
    ['10,000 parentheses', 'query', { query: '('.repeat(10_000) + '1' + ')'.repeat(10_000) }, /./],
    ['10,000 signs', 'query', { query: `${'-'.repeat(10_000)}1` }, /./],
    ['10,000 subqueries', 'query', { query: `e2e_total${'[1m:1s]'.repeat(10_000)}` }, /./],
    ['an expression of 1 MB', 'query', { query: `1${'+1'.repeat(500_000)}` }, /./],
    ['11,001 steps', 'query_range', { query: '1', start: '0', end: '11001', step: '1' }, /11,000/],
    ['a negative step', 'query_range', { query: '1', start, end, step: '-1' }, /zero or negative/],
    ['no step', 'query_range', { query: '1', start, end, step: '0' }, /zero or negative/],
    [
      'the end before the start',
      'query_range',
      { query: '1', start: end, end: start, step: '1' },
      /before start/,
    ],
    ['a time beyond all calendars', 'query', { query: '1', time: '1e300' }, /time/],
    ['a time that is none', 'query', { query: '1', time: 'NaN' }, /time/],
    ['an infinite end', 'query_range', { query: '1', start, end: 'Inf', step: '1' }, /end/],
    [
      'copies of copies',
      'query',
      { query: 'e2e_total{id=~"((a{1,1000}){1,1000}){1,1000}"}' },
      /too large/,
    ],
    [
      'fifty repetitions',
      'query',
      { query: `e2e_total{id=~"${'a{900}'.repeat(50)}"}` },
      /too large/,
    ],
    [
      'a deep pattern',
      'query',
      { query: `e2e_total{id=~"${'('.repeat(20_000)}${')'.repeat(20_000)}"}` },
      /too large/,
    ],
  ])('answers %s with bad_data', async (_, path, parameters, message) => {
    const body = new URLSearchParams(parameters);
    const response = await fetch(`${url}/api/v1/${path}`, { method: 'POST', body });
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({
      status: 'error',
      errorType: 'bad_data',
      error: expect.stringMatching(message),
    });
  });
  it.each([
    ['a form that is too large', 'query', 'application/x-www-form-urlencoded', 413, /too large/],
    ['a form that is too large', 'series', 'application/x-www-form-urlencoded', 413, /too large/],
    ['a body of no known type', 'query_range', 'text/x-unknown', 415, /Unsupported Media Type/],
  ])('answers %s to %s as Prometheus shapes its errors', async (_, path, type, status, message) => {
    const body = `query=${'1'.repeat(5_000_000)}`;
    const headers = { 'content-type': type };
    const response = await fetch(`${url}/api/v1/${path}`, { method: 'POST', headers, body });
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({
      status: 'error',
      errorType: 'bad_data',
      error: expect.stringMatching(message),
    });
  });
  it('leaves the errors of other APIs in their own forms', async () => {
    const headers = { 'content-type': 'application/json' };
    const post = (path: string): Promise<Response> =>
      fetch(url + path, { method: 'POST', headers, body: '{' });
    const alerts = await post('/api/v2/alerts');
    expect([alerts.status, await alerts.json()]).toEqual([
      400,
      { code: 400, message: expect.stringContaining('body failed, because') },
    ]);
    const other = await post('/elsewhere');
    expect([other.status, await other.json()]).toMatchObject([400, { statusCode: 400 }]);
  });
  it('answers a pattern that a backtracking engine would choke on', async () => {
    const query = `count(e2e_total{id=~"(([0-9]+)+)+x|1999"})`;
    expect(await json(`/api/v1/query?query=${encodeURIComponent(query)}`)).toMatchObject({
      data: { result: [{ value: [expect.any(Number), '1'] }] },
    });
  });
  it('still answers', async () => {
    expect(await json('/api/v1/query?query=1')).toMatchObject({ status: 'success' });
  });
});
