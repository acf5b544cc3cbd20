import 'reflect-metadata';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createFloatHistogram } from '#libs/histogram';
import { Labels } from '#libs/labels';
import { encodeOtlpMetrics } from '#libs/otlp';
import { AppLogger, listen } from '#libs/platform';
import { SampleBatchBuilder } from '#libs/samples';
import protobuf from 'protobufjs';
import { createApp as createCollector } from '../../apps/collector/src/app.ts';
import { type Engine, startEngine } from '../support/engine.ts';
import { getText, temporaryFolder, untilPasses } from '../support/processes.ts';

const PROTO = join(import.meta.dirname, '..', 'support', 'otlp-metrics.proto');
const Request = protobuf.parse(readFileSync(PROTO, 'utf8')).root.lookupType('otlp.Request');

interface Metric {
  readonly name: string;
  readonly [kind: string]: unknown;
}

interface Received {
  readonly resource: Readonly<Record<string, string>>;
  readonly metrics: readonly Metric[];
}

/** A body as somebody else's decoder reads it. */
function decode(body: Uint8Array): Received[] {
  const { resourceMetrics } = Request.toObject(Request.decode(body), {
    longs: Number,
    bytes: String,
    json: true,
  }) as {
    resourceMetrics: {
      resource: { attributes: { key: string; value: { stringValue: string } }[] };
      scopeMetrics: { metrics: Metric[] }[];
    }[];
  };
  return resourceMetrics.map(({ resource, scopeMetrics }) => ({
    resource: Object.fromEntries(
      resource.attributes.map(({ key, value }) => [key, value.stringValue]),
    ),
    metrics: scopeMetrics.flatMap(({ metrics }) => metrics),
  }));
}

const TRACE = '0123456789abcdef0123456789abcdef';
const EXPOSITION = `# TYPE sold counter
# HELP sold Things sold.
sold_total{kind="a"} 7
# TYPE wait_seconds histogram
# HELP wait_seconds How long people wait.
wait_seconds_bucket{path="/",le="0.1"} 3 # {trace_id="${TRACE}"} 0.07
wait_seconds_bucket{path="/",le="0.25"} 5
wait_seconds_bucket{path="/",le="+Inf"} 9
wait_seconds_sum{path="/"} 4.5
wait_seconds_count{path="/"} 9
# TYPE pause_seconds summary
pause_seconds{quantile="0.5"} 0.25
pause_seconds{quantile="0.99"} 1.5
pause_seconds_sum 12
pause_seconds_count 40
# TYPE queue gauge
queue 2
# EOF
`;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let target: Server;
let receiver: Server;
let engine: Engine;
let collector: NestFastifyApplication | null = null;
const received: Received[] = [];

async function serve(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

beforeAll(async () => {
  folder = await temporaryFolder();
  engine = await startEngine(join(folder.path, 'engine'));
  target = createServer((_request, response) => {
    response.setHeader('Content-Type', 'application/openmetrics-text; version=1.0.0');
    response.end(EXPOSITION);
  });
  // Reads along, and passes everything on.
  receiver = createServer((request, response) => {
    void passOn(request).then(({ status, body }) => response.writeHead(status).end(body));
  });
});

async function passOn(request: IncomingMessage): Promise<{ status: number; body: Buffer }> {
  const body = await bodyOf(request);
  const { 'content-type': type = '', 'content-encoding': encoding = '' } = request.headers;
  received.push(...decode(gunzipSync(body)));
  const answer = await fetch(`${engine.url}/v1/metrics`, {
    method: 'POST',
    headers: { 'content-type': type, 'content-encoding': encoding },
    body: new Uint8Array(body),
  });
  return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) };
}

afterAll(async () => {
  await collector?.close();
  for (const server of [target, receiver]) {
    server.closeAllConnections();
    server.close();
  }
  await engine.app.close();
  await folder.remove();
});

async function series(): Promise<Record<string, string>> {
  const query = '{job="shop/api", __name__!~"scrape_.*"}';
  const text = await getText(
    `${engine.url}/api/v1/query?${new URLSearchParams({ query }).toString()}`,
  );
  const { data } = JSON.parse(text ?? '{"data":{"result":[]}}') as {
    data: { result: { metric: Record<string, string>; value: [number, string] }[] };
  };
  return Object.fromEntries(
    data.result.map(({ metric: { job: _job, instance: _instance, ...rest }, value }) => [
      Labels.fromRecord(rest).toString(),
      value[1],
    ]),
  );
}

const metricsNamed = (name: string): Metric[] =>
  received.flatMap(({ metrics }) => metrics.filter((metric) => metric.name === name));

/** All points of a metric, oldest first: a request may have those of several scrapes. */
const pointsOf = (name: string, kind: string): unknown[] =>
  metricsNamed(name).flatMap((metric) => (metric[kind] as { dataPoints: unknown[] }).dataPoints);

