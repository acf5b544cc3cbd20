import { formatRfc3339 } from '#libs/calendar';
import { quoteLabelValue } from '#libs/labels';
import type { Span } from '../ast.ts';
import type { RaisedBuckets } from '../functions/classic-quantile.ts';
import type { AnnotationExtent } from './annotations.ts';
import type { Evaluation } from './evaluation.ts';

/*
 * The remarks of the engine, in Prometheus's words (util/annotations), so that people find what has been written about
 * them. An empty name leaves the part that speaks of the metric out.
 */

function forMetric(name: string): string {
  return name === '' ? '' : ` for metric name ${quoteLabelValue(name)}`;
}

export function mixedFloatsHistograms(evaluation: Evaluation, name: string, span: Span): void {
  const text = `encountered a mix of histograms and floats${forMetric(name)}`;
  evaluation.annotate('warning', text, span);
}

export function mixedFloatsHistogramsInAggregation(evaluation: Evaluation, span: Span): void {
  evaluation.annotate(
    'warning',
    'encountered a mix of histograms and floats for aggregation',
    span,
  );
}

export function mixedSchemas(evaluation: Evaluation, name: string, span: Span): void {
  const text = `vector contains a mix of histograms with exponential and custom buckets schemas${forMetric(name)}`;
  evaluation.annotate('warning', text, span);
}

export function mixedSchemasInAggregation(evaluation: Evaluation, span: Span): void {
  const text =
    'vector contains a mix of histograms with exponential and custom buckets schemas for aggregation';
  evaluation.annotate('warning', text, span);
}

export function mixedClassicNative(evaluation: Evaluation, name: string, span: Span): void {
  const text = `vector contains a mix of classic and native histograms${forMetric(name)}`;
  evaluation.annotate('warning', text, span);
}

export function notCounterHistogram(evaluation: Evaluation, name: string, span: Span): void {
  const text = `this native histogram metric is not a counter: ${quoteLabelValue(name)}`;
  evaluation.annotate('warning', text, span);
}

export function notGaugeHistogram(evaluation: Evaluation, name: string, span: Span): void {
  const text = `this native histogram metric is not a gauge: ${quoteLabelValue(name)}`;
  evaluation.annotate('warning', text, span);
}

export function possibleNonCounter(evaluation: Evaluation, name: string, span: Span): void {
  const text = `metric might not be a counter, name does not end in _total/_sum/_count/_bucket: ${quoteLabelValue(name)}`;
  evaluation.annotate('info', text, span);
}

export function possibleNonCounterLabel(
  evaluation: Evaluation,
  name: string,
  type: string,
  span: Span,
): void {
  const text = `metric might not be a counter, __type__ label is not set to "counter" or "histogram", got ${quoteLabelValue(type)}: ${quoteLabelValue(name)}`;
  evaluation.annotate('info', text, span);
}

export function histogramIgnoredInMixedRange(
  evaluation: Evaluation,
  name: string,
  span: Span,
): void {
  const text = `ignored histograms in a range containing both floats and histograms${forMetric(name)}`;
  evaluation.annotate('info', text, span);
}

export function histogramIgnoredInAggregation(
  evaluation: Evaluation,
  aggregation: string,
  span: Span,
): void {
  evaluation.annotate('info', `ignored histogram in ${aggregation} aggregation`, span);
}

export function invalidQuantile(evaluation: Evaluation, quantile: number, span: Span): void {
  const text = `quantile value should be between 0 and 1, got ${formatGo(quantile)}`;
  evaluation.annotate('warning', text, span);
}

export function startTimeOverlap(evaluation: Evaluation, name: string, span: Span): void {
  const text = `sample has start time that overlaps with previous sample timestamp for metric ${quoteLabelValue(name)}`;
  evaluation.annotate('warning', text, span);
}

/** A number as Go's `%.2g` writes it. */
function formatGo2(value: number): string {
  if (!Number.isFinite(value) || value === 0) return formatGo(value);
  const [mantissa = '', power = '0'] = value.toExponential(1).split('e');
  const exponent = Number(power);
  if (exponent >= -4 && exponent < 2) return String(Number(value.toPrecision(2)));
  const digits = String(Math.abs(exponent)).padStart(2, '0');
  return `${Number(mantissa)}e${exponent < 0 ? '-' : '+'}${digits}`;
}

/** A number as Go's `%g` writes it. */
export function formatGo(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (Object.is(value, -0)) return '-0';
  const exponent = value === 0 ? 0 : Number(value.toExponential().split('e')[1]);
  if (exponent < -4 || exponent >= 21) {
    const [mantissa = '', power = '0'] = value.toExponential().split('e');
    const digits = power.replace(/^[+-]/, '').padStart(2, '0');
    return `${mantissa}e${power.startsWith('-') ? '-' : '+'}${digits}`;
  }
  return String(value);
}

