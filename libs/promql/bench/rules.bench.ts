import { Labels } from '#libs/labels';
import {
  EvaluationCache,
  parseExpr,
  QueryEngine,
  type QueryOptions,
  type SeriesSelection,
  type SeriesSource,
} from '#libs/promql';

/*
 * What a rule costs per series: `sum by (g) (rate(x[1m]))` and others over 100,000 series kept as columns, evaluated again
 * and again with a plan that knows its rows. Run with `node --conditions=repo-source libs/promql/bench/rules.bench.ts`.
 */

const SERIES = Number(process.argv[2] ?? 100_000);
const STEP_MS = 15_000;
const SAMPLES = 24;
const START_MS = 1_700_000_000_000;

function columnSource(count: number): SeriesSource {
  const labels: Labels[] = [];
  const timesMs = new Float64Array(count * SAMPLES);
  const values = new Float64Array(count * SAMPLES);
  for (let row = 0; row < count; row++) {
    labels.push(
      Labels.fromRecord({
        __name__: 'x_total',
        g: `group-${row % 100}`,
        instance: `instance-${row % 1_000}`,
        series: String(row),
      }),
    );
    for (let i = 0; i < SAMPLES; i++) {
      timesMs[row * SAMPLES + i] = START_MS + i * STEP_MS;
      values[row * SAMPLES + i] = row + i * 3;
    }
  }
  const selection: SeriesSelection = {
    version: 1,
    rows: Uint32Array.from({ length: count }, (_, row) => row),
    labelsOf: (row) => labels[row]!,
    read: (row, minMs, maxMs, window) => {
      // As a store that keeps the newest samples raw: one slab, looked at from the newest end.
      const first = row * SAMPLES;
      let end = first + SAMPLES;
      while (end > first && timesMs[end - 1]! > maxMs) end--;
      let start = end;
      while (start > first && timesMs[start - 1]! >= minMs) start--;
      window.timesMs = timesMs;
      window.values = values;
      window.start = start;
      window.end = end;
    },
  };
  return { select: () => selection };
}

const engine = new QueryEngine({
  source: columnSource(SERIES),
  nowMs: () => performance.now(),
  yieldToLoop: () =>
    new Promise((resolve) => {
      setImmediate(resolve);
    }),
  maxSamples: 50_000_000,
});

async function measure(text: string, options: QueryOptions = {}): Promise<void> {
  const plan = engine.prepare(parseExpr(text), text);
  const atMs = START_MS + (SAMPLES - 1) * STEP_MS;
  const coldMs = performance.now();
  await plan.instant(atMs, options);
  const cold = performance.now() - coldMs;
  for (let i = 0; i < 10; i++) await plan.instant(atMs, options);
  const rounds = 50;
  const from = process.cpuUsage();
  for (let i = 0; i < rounds; i++) await plan.instant(atMs, options);
  const used = process.cpuUsage(from);
  const perRoundMs = (used.user + used.system) / 1_000 / rounds;
  const perSeriesNs = (perRoundMs * 1e6) / SERIES;
  console.log(
    `${text.padEnd(44)} first ${cold.toFixed(1).padStart(7)} ms, then ${perRoundMs.toFixed(2).padStart(7)} ms CPU, ${perSeriesNs.toFixed(1).padStart(6)} ns a series`,
  );
}

async function measureRange(text: string): Promise<void> {
  const plan = engine.prepare(parseExpr(text), text);
  const endMs = START_MS + (SAMPLES - 1) * STEP_MS;
  await plan.range(START_MS, endMs, STEP_MS);
  const rounds = 5;
  const from = process.cpuUsage();
  for (let i = 0; i < rounds; i++) await plan.range(START_MS, endMs, STEP_MS);
  const used = process.cpuUsage(from);
  const perRoundMs = (used.user + used.system) / 1_000 / rounds;
  const perPointNs = (perRoundMs * 1e6) / SERIES / SAMPLES;
  console.log(
    `${text.padEnd(44)} ${SAMPLES} steps ${perRoundMs.toFixed(1)} ms CPU, ${perPointNs.toFixed(1)} ns a series and step`,
  );
}

console.log(`${SERIES} series`);
await measure('sum by (g) (rate(x_total[1m]))');
await measure('sum by (g) (x_total)');
await measure('count(x_total > 5)');
await measure('x_total > 1e9');
await measure('avg without (series) (rate(x_total[5m]))');
await measure('sum(rate(x_total[1m]) / rate(x_total[5m]))');
await measure('topk(5, x_total)');
await measure('sum by (g) (max_over_time(x_total[5m]))');
await measureRange('sum by (g) (rate(x_total[1m]))');

const texts = Array.from({ length: 20 }, (_, i) => `sum by (g) (rate(x_total[1m])) > ${i}`);
const plans = texts.map((text) => engine.prepare(parseExpr(text), text));
const begin = performance.now();
const cache = new EvaluationCache(plans);
for (const plan of plans) await plan.instant(START_MS + (SAMPLES - 1) * STEP_MS, { cache });
console.log(`20 rules that share a subexpression: ${(performance.now() - begin).toFixed(1)} ms`);
