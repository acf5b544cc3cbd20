import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { Labels, type Matcher, matchesAll } from '#libs/labels';
import type { SeriesSelection, SeriesSource } from '../series-source.ts';
import { parseExpr } from '../parse/parse-expr.ts';
import { EvaluationCache } from './evaluation-cache.ts';
import type { Plan, QueryEngineOptions } from './plan.ts';
import { QueryEngine } from './query-engine.ts';
import type { QueryError } from './query-error.ts';
import type { MatrixResult, QueryResult, VectorResult } from './query-result.ts';

const STEP_MS = 15_000;

interface StoredSeries {
  readonly labels: Labels;
  readonly timesMs: number[];
  readonly values: number[];
}

/**
 * A store that hands the same selection out again and again, as the embedded one does, and whose row numbers are given
 * to other series after a removal.
 */
class ChurningSource implements SeriesSource {
  readonly rows: (StoredSeries | null)[] = [];
  reads = 0;
  #version = 1;
  readonly #selections = new Map<string, SeriesSelection>();

  add(record: Readonly<Record<string, string>>, values: readonly (number | null)[]): void {
    const timesMs: number[] = [];
    const kept: number[] = [];
    for (const [i, value] of values.entries()) {
      if (value === null) continue;
      timesMs.push(i * STEP_MS);
      kept.push(value);
    }
    const series = { labels: Labels.fromRecord(record), timesMs, values: kept };
    const free = this.rows.indexOf(null);
    if (free === -1) this.rows.push(series);
    else this.rows[free] = series;
    this.#version++;
  }

  remove(row: number): void {
    this.rows[row] = null;
    this.#version++;
  }

  select(matchers: readonly Matcher[]): SeriesSelection {
    const key = matchers.map((matcher) => matcher.key).join('|');
    const known = this.#selections.get(key);
    if (known !== undefined) return known;
    const rowsNow = (): Uint32Array =>
      Uint32Array.from(
        this.rows.flatMap((series, row) =>
          series !== null && matchesAll(series.labels, matchers) ? [row] : [],
        ),
      );
    const versionNow = (): number => this.#version;
    const selection: SeriesSelection = {
      get version() {
        return versionNow();
      },
      get rows() {
        return rowsNow();
      },
      labelsOf: (row) => this.rows[row]!.labels,
      read: (row, minMs, maxMs, window) => {
        this.reads++;
        const { timesMs, values } = this.rows[row]!;
        const start = timesMs.findIndex((time) => time >= minMs);
        const end = timesMs.findIndex((time) => time > maxMs);
        window.timesMs = Float64Array.from(timesMs);
        window.values = Float64Array.from(values);
        window.end = end === -1 ? timesMs.length : end;
        window.start = start === -1 ? window.end : Math.min(start, window.end);
      },
    };
    this.#selections.set(key, selection);
    return selection;
  }
}

function engineOf(source: SeriesSource, options: Partial<QueryEngineOptions> = {}): QueryEngine {
  return new QueryEngine({ source, nowMs: () => 0, yieldToLoop: async () => {}, ...options });
}

function planOf(engine: QueryEngine, text: string): Plan {
  return engine.prepare(parseExpr(text), text);
}

/** `labels @time value` for each point, sorted. */
function pointsOf(result: QueryResult): string[] {
  const { value } = result;
  if (value.kind === 'vector') return vectorPoints(value, value.timeMs);
  if (value.kind === 'matrix') return matrixPoints(value);
  if (value.kind === 'scalar') return [`{} @${value.timeMs} ${value.value}`];
  return [value.value];
}

function vectorPoints({ labels, values }: VectorResult, timeMs: number): string[] {
  return labels.map((own, i) => `${own.toString()} @${timeMs} ${values[i]}`).toSorted();
}

function matrixPoints({ series }: MatrixResult): string[] {
  return series
    .flatMap(({ labels, timesMs, values }) =>
      [...timesMs].map((timeMs, i) => `${labels.toString()} @${timeMs} ${values[i]}`),
    )
    .toSorted();
}

/** The points of an answer, or null where there was none. */
async function outcomeOf(answer: Promise<QueryResult>): Promise<string[] | null> {
  try {
    return pointsOf(await answer);
  } catch {
    return null;
  }
}

async function failureOf(run: () => Promise<unknown>): Promise<QueryError> {
  try {
    await run();
  } catch (error) {
    return error as QueryError;
  }
  throw new Error('it did not fail');
}

function labelsOf({ value: answer }: QueryResult): readonly Labels[] {
  return (answer as VectorResult).labels;
}

