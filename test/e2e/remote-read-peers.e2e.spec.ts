import 'reflect-metadata';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createFloatHistogram } from '#libs/histogram';
import { Labels, Matcher } from '#libs/labels';
import { ProtobufReader } from '#libs/protobuf';
import {
  ChunkedAnswerReader,
  encodeReadRequest,
  type ReadChunkedSeries,
  type ReadRequest,
} from '#libs/remote-read';
import {
  compressBlock,
  uncompressBlock,
  wholeBatch,
  WriteEncoder,
  WriteV1Decoder,
} from '#libs/remote-write';
import { type SampleBatch, SampleBatchBuilder, STALE_MARKER } from '#libs/samples';
import { STORE_WRITER, type StoreWriter } from '../../apps/alert-engine/src/store/store-writer.ts';
import { startEngine } from '../support/engine.ts';
import { describeWithPeers } from '../support/peers.ts';
import {
  eventually,
  freePort,
  getText,
  startProcess,
  temporaryFolder,
  untilPasses,
} from '../support/processes.ts';

const STEP_MS = 15_000;
/** Young enough to be taken, and within one stretch of two hours so that the peer cuts no chunk. */
const NOW =
  Math.floor(Date.now() / 7_200_000) * 7_200_000 + 60_000 < Date.now() - 600_000
    ? Math.floor((Date.now() - 60_000) / STEP_MS) * STEP_MS
    : Math.floor(Date.now() / 7_200_000) * 7_200_000 - STEP_MS;
const SAMPLES = 25;
const START = NOW - (SAMPLES - 1) * STEP_MS;
const EXTERNAL = { region: 'eu', zone: 'a' };

/** The same for both: floats of all kinds, one series that ends, native histograms of both kinds. */
function data(): SampleBatch {
  const builder = new SampleBatchBuilder();
  const shapes: Record<string, (i: number) => number> = {
    counter: (i) => 7 * i,
    sine: (i) => Math.sin(i),
    reset: (i) => i % 9,
    steady: () => 1,
    strange: (i) => [Infinity, -0, 5e-324, -Infinity, 1e300][i % 5]!,
  };
  for (const [shape, valueAt] of Object.entries(shapes)) {
    for (const job of ['a', 'b ü"']) {
      builder.addSeries(Labels.fromRecord({ __name__: 'read_me', job, shape }));
      for (let i = 0; i < SAMPLES; i++) {
        // Not every distance is the same.
        const timeMs = START + i * STEP_MS + (shape === 'sine' ? (i * 7_919) % 5_000 : 0);
        if (shape === 'reset' && i === 20) builder.addSampleFrom(timeMs, STALE_MARKER, 0);
        else builder.addSample(timeMs, valueAt(i));
      }
    }
  }
  builder.addSeries(Labels.fromRecord({ __name__: 'read_me', zone: 'own', shape: 'one' }));
  builder.addSample(NOW, 42);
  for (const kind of ['integer', 'float']) {
    builder.addSeries(Labels.fromRecord({ __name__: 'native', kind }));
    const factor = kind === 'float' ? 1.5 : 1;
    for (let i = 0; i < SAMPLES; i++) {
      const counts = [i, 2 * i + 1, i * i, 3, 1_000_000 * i].map((count) => count * factor);
      builder.addHistogram(
        START + i * STEP_MS,
        createFloatHistogram({
          schema: 3,
          zeroThreshold: i < 0 ? 0 : 2 ** -128,
          zeroCount: i * factor,
          count: counts.reduce((sum, one) => sum + one, i * factor),
          sum: Math.exp(i / 3),
          positiveSpans: [
            { offset: -2, length: 2 },
            { offset: 900, length: 1 },
          ],
          positiveBuckets: counts.slice(0, 3),
          negativeSpans: [{ offset: 1, length: 2 }],
          negativeBuckets: counts.slice(3),
        }),
      );
    }
  }
  return builder.take();
}

async function write(url: string, batch: SampleBatch): Promise<void> {
  const message = new WriteEncoder('prometheus.WriteRequest').encode([wholeBatch(batch)]);
  const response = await fetch(`${url}/api/v1/write`, {
    method: 'POST',
    headers: { 'content-encoding': 'snappy', 'content-type': 'application/x-protobuf' },
    body: new Uint8Array(compressBlock(message)),
  });
  if (response.status >= 300) throw new Error(`${response.status}: ${await response.text()}`);
}

function post(url: string, request: ReadRequest): Promise<Response> {
  return fetch(`${url}/api/v1/read`, {
    method: 'POST',
    headers: { 'content-encoding': 'snappy', 'content-type': 'application/x-protobuf' },
    body: new Uint8Array(encodeReadRequest(request)),
  });
}

