import 'reflect-metadata';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Labels } from '#libs/labels';
import { AppLogger, listen } from '#libs/platform';
import { uncompressBlock, WriteV1Decoder } from '#libs/remote-write';
import { SampleBatchBuilder } from '#libs/samples';
import { createApp } from '../../apps/collector/src/app.ts';
import { METRIC_SINK, type MetricSink } from '../../apps/collector/src/outputs/metric-sink.ts';

let folder: string;
let receiver: Server;
const received: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'binnacle-outputs-'));
  const decoder = new WriteV1Decoder();
  receiver = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { batch } = decoder.decode(uncompressBlock(Buffer.concat(parts), 1 << 20));
      batch.labels.forEach((labels, i) => received.push(`${labels.toString()} ${batch.values[i]}`));
      response.writeHead(204).end();
    });
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
});

afterAll(async () => {
  receiver.closeAllConnections();
  receiver.close();
  await rm(folder, { recursive: true });
});

it('the collector sends what is pushed with its external labels, and the rest when it stops', async () => {
  const { port } = receiver.address() as AddressInfo;
  const configFile = join(folder, 'collector.yml');
  await writeFile(
    configFile,
    `external_labels: {cluster: test, job: never}
outputs:
  remote_write:
    - url: http://127.0.0.1:${port}/api/v1/write
      queue_config: {batch_send_deadline: 1h}
`,
  );
  const app = await createApp(
    { configFile, dataDir: folder, listen: { host: '127.0.0.1', port: 0 }, logLevel: 'silent' },
    { NODE_NAME: 'n7' },
    AppLogger.create({ app: 'test', level: 'silent' }),
  );
  const address = await listen(app, { host: '127.0.0.1', port: 0 });
  const own = await fetch(`http://127.0.0.1:${address.port}/metrics`);
  expect(await own.text()).toMatch(
    /^binnacle_collector_heartbeat_timestamp_seconds\{node="n7"\} \d{10}/m,
  );
  const builder = new SampleBatchBuilder();
  builder.addSeries(Labels.fromRecord({ __name__: 'outputs_probe', job: 'node' }));
  builder.addSample(Date.now(), 42);
  app.get<MetricSink>(METRIC_SINK, { strict: false }).push(builder.take());
  const metrics = await fetch(`http://127.0.0.1:${address.port}/metrics`).then((r) => r.text());
  expect(metrics).toMatch(/binnacle_output_queued\{output="http:[^"]*",kind="metrics"\} [1-9]/);
  await app.close();
  expect(received).toContain('outputs_probe{cluster="test", job="node"} 42');
});