function manySeries(): ChurningSource {
  return manySeriesOf('a', 50);
}

function manySeriesOf(name: string, count: number): ChurningSource {
  const source = new ChurningSource();
  for (let i = 0; i < count; i++) source.add({ __name__: name, i: String(i) }, [1, 2, 3, 4]);
  return source;
}

const value = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -5, max: 40 }) },
  { weight: 2, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Infinity, -Infinity, 0.1) },
);
const seriesArbitrary = fc.record({
  labels: fc.record({
    __name__: fc.constantFrom('a', 'b_total'),
    job: fc.constantFrom('x', 'y'),
    instance: fc.constantFrom('1', '2', '3'),
  }),
  values: fc.array(value, { minLength: 1, maxLength: 30 }),
});
const dataArbitrary = fc.uniqueArray(seriesArbitrary, {
  maxLength: 10,
  selector: ({ labels }) => JSON.stringify(labels),
});

const QUERIES = [
  'a',
  'a offset 30s',
  'a @ 120',
  'rate(b_total[1m])',
  'increase(b_total[2m])',
  'irate(b_total[1m])',
  'delta(a[1m])',
  'deriv(a[1m])',
  'predict_linear(a[1m], 60)',
  'changes(a[2m])',
  'resets(b_total[2m])',
  'avg_over_time(a[1m])',
  'quantile_over_time(0.3, a[1m])',
  'stddev_over_time(a[90s])',
  'last_over_time(a[1m])',
  'absent_over_time(a{job="x"}[1m])',
  'absent(a{job="y", instance="2"})',
  'sum by (job) (a)',
  'avg without (instance) (b_total)',
  'min(a) or max(b_total)',
  'count(a > 3) by (job)',
  'stdvar(a)',
  'quantile(0.7, a)',
  'topk(2, a)',
  'bottomk by (job) (1, a)',
  'limitk(1, a)',
  'limit_ratio(0.5, a)',
  'count_values("v", a)',
  'a * on (job, instance) b_total',
  'a / on (job) group_left sum by (job) (b_total)',
  'a and on (instance) b_total',
  'a unless on (instance) b_total',
  'a or b_total',
  'a >= bool 3',
  'a - 1 > 2',
  '-a',
  'clamp(a, 1, 5)',
  'round(a, 3)',
  'timestamp(a)',
  'time() - timestamp(a offset 15s)',
  'max_over_time(rate(b_total[1m])[2m:30s])',
  'sum_over_time(a[2m:15s] offset 30s)',
  'scalar(a{job="x", instance="1"}) + 1',
  'vector(time())',
  'hour(a * 3600)',
  'label_replace(a, "z", "$1", "instance", "(.*)")',
  'label_join(a, "z", "-", "job", "instance")',
  'sum(rate(b_total[1m])) / sum(rate(b_total[1m]))',
];

describe('a range query', () => {
  it.each(QUERIES)('gives at each step what an instant query gives there: %s', async (text) => {
    await fc.assert(
      fc.asyncProperty(dataArbitrary, fc.integer({ min: 1, max: 60_000 }), async (data, stepMs) => {
        const source = new ChurningSource();
        for (const { labels, values } of data) source.add(labels, values);
        const plan = planOf(engineOf(source), text);
        const endMs = 8 * stepMs;
        const expected: (string[] | null)[] = [];
        for (let timeMs = 0; timeMs <= endMs; timeMs += stepMs) {
          expected.push(await outcomeOf(plan.instant(timeMs)));
        }
        const whole = expected.includes(null) ? null : expected.flatMap((points) => points ?? []);
        const outcome = await outcomeOf(plan.range(0, endMs, stepMs));
        expect(outcome).toEqual(whole?.toSorted() ?? null);
      }),
      { numRuns: 15 },
    );
  });
  it.each(QUERIES)('is the same in pieces: %s', async (text) => {
    await fc.assert(
      fc.asyncProperty(dataArbitrary, async (data) => {
        const source = new ChurningSource();
        for (const { labels, values } of data) source.add(labels, values);
        const whole = planOf(engineOf(source), text).range(0, 300_000, 7_000);
        const pieces = planOf(engineOf(source, { pieceCells: 9 }), text).range(0, 300_000, 7_000);
        expect(await outcomeOf(pieces)).toEqual(await outcomeOf(whole));
      }),
      { numRuns: 8 },
    );
  });
  it.each([
    [0, 10, 0],
    [0, 10, -1],
    [10, 0, 1],
    [Number.NaN, 0, 1],
  ])('from %d to %d with step %d is refused', async (startMs, endMs, stepMs) => {
    const plan = planOf(engineOf(new ChurningSource()), '1');
    const { code } = await failureOf(async () => plan.range(startMs, endMs, stepMs));
    expect(code).toBe('bad_data');
  });
  it('of a string is refused', async () => {
    const plan = planOf(engineOf(new ChurningSource()), '"text"');
    const { message } = await failureOf(async () => plan.range(0, 10, 1));
    expect(message).toBe(
      'invalid expression type "string" for range query, must be Scalar or instant Vector',
    );
  });
});

