import { allBuckets, type FloatHistogram } from '#libs/histogram';
import type { Labels } from '#libs/labels';
import type { MatrixSeries, QueryResult, QueryStats, QueryValue, VectorResult } from '#libs/promql';

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
      yield '[';
      for (const [index, series] of value.series.entries()) {
        if (index >= limit) break;
        yield `${index === 0 ? '' : ','}{"metric":${writeLabels(series.labels)}`;
        yield* writePoints('values', series, false);
        if (series.histograms !== null) yield* writePoints('histograms', series, true);
        yield '}';
      }
      yield ']';
  }
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
): Generator<string, void, undefined> {
  const { timesMs, values, histograms } = series;
  let separator = `,"${field}":[`;
  for (let i = 0; i < timesMs.length; i++) {
    const histogram = histograms === null ? null : (histograms[i] ?? null);
    if ((histogram !== null) !== wantsHistograms) continue;
    const point =
      histogram === null ? `"${formatSampleValue(values[i]!)}"` : writeHistogram(histogram);
    yield `${separator}[${formatSeconds(timesMs[i]!)},${point}]`;
    separator = ',';
  }
  if (separator === ',') yield ']';
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
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  if (Object.is(value, -0)) return '-0';
  const text = String(value);
  // Go writes exponents with two digits at least; both begin to use them at the same sizes.
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}
