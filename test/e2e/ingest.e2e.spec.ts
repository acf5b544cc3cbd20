import 'reflect-metadata';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, it } from '@jest/globals';
import { Labels, Matcher } from '#libs/labels';
import { compressBlock, wholeBatch, WriteEncoder } from '#libs/remote-write';
import { SampleBatchBuilder } from '#libs/samples';
import { STORE, type Store } from '../../apps/alert-engine/src/store/store.ts';
import { type Engine, startEngine } from '../support/engine.ts';
import { describeWithPeers } from '../support/peers.ts';
import {
  eventually,
  freePort,
  getText,
  startProcess,
  temporaryFolder,
} from '../support/processes.ts';

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function start(dataDir: string): Promise<Engine> {
  const engine = await startEngine(dataDir);
  cleanups.push(() => engine.app.close());
  return engine;
}

it('what the engine has acknowledged is there after it was started again', async () => {
  const folder = await temporaryFolder();
  cleanups.push(folder.remove);
  const first = await start(folder.path);
  const builder = new SampleBatchBuilder();
  builder.addSeries(Labels.fromRecord({ __name__: 'ingest_probe', job: 'test' }));
  const nowMs = Date.now();
  builder.addSample(nowMs, 42);
  const message = new WriteEncoder('prometheus.WriteRequest').encode([wholeBatch(builder.take())]);
  const response = await fetch(`${first.url}/api/v1/write`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' },
    body: new Uint8Array(compressBlock(message)),
  });
  expect(response.status).toBe(204);
  await first.app.close();
  const second = await start(folder.path);
  const store = second.app.get<Store>(STORE, { strict: false });
  const found = await store.series([new Matcher('__name__', '=', 'ingest_probe')], nowMs, nowMs);
  expect(found.map(String)).toEqual(['ingest_probe{job="test"}']);
});

it('takes what `promtool push metrics` sends', async () => {
  const folder = await temporaryFolder();
  cleanups.push(folder.remove);
  const { url } = await start(folder.path);
  const nowMs = Date.now();
  // A histogram's parts are series of their own; all metadata comes at the end; the parts have one timestamp.
  const body = compressBlock(
    Buffer.concat([
      pushedSeries({ __name__: 'demo_total', code: '200', job: 'promtool' }, nowMs, 7),
      pushedSeries({ __name__: 'demo_seconds_bucket', job: 'promtool', le: '+Inf' }, nowMs, 4),
      pushedSeries({ __name__: 'demo_seconds_sum', job: 'promtool' }, nowMs, 3.5),
      pushedSeries({ __name__: 'demo_seconds_count', job: 'promtool' }, nowMs, 4),
      field(3, Buffer.concat([varint(1, 3), field(2, 'demo_seconds'), field(4, 'Time taken.')])),
      field(3, Buffer.concat([varint(1, 1), field(2, 'demo_total')])),
      field(3, field(2, 'demo_untyped')),
    ]),
  );
  // Pushed again, as by a user who is not sure, it is the same.
  for (let i = 0; i < 2; i++) {
    const response = await fetch(`${url}/api/v1/write`, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-protobuf',
        'content-encoding': 'snappy',
        'x-prometheus-remote-write-version': '0.1.0',
      },
      body: new Uint8Array(body),
    });
    expect([response.status, await response.text()]).toEqual([204, '']);
  }
  const query = encodeURIComponent('sum by (__name__) ({job="promtool"})');
  const answer = (await getText(`${url}/api/v1/query?query=${query}`)) ?? '';
  expect(answer.match(/"value"/g)).toHaveLength(4);
  expect(JSON.parse((await getText(`${url}/api/v1/metadata`)) ?? '')).toMatchObject({
    data: {
      demo_seconds: [{ type: 'histogram', help: 'Time taken.', unit: '' }],
      demo_total: [{ type: 'counter', help: '', unit: '' }],
      demo_untyped: [{ type: 'unknown', help: '', unit: '' }],
    },
  });
});

/** A `TimeSeries` of remote write 1.0 with one sample. */
function pushedSeries(
  labels: Readonly<Record<string, string>>,
  timeMs: number,
  value: number,
): Buffer {
  const written = Object.entries(labels).map(([name, text]) =>
    field(1, Buffer.concat([field(1, name), field(2, text)])),
  );
  const sample = Buffer.concat([double(1, value), varint(2, timeMs)]);
  return field(1, Buffer.concat([...written, field(2, sample)]));
}

