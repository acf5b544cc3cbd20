import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { HttpRangeSource } from './http-range-source.ts';

let server: Server;
let source: HttpRangeSource;
let status: number;
let answer: string;
let asked: string[];

beforeEach(async () => {
  status = 200;
  asked = [];
  server = createServer((request, response) => {
    void text(request).then((body) => {
      asked.push(`${request.method} ${request.url} ${body}`);
      response.writeHead(status).end(answer);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  source = new HttpRangeSource(`http://127.0.0.1:${(server.address() as AddressInfo).port}/prom`);
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const TIMES = { startMs: 1_000, endMs: 3_500, stepMs: 500 };

const matrix = (...result: object[]): string =>
  JSON.stringify({ status: 'success', data: { resultType: 'matrix', result } });

describe('a range over HTTP', () => {
  it('is asked for as a form, below the path of the URL', async () => {
    answer = matrix();
    expect(await source.range('a > "é"', TIMES)).toEqual([]);
    expect(asked).toEqual([
      'POST /prom/api/v1/query_range query=a+%3E+%22%C3%A9%22&start=1&end=3.5&step=0.5',
    ]);
  });

  it('has floats and histograms in the order of time', async () => {
    answer = matrix({
      metric: { a: 'b' },
      values: [
        [1, '2.5'],
        [2.5, 'NaN'],
        [3, '-Inf'],
        [3.5, '+Inf'],
      ],
      histograms: [
        [1.5, { count: '1' }],
        [2, { count: '1' }],
      ],
    });
    const [series] = await source.range('x', TIMES);
    expect(series!.labels.toString()).toBe('{a="b"}');
    expect([...series!.timesMs]).toEqual([1_000, 1_500, 2_000, 2_500, 3_000, 3_500]);
    expect([...series!.values]).toEqual([2.5, 0, 0, Number.NaN, -Infinity, Infinity]);
  });

  it.each([
    ['vector', { resultType: 'vector', result: [{ metric: {}, value: [7, '1'] }] }],
    ['scalar', { resultType: 'scalar', result: [7, '1'] }],
  ])('of one moment may be a %s', async (_, data) => {
    answer = JSON.stringify({ data });
    const [series] = await source.instant('x', 7_000);
    expect([series!.timesMs[0], series!.values[0]]).toEqual([7_000, 1]);
  });

  it('knows whether there are series', async () => {
    answer = '{"data":[{}]}';
    expect(await source.hasSeries('up', 0, 1_000)).toBe(true);
    answer = '{"data":[]}';
    expect(await source.hasSeries('up', 0, 1_000)).toBe(false);
    expect(asked[0]).toBe('POST /prom/api/v1/series match%5B%5D=up&start=0&end=1&limit=1');
  });

  it.each([
    ['too many samples', 422, '{"error":"too many samples"}', 'too_much'],
    ['no time for it', 503, '{"error":"timed out"}', 'too_much'],
    ['more than anybody reads', 200, `"${'x'.repeat(5 * 1024 * 1024)}"`, 'too_much'],
    ['a bad expression', 400, '{"error":"parse error"}', 'failed'],
    ['no JSON', 200, '<html>', 'failed'],
    [
      'another form',
      200,
      '{"data":{"resultType":"matrix","result":[{"metric":{"a":1}}]}}',
      'failed',
    ],
    [
      'times that go back',
      200,
      matrix({
        metric: {},
        values: [
          [2, '1'],
          [1, '1'],
        ],
      }),
      'failed',
    ],
    ['no times', 200, matrix({ metric: {}, values: [['1', '1']] }), 'failed'],
    ['a text', 200, '{"data":{"resultType":"string","result":[1,"x"]}}', 'failed'],
  ])('fails with a reason: %s', async (_, code, body, reason) => {
    status = code;
    answer = body;
    await expect(source.range('x', TIMES)).rejects.toMatchObject({ code: reason });
  });

  it('fails where nobody answers', async () => {
    const nobody = new HttpRangeSource('http://127.0.0.1:1');
    await expect(nobody.instant('x', 0)).rejects.toMatchObject({ code: 'failed' });
  });
});
