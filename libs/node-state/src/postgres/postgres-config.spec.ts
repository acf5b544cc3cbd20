import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseYamlConfig } from '#libs/yaml-config';
import { stateConfigSchema } from './postgres-config.ts';
import { fromPostgresText, toPostgresText } from './postgres-text.ts';
import { parsePostgresUrl } from './postgres-url.ts';

const parse = (text: string, env: Readonly<Record<string, string>> = {}): unknown =>
  parseYamlConfig(text, stateConfigSchema, { file: 'state.yml', env }).postgres;

describe('toPostgresText', () => {
  it('gives texts that PostgreSQL takes, from which the same comes back', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)) }),
        (text) => {
          const written = toPostgresText(text);
          expect(written).not.toContain('\0');
          expect(written.isWellFormed()).toBe(true);
          expect(fromPostgresText(written) === text).toBe(true);
        },
      ),
    );
  });

  it.each(['\u001B0', '\0\u001B\u001Be', '\uD800\u001Bd800', '😀\uDC00', 'plain'])(
    'keeps %j apart from what it would be written as',
    (text) => {
      expect(fromPostgresText(toPostgresText(text)) === text).toBe(true);
    },
  );
});

describe('parsePostgresUrl', () => {
  it('reads what libpq reads', () => {
    expect(
      parsePostgresUrl('postgresql://us%40er:p%2Fw@db.example.com/alerts?sslmode=require\n'),
    ).toEqual({
      host: 'db.example.com',
      port: 5432,
      database: 'alerts',
      user: 'us@er',
      password: 'p/w',
      sslMode: 'require',
    });
    expect(parsePostgresUrl('postgres://app@[::1]:6432')).toMatchObject({
      host: '::1',
      port: 6432,
      database: 'app',
      password: '',
      sslMode: 'disable',
    });
  });

  it.each([
    ['mysql://u:s3cret@h/d', 'expected a URL such as'],
    ['s3cret', 'expected a URL such as'],
    ['postgres://:s3cret@h/d', 'names no user'],
    ['postgres:///d', 'names no'],
    ['postgres://u:s3cret%@h/d', 'is not percent-encoded'],
    ['postgres://u:s3cret@h/d?sslmode=prefer', 'none of disable, require, verify-ca, verify-full'],
    ['postgres://u:s3cret@h/d?options=-c', '"options" is not known; accepted is sslmode'],
  ])('refuses %s and does not show it', (url, message) => {
    const read = (): unknown => parsePostgresUrl(url);
    expect(read).toThrow(message);
    expect(read).not.toThrow('s3cret');
  });
});

describe('state', () => {
  it('is empty by default, and has defaults for everything but the host', () => {
    expect(parse('')).toBeUndefined();
    expect(parse('postgres: {host: db}')).toEqual({
      place: {
        kind: 'parts',
        host: 'db',
        port: 5432,
        database: 'binnacle',
        user: 'binnacle',
        password: null,
      },
      tls: null,
      schema: 'binnacle',
      name: 'default',
      connectTimeoutMs: 5_000,
      timeoutMs: 5_000,
      leaseMs: 15_000,
    });
  });

  it('hides what the environment puts in', () => {
    const config = parse('postgres: {url: "${DSN}"}', { DSN: 'postgres://u:s3cret@h/d' });
    expect(JSON.stringify(config)).not.toContain('s3cret');
  });

  it.each([
    ['postgres: {}', 'needs host, url or url_file'],
    ['postgres: {url: "postgres://u@h", url_file: f}', 'at most one of url, url_file'],
    ['postgres: {url_file: f, user: u}', 'a URL says that already: leave user out'],
    ['postgres: {url: "http://u:s3cret@h"}', 'expected a URL such as'],
    ['postgres: {host: h, password: s3cret, password_file: f}', 'at most one of password'],
    ['postgres: {host: h, lease: 1s}', 'at least 2s is accepted'],
    ['postgres: {host: h, lease: 5s}', 'must be longer than timeout'],
    ['postgres: {host: h, port: 0}', 'port'],
    ['postgres: {host: h, schema: ""}', 'at most 63 bytes'],
    [`postgres: {host: h, name: ${'ü'.repeat(32)}}`, 'at most 63 bytes'],
    ['postgres: {host: h, tls_config: {cert_file: c}}', 'a client cert also needs key'],
    ['postgres: {host: h, pool: 3}', 'pool'],
    ['sqlite: {}', 'sqlite'],
  ])('refuses %s', (text, message) => {
    const read = (): unknown => parse(text);
    expect(read).toThrow(message);
    expect(read).not.toThrow('s3cret');
  });
});
