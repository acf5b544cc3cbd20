import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import { Labels } from '#libs/labels';
import { AppLogger } from '#libs/platform';
import { decodeWriteV2, uncompressBlock, WriteV1Decoder } from '#libs/remote-write';
import { type SampleBatch, SampleBatchBuilder } from '#libs/samples';
import { parseYamlConfig } from '#libs/yaml-config';
import { OutputMetrics } from './output-metrics.ts';
import { outputsConfigSchema } from './outputs-config.ts';
import { RemoteWriteOutput } from './remote-write-output.ts';

/** One request as the receiver saw it. */
interface Received {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

type Answer = (response: ServerResponse, attempt: number) => void;

let server: Server;
let url: string;
let received: Received[];
let answer: Answer;
let logged: string[];
let registry: Registry;
let output: RemoteWriteOutput;

beforeEach(async () => {
  received = [];
  logged = [];
  registry = new Registry();
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

function start(settings = ''): RemoteWriteOutput {
  const text = `remote_write: [{url: "${url}", ${settings} name: test, queue_config: {max_samples_per_send: 3, min_backoff: 1ms, max_backoff: 20ms, capacity: 100, batch_send_deadline: 10ms}}]`;
  const [config] = parseYamlConfig(text, outputsConfigSchema, { file: 'test' }).remote_write;
  output = new RemoteWriteOutput({
    config: config!,
    baseDir: '.',
    userAgent: 'test/1',
    metrics: new OutputMetrics(registry),
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

async function metric(name: string, labels: Record<string, string> = {}): Promise<number> {
  const found = await registry.getSingleMetric(name)!.get();
  const matching = found.values.filter(({ labels: own }) =>
    Object.entries(labels).every(([key, value]) => own[key] === value),
  );
  return matching.reduce((sum, { value }) => sum + value, 0);
}

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