describe('a plan that is kept', () => {
  it.each(QUERIES)('answers as a new one after series have come and gone: %s', async (text) => {
    const step = fc.oneof(
      seriesArbitrary.map((series) => ({ kind: 'add' as const, series })),
      fc.nat({ max: 11 }).map((row) => ({ kind: 'remove' as const, row })),
    );
    await fc.assert(
      fc.asyncProperty(dataArbitrary, fc.array(step, { maxLength: 8 }), async (data, steps) => {
        const source = new ChurningSource();
        for (const { labels, values } of data) source.add(labels, values);
        const kept = planOf(engineOf(source), text);
        for (const change of [null, ...steps]) {
          if (change?.kind === 'add') {
            const key = Labels.fromRecord(change.series.labels).key;
            if (source.rows.some((series) => series?.labels.key === key)) continue;
            source.add(change.series.labels, change.series.values);
          } else if (change !== null) {
            if ((source.rows[change.row] ?? null) === null) continue;
            source.remove(change.row);
          }
          const fresh = planOf(engineOf(source), text);
          expect(await outcomeOf(kept.instant(150_000))).toEqual(
            await outcomeOf(fresh.instant(150_000)),
          );
        }
      }),
      { numRuns: 15 },
    );
  });
  it('reads nothing but samples when it runs again', async () => {
    const source = new ChurningSource();
    for (let i = 0; i < 10; i++) source.add({ __name__: 'a', i: String(i) }, [1, 2, 3]);
    const plan = planOf(engineOf(source), 'sum by (i) (rate(a[1m]))');
    const first = await plan.instant(45_000);
    const second = await plan.instant(45_000);
    expect(source.reads).toBe(20);
    expect(pointsOf(second)).toEqual(pointsOf(first));
    // The very same label sets, so none was built again.
    expect(labelsOf(second).every((own, i) => own === labelsOf(first)[i])).toBe(true);
  });
});

describe('an evaluation cache', () => {
  it('lets rules that share a part evaluate it once', async () => {
    const source = new ChurningSource();
    for (let i = 0; i < 4; i++) source.add({ __name__: 'a', i: String(i) }, [1, 2, 3]);
    const engine = engineOf(source);
    const plans = ['sum(rate(a[1m])) > 0', 'max(rate( a[1m])) > 0', 'count(a)'].map((text) =>
      planOf(engine, text),
    );
    const cache = new EvaluationCache(plans);
    const results: QueryResult[] = [];
    for (const plan of plans) results.push(await plan.instant(45_000, { cache }));
    expect(source.reads).toBe(8);
    // The remark is on each of them, where it stands in that one's text.
    expect(results.map(({ annotations }) => annotations.infos)).toEqual([
      [
        'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "a" (1:10)',
      ],
      [
        'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "a" (1:10)',
      ],
      [],
    ]);
  });
  it.each([
    ['the metric', ['a'], 8],
    ['another metric', ['b'], 4],
    ['several, that one among them', ['b', 'a'], 8],
  ])('reads again after a write to %s', async (_, written, reads) => {
    const source = manySeriesOf('a', 4);
    const engine = engineOf(source);
    const texts = ['sum(rate(a[1m]))', 'max(rate(a[1m]))', 'min(rate(a[1m])) + 1'];
    const plans = texts.map((text) => planOf(engine, text));
    const cache = new EvaluationCache(plans);
    await plans[0]!.instant(45_000, { cache });
    await plans[1]!.instant(45_000, { cache });
    expect(source.reads).toBe(4);
    cache.forget(written);
    await plans[2]!.instant(45_000, { cache });
    await plans[0]!.instant(45_000, { cache });
    expect(source.reads).toBe(reads);
  });
  it.each(['{__name__=~"a|z"}', '{i!=""}', 'info(z) or {i!=""}', 'timestamp(a)', 'sum(a)[1m:15s]'])(
    'knows that %s reads a',
    async (part) => {
      const source = manySeriesOf('a', 4);
      const engine = engineOf(source);
      const inner = part.includes('[') ? `sum_over_time(${part})` : part;
      const plans = [planOf(engine, `count(${inner})`), planOf(engine, `sum(${inner})`)];
      const cache = new EvaluationCache(plans);
      await plans[0]!.instant(45_000, { cache });
      const before = source.reads;
      expect(before).toBeGreaterThan(0);
      cache.forget(['a']);
      await plans[1]!.instant(45_000, { cache });
      expect(source.reads).toBe(2 * before);
    },
  );
  it('does not hand a failure on', async () => {
    const source = new ChurningSource();
    for (let i = 0; i < 4; i++) source.add({ __name__: 'a', i: String(i) }, [1, 2, 3]);
    const engine = engineOf(source);
    const plans = [planOf(engine, 'sum(a)'), planOf(engine, 'max(a)')];
    const cache = new EvaluationCache(plans);
    const [first, second] = await Promise.allSettled([
      plans[0]!.instant(30_000, { cache, maxSamples: 1 }),
      plans[1]!.instant(30_000, { cache }),
    ]);
    expect(first.status).toBe('rejected');
    expect(second.status).toBe('fulfilled');
  });
});

