import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server as HttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createExpositionParser } from '#libs/exposition';
import { NodeHttpProbeTransport, NodeTcpProbeTransport } from '#libs/node-http';
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
import { z } from 'zod';
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
const MODULES: Readonly<Record<string, { prober: 'http' | 'tcp'; settings: string }>> = {
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

const TIMEOUT_MS = 5_000;
const FAILED_REGEX = 'probe_failed_due_to_regex';
const IS_TIME = /(duration|lookup_time)_seconds/;

describeWithPeers(
  'probes beside a real blackbox_exporter',
  ['prometheus-blackbox-exporter'],
  ([program]) => {
    const servers: Server[] = [];
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
          socket.end('bye\n');
        }),
      );
      const folder = await temporaryFolder();
      removeFolder = folder.remove;
      const lines = Object.entries(MODULES).map(
        ([name, { prober, settings }]) =>
          `  ${name}: {prober: ${prober}, timeout: ${TIMEOUT_MS}ms, ${prober}: ${settings}}`,
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
      ['trusting', 'https://localhost:https/', 1],
      ['trusting', 'http://@http/ok', 0],
      ['plain', 'https://@https/', 0],
      ['connect', '@mail', 1],
      ['connect', '127.0.0.1:1', 0],
      ['banner', '@mail', 1],
      ['banner', '@silent', 0],
      ['deaf', '@mail', 0],
      ['secure', '@https', 1],
    ] as const)('%s of %s: %d', async (name, target, isSuccess) => {
      const theirs = await probeTheirs(url, name, placed(target));
      const ours = told(await probeOurs(name, placed(target)));
      expect(theirs['probe_success']).toBe(isSuccess);
      // Later releases have it only once there is a connection.
      if (!(FAILED_REGEX in ours)) delete theirs[FAILED_REGEX];
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
  const { prober, settings } = MODULES[name]!;
  const options = { userAgent: 'B/1', signal: AbortSignal.timeout(TIMEOUT_MS) };
  if (prober === 'http') {
    const module = read(settings, httpModuleSchema);
    const transport = new NodeHttpProbeTransport({ http: module.http, baseDir: '.' });
    return judgeHttp(module, await observeHttp(module, target, transport, options), 0.1);
  }
  const module = read(settings, tcpModuleSchema);
  const transport = new NodeTcpProbeTransport({ tls: module.tls, baseDir: '.' });
  return judgeTcp(await observeTcp(module, target, transport, options), 0.1);
}

function read<Schema extends z.ZodType>(yaml: string, schema: Schema): z.output<Schema> {
  return parseYamlConfig(yaml, schema, { file: 'module' });
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
