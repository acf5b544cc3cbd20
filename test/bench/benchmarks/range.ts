import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchContext } from '../bench-context.ts';
import type { Contender } from '../contender.ts';
import { duel } from '../query-client.ts';
import { asFraction, percentile, plain, ratioFinding } from '../report.ts';

const INSTANCES = 50;
const SCRAPE_MS = 15_000;
const STEP_SECONDS = 30;
const HOUR_MS = 3_600_000;
const COMPACTION_MS = 90_000;
/** No sample lies on the edge of a window: Prometheus 3 leaves out what lies on the left one, Debian's 2.42 does not. */
const OFF_EDGE_SECONDS = 0.007;

const QUERIES = [
  ['rate of 1,000 series', 'rate(http_requests_total[5m])'],
  ['sum of rate of 1,000 series', 'sum by (handler) (rate(http_requests_total[5m]))'],
  [
    'histogram_quantile of 500 x 12 buckets',
    'histogram_quantile(0.95, rate(http_request_duration_seconds_bucket[5m]))',
  ],
  [
    'histogram_quantile of sums of 500 x 12 buckets',
    'histogram_quantile(0.99, sum by (le, handler) (rate(http_request_duration_seconds_bucket[5m])))',
  ],
] as const;

/** Range queries over hours that were written from the oldest to the youngest sample. */
export async function rangeBenchmark(context: BenchContext): Promise<void> {
  const hours = context.isQuick ? 1 : 6;
  const rounds = context.isQuick ? 3 : 7;
  const { ours, theirs } = await context.startBoth();
  const endMs = Math.floor(Date.now() / SCRAPE_MS) * SCRAPE_MS - SCRAPE_MS;
  const startMs = endMs - hours * HOUR_MS;
  context.say(`writing ${hours} h of requests …`);
  const feed = context.feed({
    workload: { kind: 'requests', instances: INSTANCES },
    urls: [ours.writeUrl, theirs.writeUrl],
    startMs,
    stepMs: SCRAPE_MS,
    steps: (hours * HOUR_MS) / SCRAPE_MS,
    seriesPerRequest: 1_000,
    stepsPerRequest: 20,
  });
  const { samples, seconds } = await feed.caughtUp;
  context.say(`${samples} samples written in ${seconds.toFixed(0)} s`);
  if (hours > 3) await untilCompacted(theirs, context);
  for (const [what, query] of QUERIES) {
    const result = await duel(ours, theirs, '/api/v1/query_range', rounds, () => ({
      query,
      start: startMs / 1_000 + 300 + OFF_EDGE_SECONDS,
      end: endMs / 1_000 + OFF_EDGE_SECONDS,
      step: STEP_SECONDS,
    }));
    const [a, b] = [percentile(result.ourMs, 0.5), percentile(result.theirMs, 0.5)];
    const cpuRatio = asFraction(result.ourCpuSeconds / result.theirCpuSeconds);
    context.add(
      ratioFinding(
        'range',
        `${what}, ${hours} h in steps of 30 s`,
        1 / 3,
        a,
        b,
        `${plain(a)} ms / ${plain(b)} ms, CPU ${cpuRatio}; ${result.points} points`,
      ),
    );
  }
  await ours.stop();
  await theirs.stop();
}

/** Prometheus puts what is older than its head into blocks; it is asked once that is over. */
async function untilCompacted(theirs: Contender, context: BenchContext): Promise<void> {
  context.say('waiting for Prometheus to write its blocks …');
  const untilMs = Date.now() + COMPACTION_MS;
  let before = -1;
  while (Date.now() < untilMs) {
    const compactions = await theirs.metric('prometheus_tsdb_compactions_total');
    if (compactions > 0 && compactions === before) return;
    before = compactions;
    await sleep(15_000);
  }
}
