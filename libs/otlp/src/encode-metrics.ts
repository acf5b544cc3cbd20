import {
  CUSTOM_BUCKETS_SCHEMA,
  type FloatHistogram,
  MIN_EXPONENTIAL_SCHEMA,
  reduceResolution,
  toIndexed,
} from '#libs/histogram';
import { type Labels, METRIC_NAME } from '#libs/labels';
import { BYTES, FIXED64, ProtobufWriter, VARINT } from '#libs/protobuf';
import { isStaleMarker, type SampleBatch, type SampleExemplar } from '#libs/samples';
import { ClassicGroups, type ClassicPoint, type Found } from './classic-groups.ts';
import { CUMULATIVE } from './metrics-request.ts';

/** Samples `start` up to `end` of a batch, `firstSeries` being the series of `start`. */
export interface OtlpSlice {
  readonly batch: SampleBatch;
  readonly firstSeries: number;
  readonly start: number;
  readonly end: number;
}

/** What a metric's points are; those of `classic` ones and of summaries were put together of several series. */
type Kind = 'gauge' | 'sum' | 'histogram' | 'exponential' | ClassicPoint['kind'];

interface MetricPoints {
  readonly name: string;
  readonly kind: Kind;
  readonly description: string;
  readonly points: Found[];
  readonly classics: ClassicPoint[];
}

/** Fields of the messages between a request and its points (opentelemetry-proto, metrics v1). */
const REQUEST_RESOURCE_METRICS = 1 * 8 + BYTES;
const RESOURCE = 1 * 8 + BYTES;
const SCOPE_METRICS = 2 * 8 + BYTES;
const RESOURCE_ATTRIBUTE = 1 * 8 + BYTES;
const SCOPE_METRIC = 2 * 8 + BYTES;
const METRIC_NAME_FIELD = 1 * 8 + BYTES;
const METRIC_DESCRIPTION = 2 * 8 + BYTES;
const KIND_FIELDS: Readonly<Record<Kind, number>> = {
  gauge: 5 * 8 + BYTES,
  sum: 7 * 8 + BYTES,
  histogram: 9 * 8 + BYTES,
  classic: 9 * 8 + BYTES,
  exponential: 10 * 8 + BYTES,
  summary: 11 * 8 + BYTES,
};
const DATA_POINT = 1 * 8 + BYTES;
const TEMPORALITY = 2 * 8 + VARINT;
const IS_MONOTONIC = 3 * 8 + VARINT;
const KEY = 1 * 8 + BYTES;
const VALUE = 2 * 8 + BYTES;
const STRING_VALUE = 1 * 8 + BYTES;
const START_TIME = 2 * 8 + FIXED64;
const TIME = 3 * 8 + FIXED64;
/** By kind, since the messages of points differ: attributes, flags and exemplars. */
const ATTRIBUTES: Readonly<Record<Kind, number>> = {
  gauge: 7,
  sum: 7,
  histogram: 9,
  classic: 9,
  exponential: 1,
  summary: 7,
};
const FLAGS: Readonly<Record<Kind, number>> = {
  gauge: 8,
  sum: 8,
  histogram: 10,
  classic: 10,
  exponential: 10,
  summary: 8,
};
const EXEMPLARS: Readonly<Record<Exclude<Kind, 'summary'>, number>> = {
  gauge: 5,
  sum: 5,
  histogram: 8,
  classic: 8,
  exponential: 11,
};
const NUMBER_AS_DOUBLE = 4 * 8 + FIXED64;
const COUNT = 4 * 8 + FIXED64;
const SUM = 5 * 8 + FIXED64;
const BUCKET_COUNTS = 6 * 8 + BYTES;
const EXPLICIT_BOUNDS = 7 * 8 + BYTES;
const SCALE = 6 * 8 + VARINT;
const ZERO_COUNT = 7 * 8 + FIXED64;
const POSITIVE = 8 * 8 + BYTES;
const NEGATIVE = 9 * 8 + BYTES;
const ZERO_THRESHOLD = 14 * 8 + FIXED64;
const BUCKETS_OFFSET = 1 * 8 + VARINT;
const BUCKETS_COUNTS = 2 * 8 + BYTES;
const EXEMPLAR_TIME = 2 * 8 + FIXED64;
const EXEMPLAR_AS_DOUBLE = 3 * 8 + FIXED64;
const EXEMPLAR_SPAN = 4 * 8 + BYTES;
const EXEMPLAR_TRACE = 5 * 8 + BYTES;
const EXEMPLAR_ATTRIBUTE = 7 * 8 + BYTES;
const QUANTILE_VALUE = 6 * 8 + BYTES;
const QUANTILE = 1 * 8 + FIXED64;
const VALUE_AT_QUANTILE = 2 * 8 + FIXED64;
/** The point says that its series has ended. */
const NO_RECORDED_VALUE = 1;
const NANOS_PER_MS = 1_000_000n;
/** OTLP writes empty buckets between full ones, too; a histogram that would have more is made coarser. */
const MAX_DENSE_BUCKETS = 10_000;

