import {
  createFloatHistogram,
  histogramProblem,
  MAX_EXPONENTIAL_SCHEMA,
  MIN_EXPONENTIAL_SCHEMA,
  reduceResolution,
  toSpans,
} from '#libs/histogram';
import { type Labels, METRIC_NAME } from '#libs/labels';
import { type SampleBatch, SampleBatchBuilder, STALE_MARKER } from '#libs/samples';
import { attributeText, labelsOf } from './attribute-labels.ts';
import { metricNameOf, translatedUnit } from './metric-name.ts';
import {
  type Attribute,
  CUMULATIVE,
  type ExponentialBuckets,
  type ExponentialPoint,
  type HistogramPoint,
  type Metric,
  type MetricsRequest,
  type NumberPoint,
  type OtlpExemplar,
  type Point,
  type ResourceMetrics,
  type SummaryPoint,
} from './metrics-request.ts';
import { DEFAULT_OTLP_LIMITS, type OtlpLimits } from './otlp-error.ts';

const NO_RECORDED_VALUE = 1;
/** Prometheus's own default, for a sender that names none. */
const DEFAULT_ZERO_THRESHOLD = 1e-128;
/** OpenMetrics' bound on an exemplar's labels, names and values together. */
const MAX_EXEMPLAR_CHARACTERS = 128;
const MAX_SHOWN = 200;
/** What makes a resource one; the rest of its attributes go to `target_info`. */
const IDENTIFYING = new Set(['service.namespace', 'service.name', 'service.instance.id']);

export interface MappedExemplar {
  readonly series: Labels;
  readonly labels: Labels;
  readonly value: number;
  readonly timeMs: number;
}

export interface MappedMetadata {
  readonly family: string;
  /** As OpenMetrics names it. */
  readonly type: string;
  readonly help: string;
  readonly unit: string;
}

/** A request in Prometheus's terms. */
export interface MappedMetrics {
  readonly batch: SampleBatch;
  readonly exemplars: readonly MappedExemplar[];
  readonly metadata: readonly MappedMetadata[];
  /** Data points in the request, those that were refused included. */
  readonly points: number;
  /** Data points that cannot be told in Prometheus's terms. */
  readonly rejectedPoints: number;
  /** Why the first of them cannot, or null. */
  readonly firstRejection: string | null;
}

/** Maps a request as Prometheus 3's OTLP receiver does by default; see the README. */
export function mapMetrics(
  request: MetricsRequest,
  limits: OtlpLimits = DEFAULT_OTLP_LIMITS,
): MappedMetrics {
  const mapping = new Mapping(limits);
  for (const resource of request.resourceMetrics ?? []) mapping.addResource(resource);
  return mapping.take();
}

class Mapping {
  readonly #limits: OtlpLimits;
  readonly #builder = new SampleBatchBuilder();
  readonly #exemplars: MappedExemplar[] = [];
  readonly #metadata: MappedMetadata[] = [];
  #points = 0;
  #rejected = 0;
  #firstRejection: string | null = null;
  #identity: Readonly<Record<string, string>> = {};
  #latestMs = -1;

  constructor(limits: OtlpLimits) {
    this.#limits = limits;
  }

  take(): MappedMetrics {
    return {
      batch: this.#builder.take(),
      exemplars: this.#exemplars,
      metadata: this.#metadata,
      points: this.#points,
      rejectedPoints: this.#rejected,
      firstRejection: this.#firstRejection,
    };
  }

  addResource({ resource, scopeMetrics }: ResourceMetrics): void {
    const attributes = resource?.attributes ?? [];
    this.#identity = identityOf(attributes);
    this.#latestMs = -1;
    for (const { metrics } of scopeMetrics ?? []) {
      for (const metric of metrics ?? []) this.#addMetric(metric);
    }
    this.#addTargetInfo(attributes);
  }

