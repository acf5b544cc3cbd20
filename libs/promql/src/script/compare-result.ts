import { CUSTOM_BUCKETS_SCHEMA, type BucketSpan, type FloatHistogram } from '#libs/histogram';
import type { Labels } from '#libs/labels';
import { isStaleMarker } from '#libs/samples';
import { compareLabels } from '../execute/label-set-order.ts';
import type {
  MatrixResult,
  MatrixSeries,
  QueryValue,
  VectorResult,
} from '../execute/query-result.ts';
import type { EvalCommand, TimeRange } from './parse-script.ts';
import type { NotedSeries, NotedValue } from './series-notation.ts';

const TOLERANCE = 1e-6;
const SMALLEST_NORMAL = 2 ** -1022;

/**
 * Compares what a query gave with what a script expects of it.
 * @returns what is different, or null
 */
export function findDifference(command: EvalCommand, value: QueryValue): string | null {
  if (command.string !== null) {
    if (value.kind !== 'string') return `expected a string, got ${describeKind(value)}`;
    return value.value === command.string
      ? null
      : `expected string ${JSON.stringify(command.string)}, got ${JSON.stringify(value.value)}`;
  }
  if (command.rangeVector !== null) {
    if (value.kind !== 'matrix') return `expected a range vector, got ${describeKind(value)}`;
    return differenceOfMatrix(command.series, value, command.rangeVector);
  }
  switch (value.kind) {
    case 'string':
      return `expected ${expectedKind(command)}, got string ${JSON.stringify(value.value)}`;
    case 'scalar':
      if (command.scalar === null) return `expected a vector, got scalar ${value.value}`;
      return areClose(command.scalar, value.value)
        ? null
        : `expected scalar ${command.scalar}, got ${value.value}`;
    case 'vector':
      if (command.scalar !== null) return `expected scalar ${command.scalar}, got a vector`;
      return differenceOfVector(command, value);
    case 'matrix':
      if (command.isInstant) return 'expected a vector, got a range vector';
      if (command.scalar !== null) return `expected scalar ${command.scalar}, got a matrix`;
      return differenceOfMatrix(command.series, value, command.range);
  }
}

function expectedKind(command: EvalCommand): string {
  return command.scalar === null ? 'a vector' : `scalar ${command.scalar}`;
}

function describeKind(value: QueryValue): string {
  return value.kind === 'matrix' ? 'a range vector' : `a ${value.kind}`;
}

function differenceOfVector(command: EvalCommand, vector: VectorResult): string | null {
  // A series for which no point is expected does not have to be there.
  const expected = command.series.filter(({ values }) => hasPoint(values[0]));
  const places = new Map<string, number>();
  for (const [index, labels] of vector.labels.entries()) {
    if (places.has(labels.key)) return `series ${labels.toString()} is in the result twice`;
    places.set(labels.key, index);
  }
  for (const [index, { labels, values }] of expected.entries()) {
    const place = places.get(labels.key);
    if (place === undefined) {
      return `expected series ${labels.toString()} is not in the result${listOf(vector.labels)}`;
    }
    if (command.isOrdered && place !== index) {
      return `expected series ${labels.toString()} at position ${index + 1}, but it is at ${place + 1}`;
    }
    const difference = differenceOfPoint(values[0]!, vector, place);
    if (difference !== null) return `series ${labels.toString()}: ${difference}`;
    places.delete(labels.key);
  }
  for (const place of places.values()) {
    return `unexpected series ${vector.labels[place]!.toString()} with ${describePoint(vector, place)}`;
  }
  return null;
}

