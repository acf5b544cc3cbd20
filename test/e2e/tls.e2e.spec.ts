import 'reflect-metadata';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Agent, request } from 'undici';
import { AppLogger, listen, ReloadService } from '#libs/platform';
import { createApp } from '../../apps/alert-engine/src/app.ts';
import { eventually, temporaryFolder } from '../support/processes.ts';

const DEADLINE_MS = 60_000;
const root = join(import.meta.dirname, '..', '..');

/** A certificate that an authority has signed, one that is its own, and another such. */
const SIGNED = {
  cert: join(root, 'test/kube/tls/kubelet.crt'),
  key: join(root, 'test/kube/tls/kubelet.key'),
  ca: join(root, 'test/kube/tls/ca.crt'),
};
const OWN = {
  cert: join(root, 'libs/node-http/testdata/localhost.cert.pem'),
  key: join(root, 'libs/node-http/testdata/localhost.key.pem'),
};
const STRANGER = {
  cert: join(root, 'libs/node-delivery/testdata/localhost.crt.pem'),
  key: join(root, 'libs/node-delivery/testdata/localhost.key.pem'),
};

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const closers: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  folder = await temporaryFolder();
});

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
  await folder.remove();
});

async function showCertificate({ cert, key }: { cert: string; key: string }): Promise<void> {
  await copyFile(cert, join(folder.path, 'tls.crt'));
  await copyFile(key, join(folder.path, 'tls.key'));
}

async function start(tls: string): Promise<{ app: NestFastifyApplication; port: number }> {
  const configFile = join(folder.path, 'engine.yml');
  await writeFile(configFile, `tls: ${tls}\n`);
  const address = { host: '127.0.0.1', port: 0 };
  const app = await createApp(
    { configFile, dataDir: join(folder.path, 'data'), listen: address, logLevel: 'silent' },
    {},
    AppLogger.create({ app: 'test', level: 'silent' }),
  );
  closers.push(() => app.close());
  const { port } = await listen(app, address);
  const fastify = app.getHttpAdapter().getInstance();
  await eventually(
    'the engine to be ready',
    async () => ((await fastify.inject('/readyz')).statusCode === 200 ? true : null),
    DEADLINE_MS,
  );
  return { app, port };
}

const FILES = 'cert_file: tls.crt, key_file: tls.key';

async function agentOf(options: {
  readonly ca: string;
  readonly client?: { readonly cert: string; readonly key: string };
  readonly maxVersion?: 'TLSv1.2';
}): Promise<Agent> {
  const { ca, client, maxVersion } = options;
  const agent = new Agent({
    connect: {
      ca: await readFile(ca, 'utf8'),
      ...(maxVersion !== undefined && { maxVersion }),
      ...(client !== undefined && {
        cert: await readFile(client.cert, 'utf8'),
        key: await readFile(client.key, 'utf8'),
      }),
    },
  });
  closers.push(() => agent.close());
  return agent;
}

