import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from '@jest/globals';
import { z } from 'zod';
import { Labels } from '#libs/labels';
import {
  compareLabels,
  MemorySeriesSource,
  parseExpr,
  type Plan,
  PromqlSyntaxError,
  QueryEngine,
  QueryError,
  type QueryResult,
} from '#libs/promql';
import { describeConformance } from '../support/conformance.ts';
import { KnownFailures } from '../support/known-failures.ts';

const START_MS = 1_767_229_507_000;
const END_MS = 1_767_230_107_000;
const STEP_MS = 60_000;
const INSTANT_MS = 1_767_229_803_000;

/** The answers were recorded with default feature flags. */
const DEFAULT_FEATURES = {
  experimentalFunctions: false,
  durationExpressions: false,
  extendedRangeSelectors: false,
  fillModifiers: false,
};

interface Body {
  readonly status: 'success' | 'error';
  readonly data?: { readonly resultType: string; readonly result: unknown };
  readonly errorType?: string;
  readonly error?: string;
  readonly warnings?: readonly string[];
  readonly infos?: readonly string[];
}

interface RecordedQuery {
  readonly id: number;
  readonly query: string;
  readonly range: { readonly body: Body };
  readonly instant: { readonly body: Body };
}

interface RecordedSeries {
  readonly labels: Record<string, string>;
  readonly start_ms: number;
  readonly step_ms: number;
  readonly values: readonly (string | null)[];
}

describeConformance('recorded answers', ['promql-compliance', 'golden'], (folder) => {
  const source = new MemorySeriesSource();
  const engine = new QueryEngine({
    nowMs: () => performance.now(),
    yieldToLoop: () => new Promise((resolve) => setImmediate(resolve)),
    source,
  });
  beforeAll(() => {
    // Recorded from blocks, which hold series in the order of their labels.
    const all = recordsOf<RecordedSeries>(join(folder, 'series.ndjson'))
      .map((series) => ({ series, labels: Labels.fromRecord(series.labels) }))
      .toSorted((a, b) => compareLabels(a.labels, b.labels));
    for (const { labels, series } of all) {
      for (const [index, value] of series.values.entries()) {
        if (value === null) continue;
        const timeMs = series.start_ms + index * series.step_ms;
        source.add(labels, timeMs, { kind: 'float', value: numberOf(value) });
      }
    }
  });
  const known = new KnownFailures([
    // Later releases than the recorded one warn that sort() does nothing in a range query.
    '547r',
    '548r',
    '549r',
    '550r',
    // And word it otherwise that NaN is no number of elements.
    '684',
    '684r',
  ]);
  for (const record of recordsOf<RecordedQuery>(join(folder, 'expected.ndjson'))) {
    const { id, query, range, instant } = record;
    it(`${id} instant ${query}`, () =>
      known.run(`${id}`, async () => {
        const evaluated = await evaluate(query, (plan) => plan.instant(INSTANT_MS));
        expect(evaluated).toEqual(expectedOf(instant.body, evaluated));
      }));
    it(`${id}r range ${query}`, () =>
      known.run(`${id}r`, async () => {
        const evaluated = await evaluate(query, (plan) => plan.range(START_MS, END_MS, STEP_MS));
        expect(evaluated).toEqual(expectedOf(range.body, evaluated));
      }));
  }

  it('lists no known failure that is not there', () => {
    expect(known.unseen).toEqual([]);
  });

  async function evaluate(
    query: string,
    ask: (plan: Plan) => Promise<QueryResult>,
  ): Promise<Evaluated> {
    try {
      const plan = engine.prepare(parseExpr(query, { features: DEFAULT_FEATURES }), query);
      const { value, annotations } = await ask(plan);
      const isOrdered = value.kind === 'vector' && /^(?:sort|sort_desc|topk|bottomk)\b/.test(query);
      return {
        kind: value.kind,
        points: pointsOf(shown(value), isOrdered),
        isOrdered,
        warnings: annotations.warnings.toSorted(),
        infos: annotations.infos.toSorted(),
      };
    } catch (error) {
      if (!(error instanceof PromqlSyntaxError) && !(error instanceof QueryError)) throw error;
      return { errorType: errorTypeOf(error), error: error.message };
    }
  }
});

