import type { BenchContext } from '../bench-context.ts';
import { duel } from '../query-client.ts';
import { asFraction, percentile, plain, ratioFinding } from '../report.ts';
import { podName } from '../workload.ts';

/** What the panels of a cluster's dashboards ask, from one pod up to everything. */
const QUERIES = [
  'sum(rate(container_cpu_usage_seconds_total[2m]))',
  'sum by (namespace) (rate(container_cpu_usage_seconds_total[2m]))',
  'sum by (pod) (rate(container_cpu_usage_seconds_total{namespace="team-3"}[2m]))',
  'topk(10, sum by (namespace, pod) (rate(container_network_receive_bytes_total[2m])))',
  'sum by (node) (rate(container_network_receive_bytes_total[2m])) + sum by (node) (rate(container_network_transmit_bytes_total[2m]))',
  'sum by (namespace) (rate(container_cpu_cfs_throttled_periods_total[5m])) / sum by (namespace) (rate(container_cpu_cfs_periods_total[5m]))',
  'count by (node) (count by (node, pod) (container_cpu_usage_seconds_total))',
  'sum by (container) (increase(container_oom_events_total[5m])) > 0',
  'quantile by (namespace) (0.95, rate(container_fs_writes_bytes_total[2m]))',
  'sum by (namespace, __name__) ({__name__=~"container_network_.*_total"})',
  'count({__name__=~"container_.+"})',
  `rate(container_cpu_user_seconds_total{pod="${podName(7)}"}[2m])`,
  'max by (image) (container_memory_failcnt)',
  'sum by (pod) (rate(container_cpu_user_seconds_total[2m])) / on (pod) sum by (pod) (rate(container_cpu_usage_seconds_total[2m])) > 0.9',
];

/** Behind the clock, so that both stores hold everything up to then even where the machine is busy with other work. */
const BEHIND_MS = 30_000;

/**
 * Samples lie on whole multiples of this (15 s over 10 or 50 requests). A query half way between two of them has no
 * sample on the edge of a window: Prometheus 2 counts one on the left edge, Prometheus 3 and the engine do not.
 */
const SAMPLE_GRID_MS = 300;

/** Instant queries of dashboards, one at a time at one store after the other, without rules. */
export async function instantBenchmark(context: BenchContext): Promise<void> {
  const { ours, theirs, seriesCount } = await context.cluster();
  const rounds = context.isQuick ? 5 : 20;
  const mine: number[] = [];
  const other: number[] = [];
  const first: [number, number] = [0, 0];
  const cpu: [number, number] = [0, 0];
  for (const query of QUERIES) {
    const result = await duel(ours, theirs, '/api/v1/query', rounds, () => ({
      query,
      time: betweenSamples(Date.now() - BEHIND_MS) / 1_000,
    }));
    first[0] += result.ourMs[0]!;
    first[1] += result.theirMs[0]!;
    cpu[0] += result.ourCpuSeconds;
    cpu[1] += result.theirCpuSeconds;
    const [a, b] = [percentile(result.ourMs, 0.5), percentile(result.theirMs, 0.5)];
    context.say(
      `${asFraction(a / b).padStart(6)}  ${plain(a)} ms against ${plain(b)} ms, ${result.points} points: ${query}`,
    );
    mine.push(...result.ourMs);
    other.push(...result.theirMs);
  }
  const what = `${QUERIES.length} dashboard queries, ${seriesCount} series`;
  for (const [share, name, limit] of [
    [0.5, 'p50', 1 / 5],
    [0.95, 'p95', 1 / 5],
  ] as const) {
    const [a, b] = [percentile(mine, share), percentile(other, share)];
    context.add(
      ratioFinding('instant', `${name} of ${what}`, limit, a, b, `${plain(a)} ms / ${plain(b)} ms`),
    );
  }
  context.say(
    `CPU of all: ${plain(cpu[0])} s against ${plain(cpu[1])} s, ingestion of the time included`,
  );
  context.say(`all for the first time: ${plain(first[0])} ms against ${plain(first[1])} ms`);
}

function betweenSamples(timeMs: number): number {
  return (Math.floor(timeMs / SAMPLE_GRID_MS) + 0.5) * SAMPLE_GRID_MS;
}
