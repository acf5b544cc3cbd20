import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Registry } from 'prom-client';
import { createFloatHistogram } from '#libs/histogram';
import { Labels } from '#libs/labels';
import { AppLogger } from '#libs/platform';
import { decodeWriteV2, uncompressBlock, WriteV1Decoder } from '#libs/remote-write';
import { type SampleBatch, SampleBatchBuilder } from '#libs/samples';
import { SpoolBudget } from '#libs/spool';
import { parseYamlConfig } from '#libs/yaml-config';
import { receivedAwsSignature } from '../../../../test/support/received-aws-signature.ts';
import { OutputMetrics } from './output-metrics.ts';
import { outputsConfigSchema } from './outputs-config.ts';
import { createRemoteWriteOutput } from './create-metric-output.ts';
import type { MetricOutput } from './metric-output.ts';
import { Uplinks } from './uplinks.ts';

/** One request as the receiver saw it. */
interface Received {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

type Answer = (response: ServerResponse, attempt: number) => void;

let server: Server;
let url: string;
/** Null where nothing is kept on disk. */
let spoolsFolder: string | null;
let received: Received[];
let answer: Answer;
let logged: string[];
let registry: Registry;
let metrics: OutputMetrics;
let output: MetricOutput;

beforeEach(async () => {
  received = [];
  spoolsFolder = null;
  logged = [];
  registry = new Registry();
  metrics = new OutputMetrics(registry);
  answer = (response) => response.writeHead(204).end();
  server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { url: path = '', headers } = request;
      received.push({ path, headers, body: Buffer.concat(parts) });
      answer(response, received.length);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1/write`;
});

afterEach(async () => {
  await output.close(0);
  server.closeAllConnections();
  server.close();
});

function start(settings = ''): MetricOutput {
  const text = `remote_write: [{url: "${url}", ${settings} name: test, queue_config: {max_samples_per_send: 3, min_backoff: 1ms, max_backoff: 20ms, capacity: 100, batch_send_deadline: 10ms}}]`;
  const [config] = parseYamlConfig(text, outputsConfigSchema, { file: 'test' }).remote_write;
  output = createRemoteWriteOutput(config!, {
    budget: new SpoolBudget(),
    uplinks: new Uplinks(),
    spoolsFolder,
    released: () => Promise.resolve(),
    baseDir: '.',
    userAgent: 'test/1',
    metrics,
    logger: AppLogger.create({ app: 'test', level: 'info', write: (line) => logged.push(line) }),
  });
  output.start();
  return output;
}

function batchOf(values: readonly number[], name = 'm'): SampleBatch {
  const builder = new SampleBatchBuilder();
  builder.addSeries(Labels.fromRecord({ __name__: name }));
  for (const value of values) builder.addSample(value, value);
  return builder.take();
}

function valuesOf({ body }: Received): number[] {
  const { batch } = new WriteV1Decoder().decode(uncompressBlock(body, 1 << 20));
  return [...batch.values.subarray(0, batch.sampleCount)];
}

async function until(condition: () => boolean): Promise<void> {
  const endMs = performance.now() + 60_000;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error('did not happen within 60 s');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function untilMetric(
  name: string,
  labels: Record<string, string>,
  holds: (value: number) => boolean,
): Promise<void> {
  const endMs = performance.now() + 60_000;
  while (!holds(await metric(name, labels))) {
    if (performance.now() > endMs) throw new Error(`${name} did not come to it within 60 s`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function metric(name: string, labels: Record<string, string> = {}): Promise<number> {
  const found = await registry.getSingleMetric(name)!.get();
  const matching = found.values.filter(({ labels: own }) =>
    Object.entries(labels).every(([key, value]) => own[key] === value),
  );
  return matching.reduce((sum, { value }) => sum + value, 0);
}

/** What a receiver of version 2 says of what it wrote. */
const WRITTEN = { 'X-Prometheus-Remote-Write-Samples-Written': '1' };

/** A batch of one sample with everything that can be known of it. */
function fullBatch(): SampleBatch {
  const builder = new SampleBatchBuilder();
  builder.addSeries(Labels.fromRecord({ __name__: 'c_total' }), {
    family: 'c_total',
    type: 'counter',
    help: 'Things.',
    unit: '',
  });
  builder.addSample(5_000, 7);
  builder.setStartTime(1_000);
  builder.setExemplars([{ labels: Labels.fromRecord({ id: 'x' }), value: 0.5, timeMs: 4_000 }]);
  builder.addSeries(Labels.fromRecord({ __name__: 'h' }));
  builder.addHistogram(5_000, createFloatHistogram({ count: 1, zeroCount: 1 }));
  return builder.take();
}

describe('a clock that is set back', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('holds up nothing', async () => {
    start();
    output.push(batchOf([1]));
    await until(() => received.length === 1);
    const { now } = Date;
    jest.spyOn(Date, 'now').mockImplementation(() => now() - 3_600_000);
    output.push(batchOf([2]));
    await until(() => received.length === 2);
    expect(received.map(valuesOf)).toEqual([[1], [2]]);
  });
});

describe('requests to Amazon’s managed service', () => {
  it('are signed as they are sent', async () => {
    start("sigv4: {region: eu-west-1, access_key: AKID, secret_key: 'a secret'},");
    output.push(batchOf([1, 2]));
    await until(() => received.length === 1);
    const [{ path, headers, body }] = received as [Received];
    expect(headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKID\/\d{8}\/eu-west-1\/aps\/aws4_request, /,
    );
    expect(headers.authorization).toContain(
      `Signature=${receivedAwsSignature(path, headers, body, 'a secret')}`,
    );
    expect(headers['content-type']).toBe('application/x-protobuf');
    expect(valuesOf(received[0]!)).toEqual([1, 2]);
  });
});

describe('what travels beside samples', () => {
  it('is exemplars, metadata, creation times and histograms in version 2', async () => {
    answer = (response) => response.writeHead(204, WRITTEN).end();
    start('protobuf_message: io.prometheus.write.v2.Request, ').push(fullBatch());
    await until(() => received.length === 1);
    const read = decodeWriteV2(uncompressBlock(received[0]!.body, 1 << 20));
    expect(read.metadata).toEqual([{ family: 'c_total', type: 1, help: 'Things.', unit: '' }]);
    expect(read.exemplars).toMatchObject([{ value: 0.5, timeMs: 4_000 }]);
    expect(read.exemplars[0]!.series.metricName).toBe('c_total');
    expect(read.batch.startTimesMs?.[0]).toBe(1_000);
    expect(read.histogramCount).toBe(1);
  });
  it('is exemplars and histograms in version 1, and metadata on their own', async () => {
    start().push(fullBatch());
    await until(() => received.length === 2);
    const decoder = new WriteV1Decoder();
    const read = received.map(({ body }) => decoder.decode(uncompressBlock(body, 1 << 20)));
    expect(read.map(({ batch }) => batch.sampleCount).toSorted((a, b) => a - b)).toEqual([0, 2]);
    expect(read.flatMap(({ exemplars }) => exemplars)).toMatchObject([{ value: 0.5 }]);
    expect(read.flatMap(({ metadata }) => metadata)).toEqual([
      { family: 'c_total', type: 1, help: 'Things.', unit: '' },
    ]);
  });
  it('is left out where that is asked for', async () => {
    start(
      'send_exemplars: false, send_native_histograms: false, metadata_config: {send: false}, ',
    ).push(fullBatch());
    output.push(batchOf([1]));
    await until(() => received.length === 1);
    await output.close(60_000);
    const decoder = new WriteV1Decoder();
    const read = received.map(({ body }) => decoder.decode(uncompressBlock(body, 1 << 20)));
    expect(read.map(({ histogramCount }) => histogramCount)).toEqual([0]);
    expect(read.flatMap(({ exemplars }) => exemplars)).toEqual([]);
    expect(read.flatMap(({ metadata }) => metadata)).toEqual([]);
  });
  it.each([
    ['refuses version 2', 415],
    ['takes version 2 for something else', 204],
  ])('comes in version 1 for a receiver that %s', async (_what, status) => {
    answer = (response, attempt) => response.writeHead(attempt === 1 ? status : 204).end();
    start(
      'protobuf_message: io.prometheus.write.v2.Request, metadata_config: {send: false}, ',
    ).push(batchOf([1, 2]));
    await until(() => received.length === 2);
    output.push(batchOf([3]));
    await until(() => received.length === 3);
    expect(received.slice(1).map(valuesOf)).toEqual([[1, 2], [3]]);
    expect(received[2]!.headers['x-prometheus-remote-write-version']).toBe('0.1.0');
    expect(logged.filter((line) => line.includes('does not speak remote write 2.0'))).toHaveLength(
      1,
    );
  });
});

const dead: Answer = (response) => response.writeHead(503).end();

/** Waits until so many samples are on disk. */
function untilSpooled(samples: number): Promise<void> {
  return untilMetric(
    'binnacle_output_spool_records',
    { output: 'test' },
    (value) => value === samples,
  );
}

describe('an output’s spool', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'binnacle-spool-'));
    spoolsFolder = folder;
  });
  afterEach(async () => {
    await output.close(0);
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  });
  /** The samples' times are of 1970. */
  const PATIENT = 'spool: {max_age: 30000d}, ';

  it('takes what the receiver does not, and gives it in its order when it is back', async () => {
    answer = dead;
    start(PATIENT).push(batchOf([1, 2, 3, 4, 5, 6]));
    await untilSpooled(6);
    output.push(batchOf([7]));
    await untilSpooled(7);
    expect(await metric('binnacle_output_queued', { kind: 'metrics' })).toBe(0);
    answer = (response) => response.writeHead(204).end();
    const accepted = received.length;
    await untilSpooled(0);
    output.push(batchOf([8]));
    await until(() => valuesOf(received.at(-1)!).includes(8));
    const values = received.slice(accepted).flatMap(valuesOf);
    expect([...new Set(values)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8].slice(-new Set(values).size));
    await untilMetric('binnacle_output_sent_total', { output: 'test' }, (value) => value === 8);
  });
  it('is there for the next run, and takes what waits at the stop', async () => {
    answer = dead;
    start(PATIENT).push(batchOf([1, 2]));
    await untilSpooled(2);
    output.push(batchOf([3]));
    await output.close(2_000);
    answer = (response) => response.writeHead(204).end();
    const before = received.length;
    start(PATIENT).push(batchOf([4]));
    await until(() => received.slice(before).flatMap(valuesOf).includes(4));
    expect(received.slice(before).flatMap(valuesOf)).toEqual([1, 2, 3, 4]);
    expect(await metric('binnacle_output_dropped_total', { output: 'test' })).toBe(0);
  });
  it('gives up what is too old or has no room, and counts it', async () => {
    answer = dead;
    start('spool: {max_age: 1s}, ').push(batchOf([1, 2]));
    // Their times are of 1970.
    await until(() => received.length > 0);
    await untilMetric(
      'binnacle_output_dropped_total',
      { reason: 'spool_old' },
      (value) => value === 2,
    );
    await output.close(0);
    start('spool: {max_size: 200B}, ');
    for (let i = 0; i < 20; i++) output.push(batchOf([i, i + 100, i + 200]));
    await untilMetric(
      'binnacle_output_dropped_total',
      { reason: 'spool_full' },
      (value) => value > 0,
    );
    expect(await metric('binnacle_output_spool_bytes')).toBeLessThanOrEqual(200);
  });
  it('that cannot be opened leaves the output working from memory', async () => {
    writeFileSync(join(folder, 'file'), '');
    spoolsFolder = join(folder, 'file');
    start().push(batchOf([1]));
    await until(() => received.length === 1);
    expect(logged.some((line) => line.includes('the spool cannot be opened'))).toBe(true);
  });
});

describe('a remote-write output', () => {
  it('delivers what is pushed, with the protocol’s headers and its own', async () => {
    start('headers: {X-Scope-OrgID: team}, authorization: {credentials: canary}, ').push(
      batchOf([1, 2]),
    );
    await until(() => received.length === 1);
    expect(received[0]).toMatchObject({
      path: '/api/v1/write',
      headers: {
        'content-type': 'application/x-protobuf',
        'content-encoding': 'snappy',
        'x-prometheus-remote-write-version': '0.1.0',
        'user-agent': 'test/1',
        'x-scope-orgid': 'team',
        authorization: 'Bearer canary',
      },
    });
    expect(valuesOf(received[0]!)).toEqual([1, 2]);
    await output.close(60_000);
    expect(await metric('binnacle_output_sent_total', { output: 'test', kind: 'metrics' })).toBe(2);
    expect(await metric('prometheus_remote_storage_samples_total')).toBe(2);
  });
  it('speaks version 2 when asked to', async () => {
    answer = (response) => response.writeHead(204, WRITTEN).end();
    start('protobuf_message: io.prometheus.write.v2.Request, ').push(batchOf([7]));
    await until(() => received.length === 1);
    const { batch } = decodeWriteV2(uncompressBlock(received[0]!.body, 1 << 20));
    expect(batch.values[0]).toBe(7);
    expect(received[0]!.headers['content-type']).toContain('io.prometheus.write.v2.Request');
  });
  it('retries through failures and keeps the order', async () => {
    answer = (response, attempt) => response.writeHead(attempt < 4 ? 503 : 204).end('busy');
    start().push(batchOf([1, 2, 3, 4, 5, 6]));
    await until(() => received.length === 5);
    expect(received.map(valuesOf)).toEqual([
      [1, 2, 3],
      [1, 2, 3],
      [1, 2, 3],
      [1, 2, 3],
      [4, 5, 6],
    ]);
    await output.close(60_000);
    expect(await metric('binnacle_output_retried_total', { reason: 'server_error' })).toBe(9);
    expect(logged.filter((line) => line.includes('failing'))).toHaveLength(1);
    expect(logged.filter((line) => line.includes('works again'))).toHaveLength(1);
    expect(logged[0]).toContain('status 503: busy');
  });
  it('retries when the connection breaks and when no answer comes in time', async () => {
    answer = (response, attempt) => {
      if (attempt === 1) response.destroy();
      else if (attempt > 2) response.writeHead(200).end();
    };
    start('remote_timeout: 100ms, ').push(batchOf([1, 2, 3]));
    await until(() => received.length === 3);
    await output.close(60_000);
    expect(await metric('binnacle_output_retried_total', { reason: 'unreachable' })).toBe(3);
    expect(await metric('binnacle_output_retried_total', { reason: 'timeout' })).toBe(3);
    expect(await metric('binnacle_output_sent_total')).toBe(3);
  });
  it('gives up what is refused, says so once, and goes on', async () => {
    answer = (response, attempt) => response.writeHead(attempt < 3 ? 400 : 204).end('out of order');
    start().push(batchOf([1, 2, 3, 4, 5, 6, 7, 8, 9]));
    await until(() => received.length === 3);
    await output.close(60_000);
    expect(await metric('binnacle_output_dropped_total', { reason: 'rejected' })).toBe(6);
    expect(logged.filter((line) => line.includes('status 400: out of order'))).toHaveLength(1);
  });
  it('follows no redirect', async () => {
    answer = (response) => response.writeHead(307, { location: url }).end();
    start().push(batchOf([1, 2, 3]));
    await until(() => received.length === 1);
    await output.close(60_000);
    expect(received).toHaveLength(1);
    expect(await metric('binnacle_output_dropped_total', { reason: 'rejected' })).toBe(3);
  });
  it('reads no more of an endless answer than it shows', async () => {
    answer = (response) => {
      response.writeHead(400);
      const write = (): void => {
        if (!response.destroyed) response.write('x'.repeat(64 * 1024), () => setImmediate(write));
      };
      write();
    };
    start().push(batchOf([1, 2, 3]));
    await until(() => logged.length > 0);
    expect(logged[0]!.length).toBeLessThan(1_000);
  });
  it('leaves out what its relabelling drops', async () => {
    start('write_relabel_configs: [{source_labels: [__name__], regex: go_.*, action: drop}], ');
    output.push(batchOf([1, 2], 'go_threads'));
    output.push(batchOf([3], 'up'));
    await until(() => received.length === 1);
    expect(valuesOf(received[0]!)).toEqual([3]);
    expect(await metric('binnacle_output_dropped_total', { reason: 'relabel' })).toBe(2);
  });
  it('drops what a dead receiver has not taken when the time is up, and counts it', async () => {
    answer = () => {};
    start().push(batchOf([1, 2, 3, 4]));
    await until(() => received.length === 1);
    const startMs = performance.now();
    await output.close(100);
    expect(performance.now() - startMs).toBeLessThan(30_000);
    expect(await metric('binnacle_output_dropped_total', { reason: 'shutdown' })).toBe(4);
  });
  it('shows no secret in a log line', async () => {
    answer = (response) => response.writeHead(401).end('no');
    start('headers: {X-Key: canary-1}, basic_auth: {username: u, password: canary-2}, ').push(
      batchOf([1]),
    );
    await until(() => logged.length > 0);
    expect(logged.join('')).not.toContain('canary');
  });
});
