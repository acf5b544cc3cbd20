import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { LokiQueryController } from '../logs/query/loki-query.controller.ts';
import { rightOfPost } from './access-rights.ts';

/** The paths below the controller's own of what it answers by POST. */
function postsOf({ prototype }: typeof LokiQueryController): string[] {
  return Object.getOwnPropertyNames(prototype).flatMap((name) => {
    const handler: unknown = Reflect.get(prototype, name);
    if (typeof handler !== 'function') return [];
    if (Reflect.getMetadata(METHOD_METADATA, handler) !== RequestMethod.POST) return [];
    const paths: string | string[] = Reflect.getMetadata(PATH_METADATA, handler);
    return paths;
  });
}

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

  it('is to read, for every question about log lines', () => {
    const posts = postsOf(LokiQueryController);
    expect(posts).toContain('label/:name/values');
    const rights = posts.map((path) =>
      rightOfPost('POST', `/loki/api/v1/${path.replace(':name', 'app')}`),
    );
    expect(rights).toEqual(posts.map(() => 'read'));
  });
});