/**
 * Samples as an `ExportMetricsServiceRequest`: `job` and `instance` become the resource's service name and instance, names stay
 * as they are. What is known to be a counter is a monotonic sum; native histograms are exponential ones, or explicit ones where
 * they have custom buckets; classic histograms and summaries are put together where the slices have all of their series and
 * those agree; everything else is a gauge, whose name no receiver changes. Stale markers are points without a recorded value.
 */
export function encodeOtlpMetrics(slices: readonly OtlpSlice[]): Buffer {
  const writer = new ProtobufWriter();
  for (const [, { labels, metrics }] of byResource(slices)) {
    writer.writeVarint(REQUEST_RESOURCE_METRICS);
    const resourceMetrics = writer.beginMessage();
    writer.writeVarint(RESOURCE);
    const resource = writer.beginMessage();
    writeResource(writer, labels);
    writer.endMessage(resource);
    writer.writeVarint(SCOPE_METRICS);
    const scope = writer.beginMessage();
    for (const metric of metrics.values()) {
      writer.writeVarint(SCOPE_METRIC);
      const message = writer.beginMessage();
      writeMetric(writer, metric);
      writer.endMessage(message);
    }
    writer.endMessage(scope);
    writer.endMessage(resourceMetrics);
  }
  return Buffer.from(writer.written);
}

interface ResourcePoints {
  readonly labels: Labels;
  readonly classic: ClassicGroups;
  readonly metrics: Map<string, MetricPoints>;
}

function byResource(slices: readonly OtlpSlice[]): Map<string, ResourcePoints> {
  const resources = new Map<string, ResourcePoints>();
  for (const { batch, firstSeries, start, end } of slices) {
    let sample = start;
    for (let series = firstSeries; sample < end; series++) {
      const labels = batch.labels[series]!;
      const key = `${labels.get('job')}\xff${labels.get('instance')}`;
      let resource = resources.get(key);
      if (resource === undefined) {
        resource = { labels, classic: new ClassicGroups(), metrics: new Map() };
        resources.set(key, resource);
      }
      const seriesEnd = Math.min(batch.firstSample[series + 1]!, end);
      for (; sample < seriesEnd; sample++) {
        const found = { labels, batch, series, sample };
        if (!resource.classic.take(found)) add(resource, found);
      }
    }
  }
  for (const resource of resources.values()) {
    const { points, rest } = resource.classic.split();
    for (const point of points) addClassic(resource, point);
    for (const found of rest) add(resource, found);
  }
  return resources;
}

function add(resource: ResourcePoints, found: Found): void {
  const { labels, batch, series, sample } = found;
  const name = labels.metricName;
  const metadata = batch.metadata?.[series] ?? null;
  const kind = kindOf(name, metadata?.type ?? 'unknown', batch.histograms?.[sample] ?? null);
  metricOf(resource, kind, name, metadata?.help ?? '').points.push(found);
}

