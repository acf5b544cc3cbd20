import { allBuckets, type FloatHistogram } from '#libs/histogram';
import type { Labels } from '#libs/labels';
import type {
  MatrixResult,
  MatrixSeries,
  QueryResult,
  QueryStats,
  QueryValue,
  VectorResult,
} from '#libs/promql';

/** How long the parts of a query took, in seconds. */
export interface QueryTimings {
  readonly prepareSeconds: number;
  readonly queueSeconds: number;
  readonly evaluateSeconds: number;
}

/** Once so much text is waiting, it is handed on. */
const CHUNK_LENGTH = 64 * 1024;
export const TRUNCATED = 'results truncated due to limit';

/**
 * The answer to a query as JSON text in the form of Prometheus's API, in chunks: numbers are strings, times are seconds.
 * @param limit most series to write; more are left out with a warning
 * @param timings given when statistics were asked for
 */
export function* writeQueryBody(
  result: QueryResult,
  limit: number,
  timings: QueryTimings | null,
): Generator<string, void, undefined> {
  const { value, annotations, stats } = result;
  let text = `{"status":"success","data":{"resultType":"${value.kind}","result":`;
  for (const piece of writeValue(value, limit)) {
    text += piece;
    if (text.length < CHUNK_LENGTH) continue;
    yield text;
    text = '';
  }
  if (timings !== null) text += `,"stats":${writeStats(stats, timings)}`;
  text += '}';
  const warnings = [...annotations.warnings];
  if (countOf(value) > limit) warnings.push(TRUNCATED);
  if (warnings.length > 0) text += `,"warnings":${JSON.stringify(warnings)}`;
  if (annotations.infos.length > 0) text += `,"infos":${JSON.stringify(annotations.infos)}`;
  yield `${text}}`;
}

function countOf(value: QueryValue): number {
  if (value.kind === 'vector') return value.labels.length;
  return value.kind === 'matrix' ? value.series.length : 0;
}

function* writeValue(value: QueryValue, limit: number): Generator<string, void, undefined> {
  switch (value.kind) {
    case 'scalar':
      yield `[${formatSeconds(value.timeMs)},"${formatSampleValue(value.value)}"]`;
      return;
    case 'string':
      yield `[${formatSeconds(value.timeMs)},${JSON.stringify(value.value)}]`;
      return;
    case 'vector':
      yield* writeVector(value, limit);
      return;
    case 'matrix':
      yield* writeMatrix(value, limit);
  }
}

function* writeMatrix(matrix: MatrixResult, limit: number): Generator<string, void, undefined> {
  const times = new TimeTexts();
  yield '[';
  for (const [index, series] of matrix.series.entries()) {
    if (index >= limit) break;
    yield `${index === 0 ? '' : ','}{"metric":${writeLabels(series.labels)}`;
    yield* writePoints('values', series, false, times);
    if (series.histograms !== null) yield* writePoints('histograms', series, true, times);
    yield '}';
  }
  yield ']';
}

function* writeVector(vector: VectorResult, limit: number): Generator<string, void, undefined> {
  const time = formatSeconds(vector.timeMs);
  yield '[';
  for (const [index, labels] of vector.labels.entries()) {
    if (index >= limit) break;
    const histogram = vector.histograms?.[index] ?? null;
    const point =
      histogram === null
        ? `"value":[${time},"${formatSampleValue(vector.values[index]!)}"]`
        : `"histogram":[${time},${writeHistogram(histogram)}]`;
    yield `${index === 0 ? '' : ','}{"metric":${writeLabels(labels)},${point}}`;
  }
  yield ']';
}

