import type { BenchContext } from '../bench-context.ts';
import { timedGet } from '../query-client.ts';
import { limitFinding, percentile, plain } from '../report.ts';
import { scaleMetric } from '../workload.ts';

const STEP_MS = 15_000;
const STEPS = 9;
const ROUNDS = 20;
/** Rounds of each size that are not counted: the runtime compiles what it sees often. */
const WARM_UP = 10;
/** The largest may cost this much more for each of its series than the smallest. */
const LIMIT = 3;

/** What a query costs for each series it reads, from ten thousand to a million. */
export async function linearBenchmark(context: BenchContext): Promise<void> {
  const sizes = context.isQuick ? [10_000, 100_000] : [10_000, 100_000, 1_000_000];
  const ours = await context.startEngine();
  const endMs = Math.floor(Date.now() / STEP_MS) * STEP_MS;
  context.say(`writing ${sizes.join(' + ')} series …`);
  const feed = context.feed({
    workload: { kind: 'scale', sizes },
    urls: [ours.writeUrl],
    startMs: endMs - STEPS * STEP_MS,
    stepMs: STEP_MS,
    steps: STEPS,
    seriesPerRequest: 5_000,
    stepsPerRequest: STEPS,
  });
  const { samples, seconds } = await feed.caughtUp;
  context.say(`${samples} samples written in ${seconds.toFixed(0)} s`);
  for (const [name, queryOf] of [
    ['sum by (group) (rate(x[1m]))', (x: string) => `sum by (group) (rate(${x}[1m]))`],
    ['sum by (group) (x)', (x: string) => `sum by (group) (${x})`],
  ] as const) {
    const nanoseconds: number[] = [];
    for (const size of sizes) {
      const times: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const { ms } = await timedGet(ours, '/api/v1/query', {
          query: queryOf(scaleMetric(size)),
          time: endMs / 1_000,
        });
        if (round >= WARM_UP) times.push(ms);
      }
      nanoseconds.push((percentile(times, 0.5) * 1e6) / size);
    }
    const growth = nanoseconds.at(-1)! / nanoseconds[0]!;
    const figures = sizes.map((size, i) => `${size}: ${plain(nanoseconds[i]!)} ns`).join(', ');
    context.add(
      limitFinding(
        'linear',
        `time a series of ${name}, largest against smallest`,
        LIMIT,
        growth,
        'times',
        figures,
      ),
    );
  }
  await ours.stop();
}