type Point = readonly [where: string, value: unknown];

type Evaluated =
  | {
      readonly kind: string;
      readonly points: readonly Point[];
      readonly isOrdered: boolean;
      readonly warnings: readonly string[];
      readonly infos: readonly string[];
    }
  | { readonly errorType: string; readonly error: string };

/** What the recording says, with our own numbers where they are close enough. */
function expectedOf(body: Body, evaluated: Evaluated): unknown {
  if (body.data === undefined) {
    return { errorType: body.errorType, error: expectedMessage(body.error ?? '') };
  }
  const isOrdered = 'isOrdered' in evaluated && evaluated.isOrdered;
  const own = 'points' in evaluated ? evaluated.points : [];
  return {
    kind: body.data.resultType,
    points: pointsOf(body.data.result, isOrdered).map(([where, value], index): Point => {
      const actual = own[index]?.[1];
      if (typeof actual !== 'number') return [where, value];
      const wanted = numberOf(String(value));
      return [where, areClose(actual, wanted) ? actual : wanted];
    }),
    isOrdered,
    warnings: (body.warnings ?? []).toSorted(),
    infos: (body.infos ?? []).toSorted(),
  };
}

function errorTypeOf(error: PromqlSyntaxError | QueryError): string {
  if (error instanceof PromqlSyntaxError) return 'bad_data';
  return error.code === 'too_many_samples' ? 'execution' : error.code;
}

/** The API puts the parameter in front, and two series in an order that varies. */
function expectedMessage(error: string): unknown {
  const message = error.replace(/^invalid parameter "query": /, '');
  return message.startsWith('found duplicate series')
    ? expect.stringMatching(
        /^found duplicate series for the match group \{.*\} on the right hand-side/,
      )
    : message;
}

/** A value in the shape that the API answers, its numbers not yet strings. */
function shown(value: QueryResult['value']): unknown {
  switch (value.kind) {
    case 'scalar':
    case 'string':
      return [value.timeMs / 1000, value.value];
    case 'vector':
      return value.labels.map((labels, index) => ({
        metric: labels.toRecord(),
        value: [value.timeMs / 1000, value.values[index]],
      }));
    case 'matrix':
      return value.series.map((series) => ({
        metric: series.labels.toRecord(),
        values: Array.from(series.timesMs, (timeMs, index) => [
          timeMs / 1000,
          series.values[index],
        ]),
      }));
  }
}

const seriesSchema = z.array(
  z.object({
    metric: z.record(z.string(), z.string()),
    value: z.tuple([z.number(), z.unknown()]).optional(),
    values: z.array(z.tuple([z.number(), z.unknown()])).optional(),
  }),
);

/** Flattens a result to its points, series sorted unless their order counts. */
function pointsOf(result: unknown, isOrdered: boolean): Point[] {
  const single = z.tuple([z.number(), z.unknown()]).safeParse(result);
  if (single.success) return [['', single.data[1]]];
  const series = seriesSchema.parse(result).map(({ metric, value, values }) => ({
    name: JSON.stringify(Object.entries(metric).toSorted(([a], [b]) => (a < b ? -1 : 1))),
    points: values ?? (value === undefined ? [] : [value]),
  }));
  const ordered = isOrdered ? series : series.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return ordered.flatMap(({ name, points }) =>
    points.map(([time, value]): Point => [`${name} ${time}`, value]),
  );
}

function areClose(a: number, b: number): boolean {
  if (Object.is(a, b) || a === b) return true;
  return Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b));
}

function numberOf(text: string): number {
  if (text === '+Inf') return Number.POSITIVE_INFINITY;
  if (text === '-Inf') return Number.NEGATIVE_INFINITY;
  return Number(text);
}

function recordsOf<T>(path: string): T[] {
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as T);
}
