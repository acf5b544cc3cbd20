import { describe, expect, it } from '@jest/globals';
import { judgeHttpAnswer } from './http-verdict.ts';
import { judgeSmtpResponse } from './smtp-verdict.ts';

const NOW_MS = Date.parse('2026-02-03T04:05:06Z');

describe('judgeHttpAnswer', () => {
  it.each([
    [200, null, false],
    [204, null, false],
    [301, 'redirected', false],
    [307, 'redirected', false],
    [400, 'rejected', false],
    [401, 'unauthorized', false],
    [403, 'unauthorized', false],
    [404, 'rejected', false],
    [408, 'timeout', true],
    [429, 'rate_limited', true],
    [500, 'server_error', true],
    [503, 'server_error', true],
    [999, 'server_error', true],
  ])('%d: %s, retried: %j', (status, code, isRetryable) => {
    const error = judgeHttpAnswer({ status, retryAfter: null, body: '' }, NOW_MS);
    expect(error?.code ?? null).toBe(code);
    expect(error?.isRetryable ?? false).toBe(isRetryable);
  });

  it.each([
    [null, null],
    ['30', 30_000],
    ['Tue, 03 Feb 2026 04:06:06 GMT', 60_000],
    ['9999999', 86_400_000],
    ['soon', null],
  ])('waits as long as `Retry-After: %s` says, at most a day', (retryAfter, retryAfterMs) => {
    const error = judgeHttpAnswer({ status: 429, retryAfter, body: '' }, NOW_MS);
    expect(error?.retryAfterMs).toBe(retryAfterMs);
  });

  it('quotes the receiver in one harmless line', () => {
    const body = `no\u001B[31m\r\nway ${'x'.repeat(1_000)}`;
    const message = judgeHttpAnswer({ status: 400, retryAfter: null, body }, NOW_MS)!.message;
    expect(message).toMatch(/^the receiver answered 400: no \[31m way x+…$/);
    expect(message.length).toBeLessThan(400);
  });
});

describe('judgeSmtpResponse', () => {
  it.each([
    [421, 'rate_limited', true],
    [450, 'rate_limited', true],
    [452, 'rate_limited', true],
    [454, 'server_error', true],
    [535, 'unauthorized', false],
    [550, 'rejected', false],
    [552, 'rejected', false],
  ])('%d: %s, retried: %j', (status, code, isRetryable) => {
    const error = judgeSmtpResponse(status, `${status} words`);
    expect([error.code, error.isRetryable]).toEqual([code, isRetryable]);
  });
});
