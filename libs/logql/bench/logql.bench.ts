import { Labels } from '#libs/labels';
import { type LogBatch, LogQueryEngine, type LogSource, parseLogql } from '#libs/logql';

/*
 * Queries over a million lines of JSON and of text in memory, in batches of about a megabyte: what the language itself
 * costs, without the store. Run with `node --conditions=repo-source libs/logql/bench/logql.bench.ts [lines]`.
 */

const LINES = Number(process.argv[2] ?? 1_000_000);
const BATCH_LINES = 8_000;
const START_NS = 1_700_000_000_000_000_000n;
const STEP_NS = 3_600_000_000_000n / BigInt(LINES);
const LEVELS = ['info', 'info', 'info', 'debug', 'warn', 'error'];

function jsonLine(i: number): string {
  return `{"ts":"2026-11-21T14:00:00.123Z","level":"${LEVELS[i % 6]}","method":"GET","path":"/api/items/${i % 977}","status":${i % 50 === 0 ? 500 : 200},"duration":"${i % 300}ms","trace_id":"${(i * 2_654_435_761).toString(16)}"}`;
}

function textLine(i: number): string {
  return `2026-11-21T14:00:00.123Z level=${LEVELS[i % 6]} method=GET path=/api/items/${i % 977} status=${i % 50 === 0 ? 500 : 200} duration=${i % 300}ms msg="${i % 100_000 === 7 ? 'needle in the' : 'request of the'} shop served"`;
}

function batchesOf(labels: Labels, id: number, lineAt: (i: number) => string): LogBatch[] {
  const batches: LogBatch[] = [];
  for (let from = 0; from < LINES; from += BATCH_LINES) {
    const count = Math.min(BATCH_LINES, LINES - from);
    const starts = new Uint32Array(count);
    const ends = new Uint32Array(count);
    const timesNs = new BigInt64Array(count);
    const lines: Buffer[] = [];
    let at = 0;
    for (let i = 0; i < count; i++) {
      const line = Buffer.from(lineAt(from + i));
      lines.push(line);
      starts[i] = at;
      at += line.length;
      ends[i] = at;
      timesNs[i] = START_NS + BigInt(from + i) * STEP_NS;
    }
    batches.push({
      stream: { id, labels },
      count,
      timesNs,
      bytes: Buffer.concat(lines),
      starts,
      ends,
      metadataOf: () => null,
    });
  }
  return batches;
}

const json = batchesOf(Labels.fromRecord({ app: 'json' }), 1, jsonLine);
const text = batchesOf(Labels.fromRecord({ app: 'text' }), 2, textLine);
const source: LogSource = {
  streams: async () => [],
  volume: async () => [],
  async *read({ matchers, direction }) {
    const batches = matchers[0]!.value === 'json' ? json : text;
    yield* direction === 'forward' ? batches : batches.toReversed();
  },
};

const engine = new LogQueryEngine({
  source,
  limits: {
    maxScannedBytes: Number.MAX_SAFE_INTEGER,
    maxSeries: 1_000,
    maxCells: 20_000_000,
    maxResultBytes: 100_000_000,
  },
  nowMs: () => Date.now(),
  createPause: () => () => null,
});

const END_NS = START_NS + 3_600_000_000_000n;
const startMs = Number(START_NS / 1_000_000n);

async function run(query: string): Promise<{ lines: number; bytes: number; ms: number }> {
  const expr = parseLogql(query);
  const began = performance.now();
  const { stats } =
    expr.kind === 'log'
      ? await engine.logs(expr, {
          startNs: START_NS,
          endNs: END_NS,
          direction: 'forward',
          limit: 1_000,
          intervalNs: 0n,
        })
      : await engine.range(expr, { startMs, endMs: startMs + 3_600_000, stepMs: 15_000 });
  return { lines: stats.lines, bytes: stats.bytes, ms: performance.now() - began };
}

for (const query of [
  '{app="text"} |= "needle"',
  '{app="text"} |= "needle" != "other" |~ "need.e in"',
  '{app="text"} |~ "(?i)NEEDLE"',
  '{app="text"} |~ "needle|haystack"',
  '{app="text"} |~ "dle i[nm] the"',
  'count_over_time({app="text"}[1m])',
  'sum(count_over_time({app="text"} |= "error" [1m]))',
  'sum by (level) (rate({app="text"} | logfmt [1m]))',
  'sum by (level) (count_over_time({app="json"} | json [1m]))',
  'sum by (level) (count_over_time({app="json"} | json | status >= 500 [1m]))',
  'quantile_over_time(0.99, {app="json"} | json | unwrap duration(duration) [1m]) by (method)',
  'sum by (status) (count_over_time({app="text"} | pattern "<_> status=<status> <_>" [1m]))',
  '{app="json"} | json | status = 404',
]) {
  await run(query);
  const { lines, bytes, ms } = await run(query);
  const rate = `${Math.round(lines / ms)}k lines/s, ${Math.round(bytes / ms / 1000)} MB/s`;
  process.stdout.write(`${query.padEnd(95)} ${ms.toFixed(0).padStart(6)} ms  ${rate}\n`);
}
