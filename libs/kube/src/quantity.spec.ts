import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseQuantity } from './quantity.ts';

describe('a quantity', () => {
  it.each([
    ['1', 1],
    ['250m', 0.25],
    ['7m', 0.007],
    ['100n', 1e-7],
    ['1.5Gi', 1_610_612_736],
    ['128Mi', 134_217_728],
    ['64M', 64_000_000],
    ['20G', 20e9],
    ['1e3', 1_000],
    ['1E3', 1_000],
    ['2E', 2e18],
    ['.5', 0.5],
    ['5.', 5],
    ['-1k', -1_000],
    ['26335914666m', 26_335_914.666],
  ])('%s is %d', (written, expected) => {
    expect(parseQuantity(written)).toBe(expected);
  });

  it.each(['', 'm', '1x', '1KiB', '1 Gi', '0x10', 'Infinity', '1e', '1ee3', '--1', '1.2.3'])(
    '%j is none',
    (written) => {
      expect(parseQuantity(written)).toBeNaN();
    },
  );

  it('never takes long or fails, whatever comes', () => {
    fc.assert(
      fc.property(fc.string(), (written) => {
        expect(typeof parseQuantity(written)).toBe('number');
      }),
    );
  });
});
