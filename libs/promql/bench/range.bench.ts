import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Labels } from '#libs/labels';
import { parseExpr, QueryEngine, type SeriesSelection, type SeriesSource } from '#libs/promql';

/*
 * Range queries of six hours at a step of 30 s: `rate` over 1,000 series and `histogram_quantile` over 500 histograms of 12
 * buckets, at 15 s between samples. Prints what each costs and the longest time the event loop had to wait meanwhile. Run
 * with `node --conditions=repo-source libs/promql/bench/range.bench.ts`.
 */

const STEP_MS = 15_000;
const SAMPLES = (7 * 3_600_000) / STEP_MS;
const START_MS = 1_700_000_000_000;
const BOUNDS = [
  '0.005',
  '0.01',
  '0.025',
  '0.05',
  '0.1',
  '0.25',
  '0.5',
  '1',
  '2.5',
  '5',
  '10',
  '+Inf',
];

interface Row {
  readonly labels: Labels;
  readonly perSample: number;
}

const timesMs = Float64Array.from({ length: SAMPLES }, (_, i) => START_MS + i * STEP_MS);

function sourceOf(rows: readonly Row[]): SeriesSource {
  const values = rows.map(({ perSample }) => Float64Array.from(timesMs, (_, i) => i * perSample));
  const selection: SeriesSelection = {
    version: 1,
    rows: Uint32Array.from(rows, (_, row) => row),
    labelsOf: (row) => rows[row]!.labels,
    read: (row, minMs, maxMs, window) => {
      window.timesMs = timesMs;
      window.values = values[row]!;
      window.start = Math.max(0, Math.ceil((minMs - START_MS) / STEP_MS));
      window.end = Math.min(SAMPLES, Math.floor((maxMs - START_MS) / STEP_MS) + 1);
    },
  };
  return { select: () => selection };
}

async function measure(text: string, rows: readonly Row[]): Promise<void> {
  const engine = new QueryEngine({
    source: sourceOf(rows),
    nowMs: () => performance.now(),
    yieldToLoop: () =>
      new Promise((resolve) => {
        setImmediate(resolve);
      }),
    maxSamples: 50_000_000,
  });
  const plan = engine.prepare(parseExpr(text), text);
  const startMs = START_MS + 3_600_000;
  const endMs = startMs + 6 * 3_600_000;
  await plan.range(startMs, endMs, 30_000);
  let longestMs = 0;
  let lastMs = performance.now();
  const timer = setInterval(() => {
    longestMs = Math.max(longestMs, performance.now() - lastMs);
    lastMs = performance.now();
  }, 1);
  const rounds = 5;
  const from = process.cpuUsage();
  for (let i = 0; i < rounds; i++) await plan.range(startMs, endMs, 30_000);
  const used = process.cpuUsage(from);
  clearInterval(timer);
  const perRoundMs = (used.user + used.system) / 1_000 / rounds;
  console.log(
    `${text.padEnd(60)} ${rows.length} series: ${perRoundMs.toFixed(0)} ms CPU, the loop waited ${longestMs.toFixed(0)} ms at most`,
  );
}

const plain: Row[] = Array.from({ length: 1_000 }, (_, i) => ({
  labels: Labels.fromRecord({ __name__: 'x_total', g: `g${i % 20}`, i: String(i) }),
  perSample: (i % 7) + 1,
}));
const buckets: Row[] = Array.from({ length: 500 * BOUNDS.length }, (_, i) => ({
  labels: Labels.fromRecord({
    __name__: 'x_bucket',
    i: String(Math.floor(i / BOUNDS.length)),
    le: BOUNDS[i % BOUNDS.length]!,
  }),
  perSample: (i % BOUNDS.length) + 1,
}));

if (process.argv[3] === undefined) await measure('rate(x_total[5m])', plain);
if (process.argv[3] === undefined) await measure('sum by (g) (rate(x_total[5m]))', plain);
if (process.argv[3] === undefined)
  await measure('histogram_quantile(0.9, rate(x_bucket[5m]))', buckets);
if (process.argv[3] === undefined)
  await measure('histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m])))', buckets);
if (process.argv[3] === undefined) await measure('max_over_time(x_total[1h])', plain);

const MANY = Number(process.argv[2] ?? 200_000);
const many: Row[] = Array.from({ length: MANY }, (_, i) => ({
  labels: Labels.fromRecord({ __name__: 'y', g: `g${i % 1_000}`, i: String(i) }),
  perSample: (i * 7_919) % 10_007,
}));
const shared = sourceOfFew(many);

/** As many series, all of which have the samples of one. */
function sourceOfFew(rows: readonly Row[]): SeriesSource {
  const values = Float64Array.from(timesMs, (_, i) => i);
  const selection: SeriesSelection = {
    version: 1,
    rows: Uint32Array.from(rows, (_, row) => row),
    labelsOf: (row) => rows[row]!.labels,
    read: (_, minMs, maxMs, window) => {
      window.timesMs = timesMs;
      window.values = values;
      window.start = Math.max(0, Math.ceil((minMs - START_MS) / STEP_MS));
      window.end = Math.min(SAMPLES, Math.floor((maxMs - START_MS) / STEP_MS) + 1);
    },
  };
  return { select: () => selection };
}

/** The delay of the event loop while a heavy instant query is prepared and evaluated for the first time. */
async function measureDelay(text: string): Promise<void> {
  const engine = new QueryEngine({
    source: shared,
    nowMs: () => performance.now(),
    yieldToLoop: () =>
      new Promise((resolve) => {
        setImmediate(resolve);
      }),
    maxSamples: 100_000_000,
    timeoutMs: 300_000,
  });
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const begin = performance.now();
  await engine.prepare(parseExpr(text), text).instant(START_MS + 6 * 3_600_000);
  const tookMs = performance.now() - begin;
  delay.disable();
  const [p99, max] = [delay.percentile(99), delay.max].map((ns) => (ns / 1e6).toFixed(0));
  console.log(
    `${text.padEnd(60)} ${MANY} series: ${tookMs.toFixed(0)} ms, event-loop delay p99 ${p99} ms, max ${max} ms`,
  );
}

await measureDelay('y');
await measureDelay('label_replace(y, "z", "$1", "i", "(.).*")');
await measureDelay('sort_desc(y)');
await measureDelay('topk(100, y)');
await measureDelay('count_values("v", y)');
await measureDelay('limit_ratio(0.5, y)');
await measureDelay('y + on (i) group_left () y');
await measureDelay('y and on (i) y');
await measureDelay('sum by (i) (y)');
await measureDelay('quantile by (g) (0.9, y)');
await measureDelay('sort_by_label(y, "i")');
await measureDelay('y[2m]');
await measureDelay('rate(y[5m])');
