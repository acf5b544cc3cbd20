import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server as HttpServer } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createExpositionParser } from '#libs/exposition';
import { NodeProbeTransports, PingTransport } from '#libs/node-probes';
import {
  icmpModuleSchema,
  judgeIcmp,
  observeIcmp,
  probeModulesSchema,
  type ProbeVerdict,
  runProbe,
} from '#libs/probes';
import { parseYamlConfig } from '#libs/yaml-config';
import { DnsServer } from '../../libs/node-probes/testing/dns-server.ts';
import { HealthServer } from '../../libs/node-probes/testing/health-server.ts';
import { describeWithPeers } from '../support/peers.ts';
import {
  eventually,
  freePort,
  getText,
  type RunningProcess,
  startProcess,
  temporaryFolder,
} from '../support/processes.ts';

const TESTDATA = join(import.meta.dirname, '..', '..', 'libs', 'node-http', 'testdata');
const TLS = {
  key: readFileSync(join(TESTDATA, 'localhost.key.pem')),
  cert: readFileSync(join(TESTDATA, 'localhost.cert.pem')),
};

/** The same modules for both: blackbox_exporter's own file format, one module a line. */
const MODULES: Readonly<
  Record<string, { prober: 'http' | 'tcp' | 'dns' | 'grpc'; settings: string }>
> = {
  plain: { prober: 'http', settings: '{preferred_ip_protocol: ip4}' },
  stay: {
    prober: 'http',
    settings: '{preferred_ip_protocol: ip4, follow_redirects: false, valid_status_codes: [302]}',
  },
  regex: {
    prober: 'http',
    settings: '{preferred_ip_protocol: ip4, fail_if_body_matches_regexp: ["b[ao]d"]}',
  },
  header: {
    prober: 'http',
    settings:
      '{preferred_ip_protocol: ip4, fail_if_header_not_matches: [{header: X-State, regexp: "^up$"}]}',
  },
  post: {
    prober: 'http',
    settings:
      '{preferred_ip_protocol: ip4, method: POST, body: hello, headers: {X-Echo: a}, basic_auth: {username: u, password: p}}',
  },
  gzip: {
    prober: 'http',
    settings: '{preferred_ip_protocol: ip4, compression: gzip, headers: {Accept-Encoding: gzip}}',
  },
  blind: {
    prober: 'http',
    settings: '{preferred_ip_protocol: ip4, tls_config: {insecure_skip_verify: true}}',
  },
  trusting: {
    prober: 'http',
    settings: `{preferred_ip_protocol: ip4, fail_if_not_ssl: true, tls_config: {ca_file: "${TESTDATA}/localhost.cert.pem"}}`,
  },
  old: {
    prober: 'http',
    settings:
      '{preferred_ip_protocol: ip4, enable_http2: false, valid_http_versions: [HTTP/1.1], tls_config: {insecure_skip_verify: true}}',
  },
  newer: {
    prober: 'http',
    settings:
      '{preferred_ip_protocol: ip4, valid_http_versions: [HTTP/2.0], tls_config: {insecure_skip_verify: true}}',
  },
  connect: { prober: 'tcp', settings: '{preferred_ip_protocol: ip4}' },
  banner: {
    prober: 'tcp',
    settings:
      '{preferred_ip_protocol: ip4, query_response: [{expect: "^220 (.+)$", send: "EHLO ${1}"}, {expect: "^250 you are mx"}]}',
  },
  deaf: {
    prober: 'tcp',
    settings: '{preferred_ip_protocol: ip4, query_response: [{expect: "^999"}]}',
  },
  secure: {
    prober: 'tcp',
    settings: '{preferred_ip_protocol: ip4, tls: true, tls_config: {insecure_skip_verify: true}}',
  },
};

/** How the peer's `dns` and `grpc` modules are asked for the same. */
const dns = (settings: string) => ({
  prober: 'dns' as const,
  settings: `{preferred_ip_protocol: ip4, ${settings}}`,
});
const grpc = (settings: string) => ({
  prober: 'grpc' as const,
  settings: `{preferred_ip_protocol: ip4${settings}}`,
});

