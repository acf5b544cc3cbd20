import { describe, expect, it } from '@jest/globals';
import { rightOfPost } from './access-rights.ts';

describe('the right that a request needs that is no GET', () => {
  it.each([
    ['POST', '/metrics', 'edit'],
    ['POST', '/api/v1/query_range', 'read'],
    ['POST', '/api/v1/read', 'read'],
    ['POST', '/api/v1/write', 'write'],
    ['POST', '/v1/metrics', 'write'],
    ['POST', '/api/v1/otlp/v1/metrics', 'write'],
    ['POST', '/api/v2/silences', 'edit'],
    ['DELETE', '/api/v2/silence/x', 'edit'],
    ['POST', '/-/reload', 'edit'],
    ['POST', '/api/v1/admin/tsdb/snapshot', 'edit'],
    ['PUT', '/api/v1/query', 'edit'],
    ['POST', '/api/v1//write', 'edit'],
  ])('%s %s: %s', (method, path, right) => {
    expect(rightOfPost(method, path)).toBe(right);
  });
});