async function readChunks(url: string, ...matchers: Matcher[]): Promise<ReadChunkedSeries[]> {
  const response = await post(url, {
    queries: [{ startMs: START, endMs: NOW + 5_000, matchers }],
    accepted: ['STREAMED_XOR_CHUNKS'],
  });
  expect([response.status, response.headers.get('content-type')]).toEqual([
    200,
    'application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse',
  ]);
  const reader = new ChunkedAnswerReader();
  const found = reader.push(Buffer.from(await response.arrayBuffer()));
  reader.end();
  return found;
}

/**
 * Each chunk as a line: whose, from when to when, how encoded, which bytes. Without zeros at the end, since Prometheus
 * leaves a byte more where its last bit fills one.
 */
function described(series: readonly ReadChunkedSeries[]): string[] {
  return series.flatMap(({ labels, chunks }) =>
    chunks.map(
      ({ minMs, maxMs, encoding, data: bytes }) =>
        `${labels.toString()} ${minMs - START} ${maxMs - START} ${encoding} ${bytes.toString('hex').replace(/(00)+$/, '')}`,
    ),
  );
}

let app: NestFastifyApplication;
let engine: string;
let cleanups: (() => Promise<unknown>)[];

const readMe = new Matcher('__name__', '=', 'read_me');

async function shapesOf(...matchers: Matcher[]): Promise<unknown[]> {
  const found = await readChunks(engine, readMe, ...matchers);
  return found.map(({ labels }) => labels.get('shape'));
}

/** The series of a range query, in an order of their own. */
async function ask(url: string, query: string): Promise<unknown> {
  const parameters = new URLSearchParams({
    query,
    // No sample lies on the edge of a window: whether it belongs to it has changed in Prometheus 3.
    start: String((START + 7_003) / 1_000),
    end: String((NOW + STEP_MS) / 1_000),
    step: '15',
  });
  const answer = await getText(`${url}/api/v1/query_range?${parameters.toString()}`);
  const { data: body } = JSON.parse(answer ?? 'null') as { data: { result: object[] } };
  return body.result.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

beforeAll(async () => {
  const folder = await temporaryFolder();
  cleanups = [folder.remove];
  const configFile = join(folder.path, 'engine.yml');
  await writeFile(
    configFile,
    `external_labels: ${JSON.stringify(EXTERNAL)}\nlimits: {query: {max_samples: 1000}}\n`,
  );
  ({ app, url: engine } = await startEngine(join(folder.path, 'data'), configFile));
  cleanups.push(() => app.close());
  await write(engine, data());
});

afterAll(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});