/** The floats or the histograms of a series; the field is left out where there are none. */
function* writePoints(
  field: string,
  series: MatrixSeries,
  wantsHistograms: boolean,
  times: TimeTexts,
): Generator<string, void, undefined> {
  const { timesMs, values, histograms } = series;
  let text = '';
  let separator = `,"${field}":[[`;
  for (let i = 0; i < timesMs.length; i++) {
    const histogram = histograms === null ? null : (histograms[i] ?? null);
    if ((histogram !== null) !== wantsHistograms) continue;
    const point =
      histogram === null
        ? `,"${formatSampleValue(values[i]!)}"]`
        : `,${writeHistogram(histogram)}]`;
    text += separator + times.textAt(timesMs, i) + point;
    separator = ',[';
    if (text.length < CHUNK_LENGTH) continue;
    yield text;
    text = '';
  }
  if (separator === ',[') yield `${text}]`;
}

/** The texts of a query's steps. The series of an answer mostly have the same times, so each is written out once. */
class TimeTexts {
  readonly #timesMs: number[] = [];
  readonly #texts: string[] = [];

  textAt(timesMs: ArrayLike<number>, index: number): string {
    const timeMs = timesMs[index]!;
    if (this.#timesMs[index] === timeMs) return this.#texts[index]!;
    const text = formatSeconds(timeMs);
    if (index <= this.#timesMs.length) {
      this.#timesMs[index] = timeMs;
      this.#texts[index] = text;
    }
    return text;
  }
}

function writeLabels(labels: Labels): string {
  const { flat } = labels;
  let text = '{';
  for (let i = 0; i < flat.length; i += 2) {
    if (i > 0) text += ',';
    text += `${JSON.stringify(flat[i])}:${JSON.stringify(flat[i + 1])}`;
  }
  return `${text}}`;
}

function writeHistogram(histogram: FloatHistogram): string {
  const buckets = allBuckets(histogram)
    .filter(({ count }) => count !== 0)
    .map((bucket) => {
      // 0: open on the left, 1: open on the right, 2: open, 3: closed.
      const boundaries = bucket.lowerInclusive
        ? bucket.upperInclusive
          ? 3
          : 1
        : bucket.upperInclusive
          ? 0
          : 2;
      return `[${boundaries},"${formatSampleValue(bucket.lower)}","${formatSampleValue(bucket.upper)}","${formatSampleValue(bucket.count)}"]`;
    });
  const rest = buckets.length === 0 ? '' : `,"buckets":[${buckets.join(',')}]`;
  return `{"count":"${formatSampleValue(histogram.count)}","sum":"${formatSampleValue(histogram.sum)}"${rest}}`;
}

function writeStats(stats: QueryStats, timings: QueryTimings): string {
  const { prepareSeconds, queueSeconds, evaluateSeconds } = timings;
  return JSON.stringify({
    timings: {
      evalTotalTime: prepareSeconds + evaluateSeconds,
      resultSortTime: 0,
      queryPreparationTime: prepareSeconds,
      innerEvalTime: evaluateSeconds,
      execQueueTime: queueSeconds,
      execTotalTime: prepareSeconds + queueSeconds + evaluateSeconds,
    },
    samples: { totalQueryableSamples: stats.samplesRead, peakSamples: stats.peakSamples },
  });
}

/** Seconds with milliseconds where there are any. */
export function formatSeconds(timeMs: number): string {
  const fraction = Math.abs(timeMs % 1000);
  const whole = Math.trunc(timeMs / 1000);
  if (fraction === 0) return String(whole);
  const sign = timeMs < 0 && whole === 0 ? '-' : '';
  return `${sign}${whole}.${String(fraction).padStart(3, '0')}`;
}

/** A sample's value in the fewest digits that give it back, as Go writes it in JSON. */
export function formatSampleValue(value: number): string {
  // Twice as fast for fractions as String(), which looks each of them up in a cache first.
  if (value % 1 !== 0 && Math.abs(value) >= 1e-6) return formatFraction(value);
  if (Object.is(value, -0)) return '-0';
  const text = String(value);
  // Go writes exponents with two digits at least; both begin to use them at the same sizes.
  return Math.abs(value) < 1e-6 ? text.replace(/e([+-])(\d)$/, 'e$10$2') : text;
}

/** Of a number that is no integer, and not so small as to have an exponent; infinities and NaN are such. */
function formatFraction(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return JSON.stringify(value);
}