  #addTargetInfo(attributes: readonly Attribute[]): void {
    const rest = attributes.filter(({ key }) => !IDENTIFYING.has(key ?? ''));
    const hasIdentity = Object.keys(this.#identity).length > 0;
    if (!hasIdentity || rest.length === 0 || this.#latestMs < 0) return;
    if (rest.length > this.#limits.maxAttributes) return;
    this.#builder.addSeries(labelsOf(rest, { ...this.#identity, [METRIC_NAME]: 'target_info' }));
    this.#builder.addSample(this.#latestMs, 1);
  }

  #addMetric(metric: Metric): void {
    const { gauge, sum, histogram, exponentialHistogram, summary } = metric;
    const isCounter = sum?.isMonotonic === true;
    const kind = isCounter ? 'counter' : gauge === undefined ? 'other' : 'gauge';
    const family = metricNameOf(metric.name ?? '', metric.unit ?? '', kind);
    const problem = metricProblem(metric, family);
    const data = gauge ?? sum ?? histogram ?? exponentialHistogram ?? summary;
    if (problem !== null) {
      this.#points += data?.dataPoints?.length ?? 0;
      for (const _ of data?.dataPoints ?? []) this.#reject(problem);
      return;
    }
    this.#each(gauge?.dataPoints, (point) => this.#addNumber(family, point, false));
    this.#each(sum?.dataPoints, (point) => this.#addNumber(family, point, isCounter));
    this.#each(histogram?.dataPoints, (point) => this.#addHistogram(family, point));
    this.#each(exponentialHistogram?.dataPoints, (point) => this.#addExponential(family, point));
    this.#each(summary?.dataPoints, (point) => this.#addSummary(family, point));
    this.#metadata.push({
      family,
      type: typeOf(metric),
      help: metric.description ?? '',
      unit: translatedUnit(metric.unit ?? ''),
    });
  }

  #each<P extends Point>(points: readonly P[] | undefined, add: (point: P) => void): void {
    for (const point of points ?? []) {
      this.#points++;
      const count = point.attributes?.length ?? 0;
      if (count > this.#limits.maxAttributes) {
        this.#reject(`a data point has ${count} attributes, at most ${this.#limits.maxAttributes}`);
        continue;
      }
      this.#latestMs = Math.max(this.#latestMs, timeOf(point));
      add(point);
    }
  }

  #reject(reason: string): void {
    this.#rejected++;
    this.#firstRejection ??= reason;
  }

  /** Begins a series and adds its one sample. @returns the series */
  #add(name: string, point: Point, value: number, extra: Record<string, string> = {}): Labels {
    const series = this.#begin(name, point, extra);
    if (isEnded(point)) this.#builder.addSampleFrom(timeOf(point), STALE_MARKER, 0);
    else this.#builder.addSample(timeOf(point), value);
    return series;
  }

  #begin(name: string, point: Point, extra: Record<string, string> = {}): Labels {
    const fixed = { ...this.#identity, ...extra, [METRIC_NAME]: name };
    const series = labelsOf(point.attributes ?? [], fixed);
    this.#builder.addSeries(series);
    return series;
  }

  #addNumber(name: string, point: NumberPoint, isCounter: boolean): void {
    const series = this.#add(name, point, point.asInt ?? point.asDouble ?? 0);
    if (isCounter) this.#addExemplars(point.exemplars, () => series);
  }

  #addHistogram(name: string, point: HistogramPoint): void {
    if (point.sum !== undefined) this.#add(`${name}_sum`, point, point.sum);
    this.#add(`${name}_count`, point, point.count ?? 0);
    const bounds = point.explicitBounds ?? [];
    const counts = point.bucketCounts ?? [];
    const buckets: { bound: number; series: Labels }[] = [];
    let total = 0;
    for (let i = 0; i < bounds.length && i < counts.length; i++) {
      total += counts[i]!;
      const bound = bounds[i]!;
      if (bound === Infinity) continue;
      const series = this.#add(`${name}_bucket`, point, total, { le: formatBound(bound) });
      buckets.push({ bound, series });
    }
    const last = this.#add(`${name}_bucket`, point, point.count ?? 0, { le: '+Inf' });
    this.#addExemplars(
      point.exemplars,
      (value) => buckets.find(({ bound }) => value <= bound)?.series ?? last,
    );
  }

  #addExponential(name: string, point: ExponentialPoint): void {
    const scale = point.scale ?? 0;
    if (scale < MIN_EXPONENTIAL_SCHEMA) {
      this.#reject(
        `${shown(name)}: an exponential histogram of scale ${scale}; accepted is ${MIN_EXPONENTIAL_SCHEMA} and finer`,
      );
      return;
    }
    if (isEnded(point)) {
      this.#add(name, point, 0);
      return;
    }
    const positive = spansOf(point.positive);
    const negative = spansOf(point.negative);
    const isThresholdSet = point.zeroThreshold !== undefined && point.zeroThreshold !== 0;
    // A scale above the finest schema is one only for as long as it takes to merge its buckets.
    const sent = createFloatHistogram({
      schema: scale,
      zeroThreshold: isThresholdSet ? point.zeroThreshold : DEFAULT_ZERO_THRESHOLD,
      zeroCount: point.zeroCount ?? 0,
      count: point.count ?? 0,
      sum: point.sum ?? 0,
      positiveSpans: positive.spans,
      positiveBuckets: positive.counts,
      negativeSpans: negative.spans,
      negativeBuckets: negative.counts,
    });
    const histogram = reduceResolution(sent, MAX_EXPONENTIAL_SCHEMA);
    const problem = histogramProblem(histogram, true);
    if (problem !== null) {
      this.#reject(`${shown(name)}: ${problem}`);
      return;
    }
    const series = this.#begin(name, point);
    this.#builder.addHistogram(timeOf(point), histogram);
    this.#addExemplars(point.exemplars, () => series);
  }

  #addSummary(name: string, point: SummaryPoint): void {
    this.#add(`${name}_sum`, point, point.sum ?? 0);
    this.#add(`${name}_count`, point, point.count ?? 0);
    for (const { quantile, value } of point.quantileValues ?? []) {
      this.#add(name, point, value ?? 0, { quantile: formatBound(quantile ?? 0) });
    }
  }

  #addExemplars(
    exemplars: readonly OtlpExemplar[] | undefined,
    seriesOf: (value: number) => Labels,
  ): void {
    for (const exemplar of exemplars ?? []) {
      const value = exemplar.asInt ?? exemplar.asDouble ?? 0;
      const timeMs = exemplar.timeUnixNano ?? 0;
      const labels = exemplarLabels(exemplar, this.#limits.maxAttributes);
      this.#exemplars.push({ series: seriesOf(value), labels, value, timeMs });
    }
  }
}

