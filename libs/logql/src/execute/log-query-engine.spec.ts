import { describe, expect, it } from '@jest/globals';
import { Labels } from '#libs/labels';
import { MemoryLogSource } from '../memory-log-source.ts';
import { parseLogql } from '../parse/parse-logql.ts';
import { LogQueryEngine } from './log-query-engine.ts';
import { LogqlQueryError } from './logql-query-error.ts';
import type { LogQueryLimits } from './scan.ts';

const LINES = 5_000;
const SECOND = 1_000_000_000n;
const LIMITS: LogQueryLimits = {
  maxScannedBytes: 1_000_000,
  maxSeries: 50,
  maxCells: 100_000,
  maxResultBytes: 100_000,
};

const source = new MemoryLogSource(LINES);
for (const pod of ['a', 'b']) {
  source.add(
    Labels.fromRecord({ app: 'x', pod }),
    Array.from({ length: LINES }, (_, i) => ({
      timeNs: BigInt(i) * SECOND,
      line: `pod=${pod} n=${i} id=${pod}${i}`,
    })),
  );
}

interface Probe {
  readonly engine: LogQueryEngine;
  pauses: number;
}

function probe(limits: Partial<LogQueryLimits> = {}, onPause: () => void = () => {}): Probe {
  const probed: Probe = {
    pauses: 0,
    engine: new LogQueryEngine({
      source,
      limits: { ...LIMITS, ...limits },
      nowMs: () => 0,
      createPause: () => () => {
        probed.pauses++;
        onPause();
        return Promise.resolve();
      },
    }),
  };
  return probed;
}

type Options = Parameters<LogQueryEngine['logs']>[2];

async function logs(engine: LogQueryEngine, query: string, limit = 10, options: Options = {}) {
  const expr = parseLogql(query);
  if (expr.kind !== 'log') throw new Error('not a log query');
  const range = { startNs: 0n, endNs: BigInt(LINES) * SECOND, intervalNs: 0n };
  return engine.logs(expr, { ...range, limit, direction: 'backward' }, options);
}

async function at(engine: LogQueryEngine, query: string, options: Options = {}) {
  const expr = parseLogql(query);
  if (expr.kind === 'log') throw new Error('not a metric query');
  return engine.instant(expr, LINES * 1_000, options);
}

async function failure(run: Promise<unknown>): Promise<unknown> {
  return run.then(
    () => null,
    (error: unknown) => (error instanceof LogqlQueryError ? error.code : error),
  );
}

describe('LogQueryEngine', () => {
  it('gives the newest lines of all streams, and reads no further than it must', async () => {
    const many = new MemoryLogSource(10);
    for (const pod of ['a', 'b', 'c']) {
      many.add(
        Labels.fromRecord({ app: 'x', pod }),
        Array.from({ length: 1_000 }, (_, i) => ({ timeNs: BigInt(i) * SECOND, line: `${i}` })),
      );
    }
    const engine = new LogQueryEngine({
      source: many,
      limits: LIMITS,
      nowMs: () => 0,
      createPause: () => () => null,
    });
    const { value, stats } = await logs(engine, '{app="x"}', 7);
    expect(value.map(({ line }) => line)).toEqual([
      '999',
      '999',
      '999',
      '998',
      '998',
      '998',
      '997',
    ]);
    expect(stats.lines).toBeLessThanOrEqual(60);
  });

  it('gives the loop its turns, within a batch whose lines take long', async () => {
    const slow = probe();
    await logs(slow.engine, '{app="x"} |~ "n=[0-4]+9 id=[ab]"', LINES);
    expect(slow.pauses).toBeGreaterThan(30);
    const sparse = probe();
    // Few lines come through the filters, and none of them at a round number.
    await at(sparse.engine, 'sum(count_over_time({app="x"} |= "n=" | logfmt | n="7" [2h]))');
    expect(sparse.pauses).toBeGreaterThan(30);
  });

  it('ends when nobody waits for it any more, and when its time is over', async () => {
    const gone = new AbortController();
    const { engine } = probe({}, () => gone.abort());
    const query = '{app="x"} |~ "n=[0-9]+1 "';
    expect(await failure(logs(engine, query, LINES, { signal: gone.signal }))).toBe('canceled');
    const late = new AbortController();
    const other = probe({}, () => late.abort(new DOMException('over', 'TimeoutError')));
    const run = at(other.engine, 'rate({app="x"}[2h])', { signal: late.signal });
    expect(await failure(run)).toBe('timeout');
  });

  it('ends with its signal where the source is the first to see it', async () => {
    const waiting = new LogQueryEngine({
      source: {
        streams: async () => [],
        volume: async () => [],
        // oxlint-disable-next-line require-yield -- it waits and is ended
        async *read({ signal }) {
          await new Promise((resolve) => signal?.addEventListener('abort', resolve));
          signal?.throwIfAborted();
        },
      },
      limits: LIMITS,
      nowMs: () => 0,
      createPause: () => () => null,
    });
    const signal = AbortSignal.timeout(5);
    expect(await failure(at(waiting, 'rate({app="x"}[1m])', { signal }))).toBe('timeout');
  });

  it.each([
    ['bytes read', { maxScannedBytes: 1_000 }, 'count_over_time({app="x"}[2h])'],
    ['series', {}, 'count_over_time({app="x"} | logfmt [2h])'],
    ['numbers held', {}, 'quantile_over_time(0.5, {app="x"} | logfmt | unwrap n [2h]) by (x)'],
  ])('refuses more %s than it may', async (_what, limits, query) => {
    const { engine } = probe({ maxCells: 10_000, ...limits });
    expect(await failure(at(engine, query))).toBe('limit');
  });

  it('refuses an answer that is too long, and steps that are too many', async () => {
    const { engine } = probe({ maxResultBytes: 1_000 });
    expect(await failure(logs(engine, '{app="x"}', LINES))).toBe('limit');
    const expr = parseLogql('vector(1)');
    const range = { startMs: 0, endMs: 11_000_000, stepMs: 1_000 };
    const run = expr.kind === 'log' ? Promise.resolve() : engine.range(expr, range);
    expect(await failure(run)).toBe('bad_query');
  });

  it('keeps the series of one level under the limit, however many labels the lines have', async () => {
    const { engine } = probe();
    const { value } = await at(engine, 'sum by (pod) (count_over_time({app="x"} | logfmt [2h]))');
    expect(value).toMatchObject({ kind: 'vector', values: Float64Array.of(LINES, LINES) });
  });
});
