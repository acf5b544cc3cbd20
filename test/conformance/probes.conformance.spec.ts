import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createExpositionParser } from '#libs/exposition';
import { NodeHttpProbeTransport, NodeTcpProbeTransport } from '#libs/node-probes';
import {
  httpModuleSchema,
  judgeHttp,
  judgeTcp,
  observeHttp,
  observeTcp,
  type ProbeVerdict,
  tcpModuleSchema,
} from '#libs/probes';
import { describeConformance } from '../support/conformance.ts';

const OPTIONS = { baseDir: '.', guard: null };

/** Times differ from run to run; everything else is to be the same. */
const IS_TIME = /seconds/;

let server: Server;
let address: string;

beforeAll(async () => {
  // Bodies as long as the recording's.
  server = createServer((request, response) => {
    if (request.url === '/ok')
      response.writeHead(200, { 'Content-Length': 28 }).end('x'.repeat(28));
    else response.writeHead(404, { 'Content-Length': 19 }).end('404 page not found\n');
  });
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

async function http(path: string): Promise<ProbeVerdict> {
  const module = httpModuleSchema.parse({});
  const transport = new NodeHttpProbeTransport(module.http, OPTIONS);
  const options = { userAgent: 'B/1', signal: AbortSignal.timeout(60_000) };
  return judgeHttp(module, await observeHttp(module, address + path, transport, options), 0.1);
}

async function refused(): Promise<ProbeVerdict> {
  const module = tcpModuleSchema.parse({});
  const transport = new NodeTcpProbeTransport(module.tls, OPTIONS);
  const signal = AbortSignal.timeout(60_000);
  return judgeTcp(await observeTcp(module, '127.0.0.1:1', transport, { signal }), 0.1);
}

function recorded(file: string): Map<string, number | 'time'> {
  const series = new Map<string, number | 'time'>();
  const parser = createExpositionParser('text', readFileSync(file));
  for (let entry = parser.next(); entry !== null; entry = parser.next()) {
    if (entry !== 'series') continue;
    const labels = parser.labels();
    series.set(labels.toString(), IS_TIME.test(labels.metricName) ? 'time' : parser.value);
  }
  return series;
}

function measured({ metrics }: ProbeVerdict): Map<string, number | 'time'> {
  return new Map(
    metrics.map(({ labels, value }) => [
      labels.toString(),
      IS_TIME.test(labels.metricName) ? 'time' : value,
    ]),
  );
}

describeConformance(
  'probes as blackbox_exporter recorded them',
  ['exposition', 'exporters'],
  (path) => {
    it.each([
      ['http-ok', () => http('/ok')],
      ['http-404', () => http('/missing')],
      ['tcp-refused', refused],
    ])('%s', async (name, probe) => {
      const expected = recorded(join(path, `blackbox-probe-${name}.prom.txt`));
      const told = measured(await probe());
      expect(Object.fromEntries(told)).toEqual(Object.fromEntries(expected));
    });
  },
);
