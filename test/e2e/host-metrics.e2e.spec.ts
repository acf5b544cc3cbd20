import 'reflect-metadata';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import type { Labels } from '#libs/labels';
import { AppLogger, listen } from '#libs/platform';
import { uncompressBlock, WriteV1Decoder } from '#libs/remote-write';
import { isStaleMarker } from '#libs/samples';
import { createApp } from '../../apps/collector/src/app.ts';
import { eventually, getText } from '../support/processes.ts';

it('the collector sends this machine’s metrics, and says when they end', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'binnacle-host-'));
  const values = new Map<string, Labels>();
  const stale = new Set<string>();
  const decoder = new WriteV1Decoder();
  const receiver = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { batch } = decoder.decode(uncompressBlock(Buffer.concat(parts), 1 << 24));
      batch.labels.forEach((labels, row) => {
        values.set(labels.toString(), labels);
        if (isStaleMarker(batch.values, batch.firstSample[row]!)) stale.add(labels.toString());
      });
      response.writeHead(204).end();
    });
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const { port } = receiver.address() as AddressInfo;
  const configFile = join(folder, 'collector.yml');
  writeFileSync(
    configFile,
    `scrape_configs: []
outputs: {remote_write: [{url: "http://127.0.0.1:${port}/", queue_config: {batch_send_deadline: 1h}}]}
`,
  );
  const options = {
    configFile,
    dataDir: folder,
    listen: { host: '127.0.0.1', port: 0 },
    logLevel: 'silent',
  } as const;
  const logger = AppLogger.create({ app: 'test', level: 'silent' });
  const app = await createApp(options, { NODE_NAME: 'node-7' }, logger);
  const address = await listen(app, options.listen);
  await eventually('a collection to be counted', async () => {
    const metrics = (await getText(`http://127.0.0.1:${address.port}/metrics`)) ?? '';
    return /^binnacle_host_metrics_collections_total [1-9]/m.test(metrics) ? true : null;
  });
  await app.close();
  receiver.closeAllConnections();
  receiver.close();
  rmSync(folder, { recursive: true });

  const host = 'instance="node-7", job="node-exporter"';
  expect(stale).toContain(`node_load1{${host}}`);
  expect(stale).toContain(`up{${host}}`);
  const cpus = [...values.values()].filter(
    (labels) => labels.metricName === 'node_cpu_seconds_total',
  );
  expect(cpus.length).toBeGreaterThanOrEqual(8);
  expect(values.size).toBeGreaterThan(200);
});