function differenceOfMatrix(
  expected: readonly NotedSeries[],
  matrix: MatrixResult,
  range: TimeRange,
): string | null {
  const found = new Map<string, MatrixSeries>();
  let previous: Labels | null = null;
  for (const series of matrix.series) {
    if (found.has(series.labels.key)) return `series ${series.labels.toString()} comes twice`;
    found.set(series.labels.key, series);
    if (previous !== null && compareLabels(previous, series.labels) >= 0) {
      return `the matrix is not sorted: ${series.labels.toString()} comes after ${previous.toString()}`;
    }
    previous = series.labels;
  }
  for (const { labels, values } of expected) {
    const series = found.get(labels.key);
    found.delete(labels.key);
    if (series === undefined) {
      if (!values.some(hasPoint)) continue;
      return `expected series ${labels.toString()} is not in the result${listOf(matrix.series.map((one) => one.labels))}`;
    }
    const difference = differenceOfPoints(values, series, range);
    if (difference !== null) return `series ${labels.toString()}: ${difference}`;
  }
  for (const series of found.values()) {
    return `unexpected series ${series.labels.toString()} with ${series.timesMs.length} point(s), the first ${describePoint(series, 0)}`;
  }
  return null;
}

function differenceOfPoints(
  values: readonly NotedValue[],
  series: MatrixSeries,
  range: TimeRange,
): string | null {
  let place = 0;
  for (const [index, value] of values.entries()) {
    if (!hasPoint(value)) continue;
    const timeMs = range.startMs + index * range.stepMs;
    const actualMs = series.timesMs[place];
    if (actualMs === undefined) return `no point at ${timeMs} ms`;
    if (actualMs < timeMs)
      return `unexpected point ${describePoint(series, place)} at ${actualMs} ms`;
    if (actualMs > timeMs) return `no point at ${timeMs} ms`;
    const difference = differenceOfPoint(value, series, place);
    if (difference !== null) return `at ${timeMs} ms ${difference}`;
    place++;
  }
  const extraMs = series.timesMs[place];
  if (extraMs === undefined) return null;
  return `unexpected point ${describePoint(series, place)} at ${extraMs} ms`;
}

/** Where points stand: elements of a vector or the points of a series. */
type Points = Pick<VectorResult, 'values' | 'histograms'>;

function differenceOfPoint(expected: NotedValue, points: Points, place: number): string | null {
  const histogram = points.histograms?.[place] ?? null;
  const got = describePoint(points, place);
  switch (expected.kind) {
    case 'none':
      return `expected nothing, got ${got}`;
    case 'stale':
      return histogram === null && isStaleMarker(points.values, place)
        ? null
        : `expected a stale marker, got ${got}`;
    case 'float':
      if (histogram !== null) return `expected ${expected.value}, got ${got}`;
      return !isStaleMarker(points.values, place) && areClose(expected.value, points.values[place]!)
        ? null
        : `expected ${expected.value}, got ${got}`;
    case 'histogram': {
      if (histogram === null) {
        return `expected histogram ${describeHistogram(expected.histogram)}, got ${got}`;
      }
      const part = differentPart(expected.histogram, histogram, expected.hasHint);
      return part === null
        ? null
        : `expected histogram ${describeHistogram(expected.histogram)}, got ${got}, different in ${part}`;
    }
  }
}

/** Whether two floats are equal to the tolerance of Prometheus's own runner. */
export function areClose(expected: number, actual: number): boolean {
  if (expected === actual || (Number.isNaN(expected) && Number.isNaN(actual))) return true;
  const sum = Math.abs(expected) + Math.abs(actual);
  const difference = Math.abs(expected - actual);
  if (expected === 0 || actual === 0 || sum < SMALLEST_NORMAL) {
    return difference < TOLERANCE * SMALLEST_NORMAL;
  }
  return difference / Math.min(sum, Number.MAX_VALUE) < TOLERANCE;
}

