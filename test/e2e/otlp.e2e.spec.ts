import 'reflect-metadata';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startEngine } from '../support/engine.ts';
import { getText, runToEnd, temporaryFolder } from '../support/processes.ts';

const MIB = 1024 * 1024;

/** What a program does that measures itself with OpenTelemetry; where and how it sends is told by its environment. */
const PROGRAM = `
import { metrics } from '@opentelemetry/api';
import { AggregationType } from '@opentelemetry/sdk-metrics';
import { NodeSDK } from '@opentelemetry/sdk-node';
const { EXPONENTIAL_HISTOGRAM: type } = AggregationType;
const views = process.env.EXPONENTIAL ? [{ instrumentName: 'latency', aggregation: { type } }] : [];
const sdk = new NodeSDK({ views, instrumentations: [], spanProcessors: [], logRecordProcessors: [] });
sdk.start();
const meter = metrics.getMeter('shop');
const orders = meter.createCounter('orders', { description: 'Orders taken.', unit: '{order}' });
orders.add(2, { 'order.kind': 'new' });
orders.add(1, { 'order.kind': 'new' });
meter.createUpDownCounter('basket.items').add(5);
meter.createObservableGauge('room.temperature', { unit: 'Cel' }).addCallback((result) => result.observe(21.5));
const latency = meter.createHistogram('latency', { unit: 's' });
for (const seconds of [0.5, 2, 4, 4]) latency.record(seconds);
await sdk.shutdown();
`;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let app: NestFastifyApplication;
let url: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  ({ app, url } = await startEngine(join(folder.path, 'data')));
});

afterAll(async () => {
  await app.close();
  await folder.remove();
});

/** Runs the program above to its end, at which it sends. @returns what it complained of */
async function send(service: string, env: Readonly<Record<string, string>>): Promise<string> {
  const { code, output } = await runToEnd(
    process.execPath,
    ['--input-type=module', '--eval', PROGRAM],
    {
      cwd: join(import.meta.dirname, '..', '..'),
      env: {
        OTEL_SERVICE_NAME: service,
        OTEL_RESOURCE_ATTRIBUTES: 'service.namespace=eu,service.instance.id=i-1,host.name=node-1',
        OTEL_NODE_RESOURCE_DETECTORS: 'env',
        OTEL_METRICS_EXPORTER: 'otlp',
        OTEL_EXPORTER_OTLP_ENDPOINT: url,
        OTEL_LOG_LEVEL: 'warn',
        ...env,
      },
    },
  );
  expect([code, output]).toEqual([0, output]);
  return output;
}

