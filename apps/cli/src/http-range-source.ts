import { Labels } from '#libs/labels';
import { type RangeSeries, type RangeSource, RangeSourceError } from '#libs/rule-tools';
import { z } from 'zod';
import { askEngine, EngineRequestError } from './engine-client.ts';

/** Samples are read by hand: there may be a hundred thousand. */
const sample = z.unknown();
const samples = z.array(sample);
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
        z.object({ metric, values: samples.optional(), histograms: samples.optional() }),
      ),
    }),
  ]),
});
/** What is read at a time; as objects it takes several times as much. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

const seriesSchema = z.object({ data: z.array(z.unknown()) });

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
      return await askEngine(this.#url, path, params, {
        isForm: true,
        maxBytes: MAX_ANSWER_BYTES,
      });
    } catch (error) {
      if (!(error instanceof EngineRequestError)) throw error;
      const shorterMayDo =
        error.isTooLong || (error.status !== null && SHORTER_MAY_DO.has(error.status));
      const code = shorterMayDo ? 'too_much' : 'failed';
      throw new RangeSourceError(code, error.message, { cause: error });
    }
  }
}

/**
 * A histogram counts as a sample; to an alert it matters only that it is there.
 * @throws RangeSourceError
 */
function toSeries(
  labels: Readonly<Record<string, string>>,
  floats: readonly unknown[],
  histograms: readonly unknown[],
): RangeSeries {
  const timesMs = new Float64Array(floats.length + histograms.length);
  const values = new Float64Array(timesMs.length);
  let previousMs = -Infinity;
  let f = 0;
  let h = 0;
  for (let i = 0; i < timesMs.length; i++) {
    const isFloat =
      f < floats.length && (h >= histograms.length || timeOf(floats[f]) <= timeOf(histograms[h]));
    const each = isFloat ? floats[f++] : histograms[h++];
    const timeMs = Math.round(timeOf(each) * 1_000);
    if (!(timeMs > previousMs)) throw notUnderstood();
    previousMs = timeMs;
    timesMs[i] = timeMs;
    values[i] = valueOf(Array.isArray(each) ? each[1] : null);
  }
  return { labels: Labels.fromRecord(labels), timesMs, values };
}

/** The seconds of `[seconds, value]`, or NaN. */
function timeOf(each: unknown): number {
  const time: unknown = Array.isArray(each) ? each[0] : null;
  return typeof time === 'number' ? time : Number.NaN;
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
