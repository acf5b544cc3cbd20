import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server as TcpServer,
  type Socket,
} from 'node:net';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  httpModuleSchema,
  judgeHttp,
  judgeTcp,
  observeHttp,
  observeTcp,
  type ProbeVerdict,
  tcpModuleSchema,
} from '#libs/probes';
import { parseYamlConfig } from '#libs/yaml-config';
import { NodeHttpProbeTransport, NodeTcpProbeTransport } from './index.ts';

const TESTDATA = fileURLToPath(new URL('../../node-http/testdata/', import.meta.url));
const KEY = readFileSync(`${TESTDATA}localhost.key.pem`);
const CERT = readFileSync(`${TESTDATA}localhost.cert.pem`);

const OPTIONS = { baseDir: TESTDATA, guard: null };

const servers: TcpServer[] = [];
const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

async function listening(server: TcpServer | Server): Promise<number> {
  servers.push(server);
  server.on('connection', (socket: Socket) => sockets.push(socket));
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  return (server.address() as AddressInfo).port;
}

const serve = (listener: RequestListener) => listening(createServer(listener));
const serveTls = (listener: RequestListener) =>
  listening(createHttpsServer({ key: KEY, cert: CERT }, listener));

async function probeHttp(yaml: string, target: string, timeoutMs = 60_000): Promise<ProbeVerdict> {
  const module = parseYamlConfig(yaml, httpModuleSchema, { file: 'm.yml' });
  const transport = new NodeHttpProbeTransport(module.http, OPTIONS);
  const signal = AbortSignal.timeout(timeoutMs);
  const observation = await observeHttp(module, target, transport, { userAgent: 'B/1', signal });
  return judgeHttp(module, observation, 0);
}

async function probeTcp(yaml: string, target: string, timeoutMs = 60_000): Promise<ProbeVerdict> {
  const module = parseYamlConfig(yaml, tcpModuleSchema, { file: 'm.yml' });
  const transport = new NodeTcpProbeTransport(module.tls, OPTIONS);
  const signal = AbortSignal.timeout(timeoutMs);
  return judgeTcp(await observeTcp(module, target, transport, { signal }), 0);
}

function metric(verdict: ProbeVerdict, wanted: string): number | undefined {
  return verdict.metrics.find(({ labels }) => labels.toString() === wanted)?.value;
}

