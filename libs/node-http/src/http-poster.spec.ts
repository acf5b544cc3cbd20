import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type HttpClientConfig, toTlsClientConfig } from '#libs/discovery';
import { type HttpPost, type HttpPostAnswer, HttpPoster } from './index.ts';

const TLS = toTlsClientConfig(undefined);
const PLAIN: HttpClientConfig = {
  auth: { kind: 'none' },
  tls: TLS,
  followsRedirects: true,
  headers: [],
};

const servers: Server[] = [];
const posters: HttpPoster[] = [];

afterEach(async () => {
  await Promise.all(posters.splice(0).map((poster) => poster.close()));
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function posterTo(listener: RequestListener): Promise<HttpPoster> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/in?a=b`;
  const poster = new HttpPoster({ url, http: PLAIN, baseDir: '.', userAgent: 'spec' });
  posters.push(poster);
  return poster;
}

function post(poster: HttpPoster, more: Partial<HttpPost> = {}): Promise<HttpPostAnswer> {
  return poster.post({
    headers: [['x-kind', 'spec']],
    body: 'hello',
    timeoutMs: 60_000,
    maxAnswerBytes: 10,
    cutsAnswer: true,
    ...more,
  });
}

describe('HttpPoster', () => {
  it('posts, and cuts the answer', async () => {
    const seen: unknown[] = [];
    const poster = await posterTo((request, response) => {
      const { method, url, headers } = request;
      seen.push([method, url, headers['x-kind'], headers['user-agent']]);
      request.pipe(response.writeHead(202, { 'X-More': 'y' }));
    });
    const answer = await post(poster, { body: 'much more than ten' });
    expect([answer.status, answer.headers.get('x-more'), answer.body.toString()]).toEqual([
      202,
      'y',
      'much more ',
    ]);
    expect(seen).toEqual([['POST', '/in?a=b', 'spec', 'spec']]);
    await expect(post(poster, { body: 'much more than ten', cutsAnswer: false })).rejects.toThrow(
      'an answer of more than 10 bytes',
    );
  });
  it('gives up when its time is over', async () => {
    const poster = await posterTo(() => {});
    await expect(post(poster, { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'timeout',
      message: 'no complete answer within 50 ms',
    });
  });
  it('gives up when asked to, before and while it asks', async () => {
    const early = new AbortController();
    const late = new AbortController();
    const poster = await posterTo(() => late.abort());
    early.abort();
    await expect(post(poster, { signal: early.signal })).rejects.toMatchObject({ code: 'aborted' });
    await expect(post(poster, { signal: late.signal })).rejects.toMatchObject({ code: 'aborted' });
  });
  it('leaves nothing on a signal that outlives many requests', async () => {
    const poster = await posterTo((_request, response) => response.writeHead(204).end());
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    for (let i = 0; i < 3; i++) expect((await post(poster, { signal })).status).toBe(204);
    expect(listeners).toBe(0);
  });
  it('tells a refused connection', async () => {
    const poster = new HttpPoster({
      url: 'http://127.0.0.1:1/',
      http: PLAIN,
      baseDir: '.',
      userAgent: 'spec',
    });
    posters.push(poster);
    await expect(post(poster)).rejects.toMatchObject({ code: 'unreachable' });
  });
});
