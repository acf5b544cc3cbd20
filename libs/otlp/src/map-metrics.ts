import {
  createFloatHistogram,
  histogramProblem,
  MAX_EXPONENTIAL_SCHEMA,
  MIN_EXPONENTIAL_SCHEMA,
  reduceResolution,
  toSpans,
} from '#libs/histogram';
import { Labels, METRIC_NAME } from '#libs/labels';
import { type SampleBatch, SampleBatchBuilder, STALE_MARKER } from '#libs/samples';
import { attributeText, labelsOf } from './attribute-labels.ts';
import { labelNameOf, metricNameOf, translatedUnit } from './metric-name.ts';
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
  type SummaryPoint,
} from './metrics-request.ts';
import { DEFAULT_OTLP_LIMITS, type OtlpLimits } from './otlp-error.ts';

const NO_RECORDED_VALUE = 1;
/** Prometheus's own default, for a sender that names none. */
const DEFAULT_ZERO_THRESHOLD = 1e-128;
/** OpenMetrics' bound on an exemplar's labels, names and values together. */
const MAX_EXEMPLAR_CHARACTERS = 128;
const MAX_SHOWN = 200;
/** Between two places to pause; a metric counts as a point. */
const POINTS_PER_STEP = 64;
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
  // oxlint-disable-next-line no-unused-vars -- run to its end
  for (const _ of mapping.add(request));
  return mapping.take();
}

/**
 * Does the same in turns.
 * @param pause asked now and then; what it gives, unless null, is awaited
 */