it('a scrape goes out as OTLP has it, and comes out of our engine as the series it was', async () => {
  const scraped = await serve(target);
  const url = `http://${await serve(receiver)}/v1/metrics`;
  const configFile = join(folder.path, 'collector.yml');
  const config = {
    host_metrics: { enabled: false },
    scrape_configs: [
      { job_name: 'shop/api', scrape_interval: '1s', static_configs: [{ targets: [scraped] }] },
    ],
    outputs: { remote_write: [], otlp_metrics: [{ name: 'otlp', url }] },
  };
  await writeFile(configFile, JSON.stringify(config));
  collector = await createCollector(
    {
      configFile,
      dataDir: join(folder.path, 'collector'),
      listen: { host: '127.0.0.1', port: 0 },
      logLevel: 'silent',
    },
    {},
    AppLogger.create({ app: 'test', level: 'silent' }),
  );
  await listen(collector, { host: '127.0.0.1', port: 0 });
  await untilPasses(async () =>
    expect(await series()).toEqual({
      up: '1',
      'sold_total{kind="a"}': '7',
      'wait_seconds_bucket{le="0.1", path="/"}': '3',
      'wait_seconds_bucket{le="0.25", path="/"}': '5',
      'wait_seconds_bucket{le="+Inf", path="/"}': '9',
      'wait_seconds_sum{path="/"}': '4.5',
      'wait_seconds_count{path="/"}': '9',
      'pause_seconds{quantile="0.5"}': '0.25',
      'pause_seconds{quantile="0.99"}': '1.5',
      pause_seconds_sum: '12',
      pause_seconds_count: '40',
      queue: '2',
    }),
  );
  const shop = received.find(({ metrics }) => metrics.some(({ name }) => name === 'queue'));
  expect(shop?.resource).toEqual({
    'service.namespace': 'shop',
    'service.name': 'api',
    'service.instance.id': scraped,
  });
  expect(metricsNamed('sold_total')[0]).toMatchObject({
    description: 'Things sold.',
    sum: { isMonotonic: true, aggregationTemporality: 2 },
  });
  expect(pointsOf('sold_total', 'sum')[0]).toMatchObject({
    asDouble: 7,
    attributes: [{ key: 'kind', value: { stringValue: 'a' } }],
  });
  expect(metricsNamed('wait_seconds')[0]).toMatchObject({
    description: 'How long people wait.',
    histogram: { aggregationTemporality: 2 },
  });
  expect(pointsOf('wait_seconds', 'histogram')[0]).toMatchObject({
    attributes: [{ key: 'path', value: { stringValue: '/' } }],
    count: 9,
    sum: 4.5,
    explicitBounds: [0.1, 0.25],
    bucketCounts: [3, 2, 4],
    exemplars: [{ asDouble: 0.07, traceId: Buffer.from(TRACE, 'hex').toString('base64') }],
  });
  expect(pointsOf('pause_seconds', 'summary')[0]).toMatchObject({
    count: 40,
    sum: 12,
    quantileValues: [
      { quantile: 0.5, value: 0.25 },
      { quantile: 0.99, value: 1.5 },
    ],
  });
  expect(metricsNamed('wait_seconds_bucket')).toEqual([]);
  await collector.close();
  collector = null;
  expect(pointsOf('wait_seconds', 'histogram').at(-1)).toMatchObject({
    flags: 1,
    explicitBounds: [0.1, 0.25],
  });
  expect(await series()).toEqual({});
}, 180_000);

it('native histograms are exponential ones to somebody else', () => {
  const builder = new SampleBatchBuilder();
  builder.addSeries(Labels.fromRecord({ __name__: 'h', job: 'j' }));
  builder.addHistogram(
    5_000,
    createFloatHistogram({
      schema: -1,
      zeroThreshold: 0.001,
      zeroCount: 2,
      count: 9,
      sum: 12.5,
      positiveSpans: [
        { offset: -2, length: 2 },
        { offset: 2, length: 1 },
      ],
      positiveBuckets: [1, 2, 3],
      negativeSpans: [{ offset: 1, length: 1 }],
      negativeBuckets: [1],
    }),
  );
  const batch = builder.take();
  const slice = { batch, firstSeries: 0, start: 0, end: batch.sampleCount };
  expect(decode(encodeOtlpMetrics([slice]))[0]?.metrics).toMatchObject([
    {
      name: 'h',
      exponentialHistogram: {
        aggregationTemporality: 2,
        dataPoints: [
          {
            timeUnixNano: 5_000_000_000,
            count: 9,
            sum: 12.5,
            scale: -1,
            zeroCount: 2,
            zeroThreshold: 0.001,
            positive: { offset: -3, bucketCounts: [1, 2, 0, 0, 3] },
            negative: { offset: 0, bucketCounts: [1] },
          },
        ],
      },
    },
  ]);
});
