import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type HttpClientConfig, toTlsClientConfig } from '#libs/discovery';
import { Secret } from '#libs/yaml-config';
import { credentialHeaders, SecretFileError, tlsConnectionOptions } from './index.ts';

const TLS = toTlsClientConfig(undefined);
const PLAIN: HttpClientConfig = {
  auth: { kind: 'none' },
  tls: TLS,
  followsRedirects: true,
  headers: [],
};
const value = (text: string) => ({ kind: 'value', secret: new Secret(text) }) as const;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'binnacle-secrets-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('credentialHeaders', () => {
  it('writes basic_auth and headers of its own', async () => {
    const headers = await credentialHeaders(
      {
        ...PLAIN,
        auth: { kind: 'basic', username: value('u'), password: value('p') },
        headers: [{ name: 'X-Key', values: [value('a'), value('b')] }],
      },
      folder,
    );
    expect(headers).toEqual([
      ['Authorization', 'Basic dTpw'],
      ['X-Key', 'a'],
      ['X-Key', 'b'],
    ]);
  });
  it('reads a rotated token again', async () => {
    const config: HttpClientConfig = {
      ...PLAIN,
      auth: { kind: 'header', scheme: 'Bearer', credentials: { kind: 'file', path: 'token' } },
    };
    for (const token of ['one', 'two']) {
      await writeFile(join(folder, 'token'), `${token}\n`);
      expect(await credentialHeaders(config, folder)).toEqual([
        ['Authorization', `Bearer ${token}`],
      ]);
    }
  });
  it('says which file it cannot read', async () => {
    const tls = { ...TLS, ca: { kind: 'file', path: 'nosuch.pem' } as const };
    await expect(tlsConnectionOptions(tls, folder)).rejects.toThrow(SecretFileError);
    await expect(tlsConnectionOptions(tls, folder)).rejects.toThrow(/nosuch\.pem: ENOENT/);
  });
});
