import { describe, expect, it } from '@jest/globals';
import { answerOf, parseRetryAfterMs } from './index.ts';

describe('answerOf', () => {
  it.each([
    [200, 'accepted'],
    [204, 'accepted'],
    [307, 'rejected'],
    [400, 'rejected'],
    [413, 'rejected'],
    [429, 'retry'],
    [500, 'retry'],
    [503, 'retry'],
  ])('takes status %d as %s', (status, kind) => {
    expect(answerOf(status, null, 0).kind).toBe(kind);
  });
  it('keeps what Retry-After says', () => {
    expect(answerOf(429, '7', 0)).toEqual({
      kind: 'retry',
      reason: 'throttled',
      retryAfterMs: 7_000,
    });
    expect(answerOf(503, 'soon', 0)).toMatchObject({ reason: 'server_error', retryAfterMs: null });
  });
});

describe('parseRetryAfterMs', () => {
  const nowMs = Date.UTC(2026, 10, 20, 12, 0, 0);
  it.each([
    ['0', 0],
    ['120', 120_000],
    [' 5 ', 5_000],
    ['99999999', 600_000],
    ['Fri, 20 Nov 2026 12:00:30 GMT', 30_000],
    ['Fri, 20 Nov 2026 11:00:00 GMT', 0],
    ['Fri, 20 Nov 2099 12:00:30 GMT', 600_000],
    ['-5', null],
    ['1.5', null],
    ['', null],
    ['tomorrow', null],
    ['Fri, 20 Foo 2026 12:00:30 GMT', null],
  ])('reads %j as %p ms', (header, waitMs) => {
    expect(parseRetryAfterMs(header, nowMs)).toBe(waitMs);
  });
  it.each([
    'Thu, 01 Jan 1970 00:00:10 GMT',
    'Thu, 29 Feb 2024 23:59:59 GMT',
    'Sun, 01 Mar 2099 00:00:00 GMT',
  ])('knows the date %s', (date) => {
    expect(parseRetryAfterMs(date, Date.parse(date) - 1_234)).toBe(1_234);
  });
});
