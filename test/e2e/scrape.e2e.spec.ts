import 'reflect-metadata';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppLogger, listen, type ListenAddress, ReloadService } from '#libs/platform';
import { uncompressBlock, WriteV1Decoder } from '#libs/remote-write';
import { isStaleMarker } from '#libs/samples';
import { createApp } from '../../apps/collector/src/app.ts';

const servers: Server[] = [];
let folder: string;
let configFile: string;
let app: NestFastifyApplication | null = null;
let own: ListenAddress;
/** The last value of each series that reached the receiver; `~` for a stale marker. */
let seen: Map<string, string>;
let receiver: string;

async function serve(listener: Parameters<typeof createServer>[1]): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'binnacle-scrape-'));
  configFile = join(folder, 'collector.yml');
  seen = new Map();
  const decoder = new WriteV1Decoder();
  receiver = await serve((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { batch } = decoder.decode(uncompressBlock(Buffer.concat(parts), 1 << 24));
      batch.labels.forEach((labels, series) => {
        for (let i = batch.firstSample[series]!; i < batch.firstSample[series + 1]!; i++) {
          const value = isStaleMarker(batch.values, i) ? '~' : String(batch.values[i]);
          seen.set(labels.toString(), value);
        }
      });
      response.writeHead(204).end();
    });
  });
});

afterEach(async () => {
  await app?.close();
  app = null;
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
  await rm(folder, { recursive: true });
});

async function configure(scraping: string): Promise<void> {
  const outputs = `outputs: {remote_write: [{url: "http://${receiver}/w", queue_config: {batch_send_deadline: 20ms}}]}`;
  await writeFile(configFile, `${outputs}\n${scraping}\n`);
}

async function start(): Promise<void> {
  const address = { host: '127.0.0.1', port: 0 };
  app = await createApp(
    { configFile, dataDir: folder, listen: address, logLevel: 'silent' },
    {},
    AppLogger.create({ app: 'test', level: 'silent' }),
  );
  own = await listen(app, address);
}

/** Waits until a condition on what has arrived holds. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 90_000; Date.now() < end;) {
    if (await holds()) return;
    await new Promise((resolve) => {
      setTimeout(resolve, 25);
    });
  }
  throw new Error(
    `not within 90 s; seen: ${JSON.stringify([...seen].filter(([name]) => name.startsWith('up')))}`,
  );
}

/** A job of the configuration, with targets in quotes. */
const job = (name: string, list: string) =>
  `  - {job_name: ${name}, scrape_interval: 500ms, static_configs: [{targets: [${list}]}]}\n`;
/** The last value of a series. */
const series = (name: string, labels: string) => seen.get(`${name}{${labels}}`);

/** How many series of a name have arrived. */
const countOf = (name: string) =>
  [...seen.keys()].filter((key) => key.startsWith(`${name}{`)).length;

const metrics = async () => (await fetch(`http://127.0.0.1:${own.port}/metrics`)).text();

interface TargetsAnswer {
  readonly data: {
    readonly activeTargets: readonly {
      readonly scrapePool: string;
      readonly scrapeUrl: string;
      readonly health: string;
      readonly lastError: string;
      readonly labels: Readonly<Record<string, string>>;
    }[];
    readonly droppedTargets: readonly {
      readonly scrapePool: string;
      readonly discoveredLabels: Readonly<Record<string, string>>;
    }[];
  };
}

async function targets(query = ''): Promise<TargetsAnswer['data']> {
  const answer = await fetch(`http://127.0.0.1:${own.port}/api/v1/targets${query}`);
  return ((await answer.json()) as TargetsAnswer).data;
}

async function ask(query: string): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`http://127.0.0.1:${own.port}/api/v1/targets/relabel_steps?${query}`);
  return { status: answer.status, body: await answer.json() };
}

