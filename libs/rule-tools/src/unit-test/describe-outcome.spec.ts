import { describe, expect, it } from '@jest/globals';
import { Labels } from '#libs/labels';
import { parseValuesNotation } from '#libs/promql';
import { describeGoDuration, describeHistogram, describeSamples } from './describe-outcome.ts';

describe('a length of time', () => {
  it.each([
    [0, '0s'],
    [250, '250ms'],
    [90_500, '1m30.5s'],
    [3_600_000, '1h0m0s'],
    [86_400_000, '24h0m0s'],
    [-60_000, '-1m0s'],
  ])('%d is written as Go writes it', (durationMs, text) => {
    expect(describeGoDuration(durationMs)).toBe(text);
  });
});

describe('a sample', () => {
  it.each([
    [0, '0E+00'],
    [123.25, '1.2325E+02'],
    [1e-7, '1E-07'],
    [Number.NaN, 'NaN'],
    [-Infinity, '-Inf'],
  ])('%d is written with its exponent', (value, text) => {
    expect(describeSamples([{ labels: Labels.EMPTY, value, histogram: null }])).toBe(`{} ${text}`);
  });
});

describe('a histogram', () => {
  it.each([
    [
      '{{schema:1 count:3 sum:1.5 buckets:[1 0 2]}}',
      '{{schema:1 count:3 sum:1.5 buckets:[1 0 2]}}',
    ],
    ['{{buckets:[0 0 2 0] count:2}}', '{{count:2 offset:2 buckets:[2]}}'],
    [
      '{{n_offset:-5 n_buckets:[1] counter_reset_hint:gauge z_bucket:1 z_bucket_w:0.001}}',
      '{{z_bucket:1 z_bucket_w:0.001 counter_reset_hint:gauge n_offset:-5 n_buckets:[1]}}',
    ],
    [
      '{{schema:-53 custom_values:[5 10] buckets:[1 2]}}',
      '{{schema:-53 custom_values:[5 10] buckets:[1 2]}}',
    ],
  ])('%s comes back in promtool’s order', (text, expected) => {
    const [value] = parseValuesNotation(text);
    if (value?.kind !== 'histogram') throw new Error('no histogram');
    expect(describeHistogram(value.histogram)).toBe(expected);
  });

  it('with buckets far apart stays short', () => {
    const [value] = parseValuesNotation('{{buckets:[1 1]}}');
    if (value?.kind !== 'histogram') throw new Error('no histogram');
    const wide = {
      ...value.histogram,
      positiveSpans: [
        { offset: 0, length: 1 },
        { offset: 2_000_000_000, length: 1 },
      ],
    };
    expect(describeHistogram(wide)).toBe('{{buckets:[1 1]}}');
  });
});