function metricProblem(metric: Metric, family: string): string | null {
  const { gauge, sum, histogram, exponentialHistogram, summary } = metric;
  const name = shown(metric.name ?? '');
  if (family === '') return `${name} leaves no metric name`;
  const kinds = [gauge, sum, histogram, exponentialHistogram, summary];
  if (kinds.filter((kind) => kind !== undefined).length > 1) return `${name} has data of two types`;
  const temporal = sum ?? histogram ?? exponentialHistogram;
  if (temporal !== undefined && temporal.aggregationTemporality !== CUMULATIVE) {
    const isDelta = temporal.aggregationTemporality === 1;
    const temporality = isDelta ? 'delta' : 'no known';
    return `${name} has ${temporality} temporality; accepted is cumulative`;
  }
  return null;
}

function typeOf({ sum, histogram, exponentialHistogram, summary }: Metric): string {
  if (sum?.isMonotonic === true) return 'counter';
  if (histogram !== undefined || exponentialHistogram !== undefined) return 'histogram';
  return summary === undefined ? 'gauge' : 'summary';
}

function identityOf(attributes: readonly Attribute[]): Record<string, string> {
  const text = (name: string): string =>
    attributeText(attributes.findLast(({ key }) => key === name)?.value);
  const identity: Record<string, string> = {};
  const service = text('service.name');
  const namespace = text('service.namespace');
  const instance = text('service.instance.id');
  if (service !== '') identity['job'] = namespace === '' ? service : `${namespace}/${service}`;
  if (instance !== '') identity['instance'] = instance;
  return identity;
}

function isEnded({ flags }: Point): boolean {
  return ((flags ?? 0) & NO_RECORDED_VALUE) !== 0;
}

function timeOf(point: Point): number {
  return point.timeUnixNano ?? 0;
}

/** OTLP's bucket `i` ends where Prometheus's bucket `i + 1` does. */
function spansOf(buckets: ExponentialBuckets | undefined): ReturnType<typeof toSpans> {
  const indices: number[] = [];
  const counts: number[] = [];
  const first = (buckets?.offset ?? 0) + 1;
  (buckets?.bucketCounts ?? []).forEach((count, i) => {
    if (count === 0) return;
    indices.push(first + i);
    counts.push(count);
  });
  return toSpans({ indices, counts });
}

function exemplarLabels(exemplar: OtlpExemplar, maxAttributes: number): Labels {
  const ids = { trace_id: exemplar.traceId ?? '', span_id: exemplar.spanId ?? '' };
  const attributes = exemplar.filteredAttributes ?? [];
  if (attributes.length <= maxAttributes) {
    const labels = labelsOf(attributes, ids);
    if (Array.from(labels.flat.join('')).length <= MAX_EXEMPLAR_CHARACTERS) return labels;
  }
  // The trace is what an exemplar is for; the attributes are dropped before it is.
  return labelsOf([], ids);
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, MAX_SHOWN).toWellFormed());
}

/** A bound without an exponent, as Prometheus writes those that come by OTLP. */
export function formatBound(bound: number): string {
  if (bound === Infinity) return '+Inf';
  if (bound === -Infinity) return '-Inf';
  const [digits = '', exponent] = String(bound).split('e');
  if (exponent === undefined) return digits;
  const sign = digits.startsWith('-') ? '-' : '';
  const [whole = '', fraction = ''] = digits.replace('-', '').split('.');
  const point = whole.length + Number(exponent);
  const all = whole + fraction;
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${all}`;
  return `${sign}${all.padEnd(point, '0')}`;
}
