import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchContext } from '../bench-context.ts';
import { timedGet } from '../query-client.ts';
import { limitFinding, percentile, plain } from '../report.ts';

const SCRAPE_MS = 30_000;
const QUERY_EVERY_MS = 5_000;
const GIBIBYTE = 2 ** 30;

const QUERIES = [
  'sum by (namespace) (rate(container_cpu_usage_seconds_total[2m]))',
  'topk(10, sum by (pod) (rate(container_network_receive_bytes_total{namespace="team-3"}[2m])))',
  'count(container_oom_events_total)',
];

/** A million series every 30 seconds, with queries: whether an interval is missed, and the memory that takes. */
export async function millionBenchmark(context: BenchContext): Promise<void> {
  const pods = context.isQuick ? 1_000 : 10_000;
  const minutes = context.isQuick ? 1 : 10;
  const ours = await context.startEngine();
  const feed = context.feed({
    workload: { kind: 'containers', pods },
    urls: [ours.writeUrl],
    startMs: Math.floor(Date.now() / SCRAPE_MS) * SCRAPE_MS - SCRAPE_MS,
    stepMs: SCRAPE_MS,
    steps: null,
    seriesPerRequest: 5_000,
    stepsPerRequest: 1,
  });
  const { samples, seconds } = await feed.caughtUp;
  const series = pods * 100;
  context.say(`first ${samples} samples of ${series} series written in ${seconds.toFixed(0)} s`);
  const cpuBefore = await ours.cpuSeconds();
  const startedMs = performance.now();
  const queryMs: number[] = [];
  let highest = 0;
  for (let turn = 0; performance.now() - startedMs < minutes * 60_000; turn++) {
    const query = QUERIES[turn % QUERIES.length]!;
    queryMs.push((await timedGet(ours, '/api/v1/query', { query })).ms);
    highest = Math.max(highest, await ours.residentBytes());
    if (turn % 12 === 0)
      context.say(`${plain(highest / GIBIBYTE)} GiB, ${plain(queryMs.at(-1)!)} ms`);
    await sleep(QUERY_EVERY_MS);
  }
  const elapsed = (performance.now() - startedMs) / 1_000;
  const cpu = ((await ours.cpuSeconds()) - cpuBefore) / elapsed;
  const lookups: number[] = [];
  for (const [path, parameters] of [
    ['/api/v1/label/pod/values', {}],
    ['/api/v1/label/__name__/values', {}],
    ['/api/v1/series', { 'match[]': 'container_oom_events_total{namespace="team-3"}' }],
    ['/api/v1/series', { 'match[]': '{pod=~"service-7-.*",container!=""}', limit: 1_000 }],
  ] as const) {
    const { ms } = await timedGet(ours, path, parameters);
    context.say(`${path} ${JSON.stringify(parameters)}: ${plain(ms)} ms`);
    lookups.push(ms);
  }
  const report = await feed.stop();
  const what = `${series} series every 30 s for ${minutes} min`;
  context.add(
    limitFinding(
      'million',
      `memory, ${what}`,
      3,
      highest / GIBIBYTE,
      'GiB',
      `CPU ${plain(cpu)} cores`,
    ),
    limitFinding(
      'million',
      'longest delay of a sample, from its time to the answer',
      SCRAPE_MS / 1_000,
      report.longestDelayMs / 1_000,
      's',
      `${report.samples} samples`,
    ),
    limitFinding(
      'million',
      'query p95 meanwhile',
      1_000,
      percentile(queryMs, 0.95),
      'ms',
      `p50 ${plain(percentile(queryMs, 0.5))} ms of ${queryMs.length}`,
    ),
    limitFinding('million', 'slowest lookup', 50, Math.max(...lookups), 'ms', 'over HTTP'),
  );
  await ours.stop();
  const ready = await ours.start();
  context.add(
    limitFinding('million', 'ready after a restart', 10, ready, 's', `${report.samples} samples`),
  );
  await ours.stop();
}
