import { describe, expect, it } from '@jest/globals';
import { neededRight } from './access-rights.ts';
import { Credentials } from './credentials.ts';

describe('the right that a request needs', () => {
  it.each([
    ['GET', '/livez', null],
    ['GET', '/-/ready/', null],
    ['GET', '/metrics', null],
    ['POST', '/metrics', 'edit'],
    ['GET', '/', 'read'],
    ['GET', '/api/v1/query', 'read'],
    ['POST', '/api/v1/query_range', 'read'],
    ['POST', '/api/v1/read', 'read'],
    ['GET', '/federate', 'read'],
    ['POST', '/api/v1/write', 'write'],
    ['POST', '/api/v1/write/', 'write'],
    ['POST', '/v1/metrics', 'write'],
    ['POST', '/api/v1/otlp/v1/metrics', 'write'],
    ['GET', '/api/v2/silences', 'read'],
    ['POST', '/api/v2/silences', 'edit'],
    ['DELETE', '/api/v2/silence/x', 'edit'],
    ['POST', '/-/reload', 'edit'],
    ['POST', '/api/v1/admin/tsdb/snapshot', 'edit'],
    ['PUT', '/api/v1/query', 'edit'],
    ['POST', '/api/v1//write', 'edit'],
  ])('%s %s: %j', (method, path, right) => {
    expect(neededRight(method, path)).toBe(right);
  });
});

describe('credentials', () => {
  const basic = `Basic ${Buffer.from('ops:secret').toString('base64')}`;
  const credentials = new Credentials([
    { name: 'grafana', header: 'Bearer abc', may: ['read'] },
    { name: 'ops', header: basic, may: ['read', 'edit'] },
  ]);

  it.each([
    ['Bearer abc', 'read', 'allowed'],
    ['bearer  abc ', 'read', 'allowed'],
    ['Bearer abc', 'edit', 'forbidden'],
    ['Bearer abcd', 'read', 'unknown'],
    ['Basic abc', 'read', 'unknown'],
    ['abc', 'read', 'unknown'],
    ['', 'read', 'unknown'],
    [undefined, 'read', 'unknown'],
    [basic, 'edit', 'allowed'],
    [basic, 'write', 'forbidden'],
  ] as const)('%s for %s: %s', (header, right, verdict) => {
    expect(credentials.judge(header, right)).toBe(verdict);
  });

  it('let everybody in where there are none', () => {
    expect(new Credentials([]).isOpen).toBe(true);
    expect(credentials.isOpen).toBe(false);
  });
});