describe('a collector that scrapes', () => {
  it('delivers samples, tells of its targets, follows a reload and ends all series', async () => {
    const good = await serve((request, response) => {
      response.setHeader('Content-Type', 'text/plain');
      response.end(`asked{path="${request.url}"} 1\n`);
    });
    await configure(
      `scrape_configs:\n${job('stays', `"${good}"`)}${job('goes', `"${good}", "127.0.0.1:1"`)}` +
        '  - job_name: never\n    static_configs: [{targets: [a]}]\n    relabel_configs: [{action: drop}]\n',
    );
    await start();
    const at = (jobName: string, instance = good) => `instance="${instance}", job="${jobName}"`;
    await until(
      () =>
        series('asked', `${at('stays')}, path="/metrics"`) === '1' &&
        series('up', at('goes', '127.0.0.1:1')) === '0' &&
        series('up', at('goes')) === '1',
    );

    const healthOf = async () =>
      (await targets()).activeTargets.map((target) => [
        target.scrapePool,
        target.health,
        target.lastError,
      ]);
    const healthy = [
      ['stays', 'up', ''],
      ['goes', 'up', ''],
      ['goes', 'down', 'connection refused'],
    ];
    // A busy machine may miss a deadline once.
    await until(async () => JSON.stringify(await healthOf()) === JSON.stringify(healthy));
    const told = await targets();
    expect(told.activeTargets[0]).toMatchObject({
      scrapeUrl: `http://${good}/metrics`,
      labels: { instance: good, job: 'stays' },
    });
    expect(told.droppedTargets).toMatchObject([
      { scrapePool: 'never', discoveredLabels: { __address__: 'a', job: 'never' } },
    ]);
    expect((await targets('?state=active&scrapePool=stays')).activeTargets).toHaveLength(1);

    expect(await metrics()).toMatch(/prometheus_target_scrape_pool_targets\{scrape_job="goes"\} 2/);
    // There is an interval from the second scrape on.
    const interval = /target_interval_length_seconds\{quantile="0.5",interval="500ms"\} \d/;
    await until(async () => interval.test(await metrics()));

    await configure(`scrape_configs:\n${job('stays', `"${good}"`)}`);
    await app!.get(ReloadService).reload();
    await until(() => series('up', at('goes')) === '~');
    expect(series('asked', `${at('goes')}, path="/metrics"`)).toBe('~');
    await until(() => series('up', at('stays')) === '1');
    expect((await targets()).activeTargets.map(({ scrapePool }) => scrapePool)).toEqual(['stays']);

    await app!.close();
    expect(series('up', at('stays'))).toBe('~');
    expect(series('asked', `${at('stays')}, path="/metrics"`)).toBe('~');
  });

  it('keeps the old targets when the new configuration is bad', async () => {
    const good = await serve((_request, response) =>
      response.setHeader('Content-Type', 'text/plain').end('a 1\n'),
    );
    await configure(
      `scrape_configs: [{job_name: j, scrape_interval: 500ms, static_configs: [{targets: ["${good}"]}]}]`,
    );
    await start();
    await configure(
      'scrape_configs:\n  - job_name: j\n    scrape_interval: 5s\n    scrape_timeout: 6s',
    );
    await expect(app!.get(ReloadService).reload()).rejects.toThrow(
      /collector\.yml:5: scrape_configs\[0\]\.scrape_timeout: must not be greater/,
    );
    expect((await targets()).activeTargets).toHaveLength(1);
  });

  it('reads jobs from further files', async () => {
    await writeFile(
      join(folder, 'more.scrape.yml'),
      'scrape_configs: [{job_name: more, static_configs: [{targets: [h]}]}]',
    );
    await configure('scrape_config_files: ["*.scrape.yml"]');
    await start();
    expect((await targets()).activeTargets).toMatchObject([
      { scrapePool: 'more', health: 'unknown' },
    ]);
  });

  it('scrapes itself where it is told nothing', async () => {
    await configure('');
    await start();
    await until(async () => (await targets()).activeTargets.length === 1);
    expect((await targets()).activeTargets[0]).toMatchObject({
      scrapePool: 'binnacle-collector',
      scrapeUrl: `http://127.0.0.1:${own.port}/metrics`,
    });
  });
  it('explains what relabelling made of targets, of those it dropped too', async () => {
    await configure(
      `scrape_configs:
  - job_name: j
    static_configs: [{targets: [keep, drop]}]
    relabel_configs:
      - {source_labels: [__address__], target_label: host}
      - {source_labels: [host], regex: keep, action: keep}
`,
    );
    await start();
    const { activeTargets, droppedTargets } = (await targets('?explain=true')) as unknown as Record<
      'activeTargets' | 'droppedTargets',
      { relabelSteps: { keep: boolean; output: object; rule: object }[] }[]
    >;
    expect(activeTargets[0]!.relabelSteps.map(({ keep }) => keep)).toEqual([true, true]);
    expect(activeTargets[0]!.relabelSteps[0]).toMatchObject({
      rule: { source_labels: ['__address__'], target_label: 'host', action: 'replace' },
      output: { host: 'keep', __address__: 'keep' },
    });
    expect(droppedTargets[0]!.relabelSteps.map(({ keep }) => keep)).toEqual([true, false]);
    const labels = encodeURIComponent('{"__address__":"other"}');
    expect(await ask(`scrapePool=j&labels=${labels}`)).toMatchObject({
      status: 200,
      body: {
        status: 'success',
        data: {
          steps: [
            { keep: true, output: { host: 'other' } },
            { keep: false, output: {} },
          ],
        },
      },
    });
    expect(await ask(`scrapePool=none&labels=${labels}`)).toMatchObject({ status: 404 });
    expect(await ask('scrapePool=j&labels=no')).toMatchObject({
      status: 400,
      body: { status: 'error', errorType: 'bad_data' },
    });
  });
  it('holds the one metric that explodes, goes on with the others, and says so', async () => {
    let ids = 2;
    const target = await serve((_request, response) => {
      const bad = Array.from({ length: ids }, (_none, id) => `bad{id="${id}"} 1`).join('\n');
      response.setHeader('Content-Type', 'text/plain').end(`good ${ids}\n${bad}\n`);
    });
    await configure(
      `limits: {new_series: {per_metric: 10}}\nscrape_configs:\n${job('loud', `"${target}"`)}`,
    );
    await start();
    const where = `instance="${target}", job="loud"`;
    await until(() => series('good', where) === '2');
    ids = 500;
    await until(() => series('good', where) === '500');
    await until(() => countOf('bad') >= 12);
    expect(countOf('bad')).toBe(12);
    const [only] = (await targets()).activeTargets;
    expect(only).toMatchObject({
      health: 'up',
      heldMetrics: [{ metric: 'bad', newSeriesLimit: 10, since: expect.any(String) }],
    });
    expect(await metrics()).toMatch(/scrape_guarded_samples_total\{scrape_job="loud"\} [1-9]\d*/);
  });
  it('has a target of the form Prometheus gives it', async () => {
    await configure('scrape_configs: [{job_name: j, static_configs: [{targets: [h]}]}]');
    await start();
    const answer = await fetch(`http://127.0.0.1:${own.port}/api/v1/targets`);
    expect(await answer.json()).toEqual({
      status: 'success',
      data: {
        activeTargets: [
          {
            discoveredLabels: {
              __address__: 'h',
              __metrics_path__: '/metrics',
              __scheme__: 'http',
              __scrape_interval__: '1m',
              __scrape_timeout__: '10s',
              job: 'j',
            },
            labels: { instance: 'h', job: 'j' },
            scrapePool: 'j',
            scrapeUrl: 'http://h/metrics',
            globalUrl: 'http://h/metrics',
            lastError: '',
            lastScrape: '0001-01-01T00:00:00Z',
            lastScrapeDuration: 0,
            health: 'unknown',
            scrapeInterval: '1m',
            scrapeTimeout: '10s',
          },
        ],
        droppedTargets: [],
        droppedTargetCounts: { j: 0 },
      },
    });
  });
});
