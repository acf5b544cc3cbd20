import { Labels } from '#libs/labels';
import { type RangeSeries, type RangeSource, RangeSourceError } from '#libs/rule-tools';
import { z } from 'zod';
import { askEngine, EngineRequestError } from './engine-client.ts';

const sample = z.tuple([z.number(), z.unknown()]);
const metric = z.record(z.string(), z.string());
const answerSchema = z.object({
  data: z.discriminatedUnion('resultType', [
    z.object({ resultType: z.enum(['scalar', 'string']), result: sample }),
    z.object({
      resultType: z.literal('vector'),
      result: z.array(z.object({ metric, value: sample.optional(), histogram: sample.optional() })),
    }),
    z.object({
      resultType: z.literal('matrix'),
      result: z.array(
        z.object({
          metric,
          values: z.array(sample).optional(),
          histograms: z.array(sample).optional(),
        }),
      ),
    }),
  ]),
});
const seriesSchema = z.object({ data: z.array(z.unknown()) });

type Sample = z.output<typeof sample>;

/** Answers to which a shorter range may be better: what is in the way is the amount, the time, or one moment of many. */
const SHORTER_MAY_DO: ReadonlySet<number> = new Set([413, 422, 503, 504]);

/** The data of a running engine, or of anything else with Prometheus's HTTP API. */
export class HttpRangeSource implements RangeSource {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  range(
    expr: string,
    times: { readonly startMs: number; readonly endMs: number; readonly stepMs: number },
  ): Promise<readonly RangeSeries[]> {
    return this.#query('api/v1/query_range', {
      query: expr,
      start: seconds(times.startMs),
      end: seconds(times.endMs),
      step: seconds(times.stepMs),
    });
  }

  instant(expr: string, timeMs: number): Promise<readonly RangeSeries[]> {
    return this.#query('api/v1/query', { query: expr, time: seconds(timeMs) });
  }

  async hasSeries(selector: string, startMs: number, endMs: number): Promise<boolean> {
    const answer = await this.#ask('api/v1/series', {
      'match[]': selector,
      start: seconds(startMs),
      end: seconds(endMs),
      limit: '1',
    });
    const parsed = seriesSchema.safeParse(answer);
    if (!parsed.success) throw notUnderstood();
    return parsed.data.data.length > 0;
  }

  async #query(path: string, params: Record<string, string>): Promise<readonly RangeSeries[]> {
    const parsed = answerSchema.safeParse(await this.#ask(path, params));
    if (!parsed.success) throw notUnderstood();
    const { data } = parsed.data;
    switch (data.resultType) {
      case 'scalar':
        return [toSeries({}, [data.result], [])];
      case 'string':
        throw new RangeSourceError('failed', 'rule result is not a vector or scalar');
      case 'vector':
        return data.result.map(({ metric: labels, value, histogram }) =>
          toSeries(
            labels,
            value === undefined ? [] : [value],
            histogram === undefined ? [] : [histogram],
          ),
        );
      case 'matrix':
        return data.result.map(({ metric: labels, values = [], histograms = [] }) =>
          toSeries(labels, values, histograms),
        );
    }
  }

  async #ask(path: string, params: Record<string, string>): Promise<unknown> {
    try {
      return await askEngine(this.#url, path, params, { isForm: true });
    } catch (error) {
      if (!(error instanceof EngineRequestError)) throw error;
      const shorterMayDo =
        error.isTooLong || (error.status !== null && SHORTER_MAY_DO.has(error.status));
      const code = shorterMayDo ? 'too_much' : 'failed';
      throw new RangeSourceError(code, error.message, { cause: error });
    }
  }
}

/** A histogram counts as a sample; to an alert it matters only that it is there. */
function toSeries(
  labels: Readonly<Record<string, string>>,
  floats: readonly Sample[],
  histograms: readonly Sample[],
): RangeSeries {
  const samples =
    histograms.length === 0 ? floats : [...floats, ...histograms].toSorted((a, b) => a[0] - b[0]);
  return {
    labels: Labels.fromRecord(labels),
    timesMs: Float64Array.from(samples, ([time]) => Math.round(time * 1_000)),
    values: Float64Array.from(samples, ([, value]) => valueOf(value)),
  };
}

function valueOf(text: unknown): number {
  if (typeof text !== 'string') return 0;
  if (text === '+Inf') return Infinity;
  return text === '-Inf' ? -Infinity : Number(text);
}

function seconds(timeMs: number): string {
  return String(timeMs / 1_000);
}

function notUnderstood(): RangeSourceError {
  return new RangeSourceError('failed', 'the answer is not in the form of Prometheus’s HTTP API');
}