function addClassic(resource: ResourcePoints, point: ClassicPoint): void {
  metricOf(resource, point.kind, point.name, point.help).classics.push(point);
}

function metricOf(
  { metrics }: ResourcePoints,
  kind: Kind,
  name: string,
  description: string,
): MetricPoints {
  const key = `${kind} ${name}`;
  let metric = metrics.get(key);
  if (metric === undefined) {
    metrics.set(key, (metric = { name, kind, description, points: [], classics: [] }));
  }
  return metric;
}

function kindOf(
  name: string,
  type: string,
  histogram: FloatHistogram | null,
): Exclude<Kind, ClassicPoint['kind']> {
  if (histogram !== null) {
    return histogram.schema === CUSTOM_BUCKETS_SCHEMA ? 'histogram' : 'exponential';
  }
  // Receivers give monotonic sums this suffix; one without it would change its name.
  return type === 'counter' && name.endsWith('_total') ? 'sum' : 'gauge';
}

function writeResource(writer: ProtobufWriter, labels: Labels): void {
  const job = labels.get('job');
  // As receivers put it together.
  const slash = job.indexOf('/');
  const attributes: readonly (readonly [string, string])[] = [
    ['service.namespace', slash < 0 ? '' : job.slice(0, slash)],
    ['service.name', slash < 0 ? job : job.slice(slash + 1)],
    ['service.instance.id', labels.get('instance')],
  ];
  for (const [name, value] of attributes) {
    if (value !== '') writeAttribute(writer, RESOURCE_ATTRIBUTE, name, value);
  }
}

function writeAttribute(writer: ProtobufWriter, tag: number, name: string, value: string): void {
  writer.writeVarint(tag);
  const attribute = writer.beginMessage();
  writer.writeVarint(KEY);
  writer.writeString(name);
  writer.writeVarint(VALUE);
  const any = writer.beginMessage();
  writer.writeVarint(STRING_VALUE);
  writer.writeString(value);
  writer.endMessage(any);
  writer.endMessage(attribute);
}

function writeMetric(
  writer: ProtobufWriter,
  { name, kind, description, points, classics }: MetricPoints,
): void {
  writer.writeVarint(METRIC_NAME_FIELD);
  writer.writeString(name);
  if (description !== '') {
    writer.writeVarint(METRIC_DESCRIPTION);
    writer.writeString(description);
  }
  writer.writeVarint(KIND_FIELDS[kind]);
  const data = writer.beginMessage();
  for (const found of points) {
    writer.writeVarint(DATA_POINT);
    const point = writer.beginMessage();
    writePoint(writer, kind, found);
    writer.endMessage(point);
  }
  for (const classic of classics) {
    writer.writeVarint(DATA_POINT);
    const point = writer.beginMessage();
    writeClassic(writer, classic);
    writer.endMessage(point);
  }
  if (kind !== 'gauge' && kind !== 'summary') {
    writer.writeVarint(TEMPORALITY);
    writer.writeVarint(CUMULATIVE);
  }
  if (kind === 'sum') {
    writer.writeVarint(IS_MONOTONIC);
    writer.writeVarint(1);
  }
  writer.endMessage(data);
}

/** Whose it is and when, which every kind of point has. */
function writePlace(
  writer: ProtobufWriter,
  kind: Kind,
  place: { readonly labels: Labels; readonly startMs: number; readonly timeMs: number },
): void {
  const { flat } = place.labels;
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i]!;
    if (name === METRIC_NAME || name === 'job' || name === 'instance') continue;
    writeAttribute(writer, ATTRIBUTES[kind] * 8 + BYTES, name, flat[i + 1]!);
  }
  if (place.startMs > 0) writeNanos(writer, START_TIME, place.startMs);
  writeNanos(writer, TIME, place.timeMs);
}

