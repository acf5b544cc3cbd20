import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { podObject } from '../../kube/kube-objects.ts';
import { eventually, type RunningProcess, startProcess } from '../../support/processes.ts';
import type { BenchContext } from '../bench-context.ts';
import { MeasuredCollector } from '../logs/measured-collector.ts';
import { limitFinding, percentile, plain } from '../report.ts';

const API_SERVER = join(import.meta.dirname, '..', '..', 'kube', 'api-server.process.ts');
const CONFORMANCE =
  process.env['BINNACLE_CONFORMANCE'] ??
  join(import.meta.dirname, '..', '..', '..', '..', 'shared', 'conformance');
const LIMIT_MIB = 300;
const CHANGES = 200;
const POLL_MS = 2;
/** How long memory is looked at after everything is known: every series is told once at least. */
const SETTLE_MS = 20_000;

const OBJECTS = 'binnacle_kube_objects';
const EVENTS = 'binnacle_kube_watch_events_total';
/** What the elected collector tells of in the last run. */
const TOLD = ['nodes', 'namespaces', 'services', 'endpointslices', 'deployments', 'replicasets'];
const SERIES = 'binnacle_kube_state_series';
const RELISTS = 'binnacle_kube_relists_total';

/**
 * A thousand nodes' pods in the collector that is elected for everybody: memory while they are listed, kept, listed again
 * after the watch's version is gone, and after a restart; how long the list takes, and a change until the collector has it.
 * Then with the series of everything else that such a cluster has: 1,000 nodes, 5,000 each of services, endpoint slices with
 * ten endpoints, and deployments, 10,000 replica sets.
 */
export async function podsBenchmark(context: BenchContext): Promise<void> {
  const pods = context.isQuick ? 5_000 : 50_000;
  const [nodes, workloads] = [pods / 50, pods / 10];
  /** Pods, nodes and namespaces, and of each workload a service, a slice, a deployment and two replica sets. */
  const everything = pods + nodes + 100 + 5 * workloads;
  const folder = context.nextFolder();
  await mkdir(folder, { recursive: true });
  const server = await startServer(folder, { pods, nodes, workloads });
  try {
    const apiServer = await eventually(
      'the API server',
      () => /http:\S+/.exec(server.output())?.[0] ?? null,
      120_000,
    );
    const launch = {
      program: context.collectorProgram,
      folder: join(folder, 'collector'),
      nodeArgs: context.nodeArgs,
    };
    const runs = [
      { what: 'after a start', resources: ['nodes'], objects: pods + nodes },
      { what: 'after a restart', resources: ['nodes'], objects: pods + nodes },
      { what: 'with the series of everything else', resources: TOLD, objects: everything },
    ];
    for (const { what, resources, objects } of runs) {
      const config = collectorConfig(apiServer, resources);
      const collector = await MeasuredCollector.start({ ...launch, config });
      try {
        const startedMs = performance.now();
        await untilMetric(collector, OBJECTS, (value) => value >= objects, 100);
        const listSeconds = (performance.now() - startedMs) / 1_000;
        await sleep(SETTLE_MS);
        const series = await collector.metric(SERIES);
        add(context, `${what}, with ${pods} pods`, await collector.peakResidentMiB(), {
          detail: `${objects} objects, ${series} series, all known ${plain(listSeconds)} s after readiness`,
        });
        if (what === 'after a start') await changes(context, collector, server, pods);
      } finally {
        await collector.stop();
      }
    }
  } finally {
    await server.stop('SIGTERM');
  }
}

/** Changes and a list made again, which is where a watch ends whose version is gone. */
async function changes(
  context: BenchContext,
  collector: MeasuredCollector,
  server: RunningProcess,
  pods: number,
): Promise<void> {
  const latencies: number[] = [];
  for (let i = 0; i < CHANGES; i++) {
    const before = await collector.metric(EVENTS);
    const startedMs = performance.now();
    server.child.send({ touch: (i * 7_919) % pods });
    await untilMetric(collector, EVENTS, (value) => value > before);
    latencies.push(performance.now() - startedMs);
  }
  context.add(
    limitFinding(
      'pods',
      'a change of one pod until the collector has it, p99',
      500,
      percentile(latencies, 0.99),
      'ms',
      `p50 ${plain(percentile(latencies, 0.5))} ms, ${CHANGES} changes`,
    ),
  );
  const relists = await collector.metric(RELISTS);
  server.child.send({ expire: true });
  await untilMetric(collector, RELISTS, (value) => value > relists);
  await sleep(SETTLE_MS);
  add(context, 'after everything was listed again', await collector.peakResidentMiB());
}

function add(
  context: BenchContext,
  what: string,
  residentMiB: number,
  { detail = '' }: { readonly detail?: string } = {},
): void {
  context.add(limitFinding('pods', `most memory ${what}`, LIMIT_MIB, residentMiB, 'MiB', detail));
}

async function startServer(
  folder: string,
  size: { readonly pods: number; readonly nodes: number; readonly workloads: number },
): Promise<RunningProcess> {
  const sizes = Object.entries(size).flatMap(([name, count]) => [`--${name}`, String(count)]);
  const templates = join(folder, 'templates.json');
  await writeFile(templates, JSON.stringify({ items: await objectTemplates() }));
  const args = ['--conditions=repo-source', API_SERVER, ...sizes, templates];
  const server = startProcess(process.execPath, args, { takesMessages: true });
  process.once('exit', () => server.child.kill('SIGKILL'));
  return server;
}

/** The pods of the conformance data where it is there, a node and a deployment; or a pod of our own. */
async function objectTemplates(): Promise<readonly unknown[]> {
  const objects = join(CONFORMANCE, 'kube', 'objects');
  const recorded = join(CONFORMANCE, 'kube', 'cluster-1.35', 'pods.yaml');
  if (!existsSync(objects) || !existsSync(recorded)) {
    return [podObject('web', { node: 'n1', labels: { app: 'web' }, port: 8_080 })];
  }
  const others = new Set(['node-ready.json', 'deployment-healthy.json']);
  const files = readdirSync(objects).filter((file) => file.startsWith('pod-') || others.has(file));
  const own = await Promise.all(
    files.map(async (file): Promise<unknown> => {
      return JSON.parse(await readFile(join(objects, file), 'utf8'));
    }),
  );
  const { items } = parse(await readFile(recorded, 'utf8')) as { items: readonly unknown[] };
  return [...own, ...items];
}

/**
 * Endpoints are discovered with the pods behind them: those of the whole cluster, where no node is one's own. What there is to
 * tell of pods, the nodes' own collectors tell.
 */
function collectorConfig(apiServer: string, resources: readonly string[]): object {
  // None of them is to be scraped: targets are what nodes' own collectors have.
  const selectors = [{ role: 'endpointslice', label: 'app=nobody' }];
  const discovery = { role: 'endpointslice', selectors };
  const [state, monitors, events] = [{ resources }, { enabled: false }, { enabled: false }];
  return {
    host_metrics: { enabled: false },
    outputs: { remote_write: [] },
    scrape_configs: [{ job_name: 'endpoints', kubernetes_sd_configs: [discovery] }],
    kubernetes: { api_server: apiServer, state, monitors, events },
  };
}

async function untilMetric(
  collector: MeasuredCollector,
  name: string,
  holds: (value: number) => boolean,
  pollMs = POLL_MS,
): Promise<void> {
  const deadlineMs = performance.now() + 300_000;
  while (!holds(await collector.metric(name))) {
    if (performance.now() > deadlineMs) throw new Error(`waited in vain for ${name}`);
    await sleep(pollMs);
  }
}
