import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  icmpModuleSchema,
  judgeIcmp,
  observeIcmp,
  type ProbeModule,
  probeModulesSchema,
  type ProbeVerdict,
  runProbe,
} from '#libs/probes';
import { parseYamlConfig } from '#libs/yaml-config';
import { DnsServer } from '../testing/dns-server.ts';
import { HealthServer } from '../testing/health-server.ts';
import { NodeProbeTransports, PingTransport, type ProbeGuard } from './index.ts';

const TESTDATA = fileURLToPath(new URL('../../node-http/testdata/', import.meta.url));
const TLS = {
  key: readFileSync(`${TESTDATA}localhost.key.pem`),
  cert: readFileSync(`${TESTDATA}localhost.cert.pem`),
};

const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

function moduleOf(yaml: string): ProbeModule {
  const modules = parseYamlConfig(`m: ${yaml}`, probeModulesSchema, { file: 'm.yml' });
  return modules.get('m')!.module;
}

async function probe(
  yaml: string,
  target: string,
  options: { readonly timeoutMs?: number; readonly guard?: ProbeGuard } = {},
): Promise<ProbeVerdict> {
  const { timeoutMs = 60_000, guard = null } = options;
  const transports = new NodeProbeTransports({ baseDir: TESTDATA, guard });
  const signal = AbortSignal.timeout(timeoutMs);
  const judge = await runProbe(moduleOf(yaml), target, transports, {
    userAgent: 'B/1',
    signal,
    dialIp: null,
    randomId: 0xffff,
  });
  return judge(1);
}

function metric(verdict: ProbeVerdict, wanted: string): number | undefined {
  return verdict.metrics.find(({ labels }) => labels.toString() === wanted)?.value;
}

describe('DNS', () => {
  const A = { type: 1, ttl: 60, data: Buffer.from([192, 0, 2, 1]) };
  const SOA = {
    type: 6,
    ttl: 60,
    data: Buffer.concat([Buffer.from([0, 0]), Buffer.alloc(20, 1)]),
  };

  async function serve(): Promise<string> {
    const server = new DnsServer({
      www: { rcode: 0, answers: [A, A], additionals: [A] },
      zone: { rcode: 0, answers: [SOA] },
      none: { rcode: 3 },
    });
    closing.push(() => server.close());
    return `127.0.0.1:${await server.listen()}`;
  }

  it.each(['udp', 'tcp'])(
    'is asked over %s, and what is somebody else’s is not heard',
    async (protocol) => {
      const target = await serve();
      const module = `{prober: dns, dns: {query_name: www.example.com, query_type: A, transport_protocol: ${protocol}, source_ip_address: 127.0.0.1, validate_answer_rrs: {fail_if_not_matches_regexp: ['^www\\.example\\.com\\.\t60\tIN\tA\t192']}}}`;
      const verdict = await probe(module, target);
      expect(verdict.failure).toBeNull();
      expect(metric(verdict, 'probe_dns_answer_rrs')).toBe(2);
      expect(metric(verdict, 'probe_dns_additional_rrs')).toBe(1);
      expect(metric(verdict, 'probe_dns_query_succeeded')).toBe(1);
      expect(metric(verdict, 'probe_dns_duration_seconds{phase="request"}')).toBeGreaterThan(0);
    },
  );

  it.each([
    [
      'query_name: none',
      { code: 'status', message: 'the server says NXDOMAIN; accepted is NOERROR' },
    ],
    ['query_name: none, valid_rcodes: [NXDOMAIN]', null],
    [
      'query_name: none, valid_rcodes: [NXDOMAIN], validate_answer_rrs: {fail_if_none_matches_regexp: [a]}',
      { code: 'response', message: 'the answer section is empty' },
    ],
    [
      'query_name: www, validate_answer_rrs: {fail_if_matches_regexp: [x, "192"]}',
      { code: 'response', message: 'the answer section has a record that matches 192' },
    ],
    [
      'query_name: www, validate_additional_rrs: {fail_if_all_match_regexp: ["192", CH]}',
      { code: 'response', message: 'the additional section has not only records that match CH' },
    ],
    [
      'query_name: www, validate_answer_rrs: {fail_if_none_matches_regexp: ["193"]}',
      { code: 'response', message: 'the answer section has no record that matches 193' },
    ],
    ['query_name: www, validate_authority_rrs: {fail_if_all_match_regexp: ["192"]}', null],
  ])('is judged by %s', async (settings, failure) => {
    const verdict = await probe(`{prober: dns, dns: {${settings}}}`, await serve());
    expect(verdict.failure).toEqual(failure);
  });

  it('tells a zone’s serial', async () => {
    const verdict = await probe(
      '{prober: dns, dns: {query_name: zone, query_type: SOA}}',
      await serve(),
    );
    expect(metric(verdict, 'probe_dns_serial')).toBe(0x01010101);
  });

  it('says when nobody answers', async () => {
    const module = '{prober: dns, dns: {query_name: silence}}';
    expect((await probe(module, await serve(), { timeoutMs: 100 })).failure?.code).toBe('timeout');
    expect((await probe(module, '127.0.0.1:1')).failure?.code).toBe('connect');
    const tcp = '{prober: dns, dns: {query_name: x, transport_protocol: tcp}}';
    expect((await probe(tcp, '127.0.0.1:1')).failure?.message).toBe('connection refused');
  });
});

