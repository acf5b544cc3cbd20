import { once } from 'node:events';
import { readdir, stat, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Labels } from '#libs/labels';
import {
  compressBlock,
  uncompressBlock,
  wholeBatch,
  WriteEncoder,
  WriteV1Decoder,
} from '#libs/remote-write';
import { type SampleBatch, SampleBatchBuilder } from '#libs/samples';
import { SampleLedger, type SeriesSamples } from '../faults/sample-ledger.ts';
import { type BuiltApp, startBuiltApp } from '../support/built-app.ts';
import { eventually, getText, temporaryFolder } from '../support/processes.ts';

/*
 * Both end themselves with 1 when their time is up, so that an exit code of 0 says that it was enough. What is more here
 * is for a machine too busy to tell of the end.
 */
const COLLECTOR_GRACE_MS = 10_000 + 20_000;
const ENGINE_GRACE_MS = 15_000 + 20_000;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let apps: BuiltApp[] = [];
let servers: Server[] = [];
let connections: { destroy(): unknown }[] = [];

beforeEach(async () => {
  folder = await temporaryFolder();
});

afterEach(async () => {
  for (const connection of connections) connection.destroy();
  for (const app of apps) await app.process.stop('SIGKILL');
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  [apps, servers, connections] = [[], [], []];
  await folder.remove();
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function start(app: 'alert-engine' | 'collector', config: string): Promise<BuiltApp> {
  const file = join(folder.path, `${app}.yml`);
  await writeFile(file, config);
  const running = await startBuiltApp(app, file, join(folder.path, app));
  apps.push(running);
  return running;
}

/** A client that sends the beginning of a request and then nothing, and never hangs up. */
async function openHalf({ url }: BuiltApp): Promise<void> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  socket.on('error', () => {});
  connections.push(socket);
  await once(socket, 'connect');
  socket.write('POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf');
}

async function terminated({ process }: BuiltApp): Promise<{ code: number | null; tookMs: number }> {
  const startedMs = performance.now();
  const code = await process.stop('SIGTERM');
  return { code, tookMs: performance.now() - startedMs };
}

async function reloadSucceeded({ url }: BuiltApp): Promise<string | null> {
  const metrics = await getText(`${url}/metrics`);
  return /^\w+_config_last_reload_successful (\d)$/m.exec(metrics ?? '')?.[1] ?? null;
}

describe('the collector', () => {
  /** The values of `scrape_number` that were served whole, and those that arrived. */
  let served: number[];
  let arrived: Set<number>;
  /** Scrapes that a busy machine let run out of time, as `up` tells. */
  let failedScrapes: number;
  let target: string;

  beforeEach(async () => {
    served = [];
    arrived = new Set();
    failedScrapes = 0;
    let next = 1;
    const ballast = Array.from({ length: 2_000 }, (_, i) => `ballast{i="${i}"} ${i}\n`).join('');
    target = await serve((_request, response) => {
      const number = next++;
      response.setHeader('content-type', 'text/plain; version=0.0.4');
      response.end(`scrape_number ${number}\n${ballast}`, () => served.push(number));
    });
  });

  function takeWrites(delayMs: number): Promise<string> {
    const decoder = new WriteV1Decoder();
    const upSeries = `up{instance="${target}", job="load"}`;
    return serve((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const { batch } = decoder.decode(uncompressBlock(Buffer.concat(parts), 1 << 26));
        batch.labels.forEach((labels, series) => {
          const end = batch.firstSample[series + 1]!;
          for (let i = batch.firstSample[series]!; i < end; i++) {
            if (labels.metricName === 'scrape_number') arrived.add(batch.values[i]!);
            if (labels.toString() === upSeries && batch.values[i] === 0) failedScrapes++;
          }
        });
        setTimeout(() => response.writeHead(204).end(), delayMs);
      });
    });
  }

  function configOf(receiver: string, queue: string, more = ''): string {
    return (
      `scrape_configs:\n- job_name: load\n  scrape_interval: 1s\n  scrape_timeout: 1s\n` +
      `  static_configs: [{targets: ["${target}"]}]\n` +
      `outputs: {remote_write: [{url: "http://${receiver}/w", ${more}queue_config: ${queue}}]}\n`
    );
  }

  it('delivers what it has scraped when it is told to stop, whatever clients hold open', async () => {
    // Nothing is sent before the stop but full batches, so most of what was scraped is still in the queue then.
    const receiver = await takeWrites(50);
    const queue = '{batch_send_deadline: 1h, max_samples_per_send: 5000}';
    const collector = await start('collector', configOf(receiver, queue));
    await openHalf(collector);
    await eventually('ten scrapes', () => (served.length >= 10 ? true : null));
    // What was served is not scraped yet; one interval later it is.
    const scraped = [...served];
    await eventually('one scrape more', () => (served.length > scraped.length ? true : null));
    const { code, tookMs } = await terminated(collector);
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(COLLECTOR_GRACE_MS);
    const missing = scraped.filter((number) => !arrived.has(number));
    expect(missing.slice(failedScrapes)).toEqual([]);
  });

  it.each([
    ['and has them on disk', '', false],
    ['and says what is lost without a spool', 'spool: {max_size: 0}, ', true],
  ])('is gone in time when the receiver of its samples hangs, %s', async (_what, spool, isLost) => {
    const requests: unknown[] = [];
    const receiver = await serve((request) => {
      requests.push(request);
    });
    const config = configOf(receiver, '{batch_send_deadline: 20ms}', spool);
    const collector = await start('collector', config);
    await eventually('a request that hangs', () => (requests.length > 0 ? true : null));
    const { code, tookMs } = await terminated(collector);
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(COLLECTOR_GRACE_MS);
    expect(collector.process.output().includes('samples lost at the stop')).toBe(isLost);
    const spools = join(folder.path, 'collector', 'spool');
    const files = await readdir(spools, { recursive: true, withFileTypes: true }).catch(() => []);
    const sizes = files.map(async (file) =>
      file.isFile() ? (await stat(join(file.parentPath, file.name))).size : 0,
    );
    const spooledBytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
    expect(spooledBytes > 0).toBe(!isLost);
  });

  it('takes a good configuration on SIGHUP and keeps it when a bad one follows', async () => {
    const receiver = await takeWrites(0);
    const queue = '{batch_send_deadline: 20ms}';
    const collector = await start('collector', configOf(receiver, queue));
    const file = join(folder.path, 'collector.yml');
    const jobs = async (): Promise<string[]> => {
      const answer = await getText(`${collector.url}/api/v1/targets`);
      const { data } = JSON.parse(answer!) as {
        data: { activeTargets: { scrapePool: string }[] };
      };
      return data.activeTargets.map(({ scrapePool }) => scrapePool);
    };
    await eventually('the first job', async () => ((await jobs())[0] === 'load' ? true : null));
    await writeFile(file, configOf(receiver, queue).replace('job_name: load', 'job_name: other'));
    collector.process.child.kill('SIGHUP');
    await eventually('the new job', async () => ((await jobs())[0] === 'other' ? true : null));
    await eventually('the reload to have succeeded', async () =>
      (await reloadSucceeded(collector)) === '1' ? true : null,
    );

    await writeFile(file, configOf(receiver, queue).replace('job_name', 'jobname'));
    collector.process.child.kill('SIGHUP');
    await eventually('the refusal', async () =>
      (await reloadSucceeded(collector)) === '0' ? true : null,
    );
    expect(await jobs()).toEqual(['other']);
    await eventually('the reason', () =>
      collector.process.output().includes('unknown key \\"jobname\\"') ? true : null,
    );
    const count = served.length;
    await eventually('scrapes to go on', () => (served.length > count + 1 ? true : null));
  });
});

