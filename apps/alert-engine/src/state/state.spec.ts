import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { checkConfig } from '../check-config.ts';
import { engineIdOf } from './engine-id.ts';
import { withStateFolder } from './state-config.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'binnacle-state-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('engineIdOf', () => {
  it('is the same for a directory, and another for its copy', async () => {
    const [data, copy] = ['data', 'copy'].map((name) => join(folder, name));
    await mkdir(data!);
    const id = await engineIdOf(data!);
    expect(await engineIdOf(data!)).toBe(id);
    await cp(data!, copy!, { recursive: true });
    expect(await engineIdOf(copy!)).not.toBe(id);
  });

  it('makes a new one where the file is damaged', async () => {
    await writeFile(join(folder, 'engine-id'), '\0\0\0');
    const id = await engineIdOf(folder);
    expect(id).toMatch(/^[0-9a-f-]{36} /);
    expect(await engineIdOf(folder)).toBe(id);
  });
});

const env = (): Record<string, string> => ({ BINNACLE_STATE_DIR: folder });

describe('BINNACLE_STATE_DIR', () => {
  it('names the database where nothing else does', async () => {
    await writeFile(join(folder, 'uri'), 'postgresql://app:secret@alerts-rw.db:5432/app');
    const { postgres } = await withStateFolder({}, env());
    expect(postgres).toMatchObject({
      place: { kind: 'url', url: { kind: 'file', path: join(folder, 'uri') } },
      tls: null,
      name: 'default',
    });
    expect(await withStateFolder({ postgres }, { BINNACLE_STATE_DIR: '/none' })).toEqual({
      postgres,
    });
    expect(await withStateFolder({}, { BINNACLE_STATE_DIR: '' })).toEqual({});
  });

  it('has the connection checked where there is an authority', async () => {
    await writeFile(join(folder, 'uri'), 'postgresql://app:secret@alerts-rw.db:5432/app');
    await writeFile(join(folder, 'ca.crt'), 'a certificate');
    const { postgres } = await withStateFolder({}, env());
    expect(postgres?.tls).toMatchObject({
      ca: { kind: 'file', path: join(folder, 'ca.crt') },
      isVerified: true,
    });
  });

  it('is an error without a URL in it', async () => {
    await expect(withStateFolder({}, env())).rejects.toThrow(
      `BINNACLE_STATE_DIR: ${folder} has no file uri.`,
    );
  });
});

const check = async (state: string): Promise<string> => {
  const configFile = join(folder, 'engine.yml');
  await writeFile(configFile, `state: {postgres: ${state}}`);
  const listen = { host: '127.0.0.1', port: 0 };
  return checkConfig({ configFile, dataDir: folder, listen, logLevel: 'silent' }, {});
};

describe('the check of a configuration', () => {
  it('reads the files of the state', async () => {
    await writeFile(join(folder, 'url'), 'postgresql://app:secret@alerts-rw.db/app\n');
    expect(await check('{url_file: url}')).toContain('good');
    await expect(check('{host: db, password_file: none}')).rejects.toThrow(
      `state: unable to read ${join(folder, 'none')}: ENOENT.`,
    );
    await writeFile(join(folder, 'url'), 'alerts-rw.db:secret');
    await expect(check('{url_file: url}')).rejects.toThrow(
      /^state: expected a URL such as (?!.*secret)/,
    );
  });
});
