import type { BenchContext } from '../bench-context.ts';
import { limitFinding, percentile, plain } from '../report.ts';

const STREAMS = 20;
const LINES_PER_PUSH = 5_000;
const HOUR_MS = 3_600_000;
const LEVELS = ['info', 'info', 'info', 'debug', 'warn', 'error'];

/** What is asked: so many lines a second, as the time that the lines may take. */
const QUESTIONS = [
  { name: 'needle', query: '{app="shop"} |= "needle in"', linesPerSecond: 1_000_000 },
  {
    name: 'rate by level',
    query: 'sum by (level) (rate({app="shop"} | json [1m]))',
    linesPerSecond: 300_000,
  },
  {
    name: 'errors of one pod, newest 100',
    query: '{app="shop", pod="shop-7"} | json | level="error"',
    linesPerSecond: 1_000_000,
  },
  {
    name: 'p99 of a field',
    query: 'quantile_over_time(0.99, {app="shop"} | json | unwrap duration(took) [5m]) by (app)',
    linesPerSecond: 200_000,
  },
] as const;

/** Queries over the log lines of an hour, from the store's own blocks and chunks to the answer of the HTTP API. */
export async function logqlBenchmark(context: BenchContext): Promise<void> {
  const lines = context.isQuick ? 100_000 : 1_000_000;
  const engine = await context.startEngine();
  context.say(`storing ${lines} lines of JSON in ${STREAMS} streams …`);
  const endMs = Math.floor(Date.now() / 1_000) * 1_000;
  const bytes = await fill(engine.url, lines, endMs);
  for (const { name, query, linesPerSecond } of QUESTIONS) {
    const times: number[] = [];
    let found = '';
    for (let round = 0; round < 6; round++) {
      const before = performance.now();
      found = await ask(engine.url, query, endMs);
      // The first round warms up.
      if (round > 0) times.push(performance.now() - before);
    }
    const ms = percentile(times, 0.5);
    context.add(
      limitFinding(
        'logql',
        `${name} over ${lines} lines of an hour`,
        (lines / linesPerSecond) * 1_000,
        ms,
        'ms',
        `${plain(lines / ms / 1_000)} million lines/s, ${plain(bytes / ms / 1_000)} MB/s, ${found}; median of ${times.length}`,
      ),
    );
  }
}

/** @returns the bytes of all lines */
async function fill(url: string, lines: number, endMs: number): Promise<number> {
  let bytes = 0;
  for (let from = 0; from < lines; from += LINES_PER_PUSH) {
    const values: [string, string][][] = Array.from({ length: STREAMS }, () => []);
    for (let i = from; i < Math.min(lines, from + LINES_PER_PUSH); i++) {
      const timeMs = endMs - HOUR_MS + Math.floor(((i + 1) * HOUR_MS) / lines);
      const line = lineOf(i);
      bytes += line.length;
      values[i % STREAMS]!.push([`${timeMs}${String(i % 1_000_000).padStart(6, '0')}`, line]);
    }
    const streams = values.map((each, pod) => ({
      stream: { app: 'shop', namespace: 'shop', pod: `shop-${pod}` },
      values: each,
    }));
    await push(url, JSON.stringify({ streams }));
  }
  return bytes;
}

async function push(url: string, body: string): Promise<void> {
  for (;;) {
    const response = await fetch(`${url}/loki/api/v1/push`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    const text = await response.text();
    if (response.status === 204) return;
    // More than the store takes in a second.
    if (response.status !== 429 && response.status !== 503) {
      throw new Error(`lines were refused: ${response.status} ${text}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function lineOf(i: number): string {
  const message = i % 99_991 === 7 ? 'a needle in the hay' : 'served what was asked for';
  return `{"ts":"2026-11-21T14:00:00.123Z","level":"${LEVELS[i % 6]}","method":"GET","path":"/api/items/${i % 977}","status":${i % 50 === 0 ? 500 : 200},"took":"${i % 300}ms","msg":"${message}","trace_id":"${(i * 2_654_435_761).toString(16)}"}`;
}

async function ask(url: string, query: string, endMs: number): Promise<string> {
  const body = new URLSearchParams({
    query,
    start: `${endMs - HOUR_MS}000000`,
    end: `${endMs + 1_000}000000`,
    step: '15',
  });
  const response = await fetch(`${url}/loki/api/v1/query_range`, { method: 'POST', body });
  const text = await response.text();
  if (response.status !== 200) throw new Error(text);
  const { data } = JSON.parse(text) as {
    data: { result: { values: unknown[] }[]; stats: { summary: { totalLinesProcessed: number } } };
  };
  const values = data.result.reduce((sum, each) => sum + each.values.length, 0);
  return `${data.stats.summary.totalLinesProcessed} lines read, ${values} values in ${data.result.length}`;
}
