import 'reflect-metadata';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { acceptHeader, DEFAULT_SCRAPE_PROTOCOLS } from '#libs/exposition';
import { Labels } from '#libs/labels';
import { AppLogger, listen } from '#libs/platform';
import { createApp as createCollector } from '../../apps/collector/src/app.ts';
import { type Engine, startEngine } from '../support/engine.ts';
import { describeWithPeers } from '../support/peers.ts';
import { describeWithPostgres, type Postgres } from '../support/postgres.ts';
import {
  eventually,
  freePort,
  getText,
  type RunningProcess,
  startProcess,
  temporaryFolder,
  untilPasses,
} from '../support/processes.ts';

/** What one component said at one moment, for all who ask. */
interface Recording {
  readonly target: string;
  readonly series: number;
  close(): void;
}

async function record(url: string): Promise<Recording> {
  const answer = await fetch(url, { headers: { Accept: acceptHeader(DEFAULT_SCRAPE_PROTOCOLS) } });
  const type = answer.headers.get('content-type') ?? '';
  const body = await answer.text();
  if (answer.status !== 200) throw new Error(`${url}: ${answer.status}`);
  const server: Server = createServer((_, response) => {
    response.setHeader('Content-Type', type);
    response.end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    target: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    series: body.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Our collector with our engine, and Debian's Prometheus, scraping the same. */
class BothStacks {
  readonly #folder: Awaited<ReturnType<typeof temporaryFolder>>;
  readonly #engine: Engine;
  readonly #collector: NestFastifyApplication;
  readonly #prometheus: RunningProcess;
  readonly #prometheusUrl: string;

  private constructor(
    folder: Awaited<ReturnType<typeof temporaryFolder>>,
    engine: Engine,
    collector: NestFastifyApplication,
    prometheus: RunningProcess,
    prometheusUrl: string,
  ) {
    this.#folder = folder;
    this.#engine = engine;
    this.#collector = collector;
    this.#prometheus = prometheus;
    this.#prometheusUrl = prometheusUrl;
  }

  static async start(prometheus: string, job: string, target: string): Promise<BothStacks> {
    const folder = await temporaryFolder();
    // JSON is YAML.
    const scraping = {
      scrape_configs: [
        {
          job_name: job,
          scrape_interval: '1s',
          static_configs: [{ targets: [target], labels: { instance: job } }],
        },
      ],
    };
    const engine = await startEngine(join(folder.path, 'engine'));
    const configFile = join(folder.path, 'collector.yml');
    const outputs = { remote_write: [{ url: `${engine.url}/api/v1/write` }] };
    const own = { ...scraping, outputs, host_metrics: { enabled: false } };
    await writeFile(configFile, JSON.stringify(own));
    const address = { host: '127.0.0.1', port: 0 };
    const dataDir = join(folder.path, 'collector');
    const collector = await createCollector(
      { configFile, dataDir, listen: address, logLevel: 'silent' },
      {},
      AppLogger.create({ app: 'test', level: 'silent' }),
    );
    await listen(collector, address);
    const theirConfig = join(folder.path, 'prometheus.yml');
    await writeFile(theirConfig, JSON.stringify(scraping));
    const theirAddress = `127.0.0.1:${await freePort()}`;
    const running = startProcess(prometheus, [
      `--config.file=${theirConfig}`,
      `--storage.tsdb.path=${join(folder.path, 'prometheus')}`,
      `--web.listen-address=${theirAddress}`,
    ]);
    return new BothStacks(folder, engine, collector, running, `http://${theirAddress}`);
  }

  async stop(): Promise<void> {
    await this.#prometheus.stop();
    await this.#collector.close();
    await this.#engine.app.close();
    await this.#folder.remove();
  }

  /** The present value of each series, on both sides, once both have scraped at least twice. */
  async values(job: string): Promise<{ ours: Map<string, string>; theirs: Map<string, string> }> {
    const [ours, theirs] = await Promise.all(
      [this.#engine.url, this.#prometheusUrl].map((url) => valuesAt(url, job)),
    );
    return { ours: ours!, theirs: theirs! };
  }

  /** What each family is, on both sides, once ours has all that Prometheus knows of. */
  async families(): Promise<{ ours: Map<string, string>; theirs: Map<string, string> }> {
    return eventually('the metadata of all families', async () => {
      const ours = await familiesAt(this.#engine.url);
      const theirs = await familiesAt(this.#prometheusUrl);
      const isComplete = theirs.size > 0 && [...theirs.keys()].every((name) => ours.has(name));
      return isComplete ? { ours, theirs } : null;
    });
  }
}

async function valuesAt(url: string, job: string): Promise<Map<string, string>> {
  return eventually(`${url} to have the series of ${job}`, async () => {
    // What differs by nature: how long a scrape took, and which of the scrapes was the first.
    const query = `{job="${job}", __name__!~"scrape_duration_seconds|scrape_series_added"} and on (job) count_over_time(up{job="${job}"}[5m]) > 1`;
    const text = await getText(`${url}/api/v1/query?${new URLSearchParams({ query }).toString()}`);
    if (text === null) return null;
    const answer = JSON.parse(text) as {
      data: { result: { metric: Record<string, string>; value: [number, string] }[] };
    };
    const all = answer.data.result.map(({ metric, value }) => [nameOf(metric), value[1]] as const);
    return all.length > 0 ? new Map(all) : null;
  });
}

/** Prometheus 2 leaves the bounds of buckets and quantiles as they are; 3 and we write 1 as 1.0. */
function nameOf(metric: Record<string, string>): string {
  const labels = { ...metric };
  for (const name of ['le', 'quantile']) {
    const bound = labels[name];
    if (bound !== undefined && /^\d+$/.test(bound)) labels[name] = `${bound}.0`;
  }
  return Labels.fromRecord(labels).toString();
}

async function familiesAt(url: string): Promise<Map<string, string>> {
  const { data } = JSON.parse((await getText(`${url}/api/v1/metadata`)) ?? '{"data":{}}') as {
    data: Record<string, { type: string; help: string }[]>;
  };
  return new Map(
    Object.entries(data).map(([name, [first]]) => [name, `${first!.type} ${first!.help}`] as const),
  );
}

/** What each stack makes of what the component says: the same values, and these families. */
async function scrapeWithBoth(prometheus: string, job: string, url: string) {
  const recording = await record(url);
  const stacks = await BothStacks.start(prometheus, job, recording.target);
  try {
    // A scrape that ran out of time on a busy machine leaves one of them without series until the next.
    let values = await stacks.values(job);
    await untilPasses(async () => {
      values = await stacks.values(job);
      expect(toRecord(values.ours)).toEqual(toRecord(values.theirs));
      expect(values.ours.size).toBe(recording.series + ADDED_SERIES);
    });
    // Prometheus tells of families while it reads its first scrape; there have been two by now.
    const families = await stacks.families();
    const names = new Set([...values.ours.keys()].map((name) => name.split('{')[0]));
    return { ours: toRecord(families.ours), theirs: toRecord(families.theirs), names };
  } finally {
    await stacks.stop();
    recording.close();
  }
}

function toRecord(map: ReadonlyMap<string, string>): Record<string, string> {
  return Object.fromEntries(map);
}

/** `up` and the two counts of samples are added to what a component says. */
const ADDED_SERIES = 3;

describeWithPeers(
  'a scrape of a real etcd, beside a real Prometheus',
  ['etcd', 'prometheus'],
  ([etcd, prometheus]) => {
    let running: RunningProcess;
    let folder: Awaited<ReturnType<typeof temporaryFolder>>;
    let client: string;

    beforeAll(async () => {
      folder = await temporaryFolder();
      client = `http://127.0.0.1:${await freePort()}`;
      const peer = `http://127.0.0.1:${await freePort()}`;
      running = startProcess(etcd!, [
        `--data-dir=${join(folder.path, 'data')}`,
        `--listen-client-urls=${client}`,
        `--advertise-client-urls=${client}`,
        `--listen-peer-urls=${peer}`,
        `--initial-advertise-peer-urls=${peer}`,
        `--initial-cluster=default=${peer}`,
      ]);
      await eventually('etcd to be well', async () => {
        const health = await getText(`${client}/health`);
        return health?.includes('true') === true ? true : null;
      });
      const key = Buffer.from('ship').toString('base64');
      const value = Buffer.from('binnacle').toString('base64');
      const put = await fetch(`${client}/v3/kv/put`, {
        method: 'POST',
        body: JSON.stringify({ key, value }),
      });
      if (put.status !== 200) throw new Error(`etcd: ${await put.text()}`);
    });

    afterAll(async () => {
      await running.stop();
      await folder.remove();
    });

    it('has the same series, values and types', async () => {
      const { ours, theirs, names } = await scrapeWithBoth(
        prometheus!,
        'etcd',
        `${client}/metrics`,
      );
      expect(ours).toEqual(theirs);
      expect([...names]).toEqual(
        expect.arrayContaining([
          'etcd_server_has_leader',
          'etcd_server_leader_changes_seen_total',
          'etcd_disk_wal_fsync_duration_seconds_bucket',
          'etcd_disk_backend_commit_duration_seconds_bucket',
          'etcd_mvcc_db_total_size_in_bytes',
          'grpc_server_handled_total',
        ]),
      );
    });
  },
);

describeWithPeers(
  'what a real PostgreSQL says through its exporter',
  ['prometheus-postgres-exporter', 'prometheus'],
  ([exporter, prometheus]) => {
    describeWithPostgres('scraped beside a real Prometheus', (startPostgres) => {
      let postgres: Postgres | null = null;
      let running: RunningProcess | null = null;
      let address: string;

      beforeAll(async () => {
        postgres = await startPostgres();
        await postgres.sql('CREATE TABLE ships (name text); ANALYZE ships');
        address = `127.0.0.1:${await freePort()}`;
        running = startProcess(exporter!, [`--web.listen-address=${address}`], {
          env: { DATA_SOURCE_NAME: `${postgres.url}?sslmode=disable` },
        });
        await eventually('the exporter to reach the server', async () => {
          const body = await getText(`http://${address}/metrics`);
          return body?.includes('\npg_up 1\n') === true ? true : null;
        });
      });

      afterAll(async () => {
        await running?.stop();
        await postgres?.stop();
      });

      it('has the same series, values and types', async () => {
        const { ours, theirs, names } = await scrapeWithBoth(
          prometheus!,
          'postgres',
          `http://${address}/metrics`,
        );
        expect(ours).toEqual(theirs);
        expect([...names]).toEqual(
          expect.arrayContaining([
            'pg_up',
            'pg_stat_database_xact_commit',
            'pg_stat_activity_count',
            'pg_settings_max_connections',
            'pg_locks_count',
          ]),
        );
      });
    });
  },
);
