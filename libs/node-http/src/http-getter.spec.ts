import {
  createServer,
  type IncomingHttpHeaders,
  type RequestListener,
  type Server,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import { HttpGetter, type HttpGetRequest } from './index.ts';

const servers: Server[] = [];
const getters: HttpGetter[] = [];

afterEach(async () => {
  await Promise.all(getters.splice(0).map((getter) => getter.close()));
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function get(url: string, more: Partial<HttpGetRequest> = {}) {
  const getter = getters[0] ?? new HttpGetter();
  if (getters.length === 0) getters.push(getter);
  return getter.get({
    url,
    headers: [],
    timeoutMs: 60_000,
    maxBodyBytes: 1_000,
    followsRedirects: true,
    ...more,
  });
}

const redirectRefusal = (_from: URL, to: URL) => (to.pathname === '/bad' ? 'not there' : null);

describe('HttpGetter', () => {
  it('unpacks gzip and keeps the connection', async () => {
    const ports = new Set<number | undefined>();
    const url = await serve((request, response) => {
      ports.add(request.socket.remotePort);
      response.setHeader('Content-Encoding', 'gzip').end(gzipSync('up 1\n'));
    });
    const first = await get(`${url}/a?b=c`);
    await get(url);
    expect([first.status, first.statusText, first.body.toString()]).toEqual([200, 'OK', 'up 1\n']);
    expect(ports.size).toBe(1);
  });
  it.each([
    ['a body over the limit', () => Buffer.alloc(1_001), undefined],
    ['a body that unpacks beyond the limit', () => gzipSync(Buffer.alloc(100_000)), 'gzip'],
  ])('refuses %s', async (_name, body, encoding) => {
    const url = await serve((_request, response) => {
      if (encoding !== undefined) response.setHeader('Content-Encoding', encoding);
      response.end(body());
    });
    await expect(get(url)).rejects.toMatchObject({ code: 'body-too-large' });
  });
  it('refuses a body that never ends', async () => {
    const url = await serve((_request, response) => {
      const more = () => {
        while (response.write('x'.repeat(100)));
      };
      response.on('drain', more);
      more();
    });
    await expect(get(url, { maxBodyBytes: 5_000_000 })).rejects.toMatchObject({
      code: 'body-too-large',
    });
  });
  it.each([
    ['cut off', gzipSync('up 1\n').subarray(0, 10)],
    ['no gzip at all', Buffer.from('up 1\n')],
  ])('refuses gzip that is %s', async (_name, body) => {
    const url = await serve((_request, response) => {
      response.setHeader('Content-Encoding', 'gzip').end(body);
    });
    await expect(get(url)).rejects.toMatchObject({ code: 'bad-encoding' });
  });
  it.each(['headers', 'body'])('gives up when the %s do not come in time', async (part) => {
    const url = await serve((_request, response) => {
      if (part === 'body') response.write('up');
    });
    await expect(get(url, { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'timeout',
      message: 'no complete answer within 50 ms',
    });
  });
  it('follows redirects with credentials only inside the origin', async () => {
    const seen: (readonly [string, IncomingHttpHeaders['authorization']])[] = [];
    const elsewhere = await serve((request, response) => {
      seen.push([request.url ?? '', request.headers.authorization]);
      response.end('end');
    });
    const url = await serve((request, response) => {
      seen.push([request.url ?? '', request.headers.authorization]);
      const location = request.url === '/' ? '/inside' : `${elsewhere}/outside`;
      response.writeHead(307, { Location: location }).end();
    });
    const answer = await get(`${url}/`, { credentials: [['Authorization', 'Bearer t']] });
    expect(answer.body.toString()).toBe('end');
    expect(seen).toEqual([
      ['/', 'Bearer t'],
      ['/inside', 'Bearer t'],
      ['/outside', undefined],
    ]);
  });
  it('stops where redirects go round, and does not follow them where it is told not to', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(302, { Location: '/' }).end();
    });
    await expect(get(url)).rejects.toMatchObject({ code: 'redirect' });
    expect((await get(url, { followsRedirects: false })).status).toBe(302);
  });
  it('follows no redirect that whoever asks does not want', async () => {
    const url = await serve((request, response) => {
      if (request.url === '/good') response.end('end');
      else response.writeHead(302, { Location: request.url === '/' ? '/good' : '/bad' }).end();
    });
    expect((await get(`${url}/`, { redirectRefusal })).body.toString()).toBe('end');
    await expect(get(`${url}/x`, { redirectRefusal })).rejects.toMatchObject({
      code: 'redirect',
      message: 'not there',
    });
  });
  it('follows no redirect to another kind of URL', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(302, { Location: 'file:///etc/passwd' }).end();
    });
    await expect(get(url)).rejects.toMatchObject({ code: 'redirect' });
  });
  it('tells a refused connection', async () => {
    await expect(get('http://127.0.0.1:1/')).rejects.toMatchObject({
      code: 'unreachable',
      message: 'connection refused',
    });
  });
  it('lets requests wait for a connection where there are as many as there may be', async () => {
    const finish: (() => void)[] = [];
    const seen: string[] = [];
    let atOnce = 0;
    let most = 0;
    const url = await serve((request, response) => {
      seen.push(request.url ?? '');
      most = Math.max(most, ++atOnce);
      finish.push(() => {
        atOnce--;
        response.end(request.url);
      });
      // The last that two connections can bring says that the others wait.
      if (seen.length === 2) for (const each of finish.splice(0)) each();
      else if (seen.length > 2) finish.pop()!();
    });
    const getter = new HttpGetter({ connectionsPerOrigin: 2 });
    getters.push(getter);
    const paths = Array.from({ length: 7 }, (_, i) => `/${i}`);
    const answers = await Promise.all(paths.map((path) => get(url + path)));
    expect(answers.map(({ body }) => body.toString())).toEqual(paths);
    expect(most).toBe(2);
    expect([...seen].toSorted()).toEqual(paths);
  });
  it('asks again when a kept connection turns out to be closed', async () => {
    let requests = 0;
    const url = await serve((request, response) => {
      requests++;
      if (requests === 2) request.socket.destroy();
      else response.end('ok');
    });
    await get(url);
    expect((await get(url)).body.toString()).toBe('ok');
    expect(requests).toBe(3);
  });
  it('gives up when asked to', async () => {
    const url = await serve(() => {});
    const { signal, abort } = ((controller) => ({
      signal: controller.signal,
      abort: () => controller.abort(),
    }))(new AbortController());
    const pending = get(url, { signal });
    setTimeout(abort, 20);
    await expect(pending).rejects.toMatchObject({ code: 'aborted' });
  });
  it('finishes what is under way when it retires', async () => {
    const { promise: asked, resolve: onAsked } = Promise.withResolvers<void>();
    const url = await serve((_request, response) => {
      onAsked();
      setTimeout(() => response.end('late'), 50);
    });
    const pending = get(url);
    await asked;
    const retired = getters[0]!.retire();
    expect((await pending).body.toString()).toBe('late');
    await retired;
    await expect(get(url)).rejects.toMatchObject({ code: 'protocol' });
  });
});
