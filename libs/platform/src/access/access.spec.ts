import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parseYamlConfig } from '#libs/yaml-config';
import { accessSchema, readCredentials, withTokenFolder } from './access-config.ts';
import { neededRight } from './access-rights.ts';
import { Credentials } from './credentials.ts';

const HASH = '$2b$04$i9QthnZqGq5ISYYjV6ChQeklaNA/aKD6KJG3axtPoabZJxP5Qjzy2';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'binnacle-access-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('the right that a request needs', () => {
  it.each([
    ['GET', '/livez', null],
    ['GET', '/-/ready/', null],
    ['HEAD', '/metrics', null],
    ['POST', '/metrics', 'edit'],
    ['GET', '/', 'read'],
    ['GET', '/api/v1/query', 'read'],
    ['GET', '/livez/x', 'read'],
    ['DELETE', '/api/v1/x/', 'edit'],
  ])('%s %s: %j', (method, path, right) => {
    expect(neededRight(method, path, () => 'edit')).toBe(right);
  });

  it('is asked for without the slash at its end', () => {
    const seen: unknown[] = [];
    neededRight('POST', '/api/v1/write//', (...asked) => {
      seen.push(asked);
      return 'write';
    });
    expect(seen).toEqual([['POST', '/api/v1/write']]);
  });
});

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

describe('credentials', () => {
  const asked: string[] = [];
  beforeEach(() => {
    asked.length = 0;
  });
  const passwords = {
    check: (password: string, hash: string) => {
      asked.push(`${password} ${hash}`);
      return password === 'known' || Promise.resolve(password === 'right');
    },
  };
  const credentials = new Credentials(
    [
      { name: 'grafana', header: 'Bearer abc', may: ['read'] },
      { name: 'ops', header: basic('ops', 'secret'), may: ['read', 'edit'] },
      { name: 'ann', passwordHash: 'of ann', may: ['read'] },
    ],
    passwords,
  );

  it.each([
    ['Bearer abc', 'read', 'allowed'],
    ['bearer  abc ', 'read', 'allowed'],
    ['Bearer abc', 'edit', 'forbidden'],
    ['Bearer abcd', 'read', 'unknown'],
    ['Basic abc', 'read', 'unknown'],
    ['abc', 'read', 'unknown'],
    ['', 'read', 'unknown'],
    [undefined, 'read', 'unknown'],
    [basic('ops', 'secret'), 'edit', 'allowed'],
    [basic('ops', 'secret'), 'write', 'forbidden'],
  ] as const)('%s for %s: %s, and no password is compared', (header, right, verdict) => {
    expect(credentials.judge(header, right)).toBe(verdict);
    expect(asked).toEqual([]);
  });

  it.each([
    [basic('ann', 'right'), 'read', 'allowed'],
    [basic('ann', 'right'), 'edit', 'forbidden'],
    [basic('ann', 'known'), 'read', 'allowed'],
    [basic('ann', 'wrong'), 'read', 'unknown'],
    [basic('ann', ''), 'read', 'unknown'],
    [basic('ops', 'right'), 'read', 'unknown'],
    [basic('nobody', 'right'), 'read', 'unknown'],
    [basic('__proto__', 'right'), 'read', 'unknown'],
  ] as const)('%s for %s: %s, after one comparison', async (header, right, verdict) => {
    expect(await credentials.judge(header, right)).toBe(verdict);
    expect(asked).toEqual([expect.stringMatching(/ of ann$/)]);
  });

  it('let everybody in where there are none', () => {
    expect(new Credentials([], passwords).isOpen).toBe(true);
    expect(credentials.isOpen).toBe(false);
  });
});

function parse(text: string) {
  return parseYamlConfig(text, accessSchema, { file: 'auth.yml' });
}

describe('the section auth', () => {
  it('takes hashes of passwords, here or in files, and users as Prometheus has them', async () => {
    await writeFile(join(folder, 'hash'), `${HASH}\n`);
    const config = parse(`users:
  - {name: a, password_hash: "${HASH}", may: [read]}
  - {name: b, password_hash_file: hash, may: [edit]}
basic_auth_users:
  admin: ${HASH}
`);
    expect(await readCredentials(config, folder)).toEqual([
      { name: 'a', passwordHash: HASH, may: ['read'] },
      { name: 'b', passwordHash: HASH, may: ['edit'] },
      { name: 'admin', passwordHash: HASH, may: ['read', 'write', 'edit'] },
    ]);
  });

  it.each([
    ['basic_auth_users: {a: secret}', 'basic_auth_users.a: expected a bcrypt hash'],
    ['users: [{name: a, may: [read]}]', 'users[0]: give password_file, password_hash or'],
    [
      `users: [{name: a, may: [read], password_file: f, password_hash: "${HASH}"}]`,
      'users[0]: give password_file, password_hash or',
    ],
    [
      `users: [{name: a, may: [read], password_file: f}]\nbasic_auth_users: {a: "${HASH}"}`,
      'users[0].name: another user has this name',
    ],
    ['users: [{name: "a:b", may: [read], password_file: f}]', 'expected a name without :'],
    [`basic_auth_users: {"a:b": "${HASH}"}`, 'expected a name without :'],
    ['users: [{name: a, may: [all], password_file: f}]', 'accepted are read, write, edit'],
  ])('refuses %s', (text, words) => {
    expect(() => parse(text)).toThrow(words);
    expect(() => parse(text)).toThrow(/^auth\.yml:1: |^auth\.yml:2: /);
  });

  it('refuses a file without a hash, and says nothing of what is in it', async () => {
    await writeFile(join(folder, 'hash'), 'plain-secret\n');
    const config = parse('users: [{name: b, password_hash_file: hash, may: [edit]}]');
    const failure = await readCredentials(config, folder).catch((error: unknown) => String(error));
    expect(failure).toContain(`${join(folder, 'hash')}: expected a bcrypt hash`);
    expect(failure).not.toContain('plain-secret');
  });

  it('goes before the folder of tokens', async () => {
    await writeFile(join(folder, 'read'), 'token');
    const env = { BINNACLE_AUTH_DIR: folder };
    expect((await withTokenFolder(parse(''), env)).tokens).toHaveLength(1);
    const users = parse(`basic_auth_users: {a: "${HASH}"}`);
    expect(await withTokenFolder(users, env)).toBe(users);
  });
});
