import 'reflect-metadata';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import { Labels } from '#libs/labels';
import { AppLogger } from '#libs/platform';
import { uncompressBlock, WriteV1Decoder } from '#libs/remote-write';
import { SampleBatchBuilder, STALE_MARKER } from '#libs/samples';
import { SpoolBudget } from '#libs/spool';
import { parseYamlConfig } from '#libs/yaml-config';
import { OutputMetrics } from '../../apps/collector/src/outputs/output-metrics.ts';
import { outputsConfigSchema } from '../../apps/collector/src/outputs/outputs-config.ts';
import { createRemoteWriteOutput } from '../../apps/collector/src/outputs/create-metric-output.ts';
import { Uplinks } from '../../apps/collector/src/outputs/uplinks.ts';
import { describeWithPeers } from '../support/peers.ts';
import {
  eventually,
  freePort,
  getText,
  startProcess,
  temporaryFolder,
} from '../support/processes.ts';

describeWithPeers('remote write with a real Prometheus', ['prometheus'], ([prometheus]) => {
  const cleanups: (() => Promise<unknown>)[] = [];

  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  });

  /** @returns its URL once it is ready */
  async function startPrometheus(config: string): Promise<string> {
    const folder = await temporaryFolder();
    cleanups.push(folder.remove);
    const port = await freePort();
    const configFile = join(folder.path, 'prometheus.yml');
    await writeFile(configFile, config.replaceAll('PORT', String(port)));
    const running = startProcess(prometheus!, [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(folder.path, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--web.enable-remote-write-receiver',
    ]);
    cleanups.push(() => running.stop());
    const url = `http://127.0.0.1:${port}`;
    await eventually('Prometheus to be ready', () => getText(`${url}/-/ready`));
    return url;
  }

  it('takes what the collector sends, stale markers included', async () => {
    const url = await startPrometheus('{}');
    const text = `remote_write: [{url: "${url}/api/v1/write", queue_config: {batch_send_deadline: 10ms}}]`;
    const [config] = parseYamlConfig(text, outputsConfigSchema, { file: 'test' }).remote_write;
    const output = createRemoteWriteOutput(config!, {
      budget: new SpoolBudget(),
      uplinks: new Uplinks(),
      spoolsFolder: null,
      released: () => Promise.resolve(),
      baseDir: '.',
      userAgent: 'test',
      metrics: new OutputMetrics(new Registry()),
      logger: AppLogger.create({ app: 'test', level: 'silent' }),
    });
    output.start();
    cleanups.push(() => output.close(0));
    const labels = Labels.fromRecord({ __name__: 'sent', ünïcode: '', text: 'ä "quoted"\n' });
    const query = `${url}/api/v1/query?query=${encodeURIComponent('sent')}`;
    const builder = new SampleBatchBuilder();
    builder.addSeries(labels);
    builder.addSample(Date.now() - 1_000, 1.5);
    output.push(builder.take());
    const answer = await eventually('the sample', async () => {
      const body = await getText(query);
      return body?.includes('1.5') === true ? body : null;
    });
    expect(JSON.parse(answer)).toMatchObject({
      data: { result: [{ metric: { text: 'ä "quoted"\n' } }] },
    });
    builder.addSeries(labels);
    builder.addSampleFrom(Date.now(), STALE_MARKER, 0);
    output.push(builder.take());
    await eventually('the series to be gone', async () =>
      (await getText(query))?.includes('"result":[]') === true ? true : null,
    );
  });

  it('sends what can be read', async () => {
    const decoder = new WriteV1Decoder();
    const received = new Map<string, number>();
    const types = new Set<string | undefined>();
    const receiver = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        types.add(request.headers['content-type']);
        const decoded = decoder.decode(uncompressBlock(Buffer.concat(parts), 1 << 25));
        decoded.batch.labels.forEach((labels, i) => {
          received.set(labels.toString(), decoded.batch.values[decoded.batch.firstSample[i]!]!);
        });
        for (const { family, type } of decoded.metadata)
          received.set(`metadata of ${family}`, type);
        if (decoded.firstRejection !== null) received.set(decoded.firstRejection, Number.NaN);
        response.writeHead(204).end();
      });
    });
    receiver.listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    cleanups.push(async () => {
      receiver.closeAllConnections();
      receiver.close();
    });
    const { port } = receiver.address() as AddressInfo;
    await startPrometheus(`
global: {scrape_interval: 1s, external_labels: {cluster: test}}
scrape_configs: [{job_name: self, static_configs: [{targets: ["127.0.0.1:PORT"]}]}]
remote_write:
  - url: http://127.0.0.1:${port}/api/v1/write
    queue_config: {batch_send_deadline: 100ms}
    metadata_config: {send_interval: 1s}
`);
    await eventually('up and its metadata', () =>
      [...received].some(([key, value]) => key.startsWith('up{') && value === 1) &&
      received.has('metadata of go_goroutines')
        ? true
        : null,
    );
    const up = [...received].find(([key]) => key.startsWith('up{'))!;
    expect(up[0]).toMatch(/^up\{cluster="test", instance="127\.0\.0\.1:\d+", job="self"\}$/);
    expect(received.get('metadata of go_goroutines')).toBe(2);
    expect([...types]).toEqual(['application/x-protobuf']);
    expect([...received.keys()].filter((key) => key.includes('invalid'))).toEqual([]);
  });
});