describeWithPeers('a real Prometheus', ['prometheus'], ([prometheus]) => {
  it('writes to the engine without a sample being refused', async () => {
    const folder = await temporaryFolder();
    cleanups.push(folder.remove);
    const { app, url } = await start(join(folder.path, 'engine'));
    const port = await freePort();
    const configFile = join(folder.path, 'prometheus.yml');
    await writeFile(
      configFile,
      `global: {scrape_interval: 1s}
scrape_configs: [{job_name: self, static_configs: [{targets: ["127.0.0.1:${port}"]}]}]
remote_write: [{url: ${url}/api/v1/write, queue_config: {batch_send_deadline: 100ms}}]
`,
    );
    const running = startProcess(prometheus!, [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(folder.path, 'prometheus')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ]);
    cleanups.push(() => running.stop());
    const store = app.get<Store>(STORE, { strict: false });
    const up = [new Matcher('__name__', '=', 'up')];
    await eventually('up to be stored', async () => {
      const found = await store.series(up, 0, Number.MAX_SAFE_INTEGER);
      return found.length > 0 ? true : null;
    });
    // A sample can be queried some milliseconds before it is on disk and counted.
    const metrics = await eventually('samples to be counted', async () => {
      const text = (await getText(`${url}/metrics`)) ?? '';
      return /^binnacle_ingest_samples_total\{.*\} [1-9]/m.test(text) ? text : null;
    });
    expect(metrics).not.toMatch(/^binnacle_ingest_rejected_samples_total\{.*\} [1-9]/m);
    expect(metrics).not.toMatch(/^binnacle_ingest_requests_total\{.*code="(?!204)/m);
  });

  it('scrapes what is federated', async () => {
    const folder = await temporaryFolder();
    cleanups.push(folder.remove);
    const { url } = await start(join(folder.path, 'engine'));
    const builder = new SampleBatchBuilder();
    builder.addSeries(Labels.fromRecord({ __name__: 'federated', job: 'inner', text: 'a "b"' }));
    builder.addSample(Date.now(), 42.5);
    const message = new WriteEncoder('prometheus.WriteRequest').encode([
      wholeBatch(builder.take()),
    ]);
    await fetch(`${url}/api/v1/write`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' },
      body: new Uint8Array(compressBlock(message)),
    });
    const port = await freePort();
    const configFile = join(folder.path, 'prometheus.yml');
    await writeFile(
      configFile,
      `global: {scrape_interval: 1s}
scrape_configs:
  - job_name: outer
    honor_labels: true
    metrics_path: /federate
    params: {"match[]": ['{job="inner"}']}
    static_configs: [{targets: ["${new URL(url).host}"]}]
`,
    );
    const running = startProcess(prometheus!, [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(folder.path, 'prometheus')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ]);
    cleanups.push(() => running.stop());
    const answer = await eventually('the sample to be scraped', async () => {
      const text = await getText(`http://127.0.0.1:${port}/api/v1/query?query=federated`);
      return text?.includes('42.5') === true ? text : null;
    });
    expect(JSON.parse(answer)).toMatchObject({
      data: {
        result: [{ metric: { __name__: 'federated', job: 'inner', text: 'a "b"' } }],
      },
    });
  });

  it('hands its exemplars and metadata on', async () => {
    const folder = await temporaryFolder();
    cleanups.push(folder.remove);
    const { url } = await start(join(folder.path, 'engine'));
    let count = 0;
    const target = createServer((_, response) => {
      count++;
      response.setHeader('content-type', 'application/openmetrics-text; version=1.0.0');
      response.end(
        '# TYPE demo_requests counter\n# HELP demo_requests Requests answered.\n' +
          `demo_requests_total{code="200"} ${count} # {trace_id="t${count}"} 0.25\n# EOF\n`,
      );
    });
    target.listen(0, '127.0.0.1');
    await once(target, 'listening');
    cleanups.push(async () => {
      target.closeAllConnections();
      target.close();
    });
    const { port: targetPort } = target.address() as AddressInfo;
    const port = await freePort();
    const configFile = join(folder.path, 'prometheus.yml');
    await writeFile(
      configFile,
      `global: {scrape_interval: 1s}
scrape_configs: [{job_name: demo, static_configs: [{targets: ["127.0.0.1:${targetPort}"]}]}]
remote_write:
  - url: ${url}/api/v1/write
    send_exemplars: true
    queue_config: {batch_send_deadline: 100ms}
    metadata_config: {send_interval: 1s}
`,
    );
    const running = startProcess(prometheus!, [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(folder.path, 'prometheus')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--enable-feature=exemplar-storage',
    ]);
    cleanups.push(() => running.stop());
    const query = encodeURIComponent('rate(demo_requests_total{code="200"}[5m]) > 0');
    const exemplars = await eventually('exemplars', async () => {
      const text = await getText(`${url}/api/v1/query_exemplars?query=${query}`);
      return text?.includes('trace_id') === true ? text : null;
    });
    const { data } = JSON.parse(exemplars) as {
      data: { seriesLabels: object; exemplars: { labels: object; value: string }[] }[];
    };
    expect(data.map(({ seriesLabels }) => seriesLabels)).toMatchObject([
      { __name__: 'demo_requests_total', code: '200', job: 'demo' },
    ]);
    // Every scrape brings one more; it hands on those that it has read since it began to.
    for (const { labels, value } of data[0]!.exemplars) {
      expect([labels, value]).toEqual([{ trace_id: expect.stringMatching(/^t\d+$/) }, '0.25']);
    }
    const metadata = await eventually('metadata', async () => {
      const text = await getText(`${url}/api/v1/metadata?metric=demo_requests`);
      return text?.includes('Requests') === true ? text : null;
    });
    expect(JSON.parse(metadata)).toEqual({
      status: 'success',
      data: { demo_requests: [{ type: 'counter', help: 'Requests answered.', unit: '' }] },
    });
  });

  it('hands its native histograms on, and queries agree with its own', async () => {
    const folder = await temporaryFolder();
    cleanups.push(folder.remove);
    const { url } = await start(join(folder.path, 'engine'));
    let scrapes = 0;
    const target = createServer((_, response) => {
      scrapes++;
      response.setHeader(
        'content-type',
        'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited',
      );
      response.end(histogramFamily(scrapes));
    });
    target.listen(0, '127.0.0.1');
    await once(target, 'listening');
    cleanups.push(async () => {
      target.closeAllConnections();
      target.close();
    });
    const { port: targetPort } = target.address() as AddressInfo;
    const port = await freePort();
    const configFile = join(folder.path, 'prometheus.yml');
    await writeFile(
      configFile,
      `global: {scrape_interval: 1s}
scrape_configs: [{job_name: demo, static_configs: [{targets: ["127.0.0.1:${targetPort}"]}]}]
remote_write:
  - url: ${url}/api/v1/write
    send_native_histograms: true
    queue_config: {batch_send_deadline: 100ms}
`,
    );
    const running = startProcess(prometheus!, [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(folder.path, 'prometheus')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--enable-feature=native-histograms',
    ]);
    cleanups.push(() => running.stop());
    // Quantiles differ: Prometheus 3 interpolates in another way than 2.42.
    const query = encodeURIComponent(
      'histogram_count(demo_seconds) * 1000 + histogram_sum(demo_seconds)',
    );
    await eventually('histograms to be stored', async () => {
      const text = await getText(`${url}/api/v1/query?query=${query}`);
      return text?.includes('"value"') === true ? text : null;
    });
    // A time at which both have everything.
    const time = Date.now() / 1_000;
    const answers = await eventually('the next histogram', async () => {
      const later = await getText(`${url}/api/v1/query?query=timestamp(demo_seconds)`);
      const seconds = Number(/"value":\[[^,]*,"([^"]*)"/.exec(later ?? '')?.[1] ?? 0);
      if (seconds <= time) return null;
      return Promise.all(
        [url, `http://127.0.0.1:${port}`].map((base) =>
          getText(`${base}/api/v1/query?query=${query}&time=${time}`),
        ),
      );
    });
    const [ours, theirs] = answers.map((text) => JSON.parse(text ?? '') as { data: unknown });
    expect(ours!.data).toEqual(theirs!.data);
    expect(JSON.stringify(ours)).toContain('"job":"demo"');
  });
});

function field(number: number, content: Buffer | string): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes]);
}

function varint(number: number, value: number): Buffer {
  const bytes = [number * 8];
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) | 0x80);
  return Buffer.from([...bytes, left]);
}

function double(number: number, value: number): Buffer {
  const bytes = Buffer.alloc(9);
  bytes[0] = number * 8 + 1;
  bytes.writeDoubleLE(value, 1);
  return bytes;
}

/** `io.prometheus.client.MetricFamily` with one native histogram that grows with `n`, after its length. */
function histogramFamily(n: number): Buffer {
  // Three buckets with n, 2n and n observations; deltas in zigzag.
  const histogram = Buffer.concat([
    varint(1, 4 * n),
    double(2, 1.5 * n),
    varint(5, 2 * 3),
    double(6, 0.001),
    varint(7, 0),
    field(12, Buffer.concat([varint(1, 0), varint(2, 3)])),
    varint(13, 2 * n),
    varint(13, 2 * n),
    varint(13, 2 * n - 1),
  ]);
  const family = Buffer.concat([
    field(1, 'demo_seconds'),
    field(2, 'Durations.'),
    varint(3, 4),
    field(4, field(7, histogram)),
  ]);
  return Buffer.concat([Buffer.from([family.length]), family]);
}