describe('NodeHttpProbeTransport', () => {
  it('asks, and takes the time of each phase', async () => {
    const port = await serve((request, response) => {
      setTimeout(
        () =>
          response.end(
            `${request.method} ${request.headers.host} ${request.headers['user-agent']}`,
          ),
        30,
      );
    });
    const verdict = await probeHttp(
      `{fail_if_body_not_matches_regexp: ["^GET 127.0.0.1:${port} B/1$"]}`,
      `127.0.0.1:${port}`,
    );
    expect(verdict.failure).toBeNull();
    expect(metric(verdict, 'probe_http_duration_seconds{phase="processing"}')).toBeGreaterThan(
      0.02,
    );
    expect(metric(verdict, 'probe_http_duration_seconds{phase="connect"}')).toBeGreaterThan(0);
    expect(metric(verdict, 'probe_http_duration_seconds{phase="tls"}')).toBe(0);
  });
  it('sends method, headers, credentials and body', async () => {
    const port = await serve((request, response) => {
      request.on('data', (body) => {
        response.end(
          `${request.method} ${body} ${String(request.headers['x-a'])} ${request.headers.authorization}`,
        );
      });
    });
    const verdict = await probeHttp(
      '{method: PUT, body: hi, headers: {X-A: b}, basic_auth: {username: u, password: p}, fail_if_body_not_matches_regexp: ["^PUT hi b Basic dTpw$"]}',
      `127.0.0.1:${port}`,
    );
    expect(verdict.failure).toBeNull();
  });
  it('checks certificates and tells of them', async () => {
    const port = await serveTls((_request, response) => response.end('ok'));
    const url = `https://localhost:${port}/`;
    expect((await probeHttp('{}', url)).failure).toMatchObject({ code: 'tls' });
    const trusted = await probeHttp('{tls_config: {ca_file: localhost.cert.pem}}', url);
    expect(trusted.failure).toBeNull();
    expect(metric(trusted, 'probe_ssl_earliest_cert_expiry')).toBe(
      Date.parse('2126-10-27T23:44:44Z') / 1_000,
    );
    expect(metric(trusted, 'probe_tls_version_info{version="TLS 1.3"}')).toBe(1);
    expect(trusted.metrics.map(({ labels }) => labels.get('subject'))).toContain(
      'CN=localhost,O=Binnacle tests',
    );
    const byAddress = `https://127.0.0.1:${port}/`;
    const named = '{tls_config: {ca_file: localhost.cert.pem, server_name: other.example}}';
    expect((await probeHttp(named, byAddress)).failure).toMatchObject({ code: 'tls' });
    const blind = await probeHttp('{tls_config: {insecure_skip_verify: true}}', byAddress);
    expect(blind.failure).toBeNull();
    expect(metric(blind, 'probe_ssl_last_chain_expiry_timestamp_seconds')).toBeLessThan(0);
  });
  it('unpacks gzip where it asked for it', async () => {
    const port = await serve((_request, response) => response.end(gzipSync('up')));
    const yaml = '{compression: gzip, fail_if_body_not_matches_regexp: ["^up$"]}';
    const verdict = await probeHttp(yaml, `127.0.0.1:${port}`);
    expect([verdict.failure, metric(verdict, 'probe_http_uncompressed_body_length')]).toEqual([
      null,
      2,
    ]);
  });
  it.each([
    ['a body over the limit', '{body_size_limit: 10B}', (body: string) => body, 'body-too-large'],
    [
      'gzip over the limit',
      '{body_size_limit: 1KB, compression: gzip}',
      gzipSync,
      'body-too-large',
    ],
    ['gzip that is none', '{compression: gzip}', (body: string) => body, 'protocol'],
  ])('refuses %s', async (_name, yaml, encode, code) => {
    const port = await serve((_request, response) => response.end(encode('x'.repeat(10_000))));
    expect((await probeHttp(yaml, `127.0.0.1:${port}`)).failure).toMatchObject({ code });
  });
  it('gives up in time, whatever it waits for', async () => {
    const silent = await serve(() => {});
    const dripping = await serve((_request, response) => response.write('a'));
    for (const [port, doing] of [
      [silent, 'waiting for the answer'],
      [dripping, 'reading the body'],
    ] as const) {
      const { failure } = await probeHttp('{}', `127.0.0.1:${port}`, 2_000);
      expect(failure).toEqual({ code: 'timeout', message: `timed out while ${doing}` });
    }
  });
  it('tells a refused connection, garbage and an answer cut off apart', async () => {
    const garbage = await listening(createTcpServer((socket) => socket.end('nonsense\r\n\r\n')));
    const cut = await listening(
      createTcpServer((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc')),
    );
    expect((await probeHttp('{}', '127.0.0.1:1')).failure).toEqual({
      code: 'connect',
      message: 'connection refused',
    });
    expect((await probeHttp('{}', `127.0.0.1:${garbage}`)).failure?.code).toBe('protocol');
    expect((await probeHttp('{}', `127.0.0.1:${cut}`)).failure?.code).toBe('protocol');
    // No name at all, so that no server of names is asked, which may be far away or silent.
    expect((await probeHttp('{}', 'nosuch..invalid')).failure?.code).toBe('resolve');
  });
});

describe('NodeTcpProbeTransport', () => {
  it('talks by lines, however they are cut', async () => {
    const port = await listening(
      createTcpServer((socket) => {
        socket.write('220 he');
        setTimeout(() => socket.write('llo\r\n'), 10);
        socket.on('data', (data) => socket.end(`you said ${data.toString()}`));
      }),
    );
    const yaml =
      "{query_response: [{expect: '^220 (.*)$', send: 'hi ${1}'}, {expect: '^you said hi hello$'}]}";
    expect((await probeTcp(yaml, `127.0.0.1:${port}`)).failure).toBeNull();
  });
  it('turns to TLS when the peer is ready', async () => {
    const port = await listening(
      createTcpServer((socket) => {
        socket.write('220 ready\n');
        socket.once('data', () => {
          const secured = new TLSSocket(socket, { isServer: true, key: KEY, cert: CERT });
          secured.on('error', () => {});
          socket.write('220 go\n');
          secured.on('data', (data) => secured.end(`secret ${data.toString()}`));
        });
      }),
    );
    const yaml = `
query_response:
  - {expect: '^220 ready', send: STARTTLS}
  - {expect: '^220 go', starttls: true}
  - {send: hello}
  - {expect: '^secret hello'}
tls_config: {ca_file: localhost.cert.pem, server_name: localhost}`;
    const verdict = await probeTcp(yaml, `127.0.0.1:${port}`);
    expect(verdict.failure).toBeNull();
    expect(metric(verdict, 'probe_ssl_earliest_cert_expiry')).toBeGreaterThan(0);
  });
  it('begins with TLS where it is told to', async () => {
    const port = await serveTls(() => {});
    const tls = 'tls: true, tls_config: {ca_file: localhost.cert.pem}';
    expect((await probeTcp(`{${tls}}`, `localhost:${port}`)).failure).toBeNull();
    expect((await probeTcp('{tls: true}', `localhost:${port}`)).failure?.code).toBe('tls');
  });
  it.each([
    ['says nothing', () => {}, 'timeout'],
    ['closes', (socket: Socket) => socket.end(), 'response'],
    ['sends a line without end', (socket: Socket) => socket.write('x'.repeat(200_000)), 'response'],
  ])('fails when the peer %s', async (_name, behave, code) => {
    const port = await listening(createTcpServer(behave));
    const timeoutMs = code === 'timeout' ? 200 : 60_000;
    const yaml = "{query_response: [{expect: 'a'}]}";
    const verdict = await probeTcp(yaml, `127.0.0.1:${port}`, timeoutMs);
    expect(verdict.failure?.code).toBe(code);
  });
  it('tells a refused connection', async () => {
    const verdict = await probeTcp('{}', '127.0.0.1:1');
    expect(verdict.failure).toEqual({ code: 'connect', message: 'connection refused' });
    expect(metric(verdict, 'probe_failed_due_to_regex')).toBeUndefined();
  });
});

/** Says back what it was asked. */
const echo = () =>
  listening(
    createSecureServer({ key: KEY, cert: CERT, allowHTTP1: true }, (request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const { method, url, headers, httpVersion } = request;
        const { authorization, 'x-a': own, 'user-agent': agent } = headers;
        const host = headers[':authority'] ?? headers.host;
        const said = [httpVersion, method, url, host, agent, authorization, own].join(' ');
        response.setHeader('Set-Cookie', ['a=1', 'b=2']);
        response.end(`${said} ${Buffer.concat(parts).toString()}`);
      });
    }),
  );