export async function mapMetricsInTurns(
  request: MetricsRequest,
  pause: () => Promise<void> | null,
  limits: OtlpLimits = DEFAULT_OTLP_LIMITS,
): Promise<MappedMetrics> {
  const mapping = new Mapping(limits);
  // oxlint-disable-next-line no-unused-vars -- a place to pause, and nothing more
  for (const _ of mapping.add(request)) {
    const wait = pause();
    if (wait !== null) await wait;
  }
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
  #identity: Labels = Labels.EMPTY;
  #latestMs = -1;
  #steps = 0;
  readonly #labelNames = new Map<string, string>();
  readonly #bounds = new Map<number, string>();

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

  /** Adds a request. What it yields is a place to pause. */
  *add({ resourceMetrics }: MetricsRequest): Generator<void, void, undefined> {
    for (const { resource, scopeMetrics } of resourceMetrics ?? []) {
      const attributes = resource?.attributes ?? [];
      this.#identity = identityOf(attributes);
      this.#latestMs = -1;
      for (const { metrics } of scopeMetrics ?? []) {
        for (const metric of metrics ?? []) {
          if (this.#isStep()) yield;
          yield* this.#addMetric(metric);
        }
      }
      this.#addTargetInfo(attributes);
      if (this.#isStep()) yield;
    }
  }

  #isStep(): boolean {
    return this.#steps++ % POINTS_PER_STEP === 0;
  }

  #addTargetInfo(attributes: readonly Attribute[]): void {
    const rest = attributes.filter(({ key }) => !IDENTIFYING.has(key ?? ''));
    const hasIdentity = this.#identity.size > 0;
    if (!hasIdentity || rest.length === 0 || this.#latestMs < 0) return;
    if (rest.length > this.#limits.maxAttributes) return;
    const labels = labelsOf(rest).merge(this.#identity);
    this.#builder.addSeries(labels.with(METRIC_NAME, 'target_info'));
    this.#builder.addSample(this.#latestMs, 1);
  }

  *#addMetric(metric: Metric): Generator<void, void, undefined> {
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
    yield* this.#each(gauge?.dataPoints, (point) => this.#addNumber(family, point, false));
    yield* this.#each(sum?.dataPoints, (point) => this.#addNumber(family, point, isCounter));
    yield* this.#each(histogram?.dataPoints, (point) => this.#addHistogram(family, point));
    yield* this.#each(exponentialHistogram?.dataPoints, (point) =>
      this.#addExponential(family, point),
    );
    yield* this.#each(summary?.dataPoints, (point) => this.#addSummary(family, point));
    this.#metadata.push({
      family,
      type: typeOf(metric),
      help: metric.description ?? '',
      unit: translatedUnit(metric.unit ?? ''),
    });
  }

  *#each<P extends Point>(
    points: readonly P[] | undefined,
    add: (point: P) => void,
  ): Generator<void, void, undefined> {
    for (const point of points ?? []) {
      if (this.#isStep()) yield;
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

  /** A point's labels but for its name. */
  #labelsOf({ attributes }: Point): Labels {
    return labelsOf(attributes ?? [], (key) => this.#labelNameOf(key)).merge(this.#identity);
  }

  #labelNameOf(key: string): string {
    let name = this.#labelNames.get(key);
    if (name === undefined) this.#labelNames.set(key, (name = labelNameOf(key)));
    return name;
  }

  #boundOf(bound: number): string {
    let text = this.#bounds.get(bound);
    if (text === undefined) this.#bounds.set(bound, (text = formatBound(bound)));
    return text;
  }

  /** As {@link #add}, for what has been counted since the point's start. */
  #addCount(series: Labels, point: Point, value: number): void {
    this.#add(series, point, value);
    this.#noteStart(point);
  }

  #noteStart(point: Point): void {
    const startMs = point.startTimeUnixNano ?? 0;
    if (startMs !== 0 && !isEnded(point)) this.#builder.setStartTime(startMs);
  }

  /** Begins a series and adds its one sample. */
  #add(series: Labels, point: Point, value: number): void {
    this.#builder.addSeries(series);
    if (isEnded(point)) this.#builder.addSampleFrom(timeOf(point), STALE_MARKER, 0);
    else this.#builder.addSample(timeOf(point), value);
  }

  #addNumber(name: string, point: NumberPoint, isCounter: boolean): void {
    const series = this.#labelsOf(point).with(METRIC_NAME, name);
    this.#add(series, point, point.asInt ?? point.asDouble ?? 0);
    if (!isCounter) return;
    this.#noteStart(point);
    this.#addExemplars(point.exemplars, () => series);
  }

  #addHistogram(name: string, point: HistogramPoint): void {
    const labels = this.#labelsOf(point);
    if (point.sum !== undefined) {
      this.#addCount(labels.with(METRIC_NAME, `${name}_sum`), point, point.sum);
    }
    this.#addCount(labels.with(METRIC_NAME, `${name}_count`), point, point.count ?? 0);
    const last = labels.with(METRIC_NAME, `${name}_bucket`).with('le', '+Inf');
    const ofBound = withOthers(last, 'le');
    const bounds = point.explicitBounds ?? [];
    const counts = point.bucketCounts ?? [];
    const buckets: { bound: number; series: Labels }[] = [];
    let total = 0;
    for (let i = 0; i < bounds.length && i < counts.length; i++) {
      total += counts[i]!;
      const bound = bounds[i]!;
      if (bound === Infinity) continue;
      const series = ofBound(this.#boundOf(bound));
      this.#addCount(series, point, total);
      buckets.push({ bound, series });
    }
    this.#addCount(last, point, point.count ?? 0);
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
    const series = this.#labelsOf(point).with(METRIC_NAME, name);
    if (isEnded(point)) {
      this.#add(series, point, 0);
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
    this.#builder.addSeries(series);
    this.#builder.addHistogram(timeOf(point), histogram);
    this.#noteStart(point);
    this.#addExemplars(point.exemplars, () => series);
  }

  #addSummary(name: string, point: SummaryPoint): void {
    const labels = this.#labelsOf(point);
    this.#addCount(labels.with(METRIC_NAME, `${name}_sum`), point, point.sum ?? 0);
    this.#addCount(labels.with(METRIC_NAME, `${name}_count`), point, point.count ?? 0);
    const ofQuantiles = labels.with(METRIC_NAME, name);
    for (const { quantile, value } of point.quantileValues ?? []) {
      this.#add(ofQuantiles.with('quantile', this.#boundOf(quantile ?? 0)), point, value ?? 0);
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

function identityOf(attributes: readonly Attribute[]): Labels {
  const text = (name: string): string =>
    attributeText(attributes.findLast(({ key }) => key === name)?.value);
  const service = text('service.name');
  const namespace = text('service.namespace');
  const job = service === '' || namespace === '' ? service : `${namespace}/${service}`;
  return Labels.fromRecord({ job, instance: text('service.instance.id') });
}

function isEnded({ flags }: Point): boolean {
  return ((flags ?? 0) & NO_RECORDED_VALUE) !== 0;
}

function timeOf(point: Point): number {
  return point.timeUnixNano ?? 0;
}

/** Makes label sets that differ from this one in the value of one label that it has; never an empty one. */
function withOthers({ flat }: Labels, name: string): (value: string) => Labels {
  let at = 0;
  while (flat[at] !== name) at += 2;
  return (value) => {
    const copy = flat.slice();
    copy[at + 1] = value;
    return Labels.fromSortedFlat(copy);
  };
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
  const ids = Labels.fromRecord({
    trace_id: exemplar.traceId ?? '',
    span_id: exemplar.spanId ?? '',
  });
  const attributes = exemplar.filteredAttributes ?? [];
  if (attributes.length <= maxAttributes) {
    const labels = labelsOf(attributes).merge(ids);
    if (Array.from(labels.flat.join('')).length <= MAX_EXEMPLAR_CHARACTERS) return labels;
  }
  // The trace is what an exemplar is for; the attributes are dropped before it is.
  return ids;
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