const FURTHER_MODULES: typeof MODULES = {
  brotli: {
    prober: 'http',
    settings: '{preferred_ip_protocol: ip4, compression: br, headers: {Accept-Encoding: br}}',
  },
  starttls: {
    prober: 'tcp',
    settings:
      '{preferred_ip_protocol: ip4, query_response: [{expect: "^220"}, {send: "STARTTLS"}, {expect: "^220", starttls: true}, {send: "HELO"}, {expect: "^250 safe"}], tls_config: {insecure_skip_verify: true}}',
  },
  dns_udp: dns('query_name: www.example.com, query_type: A'),
  dns_tcp: dns('query_name: www.example.com, transport_protocol: tcp'),
  dns_soa: dns('query_name: zone.example.com, query_type: SOA'),
  dns_no_soa: dns('query_name: www.example.com, query_type: SOA'),
  dns_none: dns('query_name: none.example.com'),
  dns_none_wanted: dns('query_name: none.example.com, valid_rcodes: [NXDOMAIN]'),
  dns_matches: dns(
    'query_name: www.example.com, validate_answer_rrs: {fail_if_matches_regexp: ["192"]}',
  ),
  dns_line: dns(
    String.raw`query_name: www.example.com, validate_answer_rrs: {fail_if_not_matches_regexp: ['^www\.example\.com\.\t60\tIN\tA\t192\.0\.2\.\d$']}`,
  ),
  dns_texts: dns(
    String.raw`query_name: texts.example.com, validate_answer_rrs: {fail_if_none_matches_regexp: ['\tTXT\t"a\\"" "\\007"$'], fail_if_not_matches_regexp: ['\t(TXT|MX|SRV|CAA|AAAA)\t']}`,
  ),
  dns_six: dns(
    String.raw`query_name: texts.example.com, validate_answer_rrs: {fail_if_none_matches_regexp: ['\tAAAA\t2001:db8::1$']}`,
  ),
  dns_caa: dns(
    String.raw`query_name: texts.example.com, validate_answer_rrs: {fail_if_none_matches_regexp: ['\tCAA\t128 issue "ca\.example"$']}`,
  ),
  dns_all: dns(
    'query_name: www.example.com, validate_answer_rrs: {fail_if_all_match_regexp: ["192"]}',
  ),
  dns_not_all: dns(
    'query_name: www.example.com, validate_answer_rrs: {fail_if_all_match_regexp: ["192.0.2.1"]}',
  ),
  dns_one: dns(
    'query_name: www.example.com, validate_answer_rrs: {fail_if_none_matches_regexp: ["192.0.2.1"]}',
  ),
  dns_no_authority: dns(
    'query_name: www.example.com, validate_authority_rrs: {fail_if_not_matches_regexp: ["x"]}',
  ),
  dns_additional: dns(
    'query_name: www.example.com, validate_additional_rrs: {fail_if_matches_regexp: ["192"]}',
  ),
  dns_silent: dns('query_name: silence.example.com'),
  grpc_whole: grpc(''),
  grpc_sick: grpc(', service: sick'),
  grpc_nobody: grpc(', service: nobody'),
  grpc_tls: grpc(', tls: true, tls_config: {insecure_skip_verify: true}'),
  grpc_strict: grpc(', tls: true'),
};

const ALL_MODULES = { ...MODULES, ...FURTHER_MODULES };

const record = (type: number, data: readonly number[] | Buffer) => ({
  type,
  ttl: 60,
  data: Buffer.from(data),
});
const TWO_ADDRESSES = [record(1, [192, 0, 2, 1]), record(1, [192, 0, 2, 2])];

const TRANSPORTS = new NodeProbeTransports({ baseDir: '.', guard: null });
const TIMEOUT_MS = 5_000;
/** For those that wait in vain until then. */
const SHORT_TIMEOUT_MS = 1_000;
const WAITS_IN_VAIN: ReadonlySet<string> = new Set(['deaf', 'dns_silent']);
const timeoutOf = (module: string): number =>
  WAITS_IN_VAIN.has(module) ? SHORT_TIMEOUT_MS : TIMEOUT_MS;