function writeEnd(writer: ProtobufWriter, kind: Kind): void {
  writer.writeVarint(FLAGS[kind] * 8 + VARINT);
  writer.writeVarint(NO_RECORDED_VALUE);
}

function writeClassic(writer: ProtobufWriter, point: ClassicPoint): void {
  const { kind, count, sum, bounds, values, exemplars } = point;
  writePlace(writer, kind, point);
  writeFixed64(writer, COUNT, BigInt(count));
  if (sum !== null) writeDouble(writer, SUM, sum);
  if (point.isEnded) writeEnd(writer, kind);
  if (kind === 'summary') {
    bounds.forEach((quantile, i) => {
      writer.writeVarint(QUANTILE_VALUE);
      const message = writer.beginMessage();
      writeDouble(writer, QUANTILE, quantile);
      writeDouble(writer, VALUE_AT_QUANTILE, values[i]!);
      writer.endMessage(message);
    });
    return;
  }
  writeExplicitBuckets(writer, bounds, values);
  for (const exemplar of exemplars) {
    writer.writeVarint(EXEMPLARS[kind] * 8 + BYTES);
    writeExemplar(writer, exemplar);
  }
}

function writePoint(writer: ProtobufWriter, kind: Kind, { labels, batch, sample }: Found): void {
  const startMs = batch.startTimesMs?.[sample] ?? 0;
  writePlace(writer, kind, { labels, startMs, timeMs: batch.timesMs[sample]! });
  const histogram = batch.histograms?.[sample] ?? null;
  if (histogram !== null) {
    if (kind === 'exponential') writeExponential(writer, histogram);
    else writeExplicit(writer, histogram);
  } else if (isStaleMarker(batch.values, sample)) {
    writeEnd(writer, kind);
  } else {
    writeDouble(writer, NUMBER_AS_DOUBLE, batch.values[sample]!);
  }
  if (kind === 'summary') return;
  for (const exemplar of batch.exemplars?.get(sample) ?? []) {
    writer.writeVarint(EXEMPLARS[kind] * 8 + BYTES);
    writeExemplar(writer, exemplar);
  }
}

function writeExponential(writer: ProtobufWriter, given: FloatHistogram): void {
  let histogram = given;
  while (widthOf(histogram) > MAX_DENSE_BUCKETS && histogram.schema > MIN_EXPONENTIAL_SCHEMA) {
    histogram = reduceResolution(histogram, histogram.schema - 1);
  }
  const { count, sum, schema, zeroCount, zeroThreshold } = histogram;
  writeFixed64(writer, COUNT, BigInt(Math.round(count)));
  writeDouble(writer, SUM, sum);
  writer.writeVarint(SCALE);
  writer.writeInt64(zigzag(schema));
  writeFixed64(writer, ZERO_COUNT, BigInt(Math.round(zeroCount)));
  writeBuckets(writer, POSITIVE, histogram.positiveSpans, histogram.positiveBuckets);
  writeBuckets(writer, NEGATIVE, histogram.negativeSpans, histogram.negativeBuckets);
  writeDouble(writer, ZERO_THRESHOLD, zeroThreshold);
}

function writeBuckets(
  writer: ProtobufWriter,
  tag: number,
  spans: FloatHistogram['positiveSpans'],
  counts: FloatHistogram['positiveBuckets'],
): void {
  const { indices, counts: indexed } = toIndexed(spans, counts);
  if (indices.length === 0) return;
  const first = indices[0]!;
  const dense = denseCounts(indices, indexed);
  writer.writeVarint(tag);
  const message = writer.beginMessage();
  writer.writeVarint(BUCKETS_OFFSET);
  // Their bucket 0 begins at 1, ours ends there.
  writer.writeInt64(zigzag(first - 1));
  writer.writeVarint(BUCKETS_COUNTS);
  const packed = writer.beginMessage();
  for (const count of dense) writer.writeInt64(Math.round(count));
  writer.endMessage(packed);
  writer.endMessage(message);
}

