import 'reflect-metadata';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FluentServer } from '@fluent-org/logger';
import { METRIC_NAME } from '#libs/labels';
import { AppLogger, listen } from '#libs/platform';
import { uncompressBlock, WriteV1Decoder } from '#libs/remote-write';
import { createApp } from '../../apps/collector/src/app.ts';
import { KubeApiServer } from '../kube/api-server.ts';
import { podObject } from '../kube/kube-objects.ts';
import { eventually, freePort, temporaryFolder } from '../support/processes.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let server: KubeApiServer;
let fluentd: FluentServer;
let receiver: Server;
let entries: { tag: string; record: Record<string, unknown> }[];
/** Series that came by remote write, by name. */
let series: Map<string, Record<string, string>>;
const running: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  folder = await temporaryFolder();
  server = new KubeApiServer();
  entries = [];
  series = new Map();
  fluentd = new FluentServer({ listenOptions: { port: 0, host: '127.0.0.1' } });
  fluentd.on('entry', (tag: string, _time: unknown, record: Record<string, unknown>) => {
    entries.push({ tag, record });
  });
  await fluentd.listen();
  const decoder = new WriteV1Decoder();
  receiver = createHttpServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const { batch } = decoder.decode(uncompressBlock(Buffer.concat(pieces), 1 << 26));
      for (const labels of batch.labels) series.set(labels.metricName, labels.toRecord());
      response.writeHead(204).end();
    });
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
});

afterEach(async () => {
  for (const app of running.splice(0)) await app.close();
  await fluentd.close();
  receiver.closeAllConnections();
  receiver.close();
  await server.close();
  await folder.remove();
});

async function startCollector(): Promise<{ otlp: string; metrics: () => Promise<string> }> {
  const apiServer = await server.listen();
  const otlpPort = await freePort();
  const configFile = join(folder.path, 'collector.yml');
  await writeFile(
    configFile,
    `host_metrics: {enabled: false}
scrape_configs: []
kubernetes: {api_server: "${apiServer}", state: {enabled: false}}
logs:
  pods: {labels: [app]}
otlp: {listen: "127.0.0.1:${otlpPort}", labels: {via: otlp}}
outputs:
  remote_write: [{url: "http://127.0.0.1:${(receiver.address() as AddressInfo).port}/"}]
  fluentd: [{name: test, port: ${fluentd.port!}, tag: node}]
`,
  );
  const app = await createApp(
    {
      configFile,
      dataDir: join(folder.path, 'data'),
      listen: { host: '127.0.0.1', port: 0 },
      logLevel: 'silent',
    },
    { NODE_NAME: 'n1' },
    AppLogger.create({ app: 'test', level: 'silent' }),
  );
  running.push(app);
  const { port } = await listen(app, { host: '127.0.0.1', port: 0 });
  const metrics = (): Promise<string> =>
    fetch(`http://127.0.0.1:${port}/metrics`).then((response) => response.text());
  await eventually(
    'OTLP is taken',
    async () => (await metrics()).includes('binnacle_log_input_up{input="otlp"} 1') || null,
  );
  return { otlp: `http://127.0.0.1:${otlpPort}`, metrics };
}

/** A pod at this machine's own address, from which the requests of this test come. */
function podHere(): ReturnType<typeof podObject> {
  const pod = podObject('web-7d4b-x', { node: 'n1', labels: { app: 'web' } });
  const status: object = {
    ...(pod['status'] as object),
    phase: 'Running',
    podIPs: [{ ip: '127.0.0.1' }],
  };
  return { ...pod, status };
}

async function post(
  url: string,
  body: object,
  headers: Record<string, string> = {},
): Promise<[number, string]> {
  const isGzipped = headers['content-encoding'] === 'gzip';
  const text = JSON.stringify(body);
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: isGzipped ? gzipSync(text) : text,
  });
  return [response.status, await response.text()];
}

const LOGS = {
  resourceLogs: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'cart' } }] },
      scopeLogs: [
        {
          logRecords: [
            {
              timeUnixNano: '1700000000000000001',
              severityNumber: 17,
              body: { stringValue: 'no stock' },
              attributes: [{ key: 'sku', value: { intValue: '7' } }],
              traceId: '0af7651916cd43dd8448eb211c80319c',
            },
          ],
        },
      ],
    },
  ],
};
const METRICS = {
  resourceMetrics: [
    {
      scopeMetrics: [
        {
          metrics: [
            {
              name: 'orders',
              sum: {
                aggregationTemporality: 2,
                isMonotonic: true,
                dataPoints: [
                  {
                    asInt: '5',
                    timeUnixNano: `${Date.now()}000000`,
                    attributes: [{ key: 'pod', value: { stringValue: 'mine' } }],
                  },
                ],
              },
            },
            { name: 'lost', sum: { aggregationTemporality: 1, dataPoints: [{ asInt: '5' }] } },
          ],
        },
      ],
    },
  ],
};

