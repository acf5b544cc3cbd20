import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchContext } from '../bench-context.ts';
import type { Contender } from '../contender.ts';
import { pings } from '../pings.ts';
import { timedGet } from '../query-client.ts';
import { limitFinding, percentile, plain } from '../report.ts';

const PING_EVERY_MS = 10;
const LIMIT_MS = 50;

/** Each reads most of the store, or reads a part of it hundreds of times. */
const HEAVY = [
  { query: 'count by (pod, container, node, namespace) ({__name__=~"container_.+"})', step: 0 },
  { query: 'sum by (pod) (rate(container_cpu_usage_seconds_total[4m]))', step: 1 },
  { query: 'topk(20, increase(container_network_receive_bytes_total[3m]))', step: 2 },
  { query: 'sort_desc({__name__=~"container_(cpu|fs)_.+"})', step: 0 },
];

/** What heavy queries do to the event loop and to the rules. */
export async function loopBenchmark(context: BenchContext): Promise<void> {
  const cluster = await context.cluster();
  const { ours } = cluster;
  await cluster.startRules();
  await sleep(20_000);
  const seconds = context.isQuick ? 15 : 60;
  const missedName = 'prometheus_rule_group_iterations_missed_total';
  const missedBefore = await ours.metric(missedName);
  const roundsBefore = await ours.metric('prometheus_rule_group_iterations_total');
  // The engine's own measure begins anew each time it is read.
  await ours.metric('nodejs_eventloop_lag_p99_seconds');
  const idle = await pings(ours, 5_000, PING_EVERY_MS);
  await ours.metric('nodejs_eventloop_lag_p99_seconds');
  context.say(`heavy queries for ${seconds} s …`);
  const untilMs = Date.now() + seconds * 1_000;
  const [latencies, queries] = await Promise.all([
    pings(ours, seconds * 1_000, PING_EVERY_MS),
    Promise.all(HEAVY.map((heavy) => repeat(ours, heavy, untilMs))),
  ]);
  const lagMs = (await ours.metric('nodejs_eventloop_lag_p99_seconds')) * 1_000;
  HEAVY.forEach(({ query }, i) => {
    const times = queries[i]!;
    context.say(`${times.length} times, p50 ${plain(percentile(times, 0.5))} ms: ${query}`);
  });
  const what = `with ${HEAVY.length} heavy queries at a time, ${cluster.seriesCount} series`;
  context.add(
    limitFinding(
      'loop',
      `event-loop delay p99 ${what}`,
      LIMIT_MS,
      lagMs,
      'ms',
      'as Node measures it, its 10 ms tick included',
    ),
    limitFinding(
      'loop',
      `answer of /livez p99 ${what}`,
      LIMIT_MS,
      percentile(latencies, 0.99),
      'ms',
      `p50 ${plain(percentile(latencies, 0.5))}, max ${plain(Math.max(...latencies))}, idle p99 ${plain(percentile(idle, 0.99))} ms`,
    ),
  );
  const missed = (await ours.metric(missedName)) - missedBefore;
  const rounds = (await ours.metric('prometheus_rule_group_iterations_total')) - roundsBefore;
  context.add(
    limitFinding('loop', 'missed rounds of rule groups', 0, missed, 'missed', `of ${rounds}`),
  );
}

async function repeat(
  contender: Contender,
  { query, step }: { readonly query: string; readonly step: number },
  untilMs: number,
): Promise<number[]> {
  const times: number[] = [];
  while (Date.now() < untilMs) {
    const end = Math.floor(Date.now() / 1_000) - 3;
    const answer =
      step === 0
        ? timedGet(contender, '/api/v1/query', { query, time: end })
        : timedGet(contender, '/api/v1/query_range', { query, start: end - 300, end, step });
    // On a machine that is busy with other work they may come to the end of their time; they are a load, no subject.
    times.push(
      await answer.then(
        ({ ms }) => ms,
        () => Infinity,
      ),
    );
  }
  return times;
}