describe('remote read', () => {
  it('answers with samples, each query with its own', async () => {
    const response = await post(engine, {
      queries: [
        { startMs: START, endMs: NOW, matchers: [readMe, new Matcher('shape', '=', 'steady')] },
        { startMs: NOW, endMs: NOW, matchers: [readMe, new Matcher('shape', '=~', 'one|counter')] },
      ],
      accepted: [],
    });
    expect([response.status, response.headers.get('content-encoding')]).toEqual([200, 'snappy']);
    const reader = new ProtobufReader(
      uncompressBlock(Buffer.from(await response.arrayBuffer()), 1 << 20),
    );
    const results = [];
    while (reader.readTag() !== 0) {
      const end = reader.readLengthEnd();
      const { batch } = new WriteV1Decoder().decode(
        Buffer.from(reader.bytes.subarray(reader.position, end)),
      );
      results.push([batch.labels.map(String), batch.sampleCount]);
      reader.position = end;
    }
    expect(results).toEqual([
      [
        [
          'read_me{job="a", region="eu", shape="steady", zone="a"}',
          'read_me{job="b ü\\"", region="eu", shape="steady", zone="a"}',
        ],
        2 * SAMPLES,
      ],
      [
        [
          'read_me{job="a", region="eu", shape="counter", zone="a"}',
          'read_me{job="b ü\\"", region="eu", shape="counter", zone="a"}',
          'read_me{region="eu", shape="one", zone="own"}',
        ],
        3,
      ],
    ]);
  });

  it('takes matchers of all kinds, and those of external labels for fulfilled', async () => {
    expect(await shapesOf(new Matcher('job', '=', ''))).toEqual(['one']);
    expect(
      await shapesOf(new Matcher('job', '!=', 'a'), new Matcher('shape', '!~', 's.*|c.*')),
    ).toEqual(['reset', 'one']);
    expect(await shapesOf(new Matcher('region', '=', 'eu'), new Matcher('job', '=~', ''))).toEqual([
      'one',
    ]);
    expect(await shapesOf(new Matcher('region', '=', 'us'))).toEqual([]);
  });

  it('counts what it answers', async () => {
    await readChunks(engine, readMe);
    expect(await getText(`${engine}/metrics`)).toMatch(
      /binnacle_remote_read_requests_total\{type="STREAMED_XOR_CHUNKS",code="200"\} \d/,
    );
  });

  it('gives up an answer whose reader has gone', async () => {
    const builder = new SampleBatchBuilder();
    for (let series = 0; series < 400; series++) {
      builder.addSeries(Labels.fromRecord({ __name__: 'long', series: String(series) }));
      for (let i = 0; i < 1_500; i++)
        builder.addSample(NOW - 1_500_000 + 1_000 * i, Math.sin(i * series));
    }
    await app.get<StoreWriter>(STORE_WRITER, { strict: false }).append(builder.take());
    const matchers = [new Matcher('__name__', '=', 'long')];
    const queries = [{ startMs: 0, endMs: NOW, matchers }];
    // More than may be answered at a time.
    for (let i = 0; i < 6; i++) {
      const response = await post(engine, { queries, accepted: ['STREAMED_XOR_CHUNKS'] });
      const reader = response.body!.getReader();
      await reader.read();
      await reader.cancel();
    }
    await untilPasses(async () => {
      const metrics = await getText(`${engine}/metrics`);
      expect(metrics).toMatch(/\nbinnacle_remote_read_requests_in_flight 0\n/);
      expect(metrics).toContain(
        'binnacle_remote_read_requests_total{type="STREAMED_XOR_CHUNKS",code="499"} 6',
      );
    });
    expect(await readChunks(engine, readMe)).not.toEqual([]);
  });

  it.each<[string, { body?: string; headers?: Record<string, string> }, number, string]>([
    ['no snappy', { body: 'f' }, 400, 'the body is not a snappy block'],
    ['gzip', { headers: { 'content-encoding': 'gzip' }, body: 'f' }, 415, 'accepted is snappy'],
    ['no body', {}, 400, ''],
  ])('refuses %s', async (_, init, status, text) => {
    const response = await fetch(`${engine}/api/v1/read`, {
      method: 'POST',
      ...init,
      headers: { 'content-type': 'application/x-protobuf', ...init.headers },
    });
    expect(response.status).toBe(status);
    expect(await response.text()).toContain(text);
  });

  it('refuses a regular expression that is none, and more samples than may be held', async () => {
    const asked = encodeReadRequest({
      queries: [{ startMs: 0, endMs: 1, matchers: [new Matcher('job', '=~', 'aaa')] }],
      accepted: [],
    });
    const body = uncompressBlock(asked, 1_000);
    body.write('(((', body.lastIndexOf('aaa'));
    const response = await fetch(`${engine}/api/v1/read`, {
      method: 'POST',
      headers: { 'content-encoding': 'snappy', 'content-type': 'application/x-protobuf' },
      body: new Uint8Array(compressBlock(body)),
    });
    expect([response.status, await response.text()]).toEqual([
      400,
      expect.stringContaining('matcher of "job"'),
    ]);
    const query = { startMs: START, endMs: NOW + 5_000, matchers: [readMe] };
    const tooMuch = await post(engine, {
      queries: Array.from({ length: 5 }, () => query),
      accepted: ['SAMPLES'],
    });
    expect([tooMuch.status, await tooMuch.text()]).toEqual([
      400,
      expect.stringContaining('exceeded sample limit (1000)'),
    ]);
  });
});

describeWithPeers('remote read with a real Prometheus', ['prometheus'], ([prometheus]) => {
  async function startPrometheus(config: string): Promise<string> {
    const folder = await temporaryFolder();
    cleanups.push(folder.remove);
    const port = await freePort();
    const configFile = join(folder.path, 'prometheus.yml');
    await writeFile(configFile, config);
    const running = startProcess(prometheus!, [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(folder.path, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--web.enable-remote-write-receiver',
      '--enable-feature=native-histograms',
    ]);
    cleanups.push(() => running.stop());
    const url = `http://127.0.0.1:${port}`;
    await eventually('Prometheus to be ready', () => getText(`${url}/-/ready`));
    return url;
  }

  it('gives the same chunks, byte for byte', async () => {
    const peer = await startPrometheus(`global: {external_labels: ${JSON.stringify(EXTERNAL)}}`);
    await write(peer, data());
    for (const name of ['read_me', 'native']) {
      const matcher = new Matcher('__name__', '=', name);
      const expected = described(await readChunks(peer, matcher));
      expect(expected.length).toBeGreaterThan(1);
      expect(described(await readChunks(engine, matcher))).toEqual(expected);
    }
  });

  it('lets a Prometheus query what the engine holds', async () => {
    const reader = await startPrometheus(
      `remote_read: [{url: "${engine}/api/v1/read", read_recent: true}]`,
    );
    for (const query of [
      'sum by (job, shape) (rate(read_me{shape!="strange"}[2m]))',
      'max by (job, shape) (max_over_time(read_me{job=~"b.*"}[1m]))',
      'count by (shape) (read_me{job!~"a",shape!="sine"})',
      'count(read_me)',
    ]) {
      const direct = await ask(engine, query);
      expect(direct).not.toEqual([]);
      expect(await ask(reader, query)).toEqual(direct);
    }
    expect(JSON.stringify(await ask(reader, 'read_me{shape="one",region="eu"}'))).toContain(
      '"region":"eu","shape":"one","zone":"own"',
    );
  });
});