describe('OTLP at the collector', () => {
  it('takes logs and metrics, with the pod at the sender’s address', async () => {
    server.put(podHere());
    const { otlp, metrics } = await startCollector();
    await eventually('the pod is known', async () => {
      entries = [];
      await post(`${otlp}/v1/logs`, LOGS, { 'content-encoding': 'gzip' });
      await eventually('a record comes', () => entries.length > 0 || null);
      return entries[0]!.record['pod'] === 'web-7d4b-x' || null;
    });
    expect(entries[0]).toEqual({
      tag: 'node.otlp',
      record: expect.objectContaining({
        via: 'otlp',
        source: '127.0.0.1',
        namespace: 'shop',
        pod: 'web-7d4b-x',
        node: 'n1',
        labels: { app: 'web' },
        'service.name': 'cart',
        sku: 7,
        trace_id: '0af7651916cd43dd8448eb211c80319c',
        level: 'error',
        message: 'no stock',
      }),
    });
    const [status, answer] = await post(`${otlp}/v1/metrics`, METRICS);
    expect(status).toBe(200);
    expect(JSON.parse(answer)).toEqual({
      partialSuccess: { rejectedDataPoints: '1', errorMessage: expect.stringContaining('delta') },
    });
    await eventually('the series comes', () => series.has('orders_total') || null);
    expect(series.get('orders_total')).toEqual({
      [METRIC_NAME]: 'orders_total',
      namespace: 'shop',
      pod: 'web-7d4b-x',
      exported_pod: 'mine',
      node: 'n1',
      job: 'shop/web-7d4b-x',
      instance: 'shop.web-7d4b-x',
    });
    expect(await metrics()).toContain('binnacle_otlp_rejected_total{signal="metrics"} 1');
  });

  it('takes no pod’s word that it is another one, and says so', async () => {
    const victim = podObject('vault-0', { node: 'n1', namespace: 'secure', ip: '10.0.0.9' });
    server.put(victim);
    server.put(podHere());
    const { otlp, metrics } = await startCollector();
    const attributes = Object.entries({
      'k8s.pod.uid': victim.metadata['uid'],
      'k8s.pod.name': 'vault-0',
      'k8s.namespace.name': 'secure',
      'service.name': 'cart',
    }).map(([key, stringValue]) => ({ key, value: { stringValue } }));
    const resource = { attributes };
    const [logs, measured] = [LOGS.resourceLogs[0], METRICS.resourceMetrics[0]];
    await eventually('the pod is known', async () => {
      entries = [];
      await post(`${otlp}/v1/logs`, { resourceLogs: [{ ...logs, resource }] });
      await eventually('a record comes', () => entries.length > 0 || null);
      return entries[0]!.record['pod'] === 'web-7d4b-x' || null;
    });
    const { record } = entries[0]!;
    expect(record).toMatchObject({
      namespace: 'shop',
      pod: 'web-7d4b-x',
      pod_uid: 'uid-web-7d4b-x',
    });
    await post(`${otlp}/v1/metrics`, { resourceMetrics: [{ ...measured, resource }] });
    await eventually('the series come', () => series.has('target_info') || null);
    for (const name of ['orders_total', 'target_info']) {
      expect(JSON.stringify(series.get(name))).not.toMatch(/vault|secure/);
    }
    expect(series.get('target_info')).toMatchObject({ namespace: 'shop', pod: 'web-7d4b-x' });
    const told = await metrics();
    expect(told).toMatch(/binnacle_otlp_contradicted_total\{signal="logs"\} [1-9]/);
    expect(told).toContain('binnacle_otlp_contradicted_total{signal="metrics"} 1');
  });

  it('refuses what it cannot read, and says why', async () => {
    const { otlp } = await startCollector();
    expect(await post(`${otlp}/v1/traces`, {})).toEqual([404, expect.stringContaining('/v1/logs')]);
    expect(await post(`${otlp}/v1/logs`, [])).toEqual([400, expect.stringContaining('object')]);
    expect(await post(`${otlp}/v1/logs`, {}, { 'content-type': 'text/plain' })).toEqual([
      415,
      expect.stringContaining('application/x-protobuf'),
    ]);
    expect(await post(`${otlp}/v1/logs`, {}, { 'content-encoding': 'br' })).toEqual([
      415,
      expect.stringContaining('gzip'),
    ]);
    const get = await fetch(`${otlp}/v1/logs`);
    expect(get.status).toBe(405);
    const bomb = await fetch(`${otlp}/v1/logs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      body: gzipSync(Buffer.alloc(16 * 1024 * 1024, 32)),
    });
    expect(bomb.status).toBe(413);
    expect(await post(`${otlp}/v1/logs`, {})).toEqual([200, '{}']);
  });
});
