/*
 * A simulated cluster's history in the engine as it is built: `node test/kube/cluster/cluster-run.process.ts FOLDER`.
 * It prints the address of the engine, which then holds the samples and what the default rules made of them, and the
 * report, as one line of JSON; it ends on SIGTERM.
 */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { SampleBatch } from '#libs/samples';
import type { QueryEngine } from '#libs/promql';
import type { Labels } from '#libs/labels';
import { runCluster, STEP_MS } from './cluster-run.ts';
import { OwnMetrics } from './own-metrics.ts';
import { COLLECTOR_FAULTS, ENGINE_FAULTS } from './own-faults.ts';

interface App {
  get(token: symbol, options: { strict: boolean }): unknown;
  close(): Promise<void>;
}

const DIST = join(import.meta.dirname, '..', '..', '..', 'dist');
const LOOPBACK = { host: '127.0.0.1', port: 0 };
/** Every run ends at the same phase of the clock, which cron jobs go by. */
const PHASE_MS = 30 * STEP_MS;
const EXTERNAL = { cluster: 'sim' };

const [folder = ''] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the built programs carry no types
const built = (path: string): Promise<Record<string, never>> =>
  import(join(DIST, path)) as Promise<Record<string, never>>;

const { AppLogger, listen } = (await built('libs/platform/src/index.js')) as never as {
  readonly AppLogger: { readonly create: (options: object) => unknown };
  readonly listen: (app: unknown, address: object) => Promise<{ port: number }>;
};

/** Starts a built program within this process, on a free port. */
async function start(name: string, config: string): Promise<{ app: App; url: string }> {
  const configFile = join(folder, `${name}.yml`);
  writeFileSync(configFile, config);
  const { createApp } = (await built(`apps/${name}/src/app.js`)) as never as {
    readonly createApp: (options: object, env: object, logger: unknown) => Promise<App>;
  };
  const dataDir = join(folder, name);
  const app = await createApp(
    { configFile, dataDir, listen: LOOPBACK, logLevel: 'silent' },
    { NODE_NAME: 'node-01' },
    AppLogger.create({ app: 'simulated cluster', level: 'silent' }),
  );
  const { port } = await listen(app, LOOPBACK);
  const url = `http://127.0.0.1:${port}`;
  while (!(await fetch(`${url}/readyz`)).ok) await new Promise((go) => setTimeout(go, 50));
  return { app, url };
}

// Takes whatever is sent and keeps none of it: of what these programs say, only what they say of themselves is of use.
const sink = createServer((request, response) => {
  request.resume().on('end', () => response.writeHead(204).end());
});
await new Promise<void>((done) => {
  sink.listen(0, '127.0.0.1', done);
});
const { port: sinkPort } = sink.address() as AddressInfo;
const sinkUrl = `http://127.0.0.1:${sinkPort}`;
const log = join(folder, 'app.log');
writeFileSync(log, '{"level":"info"}\n');
writeFileSync(
  join(folder, 'own.rules.yml'),
  JSON.stringify({
    groups: [{ name: 'own', interval: '1s', rules: [{ alert: 'Own', expr: 'vector(1)' }] }],
  }),
);
writeFileSync(
  join(folder, 'am.yml'),
  JSON.stringify({
    route: { receiver: 'a', group_wait: '0s', group_interval: '1s', repeat_interval: '1s' },
    receivers: [{ name: 'a', webhook_configs: [{ url: sinkUrl }] }],
  }),
);
const engine = await start(
  'alert-engine',
  JSON.stringify({ rule_files: ['own.rules.yml'], alertmanager_config: 'am.yml' }),
);
const collector = await start(
  'collector',
  JSON.stringify({
    host_metrics: { enabled: false },
    scrape_configs: [
      {
        job_name: 'engine',
        scrape_interval: '1s',
        static_configs: [{ targets: [engine.url.replace('http://', '')] }],
      },
    ],
    logs: { files: [{ name: 'app', include: [log], format: 'json', from: 'beginning' }] },
    outputs: {
      remote_write: [{ url: sinkUrl }],
      http_logs: [{ name: 'sink', url: sinkUrl }],
    },
  }),
);
const textOf = (url: string): Promise<string> => fetch(`${url}/metrics`).then((r) => r.text());