function differentPart(
  expected: FloatHistogram,
  actual: FloatHistogram,
  comparesHint: boolean,
): string | null {
  if (expected.schema !== actual.schema) return 'schema';
  if (comparesHint && expected.counterResetHint !== actual.counterResetHint) {
    return 'counter_reset_hint';
  }
  if (!areClose(expected.count, actual.count)) return 'count';
  if (!areClose(expected.sum, actual.sum)) return 'sum';
  if (expected.zeroThreshold !== actual.zeroThreshold) return 'z_bucket_w';
  if (!areClose(expected.zeroCount, actual.zeroCount)) return 'z_bucket';
  if (expected.schema === CUSTOM_BUCKETS_SCHEMA) {
    const { customValues } = actual;
    const areSame =
      expected.customValues.length === customValues.length &&
      expected.customValues.every((value, index) => value === customValues[index]);
    if (!areSame) return 'custom_values';
  }
  const isPositiveSame = areBucketsClose(
    filledBuckets(expected.positiveSpans, expected.positiveBuckets),
    filledBuckets(actual.positiveSpans, actual.positiveBuckets),
  );
  if (!isPositiveSame) return 'buckets';
  const isNegativeSame = areBucketsClose(
    filledBuckets(expected.negativeSpans, expected.negativeBuckets),
    filledBuckets(actual.negativeSpans, actual.negativeBuckets),
  );
  return isNegativeSame ? null : 'n_buckets';
}

/** The buckets that are not empty, which is what compacting leaves. */
function filledBuckets(
  spans: readonly BucketSpan[],
  counts: readonly number[],
): ReadonlyMap<number, number> {
  const filled = new Map<number, number>();
  let index = 0;
  let place = 0;
  for (const { offset, length } of spans) {
    index += offset;
    for (let i = 0; i < length; i++, index++, place++) {
      const count = counts[place] ?? 0;
      if (count !== 0) filled.set(index, count);
    }
  }
  return filled;
}

function areBucketsClose(
  expected: ReadonlyMap<number, number>,
  actual: ReadonlyMap<number, number>,
): boolean {
  if (expected.size !== actual.size) return false;
  for (const [index, count] of expected) {
    const other = actual.get(index);
    if (other === undefined || !areClose(count, other)) return false;
  }
  return true;
}

function hasPoint(value: NotedValue | undefined): boolean {
  return value !== undefined && value.kind !== 'none';
}

function describePoint(points: Points, place: number): string {
  const histogram = points.histograms?.[place] ?? null;
  if (histogram !== null) return describeHistogram(histogram);
  if (isStaleMarker(points.values, place)) return 'a stale marker';
  return String(points.values[place]);
}

function describeHistogram(histogram: FloatHistogram): string {
  const parts = [`schema:${histogram.schema}`, `count:${histogram.count}`, `sum:${histogram.sum}`];
  if (histogram.counterResetHint !== 'unknown') {
    parts.push(`counter_reset_hint:${histogram.counterResetHint}`);
  }
  if (histogram.zeroCount !== 0) parts.push(`z_bucket:${histogram.zeroCount}`);
  if (histogram.zeroThreshold !== 0) parts.push(`z_bucket_w:${histogram.zeroThreshold}`);
  if (histogram.customValues.length > 0) {
    parts.push(`custom_values:[${histogram.customValues.join(' ')}]`);
  }
  for (const [prefix, spans, counts] of [
    ['', histogram.positiveSpans, histogram.positiveBuckets],
    ['n_', histogram.negativeSpans, histogram.negativeBuckets],
  ] as const) {
    const filled = [...filledBuckets(spans, counts)];
    const text = filled.map(([index, count]) => `${index}=${count}`).join(' ');
    if (filled.length > 0) parts.push(`${prefix}buckets:[${text}]`);
  }
  return `{{${parts.join(' ')}}}`;
}

function listOf(labels: readonly Labels[]): string {
  if (labels.length === 0) return ', which is empty';
  const shown = labels.slice(0, 5).map((one) => one.toString());
  const more = labels.length > shown.length ? `, … ${labels.length} in all` : '';
  return `: ${shown.join(', ')}${more}`;
}
