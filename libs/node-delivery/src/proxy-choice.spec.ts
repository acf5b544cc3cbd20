import { describe, expect, it } from '@jest/globals';
import { Secret } from '#libs/yaml-config';
import { chooseProxy } from './proxy-choice.ts';

const given = (noProxy: string) =>
  ({ kind: 'url', url: new Secret('http://p:1'), noProxy, connectHeaders: [] }) as const;

describe('chooseProxy', () => {
  it.each([
    ['http://a.example', '', true],
    ['http://a.example', 'a.example', false],
    ['http://b.a.example', 'a.example', false],
    ['http://ba.example', 'a.example', true],
    ['http://a.example', '.a.example', true],
    ['http://b.a.example', '.a.example', false],
    ['http://b.a.example', '*.a.example', false],
    ['http://a.example:8080', 'a.example:8080', false],
    ['http://a.example:8081', 'a.example:8080', true],
    ['https://a.example', 'a.example:443', false],
    ['http://10.1.2.3', '10.0.0.0/8', false],
    ['http://11.1.2.3', '10.0.0.0/8', true],
    ['http://10.1.2.3', '10.1.2.3', false],
    ['http://[fd00::1]', 'fd00::/8', false],
    ['http://[fd00::1]:9', '[fd00::1]:9', false],
    ['http://a.example', 'x, *', false],
    ['http://A.Example', 'a.EXAMPLE', false],
    ['http://a.example', '10.0.0.0/99,nonsense/8,,', true],
  ])('%s with no_proxy %j: %j', (url, noProxy, isProxied) => {
    expect(chooseProxy(new URL(url), given(noProxy), {})).toBe(isProxied ? 'http://p:1' : null);
  });

  it.each([
    ['http://a.example', 'http://h'],
    ['https://a.example', 'http://s'],
    ['http://localhost:1', null],
    ['http://127.0.0.1', null],
    ['http://in.example', null],
  ])('%s by the environment: %s', (url, expected) => {
    const environment = { HTTP_PROXY: 'http://h', https_proxy: 'http://s', NO_PROXY: 'in.example' };
    const config = { kind: 'environment', connectHeaders: [] } as const;
    expect(chooseProxy(new URL(url), config, environment)).toBe(expected);
    expect(chooseProxy(new URL(url), config, {})).toBe(null);
    expect(chooseProxy(new URL(url), { kind: 'none' }, environment)).toBe(null);
  });
});
