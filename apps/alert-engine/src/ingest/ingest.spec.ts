import 'reflect-metadata';
import { request as httpRequest } from 'node:http';
import { type DynamicModule, Global, Module } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createFloatHistogram } from '#libs/histogram';
import { Labels, Matcher } from '#libs/labels';
import { AppLogger, createHttpApp, listen, PlatformModule } from '#libs/platform';
import { MemorySegmentStore } from '#libs/record-log';
import { compressBlock, wholeBatch, WriteEncoder, type WriteMessage } from '#libs/remote-write';
import { createSampleWindow, type SampleBatch, SampleBatchBuilder } from '#libs/samples';
import { TimeSeriesStore } from '#libs/tsdb';
import { STORE_WRITER, type StoreWriter } from '../store/store-writer.ts';
import { IngestModule } from './ingest.module.ts';

const V1: WriteMessage = 'prometheus.WriteRequest';
const V2: WriteMessage = 'io.prometheus.write.v2.Request';

@Global()
@Module({})
class TestStoreModule {
  static with(writer: StoreWriter): DynamicModule {
    const providers = [{ provide: STORE_WRITER, useValue: writer }];
    return { module: TestStoreModule, providers, exports: providers };
  }
}

@Module({})
class TestModule {}

const logger = AppLogger.create({ app: 'test', level: 'silent' });
const nowMs = Date.now();
let app: NestFastifyApplication;
let port: number;
let segments: MemorySegmentStore;
let store: TimeSeriesStore;
/** Set to hold the store's answers back. */
let hold: Promise<void> | null;

beforeEach(async () => {
  hold = null;
  segments = new MemorySegmentStore();
  const timer = {
    nowMs: Date.now,
    after(delayMs: number, run: () => void) {
      const alarm = setTimeout(run, delayMs);
      return () => clearTimeout(alarm);
    },
  };
  store = new TimeSeriesStore(segments, timer, { maxSeries: 10 });
  await store.open();
  const writer: StoreWriter = {
    async append(batch, extras) {
      const result = store.append(batch, extras);
      await store.committed(result.position);
      await hold;
      return result;
    },
  };
  const options = {
    configFile: null,
    dataDir: '.',
    listen: { host: '127.0.0.1', port: 0 },
    logLevel: 'silent',
  } as const;
  app = await createHttpApp(
    {
      module: TestModule,
      imports: [PlatformModule.forApp(options, logger), TestStoreModule.with(writer), IngestModule],
    },
    logger,
  );
  ({ port } = await listen(app, options.listen));
});

afterEach(async () => {
  await app.close();
  await store.close();
});

function batchOf(series: Record<string, readonly (readonly [number, number])[]>): SampleBatch {
  const builder = new SampleBatchBuilder();
  for (const [name, samples] of Object.entries(series)) {
    builder.addSeries(Labels.fromRecord({ __name__: name }));
    for (const [timeMs, value] of samples) builder.addSample(timeMs, value);
  }
  return builder.take();
}