function batchOf(series: string, samples: readonly (readonly [number, number])[]): SampleBatch {
  const builder = new SampleBatchBuilder();
  builder.addSeries(Labels.fromRecord({ __name__: 'stop_samples', series }));
  for (const [timeMs, value] of samples) builder.addSample(timeMs, value);
  return builder.take();
}

async function readBack({ url }: BuiltApp): Promise<Map<string, SeriesSamples>> {
  // The youngest samples may be ahead of the clock, since their times are counted and not read.
  const time = Date.now() / 1000 + 600;
  const text = await getText(`${url}/api/v1/query?query=stop_samples[1h]&time=${time}`);
  const { data } = JSON.parse(text!) as {
    data: { result: { metric: Record<string, string>; values: [number, string][] }[] };
  };
  return new Map(
    data.result.map(({ metric, values }) => [
      metric['series']!,
      new Map(values.map(([seconds, value]) => [Math.round(seconds * 1000), Number(value)])),
    ]),
  );
}

/** Sends one request after the other until one gets no answer or a refusal. */
async function writeUntilStopped(
  engine: BuiltApp,
  series: string,
  ledger: SampleLedger,
): Promise<void> {
  const encoder = new WriteEncoder('prometheus.WriteRequest');
  for (;;) {
    const samples = ledger.issue(series, 50);
    const body = compressBlock(encoder.encode([wholeBatch(batchOf(series, samples))]));
    const response = await fetch(`${engine.url}/api/v1/write`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' },
      body: new Uint8Array(body),
    }).catch(() => null);
    if (response?.status !== 204) return;
    ledger.acknowledge(series, samples);
  }
}

