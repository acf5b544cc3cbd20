import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server as TcpServer,
  type Socket,
} from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type HttpConnectionConfig,
  type HttpReceiverIntegration,
  parseAlertmanagerConfig,
} from '#libs/dispatch';
import { DeliveryError, type HttpRequest } from '#libs/notify';
import { Secret } from '#libs/yaml-config';
import { AddressPolicy } from './address-policy.ts';
import { FileSecretReader } from './file-secret-reader.ts';
import { UndiciHttpTransport } from './undici-http-transport.ts';

const dir = mkdtempSync(join(tmpdir(), 'binnacle-delivery-'));
const testdata = (name: string) => join(import.meta.dirname, '..', 'testdata', name);
const certificate = readFileSync(testdata('localhost.crt.pem'), 'utf8');
const key = readFileSync(testdata('localhost.key.pem'), 'utf8');

const transport = new UndiciHttpTransport(new FileSecretReader(dir));
const open: (Server | TcpServer)[] = [];

/** A receiver in a bad mood; it remembers what it was sent. */
async function listen(server: Server | TcpServer): Promise<number> {
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

async function receiver(listener: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listen(createServer(listener))}/hook`;
}

async function rawReceiver(onConnection: (socket: Socket) => void): Promise<string> {
  const server = createTcpServer((socket) => {
    socket.on('error', () => {});
    onConnection(socket);
  });
  return `http://127.0.0.1:${await listen(server)}/hook`;
}

/** What an `http_config` says of connections. */
function connectionOf(yaml: string): HttpConnectionConfig {
  const text = `route: {receiver: r}\nreceivers: [{name: r, webhook_configs: [{url: 'http://x', http_config: ${yaml}}]}]`;
  const config = parseAlertmanagerConfig(text, 'c.yml');
  return (config.receivers[0]!.integrations[0] as HttpReceiverIntegration).http;
}

const tlsOf = (yaml: string) => connectionOf(`{tls_config: ${yaml}}`);
const PLAIN = connectionOf('{}');

function postTo(url: string, changes: Partial<HttpRequest> = {}, by = transport) {
  return by.send({
    method: 'POST',
    url: new Secret(url),
    headers: [['Content-Type', 'application/json']],
    body: '{"a":1}',
    timeoutMs: 60_000,
    connection: PLAIN,
    wantsBody: false,
    ...changes,
  });
}

async function failureOf(promise: Promise<unknown>): Promise<DeliveryError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof DeliveryError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

afterEach(async () => {
  for (const server of open.splice(0)) {
    if ('closeAllConnections' in server) server.closeAllConnections();
    server.close();
  }
});
afterAll(async () => {
  await transport.close();
  rmSync(dir, { recursive: true });
});