function bodyOf(batch: SampleBatch, message = V1): Buffer {
  return compressBlock(new WriteEncoder(message).encode([wholeBatch(batch)]));
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

async function post(body: Buffer, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/write`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-protobuf',
      'content-encoding': 'snappy',
      ...headers,
    },
    body: new Uint8Array(body),
  });
  return { status: response.status, text: await response.text(), headers: response.headers };
}

function storedNames(): string[] {
  const everything = [new Matcher('__name__', '=~', '.+')];
  return store.labelValues('__name__', everything, 0, Number.MAX_SAFE_INTEGER);
}

async function metrics(): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  return response.text();
}

describe('POST /api/v1/write', () => {
  it('stores version 1 and answers 204 when it is on disk', async () => {
    const answer = await post(bodyOf(batchOf({ up: [[nowMs, 1]] })));
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect(storedNames()).toEqual(['up']);
    expect(store.statistics().logPendingBytes).toBe(0);
    expect(await metrics()).toContain('binnacle_ingest_samples_total{protocol="remote_write"} 1');
  });
  it('stores version 2 and says how much was written', async () => {
    const answer = await post(bodyOf(batchOf({ up: [[nowMs, 1]], down: [[nowMs, 0]] }), V2), {
      'content-type': `application/x-protobuf;proto=${V2}`,
    });
    expect(answer.status).toBe(204);
    expect(answer.headers.get('x-prometheus-remote-write-samples-written')).toBe('2');
    expect(storedNames()).toEqual(['down', 'up']);
  });
  it('takes the same request twice', async () => {
    const body = bodyOf(batchOf({ up: [[nowMs, 1]] }));
    expect((await post(body)).status).toBe(204);
    expect((await post(body)).status).toBe(204);
  });
  it('takes an empty request', async () => {
    expect((await post(compressBlock(Buffer.alloc(0)))).status).toBe(204);
  });
  it('stores what it can of a request and names what it cannot', async () => {
    const answer = await post(bodyOf(batchOf({ old: [[1_000, 1]], up: [[nowMs, 1]] })));
    expect(answer.status).toBe(400);
    expect(answer.text).toContain(
      '1 of 2 samples not stored, the first: too old sample: old at 1000',
    );
    expect(storedNames()).toEqual(['up']);
    expect(await metrics()).toContain(
      'binnacle_ingest_rejected_samples_total{protocol="remote_write",reason="too_old"} 1',
    );
  });
  it.each([V1, V2])('stores native histograms, and says which it cannot (%s)', async (message) => {
    const builder = new SampleBatchBuilder();
    builder.addSeries(Labels.fromRecord({ __name__: 'h' }));
    const fields = {
      sum: 4.5,
      schema: 2,
      positiveSpans: [{ offset: -1, length: 2 }],
      positiveBuckets: [1, 2],
    };
    builder.addHistogram(nowMs, createFloatHistogram({ ...fields, count: 3 }));
    builder.addHistogram(nowMs + 1, createFloatHistogram({ ...fields, count: 4 }));
    builder.addSample(nowMs + 2, 5);
    builder.addHistogram(nowMs + 3, createFloatHistogram({ ...fields, count: 3.5 }));
    const answer = await post(bodyOf(builder.take(), message), {
      'content-type': `application/x-protobuf;proto=${message}`,
    });
    expect(answer.status).toBe(400);
    expect(answer.text.trim()).toBe(
      '1 invalid native histograms not stored, the first: 3 observations in buckets, but the count is 4: h',
    );
    const written = (kind: string): string | null =>
      answer.headers.get(`x-prometheus-remote-write-${kind}-written`);
    expect([written('samples'), written('histograms')]).toEqual(
      message === V1 ? [null, null] : ['1', '2'],
    );
    const selection = store.select([new Matcher('__name__', '=', 'h')], 0, Infinity);
    const window = createSampleWindow();
    selection.read(selection.rows[0]!, 0, Infinity, window);
    expect(Array.from(window.timesMs.slice(window.start, window.end))).toEqual([
      nowMs,
      nowMs + 2,
      nowMs + 3,
    ]);
    expect(window.histograms).toMatchObject([{ ...fields, count: 3 }, null, { count: 3.5 }]);
    expect(await metrics()).toContain(
      'binnacle_ingest_rejected_samples_total{protocol="remote_write",reason="invalid_histogram"} 1',
    );
  });
  it.each([
    ['a truncated snappy block', Buffer.from('f0ff', 'hex'), 400, 'it ends inside its length'],
    [
      'a snappy block that asks for a gigabyte',
      Buffer.from('808080800400', 'hex'),
      413,
      'at most 33554432 are accepted',
    ],
    [
      'no protocol buffers',
      compressBlock(Buffer.from('0aff', 'hex')),
      400,
      'byte 1: the message ends inside a number',
    ],
  ])('refuses %s', async (_, body, status, text) => {
    const answer = await post(body);
    expect(answer.status).toBe(status);
    expect(answer.text).toContain(text);
    expect(await metrics()).toMatch(/binnacle_ingest_malformed_requests_total\{.*\} 1/);
  });
  it.each<[Record<string, string>, string]>([
    [{ 'content-type': 'application/json' }, 'unsupported Content-Type "application/json"'],
    [{ 'content-encoding': 'gzip' }, 'accepted is snappy'],
    [{ 'content-type': 'application/x-protobuf;proto=y' }, 'unsupported message "y"'],
  ])('refuses %j before it reads the body', async (headers, text) => {
    const answer = await post(Buffer.from('{}'), headers);
    expect(answer.status).toBe(415);
    expect(answer.text).toContain(text);
    expect(await metrics()).toContain(
      'binnacle_ingest_requests_total{protocol="remote_write",code="415"} 1',
    );
  });
  it('takes a body without a type as version 1', async () => {
    const status = await new Promise<number>((resolve, reject) => {
      const request = httpRequest(
        { port, host: '127.0.0.1', path: '/api/v1/write', method: 'POST' },
        (response) => {
          response.resume();
          resolve(response.statusCode!);
        },
      );
      request.once('error', reject);
      request.end(bodyOf(batchOf({ up: [[nowMs, 1]] })));
    });
    expect(status).toBe(204);
  });
  it('refuses a body that announces too many bytes, and one that has them', async () => {
    expect((await post(Buffer.alloc(33 * 1024 * 1024))).status).toBe(413);
  });
  it.each<[string, () => Promise<void>, string]>([
    ['the disk is full', async () => store.setDiskFull(true), '10'],
    ['the disk fails', async () => void (segments.faults.failsSync = true), '5'],
    ['the store is closed', () => store.close(), '5'],
  ])('asks to be tried again when %s', async (_, breakIt, retryAfter) => {
    await breakIt();
    const answer = await post(bodyOf(batchOf({ up: [[nowMs, 1]] })));
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe(retryAfter);
  });
  it('turns requests away when too many are under way, and takes them again afterwards', async () => {
    const { promise, resolve: release } = Promise.withResolvers<void>();
    hold = promise;
    const body = bodyOf(batchOf({ up: [[nowMs, 1]] }));
    const waiting = Array.from({ length: 64 }, () => post(body));
    await until(async () =>
      (await metrics()).includes('requests_in_flight{protocol="remote_write"} 64'),
    );
    const refused = await post(body);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    // There is one budget for all ways in.
    const refusedToo = await postOtlp();
    expect([refusedToo.status, refusedToo.headers.get('retry-after')]).toEqual([503, '1']);
    release();
    const statuses = (await Promise.all(waiting)).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([204]));
    expect((await post(body)).status).toBe(204);
  });
  it('keeps to its series limit and says so', async () => {
    const series = Object.fromEntries(
      Array.from({ length: 12 }, (_, i) => [`m${i}`, [[nowMs, 1]] as const]),
    );
    const answer = await post(bodyOf(batchOf(series)));
    expect(answer.status).toBe(400);
    expect(answer.text).toContain(
      '2 of 12 samples not stored, the first: the store holds as many series',
    );
  });
});

function postOtlp(): Promise<Response> {
  const dataPoints = [{ timeUnixNano: `${nowMs}000000`, asDouble: 1 }];
  const scopeMetrics = [{ metrics: [{ name: 'up', gauge: { dataPoints } }] }];
  return fetch(`http://127.0.0.1:${port}/v1/metrics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceMetrics: [{ scopeMetrics }] }),
  });
}

describe('POST /v1/metrics', () => {
  it('answers when the points are on disk', async () => {
    expect((await postOtlp()).status).toBe(200);
    expect(storedNames()).toEqual(['up']);
    expect(store.statistics().logPendingBytes).toBe(0);
    expect(await metrics()).toContain('binnacle_ingest_samples_total{protocol="otlp"} 1');
  });
  it.each<[string, () => Promise<void>, string]>([
    ['the disk is full', async () => store.setDiskFull(true), '10'],
    ['the disk fails', async () => void (segments.faults.failsSync = true), '5'],
    ['the store is closed', () => store.close(), '5'],
  ])('asks to be tried again when %s', async (_, breakIt, retryAfter) => {
    await breakIt();
    const answer = await postOtlp();
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, retryAfter]);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(await answer.json()).toEqual({ code: 14, message: expect.any(String) });
  });
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 60_000;
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error('did not happen within 60 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
