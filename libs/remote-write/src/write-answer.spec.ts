import { describe, expect, it } from '@jest/globals';
import { answerOf } from './index.ts';

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
    expect(answerOf(503, '99999', 0)).toMatchObject({ retryAfterMs: 600_000 });
    expect(answerOf(503, 'soon', 0)).toMatchObject({ reason: 'server_error', retryAfterMs: null });
  });
});
