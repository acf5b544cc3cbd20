import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type DeclaredCheck, type ProbeVerdict, runDeclared } from '#libs/probes';
import { HealthServer } from '../testing/health-server.ts';
import { NodeProbeTransports } from './index.ts';

const TESTDATA = fileURLToPath(new URL('../../node-http/testdata/', import.meta.url));
const TLS = {
  key: readFileSync(`${TESTDATA}localhost.key.pem`),
  cert: readFileSync(`${TESTDATA}localhost.cert.pem`),
};

const closing: (() => void)[] = [];

afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function serve(listener: RequestListener, isTls = false): Promise<number> {
  const server: Server = isTls ? createHttpsServer(TLS, listener) : createServer(listener);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function run(
  check: Exclude<DeclaredCheck, { kind: 'impossible' }>,
  timeoutMs = 60_000,
): Promise<ProbeVerdict> {
  const transports = new NodeProbeTransports({ baseDir: '.', guard: null });
  const signal = AbortSignal.timeout(timeoutMs);
  const judge = await runDeclared(check, '127.0.0.1', transports, {
    userAgent: 'kube-probe/1',
    signal,
  });
  return judge(0.5);
}

const http = (port: number, more: object = {}) =>
  run({ kind: 'http', isTls: false, port, path: '/', headers: [], ...more });

describe('a pod’s own HTTP probe', () => {
  it.each([
    [199 + 1, null],
    [399, null],
    [404, { code: 'status', message: 'status 404: not here' }],
    [500, { code: 'status', message: 'status 500: not here' }],
  ])('is judged by the status: %d', async (status, failure) => {
    const port = await serve((_request, response) => {
      response.writeHead(status).end('not\n here ');
    });
    const verdict = await http(port);
    expect(verdict.failure).toEqual(failure);
    const names = verdict.metrics.map(({ labels }) => labels.toString());
    expect(names).toContain('probe_http_duration_seconds{phase="processing"}');
    expect(names).toContain('probe_success');
  });

  it('says who it is and what it takes, unless the pod says otherwise', async () => {
    const seen: unknown[] = [];
    const port = await serve(({ url, headers }, response) => {
      seen.push([url, headers['user-agent'], headers.accept, headers.host]);
      response.end();
    });
    await http(port, { path: 'healthz?x=1' });
    const headers = [
      ['User-Agent', 'mine'],
      ['Accept', ''],
      ['Host', 'a.example'],
    ];
    await http(port, { headers });
    expect(seen).toEqual([
      ['/healthz?x=1', 'kube-probe/1', '*/*', `127.0.0.1:${port}`],
      ['/', 'mine', undefined, 'a.example'],
    ]);
  });

  it('follows redirects on the same host, takes others for an answer, and does not go round forever', async () => {
    const asked: string[] = [];
    const port = await serve(({ url = '' }, response) => {
      asked.push(url);
      const to: Record<string, string> = {
        '/': '/in',
        '/away': 'http://localhost:1/',
        '/round': '/round',
      };
      if (to[url] === undefined) response.writeHead(500).end();
      else response.writeHead(302, { Location: to[url] }).end();
    });
    expect((await http(port)).failure).toEqual({ code: 'status', message: 'status 500' });
    expect((await http(port, { path: '/away' })).failure).toBeNull();
    expect((await http(port, { path: '/round' })).failure?.code).toBe('redirect');
    expect(asked.filter((url) => url === '/round').length).toBeLessThan(13);
  });

  it('looks at no certificate, reads no more of a body than it needs, and gives up in time', async () => {
    const port = await serve((_request, response) => response.end('x'.repeat(1e6)), true);
    expect((await http(port, { isTls: true })).failure).toBeNull();
    const silent = await serve(() => {});
    const check = { kind: 'http', isTls: false, port: silent, path: '/', headers: [] } as const;
    expect((await run(check, 100)).failure?.code).toBe('timeout');
    expect((await http(1)).failure).toEqual({ code: 'connect', message: 'connection refused' });
  });
});

describe('a pod’s own TCP and gRPC probes', () => {
  it('ask whether a port is open, and whether a service serves', async () => {
    const port = await serve(() => {});
    expect((await run({ kind: 'tcp', port })).failure).toBeNull();
    expect((await run({ kind: 'tcp', port: 1 })).failure?.code).toBe('connect');
    const health = new HealthServer({ '': { serving: 1 }, shop: { serving: 2 } });
    closing.push(() => health.close());
    const grpc = await health.listen();
    expect((await run({ kind: 'grpc', port: grpc, service: '' })).failure).toBeNull();
    const sick = await run({ kind: 'grpc', port: grpc, service: 'shop' });
    expect(sick.failure?.message).toBe('the server is NOT_SERVING; accepted is SERVING');
  });
});
