import 'reflect-metadata';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppLogger, listen, ReloadService } from '#libs/platform';
import { uncompressBlock, WriteV1Decoder } from '#libs/remote-write';
import { isStaleMarker } from '#libs/samples';
import { createApp } from '../../apps/collector/src/app.ts';
import { eventually, getText } from '../support/processes.ts';

let folder: string;
let receiver: Server;
let app: NestFastifyApplication | null = null;
/** Every value of each series that reached the receiver, in order; `~` for a stale marker. */
const seen = new Map<string, string[]>();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'binnacle-probes-'));
  const decoder = new WriteV1Decoder();
  receiver = createServer((request, response) => {
    if (request.method === 'GET') {
      response.end('all is well');
      return;
    }
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { batch } = decoder.decode(uncompressBlock(Buffer.concat(parts), 1 << 24));
      batch.labels.forEach((labels, series) => {
        for (let i = batch.firstSample[series]!; i < batch.firstSample[series + 1]!; i++) {
          const values = seen.get(labels.toString()) ?? [];
          values.push(isStaleMarker(batch.values, i) ? '~' : String(batch.values[i]));
          seen.set(labels.toString(), values);
        }
      });
      response.writeHead(204).end();
    });
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
});

afterEach(async () => {
  await app?.close();
  receiver.closeAllConnections();
  receiver.close();
  await rm(folder, { recursive: true });
});

async function until(holds: () => boolean): Promise<void> {
  for (const end = Date.now() + 90_000; !holds() && Date.now() < end;) {
    await new Promise((resolve) => {
      setTimeout(resolve, 25);
    });
  }
  expect({ holds: holds(), seen: holds() ? null : [...seen] }).toEqual({ holds: true, seen: null });
}

it('a collector probes, tells how it went and why, follows a reload and ends all series', async () => {
  const { port } = receiver.address() as AddressInfo;
  const configFile = join(folder, 'collector.yml');
  const outputs = `outputs: {remote_write: [{url: "http://127.0.0.1:${port}/w", queue_config: {batch_send_deadline: 20ms}}]}\n`;
  const web = `  - {name: web, module: http, target: "http://127.0.0.1:${port}/", interval: 500ms, labels: {team: x}, http: {fail_if_body_not_matches_regexp: [well]}}\n`;
  const db = '  - {name: db, module: tcp, target: "127.0.0.1:1", interval: 500ms}\n';
  await writeFile(configFile, `${outputs}scrape_configs: []\nprobes:\n${web}${db}`);
  const address = { host: '127.0.0.1', port: 0 };
  app = await createApp(
    { configFile, dataDir: folder, listen: address, logLevel: 'silent' },
    {},
    AppLogger.create({ app: 'test', level: 'silent' }),
  );
  const own = await listen(app, address);
  const webLabels = `instance="http://127.0.0.1:${port}/", job="web", module="http", target="http://127.0.0.1:${port}/", team="x"`;
  const dbLabels = 'instance="127.0.0.1:1", job="db", module="tcp", target="127.0.0.1:1"';
  const last = (series: string) => seen.get(series)?.at(-1);
  await until(
    () => last(`probe_success{${webLabels}}`) === '1' && last(`probe_success{${dbLabels}}`) === '0',
  );
  // On a busy machine a probe may run out of time now and then; the next one tells.
  await until(() => last(`probe_http_status_code{${webLabels}}`) === '200');
  await eventually('the probes to be shown as they are', async () => {
    const answer = await fetch(`http://127.0.0.1:${own.port}/api/v1/probes`);
    expect(await answer.json()).toMatchObject({
      status: 'success',
      data: {
        probes: [
          { name: 'web', health: 'up', failure: null, failuresInARow: 0 },
          {
            name: 'db',
            health: 'down',
            failure: { code: 'connect', message: 'connection refused' },
          },
        ],
      },
    });
    return true;
  });
  const counter = /binnacle_collector_probes_total\{probe="db",module="tcp",result="connect"\} \d/;
  await eventually('the failures to be counted', async () => {
    const page = (await getText(`http://127.0.0.1:${own.port}/metrics`)) ?? '';
    return counter.test(page) ? true : null;
  });

  await writeFile(configFile, `${outputs}scrape_configs: []\nprobes:\n${web}`);
  await app.get(ReloadService).reload();
  await until(() => last(`probe_success{${dbLabels}}`) === '~');
  const before = seen.get(`probe_success{${webLabels}}`)!.length;
  await until(() => seen.get(`probe_success{${webLabels}}`)!.length > before);
  expect(seen.get(`probe_success{${webLabels}}`)).not.toContain('~');

  await app.close();
  expect(last(`probe_success{${webLabels}}`)).toBe('~');
});
