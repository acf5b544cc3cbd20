import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Moment, readRfc3339 } from './index.ts';

function read(text: string): [number, number] | null {
  const bytes = Buffer.from(`..${text}000000`);
  const moment = new Moment();
  const isOne = readRfc3339(bytes, 2, bytes.length - 6, moment);
  return isOne ? [moment.seconds, moment.nanos] : null;
}

describe('times', () => {
  it.each([
    ['2026-03-01T08:00:00Z', [1_772_352_000, 0]],
    ['2026-03-01T08:00:00.1Z', [1_772_352_000, 100_000_000]],
    ['2026-03-01T08:00:00.123456789Z', [1_772_352_000, 123_456_789]],
    ['2026-03-01T10:00:00.5+02:00', [1_772_352_000, 500_000_000]],
    ['2026-03-01t03:30:00-04:30', [1_772_352_000, 0]],
    ['1970-01-01T00:00:00Z', [0, 0]],
    ['1969-12-31T23:59:59.999999999Z', [-1, 999_999_999]],
    ['2099-12-31T23:59:59Z', [4_102_444_799, 0]],
    ['2024-02-29T00:00:00Z', [1_709_164_800, 0]],
    ['2016-12-31T23:59:60Z', [1_483_228_800, 0]],
  ])('%s', (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  it.each([
    '',
    '2026-03-01',
    '2026-13-45T99:00:00Z',
    '2026-02-29T00:00:00Z',
    '2026-03-01T24:00:00Z',
    '2026-03-01T08:60:00Z',
    '2026-03-01T08:00:00',
    '2026-03-01T08:00:00.Z',
    '2026-03-01T08:00:00.1234567890Z',
    '2026-03-01T08:00:00Zx',
    '2026-03-01T08:00:00+0200',
    '2026-03-01T08:00:00+25:00',
    '2026-03-01 08:00:00Z!',
    '20a6-03-01T08:00:00Z',
  ])('%j is none', (text) => {
    expect(read(text)).toBeNull();
  });

  it('are the ones Date knows', () => {
    const moments = fc.date({
      min: new Date(0),
      max: new Date(253_402_300_799_999),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(moments, (date) => {
        const ms = date.getTime();
        expect(read(date.toISOString())).toEqual([Math.floor(ms / 1000), (ms % 1000) * 1e6]);
      }),
    );
  });
});