export function mismatchedCustomBuckets(
  evaluation: Evaluation,
  operation: 'addition' | 'subtraction' | 'aggregation',
  span: Span,
): void {
  const text = `mismatched custom buckets were reconciled during ${operation}`;
  evaluation.annotate('info', text, span);
}

export function counterResetCollision(
  evaluation: Evaluation,
  operation: 'addition' | 'subtraction' | 'aggregation',
  span: Span,
): void {
  const text = `conflicting counter resets during histogram ${operation}`;
  evaluation.annotate('warning', text, span);
}

export function incompatibleTypes(
  evaluation: Evaluation,
  operator: string,
  left: 'float' | 'histogram',
  right: 'float' | 'histogram',
  span: Span,
): void {
  const text = `incompatible sample types encountered for binary operator ${JSON.stringify(operator)}: ${left} ${operator} ${right}`;
  evaluation.annotate('info', text, span);
}

export function incompatibleBuckets(evaluation: Evaluation, operator: string, span: Span): void {
  const text = `incompatible bucket layout encountered for binary operator ${operator}`;
  evaluation.annotate('warning', text, span);
}

const QUANTILE_DOCS =
  'https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile';

export function forcedMonotonicity(
  evaluation: Evaluation,
  name: string,
  raised: RaisedBuckets,
  timeMs: number,
  span: Span,
): void {
  evaluation.annotations.addEntry({
    kind: 'info',
    text: `input to histogram_quantile needed to be fixed for monotonicity (see ${QUANTILE_DOCS})${forMetric(name)}`,
    offset: span.start,
    extent: new RaisedExtent({ ...raised }, 1, timeMs, timeMs),
  });
}

/** Which buckets were raised in how many histograms, and when. */
class RaisedExtent implements AnnotationExtent {
  readonly #raised: RaisedBuckets;
  readonly #count: number;
  readonly #firstMs: number;
  readonly #lastMs: number;

  constructor(raised: RaisedBuckets, count: number, firstMs: number, lastMs: number) {
    this.#raised = raised;
    this.#count = count;
    this.#firstMs = firstMs;
    this.#lastMs = lastMs;
  }

  merge(other: RaisedExtent): RaisedExtent {
    const raised: RaisedBuckets = {
      lowestBound: Math.min(this.#raised.lowestBound, other.#raised.lowestBound),
      highestBound: Math.max(this.#raised.highestBound, other.#raised.highestBound),
      most: Math.max(this.#raised.most, other.#raised.most),
    };
    return new RaisedExtent(
      raised,
      this.#count + other.#count,
      Math.min(this.#firstMs, other.#firstMs),
      Math.max(this.#lastMs, other.#lastMs),
    );
  }

  toString(): string {
    const { lowestBound, highestBound, most } = this.#raised;
    const [from, to] = [this.#firstMs, this.#lastMs].map((timeMs) =>
      formatRfc3339(Math.floor(timeMs / 1_000) * 1_000),
    );
    return `, from buckets ${formatGo(lowestBound)} to ${formatGo(highestBound)}, with a max diff of ${formatGo2(most)}, over ${this.#count} samples from ${from} to ${to}`;
  }
}

export function badBucketLabel(
  evaluation: Evaluation,
  name: string,
  value: string,
  span: Span,
): void {
  const text = `bucket label "le" is missing or has a malformed value of ${quoteLabelValue(value)}${forMetric(name)}`;
  evaluation.annotate('warning', text, span);
}

export function quantileOfNaNs(
  evaluation: Evaluation,
  remark: 'nan-result' | 'nan-skew',
  name: string,
  span: Span,
): void {
  const effect = remark === 'nan-result' ? 'result is NaN' : 'result is skewed higher';
  const text = `input to histogram_quantile has NaN observations, ${effect}${forMetric(name)}`;
  evaluation.annotate('info', text, span);
}

export function fractionOfNaNs(evaluation: Evaluation, name: string, span: Span): void {
  const text = `input to histogram_fraction has NaN observations, which are excluded from all fractions${forMetric(name)}`;
  evaluation.annotate('info', text, span);
}

/** A number as Go writes it without an exponent, as `count_values` does. */
export function formatPlain(value: number): string {
  const text = formatGo(value);
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (match === null) return text;
  const [, sign = '', first = '', rest = '', power = '0'] = match;
  const exponent = Number(power);
  const digits = first + rest;
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  if (digits.length <= exponent + 1) return sign + digits.padEnd(exponent + 1, '0');
  return `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
}

/** A number as OpenMetrics writes it: with a `.0` where it would look like a whole number. */
export function formatOpenMetrics(value: number): string {
  const text = formatGo(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}
