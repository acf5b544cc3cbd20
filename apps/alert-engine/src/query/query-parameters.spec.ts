import { describe, expect, it } from '@jest/globals';
import {
  MAX_TIME_MS,
  parseApiDurationMs,
  parseTimeMs,
  QueryParameters,
} from './query-parameters.ts';

function parameters(url: string, body = ''): QueryParameters {
  return new QueryParameters(new URLSearchParams(url), new URLSearchParams(body));
}

describe('parseTimeMs', () => {
  it.each([
    ['0', 0],
    ['1767229803', 1_767_229_803_000],
    ['1767229803.123', 1_767_229_803_123],
    ['-1.5', -1500],
    ['1e3', 1_000_000],
    ['2026-01-01T01:10:03Z', 1_767_229_803_000],
    ['2026-01-01T02:10:03.5+01:00', 1_767_229_803_500],
    ['-292273086-05-16T16:47:06Z', -MAX_TIME_MS],
    ['292277025-08-18T07:12:54.999999999Z', MAX_TIME_MS],
  ])('reads %s', (text, timeMs) => {
    expect(parseTimeMs(text)).toBe(timeMs);
  });

  it.each([
    '',
    'abc',
    '1e300',
    '-1e20',
    'NaN',
    'Inf',
    '0x10',
    '2026-01-01',
    '2026-13-01T00:00:00Z',
    '__proto__',
  ])('refuses %j', (text) => {
    expect(parseTimeMs(text)).toBeNull();
  });
});

describe('parseApiDurationMs', () => {
  it.each([
    ['15', 15_000],
    ['0.5', 500],
    ['-5', -5000],
    ['1m30s', 90_000],
  ])('reads %s', (text, durationMs) => {
    expect(parseApiDurationMs(text)).toBe(durationMs);
  });

  it.each(['', 'abc', '1e300', '5x', 'NaN'])('refuses %j', (text) => {
    expect(parseApiDurationMs(text)).toBeNull();
  });
});

describe('QueryParameters', () => {
  it('takes the body before the URL', () => {
    const both = parameters('query=a&match[]=b', 'query=c&match[]=d');
    expect(both.get('query')).toBe('c');
    expect(both.all('match[]')).toEqual(['d', 'b']);
  });

  it.each([
    ['limit=x', 'invalid parameter "limit": strconv.Atoi: parsing "x": invalid syntax'],
    ['limit=-1', 'invalid parameter "limit": limit must be non-negative'],
  ])('refuses %s', (url, message) => {
    expect(() => parameters(url).limit()).toThrow(message);
  });

  it('has no limit where none or 0 is given', () => {
    expect(parameters('').limit()).toBe(Infinity);
    expect(parameters('limit=0').limit()).toBe(Infinity);
    expect(parameters('limit=7').limit()).toBe(7);
  });

  it('says that a duration is too long for Prometheus', () => {
    expect(() => parameters('step=1e12').durationMs('step')).toThrow(
      'invalid parameter "step": cannot parse "1e12" to a valid duration. It overflows int64',
    );
  });

  it('does not echo an enormous value', () => {
    expect(() => parameters(`time=${'x'.repeat(100_000)}`).timeMsOr('time', 0)).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^.{1,400}$/s) }),
    );
  });
});