describe('the limits of a query', () => {
  it.each([
    ['a', 49],
    ['sum(a)', 49],
    ['rate(a[1m])', 49],
    ['a[1m]', 199],
  ])('%s may not hold more than %d samples', async (text, maxSamples) => {
    const plan = planOf(engineOf(manySeries(), { maxSamples }), text);
    const error = await failureOf(async () => plan.instant(45_000));
    expect(error).toMatchObject({
      code: 'too_many_samples',
      message: 'query processing would load too many samples into memory in query execution',
    });
    const enough = await plan.instant(45_000, { maxSamples: 1_000 });
    expect(enough.stats.peakSamples).toBeGreaterThan(maxSamples);
  });
  it('counts what is there at a time and not all that was ever read', async () => {
    const plan = planOf(engineOf(manySeries(), { maxSamples: 120, pieceCells: 60 }), 'sum(a)');
    const { value: matrix } = await plan.range(0, 60_000, 1_000);
    expect(matrix.series[0]!.timesMs).toHaveLength(61);
  });
  it('ends a query at its timeout', async () => {
    let nowMs = 0;
    const source = manySeries();
    const engine = engineOf(source, { nowMs: () => (nowMs += 10), timeoutMs: 100 });
    const texts = Array.from({ length: 40 }, (_, i) => `quantile(0.${i + 1}, a)`);
    const plan = planOf(engine, texts.join(' + '));
    const error = await failureOf(async () => plan.instant(45_000));
    expect(error).toMatchObject({
      code: 'timeout',
      message: 'query timed out in expression evaluation',
    });
  });
  it('ends a query that is canceled while it lets the loop turn', async () => {
    const controller = new AbortController();
    let nowMs = 0;
    const engine = engineOf(manySeries(), {
      nowMs: () => (nowMs += 10),
      yieldToLoop: async () => controller.abort(),
      timeoutMs: 1e9,
    });
    const plan = planOf(engine, 'quantile(0.5, a)');
    const { signal } = controller;
    const error = await failureOf(async () => plan.instant(45_000, { signal }));
    expect(error).toMatchObject({
      code: 'canceled',
      message: 'query was canceled in expression evaluation',
    });
  });
  it('says when the source fails', async () => {
    const engine = engineOf({
      select: () => {
        throw new Error('disk on fire');
      },
    });
    const error = await failureOf(async () => planOf(engine, 'a').instant(0));
    expect(error).toMatchObject({ code: 'storage', message: 'disk on fire' });
  });
  it('starts over when rows are given to other series while it pauses', async () => {
    const source = new ChurningSource();
    for (let i = 0; i < 5_000; i++) source.add({ __name__: 'a', i: String(i) }, [1]);
    let nowMs = 0;
    let pauses = 0;
    const engine = engineOf(source, {
      nowMs: () => (nowMs += 10),
      timeoutMs: 1e9,
      yieldToLoop: async () => {
        if (pauses++ > 0) return;
        source.remove(4_999);
        source.add({ __name__: 'a', i: 'other' }, [2]);
      },
    });
    const { value: vector } = await planOf(engine, 'a').instant(0);
    const { labels, values } = vector as VectorResult;
    expect(pauses).toBeGreaterThan(0);
    expect(labels.at(-1)!.get('i')).toBe('other');
    expect(values.at(-1)).toBe(2);
  });
});