describe('HTTP/2', () => {
  const TRUSTING = 'tls_config: {ca_file: localhost.cert.pem}';

  it('is spoken where the server offers it, with headers, credentials and body', async () => {
    const port = await echo();
    const said = `^2\\.0 POST /x\\?y=1 localhost:${port} B/1 Basic dTpw v body$`;
    const verdict = await probeHttp(
      `{${TRUSTING}, method: POST, body: body, headers: {X-A: v, Connection: close}, basic_auth: {username: u, password: p}, valid_http_versions: [HTTP/2.0], fail_if_header_not_matches: [{header: set-cookie, regexp: 'b=2'}], fail_if_body_not_matches_regexp: ['${said}']}`,
      `https://localhost:${port}/x?y=1`,
    );
    expect(verdict.failure).toBeNull();
    expect(metric(verdict, 'probe_http_version')).toBe(2);
    expect(metric(verdict, 'probe_http_status_code')).toBe(200);
    expect(metric(verdict, 'probe_http_duration_seconds{phase="processing"}')).toBeGreaterThan(0);
  });

  it('is not spoken where the module does not want it', async () => {
    const url = `https://localhost:${await echo()}/`;
    const verdict = await probeHttp(`{${TRUSTING}, enable_http2: false}`, url);
    expect(metric(verdict, 'probe_http_version')).toBe(1.1);
    const strict = await probeHttp(`{${TRUSTING}, valid_http_versions: [HTTP/1.1]}`, url);
    expect(strict.failure).toEqual({
      code: 'version',
      message: 'answered with HTTP/2.0; accepted is HTTP/1.1',
    });
  });

  it('has the same bounds: of the body, of time, and of what a server may do', async () => {
    const large = await listening(
      createSecureServer({ key: KEY, cert: CERT }, (request, response) => {
        if (request.url === '/silent') return;
        if (request.url === '/cut') response.stream.destroy();
        else response.end(Buffer.alloc(100_000));
      }),
    );
    const url = `https://localhost:${large}`;
    const bounded = `{${TRUSTING}, body_size_limit: 1KB}`;
    expect((await probeHttp(bounded, `${url}/`)).failure?.code).toBe('body-too-large');
    expect((await probeHttp(`{${TRUSTING}}`, `${url}/silent`, 200)).failure).toEqual({
      code: 'timeout',
      message: 'timed out while waiting for the answer',
    });
    expect((await probeHttp(`{${TRUSTING}}`, `${url}/cut`)).failure?.code).toBe('protocol');
  });
});
