import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { credentialHeaders, tlsConnectionOptions } from '#libs/node-http';
import { ConfigTextError } from '#libs/yaml-config';
import { stringify } from 'yaml';
import { kubeconfigFiles, readKubeconfig } from './index.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kubeconfig-'));
});

afterEach(() => rm(folder, { recursive: true }));

const PEM = '-----BEGIN CERTIFICATE-----\nxyz\n-----END CERTIFICATE-----\n';
const base64 = (text: string) => Buffer.from(text).toString('base64');

const CLUSTER = { server: 'https://10.0.0.1:6443/' };
const USER = { token: 't' };

function kubeconfig(cluster: object = CLUSTER, user: object = USER, more: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    preferences: {},
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'main', context: { cluster: 'c', user: 'u', namespace: 'ops' } }],
    'current-context': 'main',
    ...more,
  };
}

async function write(content: object | string, name = 'config'): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, typeof content === 'string' ? content : stringify(content));
  return file;
}

/** What a request would have: its headers, and what TLS goes by. */
async function used(content: object, context: string | null = null) {
  const { endpoint, namespace } = await readKubeconfig([await write(content)], context);
  const headers = Object.fromEntries(await credentialHeaders(endpoint.http, '/nowhere'));
  const tls = await tlsConnectionOptions(endpoint.http.tls, '/nowhere');
  return { url: endpoint.url, namespace, headers, tls };
}

async function complaint(content: object | string, context: string | null = null): Promise<string> {
  const file = await write(content);
  const error = await readKubeconfig([file], context).then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ConfigTextError);
  return (error as ConfigTextError).message.replace(file, 'FILE');
}

describe('a kubeconfig', () => {
  it('has address, CA, client certificate and key, in it or beside it', async () => {
    await write('key of a file', 'client.key');
    const cluster = {
      ...CLUSTER,
      'certificate-authority': 'never-read.crt',
      'certificate-authority-data': base64(PEM),
      'tls-server-name': 'api.example',
    };
    const user = { 'client-certificate-data': base64(PEM), 'client-key': 'client.key' };
    expect(await used(kubeconfig(cluster, user))).toEqual({
      url: 'https://10.0.0.1:6443',
      namespace: 'ops',
      headers: {},
      tls: {
        ca: PEM,
        cert: PEM,
        key: 'key of a file',
        servername: 'api.example',
        rejectUnauthorized: true,
      },
    });
  });

  it('has a token, one that is read again, or a password', async () => {
    await write('of the file\n', 'token');
    const tokens = { token: 'copied', tokenFile: 'token' };
    expect((await used(kubeconfig(CLUSTER, tokens))).headers).toEqual({
      Authorization: 'Bearer of the file',
    });
    expect((await used(kubeconfig())).headers).toEqual({ Authorization: 'Bearer t' });
    const password = { username: 'a', password: 'b' };
    expect((await used(kubeconfig(CLUSTER, password))).headers).toEqual({
      Authorization: `Basic ${base64('a:b')}`,
    });
    const unsafe = { ...CLUSTER, 'insecure-skip-tls-verify': true };
    expect((await used(kubeconfig(unsafe, {}))).tls).toEqual({ rejectUnauthorized: false });
  });

  it('is read for another context than the current one', async () => {
    const contexts = [
      { name: 'main', context: { cluster: 'c', user: 'u' } },
      { name: 'other', context: { cluster: 'd', user: '' } },
    ];
    const clusters = [
      { name: 'c', cluster: CLUSTER },
      { name: 'd', cluster: { server: 'http://127.0.0.1:8001' } },
    ];
    const two = kubeconfig(CLUSTER, USER, { contexts, clusters });
    expect(await used(two, 'other')).toMatchObject({
      url: 'http://127.0.0.1:8001',
      headers: {},
      namespace: null,
    });
  });

  it('may be several files, of which the first that says something counts', async () => {
    const first = await write(
      { 'current-context': 'main', users: [{ name: 'u', user: { token: 'mine' } }] },
      'a',
    );
    const second = await write(kubeconfig(), 'b');
    const { endpoint } = await readKubeconfig([first, second], null);
    expect(Object.fromEntries(await credentialHeaders(endpoint.http, '/'))).toEqual({
      Authorization: 'Bearer mine',
    });
  });

  it.each([
    [
      kubeconfig(CLUSTER, { exec: { command: 'aws' } }),
      /FILE.*users\[0\]\.user\.exec: no program is run for credentials; accepted are token/s,
    ],
    [
      kubeconfig(CLUSTER, { 'auth-provider': { name: 'gcp' } }),
      /auth-provider: no plugin is asked/,
    ],
    [
      kubeconfig(CLUSTER, { token: 't', as: 'admin' }),
      /users\[0\]\.user\.as: nobody is impersonated/,
    ],
    [
      kubeconfig({ ...CLUSTER, 'proxy-url': 'http://p' }),
      /proxy-url: no API server is asked through a proxy/,
    ],
    [kubeconfig({ server: 'ftp://a' }), /clusters\[0\]\.cluster\.server: expected a URL/],
    [
      kubeconfig({ ...CLUSTER, 'certificate-authority-data': '%' }),
      /certificate-authority-data: expected PEM in base64/,
    ],
    [
      kubeconfig(CLUSTER, { 'client-certificate': 'a' }),
      /a client certificate and its key are given together/,
    ],
    [
      kubeconfig(CLUSTER, USER, { 'current-context': 'x' }),
      /there is no context x; there are: main/,
    ],
    [kubeconfig(CLUSTER, USER, { 'current-context': '' }), /names no context; there are: main/],
    [kubeconfig(CLUSTER, USER, { clusters: [] }), /there is no cluster c; there are: none/],
    [kubeconfig(CLUSTER, USER, { users: null }), /there is no user u; there are: none/],
    [
      kubeconfig(CLUSTER, USER, { contexts: [{ name: 'main', context: null }] }),
      /context\.cluster: is missing/,
    ],
    [{ clusters: 1 }, /clusters/],
    ['{', /FILE:1/],
  ])('is refused with the place: %#', async (content, message) => {
    expect(await complaint(content)).toMatch(message);
  });

  it('shows no secret, and says which file there is not', async () => {
    expect(await complaint(kubeconfig(CLUSTER, { token: ['hush'] }))).not.toContain('hush');
    await expect(readKubeconfig([join(folder, 'none')], null)).rejects.toThrow(
      /none.*the kubeconfig cannot be read: ENOENT/s,
    );
    // Of several, as in KUBECONFIG, one there is will do.
    const there = join(folder, 'there');
    await writeFile(there, JSON.stringify(kubeconfig(CLUSTER, USER)));
    const { endpoint } = await readKubeconfig([join(folder, 'none'), there], null);
    expect(endpoint.url).toMatch(/^https:/);
    const missing = [join(folder, 'none'), join(folder, 'nor-this')];
    await expect(readKubeconfig(missing, null)).rejects.toThrow(/none.*ENOENT/s);
  });
});

it('kubeconfigs are where kubectl looks for them', () => {
  expect(kubeconfigFiles({ KUBECONFIG: '/a::/b', HOME: '/root' })).toEqual(['/a', '/b']);
  expect(kubeconfigFiles({ HOME: '/root' })).toEqual(['/root/.kube/config']);
  expect(kubeconfigFiles({})).toBeNull();
});