/** @returns the status, or why there is none */
async function ask(port: number, dispatcher: Agent): Promise<number | string> {
  try {
    const url = `https://127.0.0.1:${port}/api/v1/query?query=1`;
    const { statusCode, body } = await request(url, { dispatcher });
    await body.dump();
    return statusCode;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

it('speaks TLS alone, and shows a new certificate without ending connections', async () => {
  await showCertificate(SIGNED);
  const { app, port } = await start(`{${FILES}}`);
  const before = await agentOf({ ca: SIGNED.ca });
  const after = await agentOf({ ca: OWN.cert });
  expect(await ask(port, before)).toBe(200);
  expect(await ask(port, after)).toContain('certificate');
  await expect(fetch(`http://127.0.0.1:${port}/livez`)).rejects.toThrow('fetch failed');

  const open = connect({ host: '127.0.0.1', port, ca: await readFile(SIGNED.ca, 'utf8') });
  closers.push(async () => open.destroy());
  expect(await getOver(open)).toContain('200 OK');

  // The look that is due every few seconds.
  const look = () => app.get(ReloadService).reloadIfChanged();
  await showCertificate(OWN);
  await eventually(
    'the new certificate',
    async () => {
      await look();
      return (await ask(port, after)) === 200 ? true : null;
    },
    DEADLINE_MS,
  );
  expect(await getOver(open)).toContain('200 OK');
  expect(open.getPeerX509Certificate()?.subject).toContain('system:node:n1');

  // A key that is not the certificate's is not taken.
  await copyFile(STRANGER.key, join(folder.path, 'tls.key'));
  await eventually(
    'the refusal of the new key',
    async () => {
      await look();
      return (await metric(app, 'prometheus_config_last_reload_successful')) === 0 ? true : null;
    },
    DEADLINE_MS,
  );
  expect(await ask(port, await agentOf({ ca: OWN.cert }))).toBe(200);
  expect(await metric(app, 'binnacle_http_tls_failures_total')).toBeGreaterThan(0);
}, 180_000);

it.each([
  ['NoClientCert', [200, 200, 200]],
  ['RequestClientCert', [200, 200, 200]],
  ['RequireAnyClientCert', ['refused', 200, 200]],
  ['VerifyClientCertIfGiven', [200, 'refused', 200]],
  ['RequireAndVerifyClientCert', ['refused', 'refused', 200]],
])('%s: without, with a stranger’s and with a known certificate %j', async (type, expected) => {
  await showCertificate(SIGNED);
  await copyFile(OWN.cert, join(folder.path, 'clients.crt'));
  const ca = type.includes('Verify') ? ', client_ca_file: clients.crt' : '';
  const { port } = await start(`{${FILES}, client_auth_type: ${type}${ca}}`);
  const found: (number | string)[] = [];
  for (const client of [undefined, STRANGER, OWN]) {
    const agent = await agentOf({ ca: SIGNED.ca, ...(client !== undefined && { client }) });
    const answer = await ask(port, agent);
    found.push(answer === 200 ? 200 : 'refused');
  }
  expect(found).toEqual(expected);
});

it('takes no older version than it is told', async () => {
  await showCertificate(SIGNED);
  const { port } = await start(`{${FILES}, min_version: TLS13}`);
  expect(await ask(port, await agentOf({ ca: SIGNED.ca, maxVersion: 'TLSv1.2' }))).not.toBe(200);
  expect(await ask(port, await agentOf({ ca: SIGNED.ca }))).toBe(200);
});

it.each([
  ['{cert_file: tls.crt, key_file: none}', 'tls: cannot read'],
  ['{cert_file: tls.crt, key_file: engine.yml}', 'engine.yml: '],
  ['{cert_file: tls.crt}', 'tls.key_file'],
  ['{cert_file: tls.crt, key_file: tls.key, min_version: TLS10}', 'accepted are TLS12, TLS13'],
  [
    '{cert_file: tls.crt, key_file: tls.key, client_auth_type: RequireAndVerifyClientCert}',
    'needs client_ca_file',
  ],
  ['{cert_file: tls.crt, key_file: tls.key, client_ca_file: tls.crt}', 'is looked at only with'],
])('does not start with tls: %s', async (tls, words) => {
  await showCertificate(SIGNED);
  await expect(start(tls)).rejects.toThrow(words);
});

/** What is answered to a question over a connection that is there already. */
async function getOver(socket: TLSSocket): Promise<string> {
  const answer = new Promise<string>((resolve, reject) => {
    socket.once('data', (data) => resolve(data.toString('latin1')));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the connection has ended')));
  });
  socket.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n');
  return answer;
}

async function metric(app: NestFastifyApplication, name: string): Promise<number> {
  const { body } = await app.getHttpAdapter().getInstance().inject('/metrics');
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(body)?.[1]);
}