describe('gRPC health', () => {
  const HEALTH = {
    '': { serving: 1 },
    sick: { serving: 2 },
    odd: { serving: 0 },
    locked: { grpcStatus: 7 },
  };

  async function serve(tls?: typeof TLS): Promise<number> {
    const server = new HealthServer(HEALTH, tls);
    closing.push(() => server.close());
    return server.listen();
  }

  it.each([
    ['{}', null, 0],
    [
      '{service: sick}',
      { code: 'response', message: 'the server is NOT_SERVING; accepted is SERVING' },
      0,
    ],
    [
      '{service: odd}',
      { code: 'response', message: 'the server is UNKNOWN; accepted is SERVING' },
      0,
    ],
    ['{service: locked}', { code: 'status', message: 'gRPC status 7: so it is' }, 7],
    ['{service: nobody}', { code: 'status', message: 'gRPC status 5: so it is' }, 5],
  ])('%s', async (settings, failure, code) => {
    const verdict = await probe(`{prober: grpc, grpc: ${settings}}`, `127.0.0.1:${await serve()}`);
    expect(verdict.failure).toEqual(failure);
    expect(metric(verdict, 'probe_grpc_status_code')).toBe(code);
  });

  it('is asked over TLS, with the certificate checked', async () => {
    const target = `localhost:${await serve(TLS)}`;
    const trusting = '{prober: grpc, grpc: {tls: true, tls_config: {ca_file: localhost.cert.pem}}}';
    const verdict = await probe(trusting, target);
    expect(verdict.failure).toBeNull();
    expect(metric(verdict, 'probe_grpc_ssl')).toBe(1);
    const strict = await probe('{prober: grpc, grpc: {tls: true}}', target);
    expect(strict.failure?.code).toBe('tls');
  });

  it('fails with a server that speaks something else, closes, or is not there', async () => {
    const rude: Server = createServer((socket) => {
      socket.on('error', () => {});
      // Who reads nothing does not hear of the other's end either.
      socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n');
    });
    await new Promise<void>((resolve) => {
      rude.listen(0, '127.0.0.1', resolve);
    });
    closing.push(() => rude.close());
    const { port } = rude.address() as AddressInfo;
    const verdict = await probe('{prober: grpc}', `127.0.0.1:${port}`);
    expect(verdict.failure?.code).toBe('protocol');
    expect(metric(verdict, 'probe_grpc_status_code')).toBe(14);
    expect((await probe('{prober: grpc}', '127.0.0.1:1')).failure?.code).toBe('connect');
  });
});

/** A `ping` that says what it is told to. */
async function pingThat(script: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ping-'));
  closing.push(() => rm(folder, { recursive: true }));
  const program = join(folder, 'ping');
  await writeFile(program, `#!/bin/sh\n${script}\n`);
  await chmod(program, 0o755);
  return program;
}

async function echo(program: string, settings = '{}', timeoutMs = 60_000): Promise<ProbeVerdict> {
  const module = parseYamlConfig(settings, icmpModuleSchema, { file: 'm.yml' });
  const transport = new PingTransport({ baseDir: '.', guard: null }, program);
  const signal = AbortSignal.timeout(timeoutMs);
  return judgeIcmp(await observeIcmp(module, '127.0.0.1', transport, { signal }), 1);
}

describe('ICMP', () => {
  it('is sent by ping, whose answer is read', async () => {
    const program = await pingThat('echo "64 bytes from 127.0.0.1: icmp_seq=1 ttl=63 time=1.5 ms"');
    const verdict = await echo(program);
    expect(verdict.failure).toBeNull();
    expect(metric(verdict, 'probe_icmp_duration_seconds{phase="rtt"}')).toBe(0.0015);
    expect(metric(verdict, 'probe_icmp_reply_hop_limit')).toBe(63);
  });

  it('passes on what the module asks for', async () => {
    const program = await pingThat('echo "$@" >&2; exit 1');
    const verdict = await echo(
      program,
      '{payload_size: 100, ttl: 3, dont_fragment: true, source_ip_address: 127.0.0.2}',
    );
    expect(verdict.failure).toEqual({
      code: 'response',
      message: '-4 -c 1 -W 60 -s 100 -t 3 -M do -I 127.0.0.2 127.0.0.1',
    });
  });

  it('says why it cannot be sent', async () => {
    expect((await echo('/nowhere/ping')).failure).toEqual({
      code: 'configuration',
      message: 'ICMP probes need the program /nowhere/ping, which this machine does not have',
    });
    const forbidden = await pingThat('echo "ping: socket: Operation not permitted" >&2; exit 2');
    expect((await echo(forbidden)).failure?.message).toMatch(/needs CAP_NET_RAW/);
    expect((await echo(await pingThat('exit 1'))).failure?.message).toBe(
      'no reply (ping ended with 1)',
    );
    expect((await echo(await pingThat('exec sleep 60'), '{}', 100)).failure?.code).toBe('timeout');
  });
});

describe('a guard', () => {
  it.each([
    '{prober: http}',
    '{prober: tcp}',
    '{prober: dns, dns: {query_name: a}}',
    '{prober: grpc}',
    '{prober: icmp}',
  ])('is asked by %s about the address a name led to, before anything is sent', async (yaml) => {
    const asked: string[] = [];
    const guard: ProbeGuard = ({ ip }) => {
      asked.push(ip);
      return 'not there';
    };
    const target = yaml.includes('icmp') ? 'localhost' : 'localhost:1';
    const verdict = await probe(yaml, target, { guard });
    expect(verdict.failure).toEqual({ code: 'forbidden', message: 'not there' });
    expect(asked).toEqual(['127.0.0.1']);
  });
});
