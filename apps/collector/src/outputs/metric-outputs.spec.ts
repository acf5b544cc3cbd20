import 'reflect-metadata';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import { Labels } from '#libs/labels';
import { AppLogger, ReloadService } from '#libs/platform';
import { uncompressBlock, WriteV1Decoder } from '#libs/remote-write';
import { type SampleBatch, SampleBatchBuilder } from '#libs/samples';
import { parseYamlConfig } from '#libs/yaml-config';
import { type CollectorConfig, collectorConfigSchema } from '../config/collector-config.ts';
import { MetricOutputs, type OutputSections } from './metric-outputs.ts';
import { OutputMetrics } from './output-metrics.ts';
import { SpoolDisk } from './spool-disk.ts';
import { Uplinks } from './uplinks.ts';

let server: Server;
let base: string;
/** Path and series of each sample received, in order. */
let received: string[];
let outputs: MetricOutputs;
let folder: string;
const logger = AppLogger.create({ app: 'test', level: 'silent' });

beforeEach(async () => {
  received = [];
  folder = mkdtempSync(join(tmpdir(), 'binnacle-outputs-'));
  const decoder = new WriteV1Decoder();
  server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      if (request.url === '/hangs') return;
      const { batch } = decoder.decode(uncompressBlock(Buffer.concat(parts), 1 << 20));
      for (const labels of batch.labels) received.push(`${request.url} ${labels.toString()}`);
      response.writeHead(204).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  await outputs.onApplicationShutdown();
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
});

function configOf(text: string): OutputSections {
  return parseYamlConfig(text, collectorConfigSchema, { file: 'collector.yml' });
}

function create(text: string): MetricOutputs {
  const config = configOf(text);
  const registry = new Registry();
  const reload = new ReloadService<CollectorConfig>({
    readConfig: () => Promise.reject(new Error('not asked for here')),
    findConfigFiles: async () => [],
    registry,
    logger,
    nowMs: Date.now,
    metricPrefix: 'test',
  });
  const options = {
    configFile: null,
    dataDir: folder,
    listen: { host: '', port: 0 },
    logLevel: 'silent',
  } as const;
  const disk = new SpoolDisk(
    { limits: collectorConfigSchema.parse({}).limits },
    options,
    registry,
    reload,
    logger,
  );
  const metrics = new OutputMetrics(registry);
  outputs = new MetricOutputs(config, options, metrics, logger, reload, disk, new Uplinks());
  return outputs;
}

function batchOf(record: Record<string, string>): SampleBatch {
  const builder = new SampleBatchBuilder();
  builder.addSeries(Labels.fromRecord(record));
  builder.addSample(1, 1);
  return builder.take();
}

async function untilReceived(line: string): Promise<void> {
  const endMs = Date.now() + 60_000;
  while (!received.includes(line)) {
    if (Date.now() > endMs) throw new Error(`not received within 60 s: ${line}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Nothing is sent before its hour has come or the output closes. */
function output(path: string, extra = ''): string {
  return `{url: "${base}${path}", ${extra} queue_config: {batch_send_deadline: 1h}}`;
}

describe('MetricOutputs', () => {
  it('hands every batch to every output, with external labels that give way to the series’ own', async () => {
    create(
      `{external_labels: {cluster: c, job: x}, outputs: {remote_write: [${output('/a')}, ${output('/b')}]}}`,
    );
    outputs.push(batchOf({ __name__: 'up', job: 'node' }));
    outputs.onApplicationBootstrap();
    await outputs.onApplicationShutdown();
    expect(received.toSorted()).toEqual([
      '/a up{cluster="c", job="node"}',
      '/b up{cluster="c", job="node"}',
    ]);
  });
  it('keeps what waits for an output that stays as it is, and sends what waits for one that goes', async () => {
    create(`{outputs: {remote_write: [${output('/stays')}, ${output('/goes')}]}}`);
    outputs.onApplicationBootstrap();
    outputs.push(batchOf({ __name__: 'before' }));
    const commit = await outputs.prepare(
      configOf(`{outputs: {remote_write: [${output('/comes')}, ${output('/stays')}]}}`),
    );
    commit();
    outputs.push(batchOf({ __name__: 'after' }));
    await outputs.onApplicationShutdown();
    expect(received.toSorted()).toEqual([
      '/comes after',
      '/goes before',
      '/stays after',
      '/stays before',
    ]);
  });
  it('takes a changed secret for a changed output', async () => {
    create(`{outputs: {remote_write: [${output('/a', 'headers: {X: one},')}]}}`);
    outputs.onApplicationBootstrap();
    outputs.push(batchOf({ __name__: 'before' }));
    const commit = await outputs.prepare(
      configOf(`{outputs: {remote_write: [${output('/a', 'headers: {X: two},')}]}}`),
    );
    commit();
    await outputs.onApplicationShutdown();
    expect(received).toEqual(['/a before']);
  });
  it('changes nothing when the new configuration is not taken', async () => {
    create(`{outputs: {remote_write: [${output('/a')}]}}`);
    await outputs.prepare(configOf(`{outputs: {remote_write: [${output('/b')}]}}`));
    outputs.push(batchOf({ __name__: 'up' }));
    outputs.onApplicationBootstrap();
    await outputs.onApplicationShutdown();
    expect(received).toEqual(['/a up']);
  });
  it('delays no output for one that hangs', async () => {
    create(
      `{outputs: {remote_write: [{url: "${base}/hangs", queue_config: {batch_send_deadline: 1ms}}, {url: "${base}/a", queue_config: {batch_send_deadline: 1ms}}]}}`,
    );
    outputs.onApplicationBootstrap();
    for (let i = 0; i < 5; i++) {
      outputs.push(batchOf({ __name__: `m${i}` }));
      await untilReceived(`/a m${i}`);
    }
    expect(received).toHaveLength(5);
  });
  it('stops before it was started, and twice', async () => {
    create('');
    await outputs.onApplicationShutdown();
    await outputs.onApplicationShutdown();
    expect(received).toEqual([]);
  });
});