// What they count has to be there before the cluster lives: afterwards nobody else gets a turn for long.
for (const [url, metrics] of [
  [engine.url, [/^alertmanager_notifications_total\{integration="webhook"\} [1-9]/m]],
  [
    collector.url,
    [
      /^binnacle_output_sent_total\{.*kind="logs"\} [1-9]/m,
      /^binnacle_output_sent_total\{.*kind="metrics"\} [1-9]/m,
    ],
  ],
] as const) {
  for (const metric of metrics) {
    while (!metric.test(await textOf(url))) {
      await new Promise((go) => setTimeout(go, 100));
    }
  }
}

const token = async <T>(path: string, name: string): Promise<T> => {
  const { [name]: symbol } = await built(`apps/alert-engine/src/${path}.js`);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is provided under this token
  return engine.app.get(symbol as never, { strict: false }) as T;
};
interface Appended {
  readonly rejectedTotal: number;
  readonly firstRejection: { readonly series: string; readonly reason: string } | null;
}
const writer = await token<{ appendVolatile(batch: SampleBatch): Appended }>(
  'store/store-writer',
  'VOLATILE_STORE_WRITER',
);
/** Samples of a time whose block is being written are asked for again in a moment. */
async function append(batch: SampleBatch): Promise<void> {
  for (;;) {
    try {
      const { rejectedTotal, firstRejection } = writer.appendVolatile(batch);
      if (rejectedTotal > 0) throw new Error(`not taken: ${JSON.stringify(firstRejection)}`);
      return;
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'StoreUnavailableError') throw error;
      await new Promise((go) => setTimeout(go, 20));
    }
  }
}

const own = new OwnMetrics(EXTERNAL);
let collectorText = '';
let engineText = '';
let minute = 0;

const now = Date.now();
const report = await runCluster(
  {
    append,
    queries: await token<QueryEngine>('query/query-providers', 'QUERY_ENGINE'),
  },
  {
    endMs: now - (now % PHASE_MS),
    seed: 1,
    more: async (nowMs, broken, watched) => {
      // Real programs, asked every few simulated minutes; what they count goes on in between.
      if (minute++ % 5 === 0) {
        appendFileSync(log, '{"level":"info"}\n');
        collectorText = await textOf(collector.url);
        engineText = await textOf(engine.url);
      }
      const processes = [
        ...watched.map((instance) => ({
          labels: { job: 'binnacle-collector', instance },
          text: collectorText,
          faults: instance === 'node-17' ? COLLECTOR_FAULTS : [],
        })),
        ...['binnacle-engine-0', 'binnacle-engine-1'].map((instance) => ({
          labels: { job: 'binnacle-engine', instance },
          text: engineText,
          faults: instance === 'binnacle-engine-1' ? ENGINE_FAULTS : [],
        })),
      ];
      return [own.batch(processes, nowMs, broken)];
    },
  },
);

// What some pods said in the last hour, as the collector sends it. Lines come a minute apart, the last of them at the end.
const LINES = 60;
for (const [namespace, pod] of [
  ['shop', 'web-0'],
  ['shop', 'api-0'],
  ['accounts', 'redis-2'],
] as const) {
  for (const level of ['info', 'error']) {
    const values = Array.from({ length: LINES }, (_, i) => [
      `${report.endMs - (LINES - 1 - i) * 60_000}000000`,
      `level=${level} msg="request ${i}" duration=${i}ms`,
      { trace_id: `t${i}` },
    ]);
    const stream = { cluster: 'sim', tag: 'kube.pods', namespace, pod, container: 'main', level };
    const response = await fetch(`${engine.url}/loki/api/v1/push`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ streams: [{ stream, values }] }),
    });
    if (response.status !== 204) throw new Error(`lines not taken: ${await response.text()}`);
  }
}

const plain = (labels: Labels): Record<string, string> => labels.toRecord();
process.stdout.write(
  `${JSON.stringify({
    url: engine.url,
    ...report,
    falseAlerts: report.falseAlerts.map(plain),
    alerts: report.alerts.map(({ labels, isTold }) => ({ labels: plain(labels), isTold })),
    failures: Object.fromEntries(report.failures),
  })}\n`,
);
process.on('SIGTERM', () => {
  void Promise.all([collector.app.close(), engine.app.close()]).then(() => {
    sink.close();
    process.exit(0);
  });
});
