import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { NotationError } from './notation-error.ts';
import {
  MAX_VALUES_PER_LINE,
  type NotedValue,
  parseSeriesNotation,
  parseStartsNotation,
  parseValuesNotation,
} from './series-notation.ts';

/** Values in a short form: floats as they are, `{count}` for histograms. */
function short(values: readonly NotedValue[]): string {
  return values
    .map((value) => {
      switch (value.kind) {
        case 'none':
          return '_';
        case 'stale':
          return 'stale';
        case 'float':
          return String(value.value);
        case 'histogram':
          return `{${value.histogram.count}}`;
      }
    })
    .join(' ');
}

describe('parseSeriesNotation', () => {
  it.each([
    ['m 1', 'm'],
    ['m{a="b",c="d}"} 1', 'm{a="b", c="d}"}'],
    ['{__name__="m"} 1', 'm'],
    ['{"my.metric", "my.label"="x"} 1', '{"my.metric", "my.label"="x"}'],
    ['{} 1', '{}'],
    ['sum{by="x"} 1', 'sum{by="x"}'],
    ['m{a="\\"}"} 1', 'm{a="\\"}"}'],
  ])('reads the labels of %s', (line, labels) => {
    const series = parseSeriesNotation(line);
    expect(series.labels.toString()).toBe(labels);
    expect(short(series.values)).toBe('1');
  });

  it.each(['m{a!="b"} 1', 'm{a="b" 1', 'm{a="b"}1', '1 2', 'm{a="1",a="2"} 1', '"m" 1'])(
    'refuses %s',
    (line) => {
      expect(() => parseSeriesNotation(line)).toThrow(NotationError);
    },
  );
});

describe('parseValuesNotation', () => {
  it.each([
    ['', ''],
    ['1 -2.5 +3 1e3 .5', '1 -2.5 3 1000 0.5'],
    ['0x1F', '31'],
    ['NaN Inf -Inf inf', 'NaN Infinity -Infinity Infinity'],
    ['_ _x3', '_ _ _ _'],
    ['stale 1', 'stale 1'],
    ['1x3', '1 1 1 1'],
    ['-1x1', '-1 -1'],
    ['1+2x3', '1 3 5 7'],
    ['1-2x2', '1 -1 -3'],
    ['-1e1-1e1x1', '-10 -20'],
    ['0x2', '0 0 0'],
    ['Infx1', 'Infinity Infinity'],
    ['{{}}', '{0}'],
    ['{{count:2 sum:3}} 1', '{2} 1'],
    ['{{count:2}}x2', '{2} {2} {2}'],
    ['{{count:2}}+{{count:1}}x2', '{2} {3} {4}'],
    ['{{count:5 counter_reset_hint:gauge}}-{{count:1}}x2', '{5} {4} {3}'],
    ['{{buckets:[1 2]   offset:-3}} 2', '{0} 2'],
  ])('reads %s', (text, values) => {
    expect(short(parseValuesNotation(text))).toBe(values);
  });

  it('adds increments one by one, with their rounding errors', () => {
    const values = parseValuesNotation('0+0.1x3');
    expect(values.at(-1)).toEqual({ kind: 'float', value: 0.1 + 0.1 + 0.1 });
  });

  it('reads every part of a histogram', () => {
    const [value] = parseValuesNotation(
      '{{schema:-53 count:9 sum:-2.5 buckets:[5 4] offset:1 custom_values:[1 2 -Inf] counter_reset_hint:reset}}',
    );
    expect(value).toMatchObject({
      hasHint: true,
      histogram: {
        schema: -53,
        count: 9,
        sum: -2.5,
        positiveSpans: [{ offset: 1, length: 2 }],
        positiveBuckets: [5, 4],
        customValues: [1, 2, Number.NEGATIVE_INFINITY],
        counterResetHint: 'reset',
      },
    });
    expect(
      parseValuesNotation('{{z_bucket:3 z_bucket_w:0.5 n_buckets:[1] n_offset:-1}}')[0],
    ).toMatchObject({
      hasHint: false,
      histogram: {
        zeroCount: 3,
        zeroThreshold: 0.5,
        negativeSpans: [{ offset: -1, length: 1 }],
        negativeBuckets: [1],
      },
    });
  });

  it.each([
    'abc',
    '1+2',
    '1x',
    '1x-2',
    '{{',
    '{{count:1}',
    '{{bogus:1}}',
    '{{count:1 count:2}}',
    '{{count:x}}',
    '{{schema:9}}',
    '{{schema:0.5}}',
    '{{buckets:1}}',
    '{{counter_reset_hint:maybe}}',
    '{{count:1}}+{{count:1}}',
    '{{schema:1}}+{{schema:0}}x2',
    '1x99999999999',
    `1x${MAX_VALUES_PER_LINE}`,
  ])('refuses %s', (text) => {
    expect(() => parseValuesNotation(text)).toThrow(NotationError);
  });

  it('never fails in any other way', () => {
    const piece = fc.constantFrom(
      '{{',
      '}}',
      'x',
      '_',
      '1',
      '+',
      '-',
      ' ',
      'count:',
      '[',
      ']',
      'e',
      'stale',
      '.',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        let failure: unknown = null;
        try {
          parseValuesNotation(pieces.join(''));
        } catch (error) {
          failure = error;
        }
        expect(failure === null || failure instanceof NotationError).toBe(true);
      }),
    );
  });
});

describe('parseStartsNotation', () => {
  it.each([
    ['_ -1m 0 0s', [null, -60_000, 0, 0]],
    ['_x2 -1mx1', [null, null, -60_000, -60_000]],
    ['-30s-1mx2', [-30_000, -90_000, -150_000]],
    ['1ms+1sx1', [1, 1001]],
  ])('reads %s', (text, starts) => {
    expect(parseStartsNotation(text).map((one) => (one === null ? null : one + 0))).toEqual(starts);
  });

  it.each(['1', '1m30s', 'x', '-5y2'])('refuses %s', (text) => {
    expect(() => parseStartsNotation(text)).toThrow(NotationError);
  });
});
