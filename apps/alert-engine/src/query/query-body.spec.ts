import { describe, expect, it } from '@jest/globals';
import { createFloatHistogram } from '#libs/histogram';
import { Labels } from '#libs/labels';
import type { QueryResult, QueryValue } from '#libs/promql';
import { formatSampleValue, formatSeconds, writeQueryBody } from './query-body.ts';
import { acceptedEncoding } from '../http/chunked-reply.ts';

const labels = Labels.fromRecord({ __name__: 'a"b', job: 'ä' });

function body(
  value: QueryValue,
  limit = Infinity,
  remarks: Partial<QueryResult['annotations']> = {},
): unknown {
  const result = {
    value,
    annotations: { warnings: [], infos: [], ...remarks },
    stats: { samplesRead: 3, peakSamples: 2 },
  };
  return JSON.parse([...writeQueryBody(result, limit, null)].join(''));
}

describe('writeQueryBody', () => {
  it('writes histograms with the bounds of their buckets', () => {
    const histogram = createFloatHistogram({
      count: 6,
      sum: 1.5,
      zeroCount: 1,
      zeroThreshold: 0.001,
      positiveSpans: [{ offset: 0, length: 3 }],
      positiveBuckets: [1, 0, 2],
      negativeSpans: [{ offset: 1, length: 1 }],
      negativeBuckets: [2],
    });
    const answer = body({
      kind: 'vector',
      timeMs: 1500,
      labels: [labels],
      values: new Float64Array(1),
      histograms: [histogram],
    });
    expect(answer).toEqual({
      status: 'success',
      data: {
        resultType: 'vector',
        result: [
          {
            metric: { __name__: 'a"b', job: 'ä' },
            histogram: [
              1.5,
              {
                count: '6',
                sum: '1.5',
                buckets: [
                  [1, '-2', '-1', '2'],
                  [3, '-0.001', '0.001', '1'],
                  [0, '0.5', '1', '1'],
                  [0, '2', '4', '2'],
                ],
              },
            ],
          },
        ],
      },
    });
  });

  it('keeps floats and histograms of one series apart', () => {
    const answer = body({
      kind: 'matrix',
      series: [
        {
          labels: Labels.EMPTY,
          timesMs: Float64Array.of(1000, 2000, 3000),
          values: Float64Array.of(1, 0, NaN),
          histograms: [null, createFloatHistogram({ count: 1 }), null],
        },
      ],
    });
    expect(answer).toMatchObject({
      data: {
        result: [
          {
            metric: {},
            values: [
              [1, '1'],
              [3, 'NaN'],
            ],
            histograms: [[2, { count: '1', sum: '0' }]],
          },
        ],
      },
    });
  });

  it('cuts at the limit and says so', () => {
    const vector = {
      kind: 'vector',
      timeMs: 0,
      labels: [labels, Labels.EMPTY],
      values: Float64Array.of(1, 2),
      histograms: null,
    } as const;
    expect(body(vector, 1, { warnings: ['w'], infos: ['i'] })).toMatchObject({
      data: { result: [{ value: [0, '1'] }] },
      warnings: ['w', 'results truncated due to limit'],
      infos: ['i'],
    });
    expect(body(vector, 2)).not.toHaveProperty('warnings');
  });

  it('comes in chunks when it is long', () => {
    const count = 20_000;
    const value = {
      kind: 'vector',
      timeMs: 0,
      labels: Array.from({ length: count }, () => labels),
      values: new Float64Array(count),
      histograms: null,
    } as const;
    const result = {
      value,
      annotations: { warnings: [], infos: [] },
      stats: { samplesRead: 0, peakSamples: 0 },
    };
    const lengths = [...writeQueryBody(result, Infinity, null)].map((chunk) => chunk.length);
    expect(lengths.length).toBeGreaterThan(10);
    expect(Math.max(...lengths)).toBeLessThan(70_000);
  });
});

describe('formatSampleValue', () => {
  it.each([
    [1, '1'],
    [-0, '-0'],
    [0.1, '0.1'],
    [1e20, '100000000000000000000'],
    [1e21, '1e+21'],
    [1.5e300, '1.5e+300'],
    [1e-6, '0.000001'],
    [1e-7, '1e-07'],
    [-2.5e-10, '-2.5e-10'],
    [NaN, 'NaN'],
    [Infinity, '+Inf'],
    [-Infinity, '-Inf'],
  ])('writes %p as %s', (value, text) => {
    expect(formatSampleValue(value)).toBe(text);
  });
});

describe('formatSeconds', () => {
  it.each([
    [0, '0'],
    [1500, '1.500'],
    [1_767_229_803_007, '1767229803.007'],
    [-500, '-0.500'],
    [-1500, '-1.500'],
  ])('writes %p ms as %s', (timeMs, text) => {
    expect(formatSeconds(timeMs)).toBe(text);
  });
});

describe('acceptedEncoding', () => {
  it.each([
    [undefined, null],
    ['', null],
    ['identity', null],
    ['gzip', 'gzip'],
    ['gzip, deflate, br, zstd', 'zstd'],
    ['zstd;q=0.5, gzip', 'gzip'],
    ['zstd;q=0, gzip;q=0', null],
    ['*', 'zstd'],
    ['GZIP', 'gzip'],
  ])('answers %j with %s', (header, encoding) => {
    expect(acceptedEncoding(header)).toBe(encoding);
  });
});