function denseCounts(indices: readonly number[], counts: readonly number[]): number[] {
  const first = indices[0]!;
  const dense = Array.from({ length: indices.at(-1)! - first + 1 }, () => 0);
  indices.forEach((index, i) => (dense[index - first] = counts[i]!));
  return dense;
}

/** Buckets of the wider side, the empty ones between included. */
function widthOf({ positiveSpans, negativeSpans }: FloatHistogram): number {
  return Math.max(spanned(positiveSpans), spanned(negativeSpans));
}

function spanned(spans: FloatHistogram['positiveSpans']): number {
  return spans.reduce((sum, { offset, length }, i) => sum + (i === 0 ? 0 : offset) + length, 0);
}

function writeExplicit(writer: ProtobufWriter, histogram: FloatHistogram): void {
  const { count, sum, customValues, positiveSpans, positiveBuckets } = histogram;
  writeFixed64(writer, COUNT, BigInt(Math.round(count)));
  writeDouble(writer, SUM, sum);
  const { indices, counts } = toIndexed(positiveSpans, positiveBuckets);
  const dense = customValues.map(() => 0);
  dense.push(0);
  indices.forEach((index, i) => (dense[index] = counts[i]!));
  writeExplicitBuckets(writer, customValues, dense);
}

/** @param counts one more than bounds */
function writeExplicitBuckets(
  writer: ProtobufWriter,
  bounds: readonly number[],
  counts: readonly number[],
): void {
  writer.writeVarint(BUCKET_COUNTS);
  const packedCounts = writer.beginMessage();
  for (const inBucket of counts) writeRaw64(writer, BigInt(Math.round(inBucket)));
  writer.endMessage(packedCounts);
  if (bounds.length === 0) return;
  writer.writeVarint(EXPLICIT_BOUNDS);
  const packedBounds = writer.beginMessage();
  const column = Float64Array.from(bounds);
  for (let i = 0; i < column.length; i++) writer.writeDouble(column, i);
  writer.endMessage(packedBounds);
}

/** Labels of exemplars that have fields of their own; in any other form they stay what they are. */
const IDS: ReadonlyMap<string, { readonly pattern: RegExp; readonly tag: number }> = new Map([
  ['trace_id', { pattern: /^[0-9a-f]{32}$/, tag: EXEMPLAR_TRACE }],
  ['span_id', { pattern: /^[0-9a-f]{16}$/, tag: EXEMPLAR_SPAN }],
]);

function writeExemplar(writer: ProtobufWriter, { labels, value, timeMs }: SampleExemplar): void {
  const message = writer.beginMessage();
  for (const [name, text] of labels) {
    const id = IDS.get(name);
    if (id?.pattern.test(text) === true) {
      writer.writeVarint(id.tag);
      const bytes = writer.beginMessage();
      writer.append(Buffer.from(text, 'hex'));
      writer.endMessage(bytes);
    } else writeAttribute(writer, EXEMPLAR_ATTRIBUTE, name, text);
  }
  writeNanos(writer, EXEMPLAR_TIME, timeMs);
  writeDouble(writer, EXEMPLAR_AS_DOUBLE, value);
  writer.endMessage(message);
}

function writeDouble(writer: ProtobufWriter, tag: number, value: number): void {
  writer.writeVarint(tag);
  writer.writeDouble(Float64Array.of(value), 0);
}

function writeNanos(writer: ProtobufWriter, tag: number, timeMs: number): void {
  writeFixed64(writer, tag, BigInt(Math.max(0, Math.trunc(timeMs))) * NANOS_PER_MS);
}

function writeFixed64(writer: ProtobufWriter, tag: number, value: bigint): void {
  writer.writeVarint(tag);
  writeRaw64(writer, value);
}

function writeRaw64(writer: ProtobufWriter, value: bigint): void {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  writer.append(bytes);
}

function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}