function ruleFile(group: string, expr: string): string {
  return `groups:\n- name: ${group}\n  interval: 1s\n  rules:\n  - record: r\n    expr: ${expr}\n`;
}

describe('the engine', () => {
  const WRITERS = ['w0', 'w1', 'w2', 'w3'];

  it('stops in time under load and keeps every sample it has acknowledged', async () => {
    const engine = await start('alert-engine', '{}');
    await openHalf(engine);
    const ledger = new SampleLedger(Date.now() - 60_000);
    const writers = WRITERS.map((series) => writeUntilStopped(engine, series, ledger));
    await eventually('some load', () => (ledger.acknowledgedCount > 2_000 ? true : null));
    const { code, tookMs } = await terminated(engine);
    await Promise.all(writers);
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(ENGINE_GRACE_MS);
    const again = await start('alert-engine', '{}');
    expect(ledger.audit(await readBack(again))).toEqual({ lost: [], invented: [] });
  });

  it('takes good rules on SIGHUP and keeps them when bad ones follow', async () => {
    const rules = join(folder.path, 'rules.yml');
    await writeFile(rules, ruleFile('first', '1'));
    const engine = await start('alert-engine', 'rule_files: [rules.yml]\n');
    const groups = async (): Promise<string[]> => {
      const answer = await getText(`${engine.url}/api/v1/rules`);
      const { data } = JSON.parse(answer!) as { data: { groups: { name: string }[] } };
      return data.groups.map(({ name }) => name);
    };
    await eventually('the first group', async () =>
      (await groups())[0] === 'first' ? true : null,
    );
    await writeFile(rules, ruleFile('second', '2'));
    engine.process.child.kill('SIGHUP');
    await eventually('the new group', async () => ((await groups())[0] === 'second' ? true : null));
    await eventually('the reload to have succeeded', async () =>
      (await reloadSucceeded(engine)) === '1' ? true : null,
    );

    await writeFile(rules, ruleFile('third', 'sum('));
    engine.process.child.kill('SIGHUP');
    await eventually('the refusal', async () =>
      (await reloadSucceeded(engine)) === '0' ? true : null,
    );
    expect(await groups()).toEqual(['second']);
    await eventually('the reason', () =>
      engine.process.output().includes('rules.yml:6') ? true : null,
    );

    await writeFile(join(folder.path, 'alert-engine.yml'), 'rule_fils: []\n');
    engine.process.child.kill('SIGHUP');
    await eventually('the second refusal', () =>
      engine.process.output().includes('rule_fils') ? true : null,
    );
    expect(await reloadSucceeded(engine)).toBe('0');
    expect(await groups()).toEqual(['second']);
  });
});