describe('UndiciHttpTransport', () => {
  it('posts a body with its headers', async () => {
    const seen: {
      method?: string | undefined;
      headers?: IncomingMessage['headers'];
      body?: string;
    } = {};
    const url = await receiver((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        Object.assign(seen, { method: request.method, headers: request.headers, body });
        response.end('ok');
      });
    });
    const answer = await postTo(url, { headers: [['Authorization', new Secret('Bearer t')]] });
    expect(answer).toEqual({ status: 200, retryAfter: null, body: '' });
    expect(seen).toMatchObject({
      method: 'POST',
      body: '{"a":1}',
      headers: { authorization: 'Bearer t' },
    });
  });

  it('puts user and password of an address into a header', async () => {
    let authorization = '';
    const url = await receiver((request, response) => {
      authorization = request.headers.authorization ?? '';
      response.end();
    });
    await postTo(url.replace('http://', 'http://me:p%40ss@'));
    expect(authorization).toBe(`Basic ${Buffer.from('me:p@ss').toString('base64')}`);
  });

  it.each([
    [429, { 'Retry-After': '7' }, '7'],
    [503, {}, null],
    [500, {}, null],
    [400, {}, null],
  ])('hands back status %d and Retry-After', async (status, headers, retryAfter) => {
    const url = await receiver((_, response) => response.writeHead(status, headers).end('because'));
    expect(await postTo(url)).toEqual({ status, retryAfter, body: 'because' });
  });

  it('does not follow a redirect', async () => {
    let visits = 0;
    const inside = await receiver((_, response) => {
      visits++;
      response.end();
    });
    const url = await receiver((_, response) =>
      response.writeHead(307, { Location: inside }).end(),
    );
    expect(await postTo(url)).toMatchObject({ status: 307 });
    expect(visits).toBe(0);
  });

  it.each<[string, (response: ServerResponse) => void, object]>([
    [
      'takes a 200 at its word when the body never ends',
      (response) => void response.writeHead(200).write('x'),
      { status: 200 },
    ],
    [
      'takes a 500 at its word when the body drips',
      (response) => {
        response.writeHead(500).write('x');
        const timer = setInterval(() => response.write('x'), 20);
        response.on('close', () => clearInterval(timer));
      },
      { status: 500 },
    ],
    [
      'takes an endless stream after 200 at its word',
      (response) => {
        response.writeHead(200);
        const pump = () => {
          while (response.write(Buffer.alloc(65_536))) if (response.destroyed) return;
        };
        response.on('drain', pump);
        pump();
      },
      { status: 200 },
    ],
  ])('%s', async (_, answer, expected) => {
    const url = await receiver((__, response) => answer(response));
    const startMs = Date.now();
    expect(await postTo(url, { timeoutMs: 2_000 })).toMatchObject(expected);
    expect(Date.now() - startMs).toBeLessThan(30_000);
  });

  it('reads 64 KiB of a body and no more', async () => {
    let sent = 0;
    const url = await receiver((_, response) => {
      response.writeHead(400);
      const pump = () => {
        while (!response.destroyed && sent < 1 << 30) {
          sent += 65_536;
          if (!response.write(Buffer.alloc(65_536, 'x'))) return;
        }
      };
      response.on('drain', pump);
      pump();
    });
    const { body } = await postTo(url);
    expect(body).toHaveLength(65_536);
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });

  it.each<[string, (socket: Socket) => void, string]>([
    ['hangs before it answers', () => {}, 'timeout'],
    [
      'drips its headers',
      (socket) => {
        const timer = setInterval(() => socket.write('H'), 50);
        socket.on('close', () => clearInterval(timer));
      },
      'unreachable|timeout',
    ],
    ['closes the connection', (socket) => socket.destroy(), 'unreachable'],
    ['resets the connection', (socket) => socket.resetAndDestroy(), 'unreachable'],
    ['answers garbage', (socket) => void socket.end('\u0000\u0001garbage\r\n\r\n'), 'unreachable'],
    [
      'answers endless headers',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\n');
        const pump = () => {
          while (!socket.destroyed && socket.write(`X-A: ${'a'.repeat(1_000)}\r\n`));
        };
        socket.on('drain', pump);
        pump();
      },
      'unreachable',
    ],
  ])('fails in time when the receiver %s', async (_, onConnection, code) => {
    const url = await rawReceiver((socket) => {
      socket.on('data', () => {});
      onConnection(socket);
    });
    const startMs = Date.now();
    const error = await failureOf(
      postTo(url, { timeoutMs: code.includes('timeout') ? 300 : 60_000 }),
    );
    expect(error.code).toMatch(new RegExp(`^(${code})$`));
    expect(error.isRetryable).toBe(true);
    expect(Date.now() - startMs).toBeLessThan(30_000);
  });

  it('says that nobody listens', async () => {
    const error = await failureOf(postTo('http://127.0.0.1:1/secret-path'));
    expect(error).toMatchObject({ code: 'unreachable', message: 'connection refused' });
  });

  it('leaks nothing of the address or the headers in an error', async () => {
    const canary = 'canary-88';
    for (const url of [
      `http://user:${canary}@127.0.0.1:1/${canary}?token=${canary}`,
      `http://${canary}..invalid/${canary}`,
      `nonsense ${canary}`,
      `ftp://${canary}/`,
    ]) {
      const error = await failureOf(
        postTo(url, { headers: [['Authorization', new Secret(canary)]] }),
      );
      expect(`${error.message} ${error.stack}`).not.toContain(canary);
    }
    expect(inspect(transport, { depth: 9 })).not.toContain(canary);
  });

  it('reads the body of a success where it is asked for', async () => {
    const url = await receiver((_, response) => response.end('{"ok":true}'));
    expect(await postTo(url, { wantsBody: true })).toMatchObject({ body: '{"ok":true}' });
  });

  it('sends nothing to an address that is not allowed, whatever name leads there', async () => {
    let visits = 0;
    const url = await receiver((_, response) => {
      visits++;
      response.end();
    });
    const policy = new AddressPolicy({ denied: ['loopback'], allowed: [] });
    const careful = new UndiciHttpTransport(new FileSecretReader(dir), { policy });
    for (const address of [url, url.replace('127.0.0.1', 'localhost')]) {
      const error = await failureOf(postTo(address, {}, careful));
      expect(error).toMatchObject({ code: 'misconfigured' });
      expect(error.message).toContain('must not be connected to');
    }
    expect(visits).toBe(0);
    await careful.close();
  });

  it('goes through a proxy, with its credentials and headers, but not where no_proxy says', async () => {
    const seen: string[] = [];
    const proxy = createServer((request, response) => {
      seen.push(
        `${request.method} ${request.url} ${request.headers['proxy-authorization']} ${String(request.headers['x-proxy'])}`,
      );
      response.end();
    });
    const port = await listen(proxy);
    const connection = connectionOf(
      `{proxy_url: 'http://u:p@127.0.0.1:${port}', no_proxy: 'direct.example,127.0.0.0/8', proxy_connect_header: {X-Proxy: [canary]}}`,
    );
    await postTo('http://receiver.example/hook', { connection });
    const basic = `Basic ${Buffer.from('u:p').toString('base64')}`;
    expect(seen).toEqual([`POST http://receiver.example/hook ${basic} canary`]);
    const direct = await receiver((_, response) => response.writeHead(204).end());
    expect(await postTo(direct, { connection })).toMatchObject({ status: 204 });
    expect(seen).toHaveLength(1);
  });

  it('says of a proxy that is not there nothing but that', async () => {
    const connection = connectionOf(`{proxy_url: 'http://u:canary-9@127.0.0.1:1'}`);
    const error = await failureOf(postTo('http://receiver.example/', { connection }));
    expect(error.isRetryable).toBe(true);
    expect(`${error.message} ${error.stack}`).not.toContain('canary-9');
  });

  describe('with TLS', () => {
    let url = '';
    beforeAll(() => {
      writeFileSync(join(dir, 'ca.pem'), certificate);
    });

    const start = async () => {
      const server = createHttpsServer({ key, cert: certificate }, (_, response) => response.end());
      url = `https://localhost:${await listen(server)}/hook`;
    };

    it('refuses a certificate nobody vouches for', async () => {
      await start();
      expect(await failureOf(postTo(url))).toMatchObject({ code: 'tls' });
    });

    it.each([
      ['an authority from a file', '{ca_file: ca.pem}'],
      ['an authority from the configuration', JSON.stringify({ ca: certificate })],
      ['no verification', '{insecure_skip_verify: true}'],
    ])('accepts it with %s', async (_, yaml) => {
      await start();
      expect(await postTo(url, { connection: tlsOf(yaml) })).toMatchObject({ status: 200 });
    });

    it('names a file that is not there', async () => {
      const error = await failureOf(
        postTo('https://localhost/', { connection: tlsOf('{ca_file: none.pem}') }),
      );
      expect(error).toMatchObject({ code: 'misconfigured' });
      expect(error.message).toMatch(/cannot read .*none\.pem: ENOENT/);
    });
  });
});

describe('FileSecretReader', () => {
  it('reads a file anew each time, without white space around it', async () => {
    const secrets = new FileSecretReader(dir);
    const source = { kind: 'file', path: 'token' } as const;
    writeFileSync(join(dir, 'token'), ' one\n');
    expect((await secrets.read(source)).reveal()).toBe('one');
    writeFileSync(join(dir, 'token'), 'two');
    expect((await secrets.read(source)).reveal()).toBe('two');
  });
});
