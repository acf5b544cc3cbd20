import { once } from 'node:events';
import { appendFile, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decodeWriteV2, uncompressBlock } from '#libs/remote-write';
import { type BuiltApp, startBuiltApp } from '../support/built-app.ts';
import { eventually, freePort, getText, temporaryFolder } from '../support/processes.ts';
import { ensureBuilt } from './faulty-engine.ts';

const MIB = 1024 * 1024;
const BUDGET = 4 * MIB;
const LINES = 40_000;
/** Of twenty lines one is an error, two warn, three inform. */
const LEVELS = ['ERROR', 'WARN', 'WARN', 'INFO', 'INFO', 'INFO'];

function levelOf(number: number): string {
  return LEVELS[number % 20] ?? 'DEBUG';
}

/** A server that comes when it is told to, at a port that nobody else is given before. */
class LateServer {
  port = 0;
  #server: Server | null = null;
  readonly #answer: RequestListener;

  constructor(answer: RequestListener) {
    this.#answer = answer;
  }

  async choosePort(): Promise<void> {
    this.port = await freePort();
  }

  async start(): Promise<void> {
    const server = createServer(this.#answer);
    this.#server = server;
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
  }

  stop(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
    this.#server = null;
  }
}

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let collector: BuiltApp | null = null;
let asked = 0;
let values: number[] = [];
/** When scrapes failed, as `up` tells: a busy machine may let one run out of time. */
let failedAt = new Set<number>();
let lines: { readonly level: string; readonly message: string }[] = [];
let target: LateServer;
let samples: LateServer;
let logs: LateServer;

beforeAll(ensureBuilt);
beforeEach(async () => {
  folder = await temporaryFolder();
  [asked, values, failedAt, lines] = [0, [], new Set(), []];
  target = new LateServer((_request, response) => {
    asked++;
    const series = Array.from({ length: 500 }, (_, i) => `load{i="${i}"} ${Math.random()}\n`);
    response.setHeader('Content-Type', 'text/plain');
    response.end(`asked ${asked}\n${series.join('')}`);
  });
  samples = new LateServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { batch } = decodeWriteV2(uncompressBlock(Buffer.concat(parts), 16 * MIB));
      batch.labels.forEach((labels, series) => {
        const { metricName } = labels;
        for (let i = batch.firstSample[series]!; i < batch.firstSample[series + 1]!; i++) {
          const value = batch.values[i]!;
          if (metricName === 'asked' && !Number.isNaN(value)) values.push(value);
          if (metricName === 'up' && value === 0) failedAt.add(batch.timesMs[i]!);
        }
      });
      response.writeHead(204, { 'X-Prometheus-Remote-Write-Samples-Written': '1' }).end();
    });
  });
  logs = new LateServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const text = gunzipSync(Buffer.concat(parts)).toString('utf8').trim();
      for (const line of text.split('\n')) lines.push(JSON.parse(line));
      response.writeHead(200).end();
    });
  });
});
afterEach(async () => {
  await collector?.process.stop('SIGKILL');
  collector = null;
  for (const server of [target, samples, logs]) server.stop();
  await folder.remove();
});

async function own(line: string): Promise<number> {
  const text = (await getText(`${collector!.url}/metrics`)) ?? '';
  const found = text.split('\n').filter((candidate) => candidate.startsWith(line));
  return found.reduce((sum, one) => sum + Number(one.slice(one.lastIndexOf(' ') + 1)), 0);
}

function messagesOf(level: string): string[] {
  return lines.filter((line) => line.level === level).map(({ message }) => message);
}

describe('a disk that is scarce, and receivers that are gone', () => {
  it('keeps every sample, and of the lines what matters most', async () => {
    for (const server of [target, samples, logs]) await server.choosePort();
    await target.start();
    const file = join(folder.path, 'app.log');
    await writeFile(file, '');
    await writeFile(
      join(folder.path, 'collector.yml'),
      `host_metrics: {enabled: false}
limits: {spools: {size: ${BUDGET / MIB}MiB}}
scrape_configs:
  - job_name: target
    scrape_interval: 250ms
    scrape_timeout: 250ms
    static_configs: [{targets: ['127.0.0.1:${target.port}']}]
logs:
  files: [{name: app, include: ['${file}'], from: beginning}]
outputs:
  remote_write:
    - url: http://127.0.0.1:${samples.port}/
      protobuf_message: io.prometheus.write.v2.Request
      queue_config: {min_backoff: 50ms, max_backoff: 200ms}
  http_logs:
    - name: lines
      url: http://127.0.0.1:${logs.port}/
      min_backoff: 50ms
      max_backoff: 200ms
      spool: {after: 0s}
`,
    );
    collector = await startBuiltApp(
      'collector',
      join(folder.path, 'collector.yml'),
      join(folder.path, 'data'),
    );
    const written = Array.from(
      { length: LINES },
      (_, i) => `${levelOf(i)} line ${i} ${'x'.repeat(400)}`,
    );
    for (let from = 0; from < LINES; from += 2_000) {
      await appendFile(file, `${written.slice(from, from + 2_000).join('\n')}\n`);
    }
    await eventually('all lines to be read, and on disk or dropped', async () => {
      const read = await own('binnacle_log_lines_total');
      const queued = await own('binnacle_output_queued{output="http-');
      return (read >= LINES && queued === 0) || null;
    });
    const before = asked;
    await eventually('more samples to wait', () => asked >= before + 20 || null);
    expect(await own('binnacle_spools_bytes')).toBeLessThan(BUDGET * 1.25);
    const reasons = 'binnacle_output_dropped_total{output="http-';
    expect(await own(reasons)).toBeGreaterThan(LINES / 2);
    const text = (await getText(`${collector.url}/metrics`)) ?? '';
    const dropped = text.split('\n').filter((line) => line.startsWith(reasons));
    expect(dropped.map((line) => /reason="(\w+)"/.exec(line)?.[1])).toContain('low_priority');
    await samples.start();
    await logs.start();
    const last = asked;
    await eventually('the samples', () => values.some((value) => value > last) || null);
    const waited = values.filter((value) => value <= last);
    expect(waited).toEqual([...new Set(waited)].toSorted((a, b) => a - b));
    const lost = Array.from({ length: last }, (_, i) => i + 1).filter((i) => !waited.includes(i));
    expect(lost.slice(failedAt.size)).toEqual([]);
    await eventually('the lines', async () => {
      const waiting = await own('binnacle_output_spool_records{output="http-');
      return waiting === 0 || null;
    });
    expect(await own('binnacle_output_dropped_total{output="http://')).toBe(0);
    const errors = written.filter((line) => line.startsWith('ERROR'));
    expect(new Set(messagesOf('error'))).toEqual(new Set(errors));
    const share = (level: string, of: number): number => messagesOf(level).length / of;
    expect(share('debug', (LINES * 14) / 20)).toBeLessThan(0.2);
    expect(messagesOf('warn').length).toBeGreaterThan(0);
    // What arrived and what was dropped is what was written.
    expect(lines.length + (await own(reasons))).toBe(LINES);
  });
});