async function query(expression: string): Promise<unknown[]> {
  const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`);
  const body = (await answer.json()) as { data: { result: unknown[] } };
  return body.data.result;
}

async function valueOf(expression: string): Promise<string | undefined> {
  const [first] = (await query(expression)) as { value: [number, string] }[];
  return first?.value[1];
}

describe('a program that measures itself with OpenTelemetry’s SDK', () => {
  it.each([
    ['protobuf', '', { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' }],
    [
      'compressed protobuf',
      '',
      { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf', OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip' },
    ],
    ['JSON', '', { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }],
    [
      'compressed JSON',
      '',
      { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json', OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip' },
    ],
    [
      'protobuf to Prometheus’s path',
      '/api/v1/otlp',
      { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' },
    ],
  ])('sends %s', async (name, path, env) => {
    const service = `shop ${name}`;
    expect(await send(service, { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: url + path })).toBe('');
    const of = `{job="eu/${service}",instance="i-1"}`;
    expect(await valueOf(`orders_total{job="eu/${service}",order_kind="new"}`)).toBe('3');
    expect(await valueOf(`basket_items${of}`)).toBe('5');
    expect(await valueOf(`room_temperature_celsius${of}`)).toBe('21.5');
    expect(await valueOf(`latency_seconds_sum${of}`)).toBe('10.5');
    expect(await valueOf(`latency_seconds_bucket{job="eu/${service}",le="+Inf"}`)).toBe('4');
    expect(await query(`target_info{job="eu/${service}"}`)).toMatchObject([
      { metric: { instance: 'i-1', host_name: 'node-1' } },
    ]);
    expect(await metadataOf('orders_total')).toEqual([
      { type: 'counter', help: 'Orders taken.', unit: '' },
    ]);
  });

  it('has its exponential histograms stored as native ones', async () => {
    expect(
      await send('exponential', {
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
        EXPONENTIAL: 'yes',
      }),
    ).toBe('');
    expect(await query('latency_seconds{job="eu/exponential"}')).toMatchObject([
      { histogram: [expect.any(Number), { count: '4', sum: '10.5' }] },
    ]);
    expect(await query('latency_seconds_bucket{job="eu/exponential"}')).toEqual([]);
  });

  it('is told which of its points cannot be taken, while the others are', async () => {
    const complaint = await send('delta', {
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: 'delta',
    });
    expect(complaint).toMatch(/Partial Success/i);
    expect(complaint).toContain('delta temporality; accepted is cumulative');
    expect(await query('orders_total{job="eu/delta"}')).toEqual([]);
    expect(await valueOf('basket_items{job="eu/delta"}')).toBe('5');
    expect(await metrics()).toMatch(
      /^binnacle_ingest_rejected_samples_total\{protocol="otlp",reason="unsupported_point"\} 2$/m,
    );
  });
});

async function metadataOf(family: string): Promise<unknown> {
  const answer = await fetch(`${url}/api/v1/metadata?metric=${family}`);
  return ((await answer.json()) as { data: Record<string, unknown> }).data[family];
}

async function metrics(): Promise<string> {
  return (await getText(`${url}/metrics`)) ?? '';
}

interface Answer {
  readonly status: number;
  readonly type: string | null;
  readonly body: Buffer;
}

async function post(
  body: Buffer | string,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  const response = await fetch(`${url}/v1/metrics`, {
    method: 'POST',
    headers,
    body: new Uint8Array(Buffer.from(body)),
  });
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    body: Buffer.from(await response.arrayBuffer()),
  };
}

const JSON_TYPE = { 'content-type': 'application/json' };
const PROTOBUF_TYPE = { 'content-type': 'application/x-protobuf' };
const GZIP = { 'content-encoding': 'gzip' };

function requestOf(metric: object): string {
  return JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics: [metric] }] }] });
}

describe('POST /v1/metrics', () => {
  it('keeps exemplars', async () => {
    const time = `${Date.now()}000000`;
    const exemplars = [{ timeUnixNano: time, asDouble: 2, traceId: 'AB12', spanId: 'cd34' }];
    const dataPoints = [{ timeUnixNano: time, asInt: '7', exemplars }];
    const sum = { dataPoints, aggregationTemporality: 2, isMonotonic: true };
    const answer = await post(requestOf({ name: 'traced', sum }), JSON_TYPE);
    expect([answer.status, answer.type, String(answer.body)]).toEqual([
      200,
      'application/json',
      '{}',
    ]);
    const found = await fetch(`${url}/api/v1/query_exemplars?query=traced_total`);
    expect(await found.json()).toMatchObject({
      data: [{ exemplars: [{ labels: { trace_id: 'ab12', span_id: 'cd34' }, value: '2' }] }],
    });
  });

  it('says what the store would not take, and counts no more points than came', async () => {
    const point = { timeUnixNano: '1000000000', count: '3', bucketCounts: ['1', '2'] };
    const dataPoints = [{ ...point, explicitBounds: [1] }];
    const histogram = { dataPoints, aggregationTemporality: 2 };
    const answer = await post(requestOf({ name: 'ancient', histogram }), JSON_TYPE);
    expect(answer.status).toBe(200);
    expect(JSON.parse(String(answer.body))).toEqual({
      partialSuccess: {
        rejectedDataPoints: '1',
        errorMessage: expect.stringContaining('3 of 3 samples not stored, the first: too old'),
      },
    });
  });

  it('takes an empty request of protocol buffers', async () => {
    const { status, type, body } = await post('', PROTOBUF_TYPE);
    expect([status, type, body.length]).toEqual([200, 'application/x-protobuf', 0]);
  });

  it.each<[string, Buffer | string, Record<string, string>, number, string]>([
    ['no JSON', '{', JSON_TYPE, 400, 'no JSON'],
    ['an empty body as JSON', '', JSON_TYPE, 400, 'no JSON'],
    ['JSON that is not UTF-8', Buffer.from('7b22ff227d', 'hex'), JSON_TYPE, 400, 'not UTF-8'],
    ['JSON nested deeply', deepJson(10_000), JSON_TYPE, 413, 'nested deeper than'],
    ['a truncated message', Buffer.from('0aff', 'hex'), PROTOBUF_TYPE, 400, 'byte 1'],
    ['no gzip', 'plain', { ...JSON_TYPE, ...GZIP }, 400, 'no gzip'],
    ['truncated gzip', gzipSync('{}').subarray(0, 12), { ...JSON_TYPE, ...GZIP }, 400, 'no gzip'],
    [
      'a bomb of JSON',
      gzipSync(Buffer.alloc(9 * MIB, ' ')),
      { ...JSON_TYPE, ...GZIP },
      413,
      'more than 8388608 bytes',
    ],
    [
      'a bomb of protocol buffers',
      gzipSync(Buffer.alloc(33 * MIB)),
      { ...PROTOBUF_TYPE, ...GZIP },
      413,
      'more than 33554432 bytes',
    ],
    ['more JSON than is accepted', Buffer.alloc(9 * MIB, ' '), JSON_TYPE, 413, 'at most 8388608'],
    [
      'more messages than are accepted',
      Buffer.alloc(2_000_004, Buffer.from('0a00', 'hex')),
      PROTOBUF_TYPE,
      413,
      'more than 1000000',
    ],
    ['another type', 'x', { 'content-type': 'text/plain' }, 415, 'unsupported Content-Type'],
    [
      'another compression',
      '{}',
      { ...JSON_TYPE, 'content-encoding': 'zstd' },
      415,
      'accepted is gzip',
    ],
  ])('refuses %s in the form the sender reads', async (_, body, headers, status, text) => {
    const answer = await post(body, headers);
    const isProtobuf = headers['content-type'] === 'application/x-protobuf';
    expect(answer.status).toBe(status);
    expect(answer.type).toBe(isProtobuf ? 'application/x-protobuf' : 'application/json');
    expect(String(answer.body)).toContain(text);
    // The first field of `google.rpc.Status` is the code.
    const code = isProtobuf ? answer.body[1] : codeOf(answer.body);
    expect(code).toBe(status === 413 ? 8 : 3);
    expect(await metrics()).toMatch(
      new RegExp(
        `^binnacle_ingest_requests_total\\{protocol="otlp",code="${status}"\\} [1-9]`,
        'm',
      ),
    );
  });

  it.each(['metrics', 'logs'])(
    'refuses %s that are too large only as they come',
    async (signal) => {
      let sent = 0;
      const body = new ReadableStream({
        pull(controller) {
          sent += MIB;
          controller.enqueue(new Uint8Array(MIB));
          if (sent > 40 * MIB) controller.close();
        },
      });
      const headers = PROTOBUF_TYPE;
      const init = { method: 'POST', headers, body, duplex: 'half' as const };
      const answer = await fetch(`${url}/v1/${signal}`, init);
      expect([answer.status, answer.headers.get('content-type')]).toEqual([
        413,
        'application/x-protobuf',
      ]);
      expect(await answer.text()).toContain('too large');
    },
  );
});

function codeOf(body: Buffer): unknown {
  return (JSON.parse(String(body)) as { code: unknown }).code;
}

/** A body that is JSON and whose attribute holds lists in lists. */
function deepJson(depth: number): string {
  const open = '{"arrayValue":{"values":['.repeat(depth);
  const close = ']}}'.repeat(depth);
  return `{"resourceMetrics":[{"resource":{"attributes":[{"key":"a","value":${open}${close}}]}}]}`;
}