const EARLIEST_EXPIRY = 'probe_ssl_earliest_cert_expiry';
const FAILED_REGEX = 'probe_failed_due_to_regex';
const IS_TIME = /(duration|lookup_time)_seconds/;

describeWithPeers(
  'probes beside a real blackbox_exporter',
  ['prometheus-blackbox-exporter'],
  ([program]) => {
    const servers: Server[] = [];
    const closing: { close(): void }[] = [];
    const ports: Record<string, number> = {};
    let exporter: RunningProcess;
    let url: string;
    let removeFolder: () => Promise<unknown>;

    beforeAll(async () => {
      await listen(
        'http',
        createServer((request, response) => {
          if (request.url === '/redirect') {
            response.writeHead(302, { Location: '/ok' }).end();
          } else if (request.url === '/post') {
            request.resume();
            const isRight =
              request.method === 'POST' &&
              request.headers.authorization === 'Basic dTpw' &&
              request.headers['x-echo'] === 'a';
            response.writeHead(isRight ? 200 : 400, { 'Content-Length': 2 }).end('ok');
          } else if (request.url === '/gzip') {
            response.end(gzipSync('ok'));
          } else if (request.url === '/br') {
            response.end(brotliCompressSync('ok'));
          } else if (request.url === '/dated') {
            response
              .writeHead(200, {
                'Last-Modified': 'Wed, 21 Oct 2015 07:28:00 GMT',
                'Content-Length': 2,
              })
              .end('ok');
          } else {
            const status = request.url === '/missing' ? 404 : 200;
            response.writeHead(status, {
              'Content-Length': 3,
              'X-State': request.url === '/up' ? 'up' : 'odd',
            });
            response.end(request.url === '/bad' ? 'bad' : 'fine'.slice(0, 3));
          }
        }),
      );
      await listen(
        'https',
        createHttpsServer(TLS, (_request, response) => {
          response.writeHead(200, { 'Content-Length': 2 }).end('ok');
        }),
      );
      await listen(
        'http2',
        createSecureServer({ ...TLS, allowHTTP1: true }, (_request, response) => {
          response.writeHead(200, { 'Content-Length': 2 }).end('ok');
        }),
      );
      await listen(
        'mail',
        createTcpServer((socket) => {
          socket.on('error', () => {});
          socket.write('220 mx\r\n');
          socket.once('data', (data) => {
            socket.end(`250 you are ${data.toString().trim().slice(5)}\r\n`);
          });
        }),
      );
      await listen(
        'silent',
        createTcpServer((socket) => {
          socket.on('error', () => {});
          socket.resume().end('bye\n');
        }),
      );
      await listen(
        'starttls',
        createTcpServer((socket) => {
          socket.on('error', () => {});
          socket.write('220 mx\r\n');
          socket.once('data', () => {
            socket.write('220 go on\r\n');
            const secured = new TLSSocket(socket, { isServer: true, ...TLS });
            secured.on('error', () => {});
            secured.once('data', () => secured.end('250 safe\r\n'));
          });
        }),
      );
      const soa = Buffer.concat([Buffer.from([0, 0]), Buffer.alloc(20, 1)]);
      const dnsServer = new DnsServer({
        www: { rcode: 0, answers: TWO_ADDRESSES, additionals: TWO_ADDRESSES.slice(1) },
        zone: { rcode: 0, answers: [record(6, soa)] },
        none: { rcode: 3, authorities: [record(6, soa)] },
        texts: {
          rcode: 0,
          answers: [
            record(16, [2, 97, 34, 1, 7]),
            record(15, [0, 10, 0xc0, 12]),
            record(33, [0, 1, 0, 2, 31, 144, 0xc0, 12]),
            record(257, [128, 5, ...Buffer.from('issueca.example')]),
            record(28, [0x20, 1, 13, 0xb8, ...Array<number>(11).fill(0), 1]),
          ],
        },
      });
      ports['dns'] = await dnsServer.listen();
      const health = { '': { serving: 1 }, sick: { serving: 2 } };
      const grpcServer = new HealthServer(health);
      ports['grpc'] = await grpcServer.listen();
      const secureGrpc = new HealthServer(health, TLS);
      ports['grpcs'] = await secureGrpc.listen();
      closing.push(dnsServer, grpcServer, secureGrpc);
      const folder = await temporaryFolder();
      removeFolder = folder.remove;
      const lines = Object.entries(ALL_MODULES).map(
        ([name, { prober, settings }]) =>
          `  ${name}: {prober: ${prober}, timeout: ${timeoutOf(name)}ms, ${prober}: ${settings}}`,
      );
      const config = join(folder.path, 'blackbox.yml');
      await writeFile(config, `modules:\n${lines.join('\n')}\n`);
      const port = await freePort();
      exporter = startProcess(program!, [
        `--config.file=${config}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ]);
      url = `http://127.0.0.1:${port}`;
      await eventually('blackbox_exporter to be ready', () => getText(`${url}/-/healthy`));
    });

    afterAll(async () => {
      await exporter.stop();
      for (const server of closing) server.close();
      for (const server of servers) {
        if ('closeAllConnections' in server) (server as HttpServer).closeAllConnections();
        server.close();
      }
      await removeFolder();
    });

    async function listen(name: string, server: Server): Promise<void> {
      servers.push(server);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      ports[name] = (server.address() as AddressInfo).port;
    }

    const placed = (target: string) =>
      target
        .replaceAll(/@(\w+)/g, (_whole, name: string) => `127.0.0.1:${ports[name]}`)
        .replaceAll(/localhost:(\w+)/g, (_whole, name: string) => `localhost:${ports[name]}`);

    it.each([
      ['plain', 'http://@http/ok', 1],
      ['plain', '@http/missing', 0],
      ['plain', 'http://@http/redirect', 1],
      ['plain', 'http://@http/dated', 1],
      ['plain', 'http://127.0.0.1:1/', 0],
      ['stay', 'http://@http/redirect', 1],
      ['regex', 'http://@http/ok', 1],
      ['regex', 'http://@http/bad', 0],
      ['header', 'http://@http/up', 1],
      ['header', 'http://@http/ok', 0],
      ['post', 'http://@http/post', 1],
      ['gzip', 'http://@http/gzip', 1],
      ['gzip', 'http://@http/ok', 0],
      ['blind', 'https://@https/', 1],
      ['blind', 'https://@http2/', 1],
      ['newer', 'https://@http2/', 1],
      ['newer', 'https://@https/', 0],
      ['old', 'https://@http2/', 1],
      ['trusting', 'https://localhost:https/', 1],
      ['trusting', 'http://@http/ok', 0],
      ['plain', 'https://@https/', 0],
      ['connect', '@mail', 1],
      ['connect', '127.0.0.1:1', 0],
      ['banner', '@mail', 1],
      ['banner', '@silent', 0],
      ['deaf', '@mail', 0],
      ['secure', '@https', 1],
      ['brotli', 'http://@http/br', 1],
      ['brotli', 'http://@http/ok', 0],
      ['starttls', '@starttls', 1],
      ['starttls', '@mail', 0],
      ['dns_udp', '@dns', 1],
      ['dns_tcp', '@dns', 1],
      ['dns_tcp', '127.0.0.1:1', 0],
      ['dns_soa', '@dns', 1],
      ['dns_no_soa', '@dns', 1],
      ['dns_none', '@dns', 0],
      ['dns_none_wanted', '@dns', 1],
      ['dns_matches', '@dns', 0],
      ['dns_line', '@dns', 1],
      ['dns_texts', '@dns', 1],
      ['dns_six', '@dns', 1],
      ['dns_caa', '@dns', 1],
      ['dns_all', '@dns', 1],
      ['dns_not_all', '@dns', 0],
      ['dns_one', '@dns', 1],
      ['dns_no_authority', '@dns', 0],
      ['dns_additional', '@dns', 0],
      ['dns_silent', '@dns', 0],
      ['grpc_whole', '@grpc', 1],
      ['grpc_whole', '127.0.0.1:1', 0],
      ['grpc_sick', '@grpc', 0],
      ['grpc_nobody', '@grpc', 0],
      ['grpc_tls', '@grpcs', 1],
      ['grpc_strict', '@grpcs', 0],
    ] as const)('%s of %s: %d', async (name, target, isSuccess) => {
      const theirs = await probeTheirs(url, name, placed(target));
      const ours = told(await probeOurs(name, placed(target)));
      expect(theirs['probe_success']).toBe(isSuccess);
      // Later releases have it only once there is a connection.
      if (!(FAILED_REGEX in ours)) delete theirs[FAILED_REGEX];
      // A time of 0 without a certificate would be one that ended long ago to every rule about certificates.
      if (theirs[EARLIEST_EXPIRY] === 0) delete theirs[EARLIEST_EXPIRY];
      expect(ours).toEqual(theirs);
    });
  },
);

describeWithPeers(
  'ICMP beside a real blackbox_exporter',
  ['prometheus-blackbox-exporter', 'ping'],
  ([program, ping]) => {
    it.each([
      ['127.0.0.1', '{preferred_ip_protocol: ip4}'],
      [
        '127.0.0.1',
        '{preferred_ip_protocol: ip4, payload_size: 1000, ttl: 3, dont_fragment: true}',
      ],
      ['::1', '{preferred_ip_protocol: ip6}'],
      ['no.such.host.invalid', '{preferred_ip_protocol: ip4}'],
    ])('%s %s', async (target, settings) => {
      const { path, remove } = await temporaryFolder();
      const config = join(path, 'blackbox.yml');
      await writeFile(config, `modules: {m: {prober: icmp, timeout: 5s, icmp: ${settings}}}\n`);
      const port = await freePort();
      const exporter = startProcess(program!, [
        `--config.file=${config}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ]);
      const url = `http://127.0.0.1:${port}`;
      await eventually('blackbox_exporter to be ready', () => getText(`${url}/-/healthy`));
      const theirs = await probeTheirs(url, 'm', target);
      await exporter.stop();
      await remove();
      const module = parseYamlConfig(settings, icmpModuleSchema, { file: 'module' });
      const transport = new PingTransport({ baseDir: '.', guard: null }, ping);
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const ours = told(judgeIcmp(await observeIcmp(module, target, transport, { signal }), 0.1));
      // Who may not send an echo fails in both.
      expect(ours).toEqual(theirs);
    });
  },
);

async function probeTheirs(
  url: string,
  module: string,
  target: string,
): Promise<Record<string, unknown>> {
  const query = new URLSearchParams({ module, target });
  const parser = createExpositionParser(
    'text',
    Buffer.from((await getText(`${url}/probe?${query.toString()}`)) ?? ''),
  );
  const series: Record<string, unknown> = {};
  for (let entry = parser.next(); entry !== null; entry = parser.next()) {
    if (entry !== 'series') continue;
    const labels = parser.labels();
    series[labels.toString()] = IS_TIME.test(labels.metricName) ? 'time' : parser.value;
  }
  return series;
}

async function probeOurs(name: string, target: string): Promise<ProbeVerdict> {
  const { prober, settings } = ALL_MODULES[name]!;
  const yaml = `m: {prober: ${prober}, ${prober}: ${settings}}`;
  const { module } = parseYamlConfig(yaml, probeModulesSchema, { file: 'module' }).get('m')!;
  const judge = await runProbe(module, target, TRANSPORTS, {
    userAgent: 'B/1',
    signal: AbortSignal.timeout(timeoutOf(name)),
    dialIp: null,
    randomId: 4_711,
  });
  return judge(0.1);
}

/** Without what later releases than Debian's have added. */
function told({ metrics }: ProbeVerdict): Record<string, unknown> {
  return Object.fromEntries(
    metrics
      .filter(({ labels }) => labels.metricName !== 'probe_tls_cipher_info')
      .map(({ labels, value }) => [
        labels.with('serialnumber', '').toString(),
        IS_TIME.test(labels.metricName) ? 'time' : value,
      ]),
  );
}
