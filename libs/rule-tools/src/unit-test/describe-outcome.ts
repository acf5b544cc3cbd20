import { formatFloat } from '#libs/go-template';
import {
  type FloatHistogram,
  type IndexedBuckets,
  negativeBucketsOf,
  positiveBucketsOf,
  usesCustomBuckets,
} from '#libs/histogram';
import { type Labels, quoteLabelValue } from '#libs/labels';
import type { ComparableSample, ExpectedAlert } from './rule-test-file.ts';

/** `{__name__="up", job="a"}`: how promtool writes labels, the metric's name among them. */
function describeLabels(labels: Labels): string {
  const pairs: string[] = [];
  for (let i = 0; i < labels.flat.length; i += 2) {
    pairs.push(`${labels.flat[i]!}=${quoteLabelValue(labels.flat[i + 1]!)}`);
  }
  return `{${pairs.join(', ')}}`;
}

/** A list of alerts over several lines; `[]` for none. */
export function describeAlerts(alerts: readonly ExpectedAlert[]): string {
  if (alerts.length === 0) return '[]';
  const blocks = alerts.map(
    ({ labels, annotations }, i) =>
      `${i}:\n  Labels:${describeLabels(labels)}\n  Annotations:${describeLabels(annotations)}`,
  );
  return `[\n${blocks.join(',\n')}\n]`;
}

/** Samples on one line; `nil` for none. */
export function describeSamples(samples: readonly ComparableSample[]): string {
  if (samples.length === 0) return 'nil';
  return samples
    .map(({ labels, value, histogram }) => {
      const text = histogram === null ? describeValue(value) : describeHistogram(histogram);
      return `${describeLabels(labels)} ${text}`;
    })
    .join(', ');
}

/** The lines of a text after the first moved to the right. */
export function indentRest(text: string, indent: string): string {
  return text.replaceAll('\n', `\n${indent}`);
}

/** A length of time as Go writes it: `1h0m0s`, `1m30.5s`, `0s`, `250ms`. */
export function describeGoDuration(durationMs: number): string {
  if (durationMs === 0) return '0s';
  if (Math.abs(durationMs) < 1_000) return `${durationMs}ms`;
  const sign = durationMs < 0 ? '-' : '';
  const magnitudeMs = Math.abs(durationMs);
  const hours = Math.floor(magnitudeMs / 3_600_000);
  const minutes = Math.floor((magnitudeMs % 3_600_000) / 60_000);
  const seconds = (magnitudeMs % 60_000) / 1_000;
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}s`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}s` : `${sign}${seconds}s`;
}

function describeValue(value: number): string {
  return Number.isFinite(value) ? formatFloat(value, 'e', -1).toUpperCase() : goFloat(value);
}

function goFloat(value: number): string {
  return formatFloat(value, 'g', -1);
}

/**
 * A histogram in the notation of test series, its keys in the order in which promtool writes them; two histograms are the
 * same to a test when these texts are.
 */
export function describeHistogram(histogram: FloatHistogram): string {
  const { schema, count, sum, zeroCount, zeroThreshold, counterResetHint } = histogram;
  const parts: string[] = [];
  const add = (key: string, value: number): void => {
    if (value !== 0) parts.push(`${key}:${goFloat(value)}`);
  };
  add('schema', schema);
  add('count', count);
  add('sum', sum);
  add('z_bucket', zeroCount);
  add('z_bucket_w', zeroThreshold);
  if (usesCustomBuckets(histogram)) {
    parts.push(`custom_values:[${histogram.customValues.map(goFloat).join(' ')}]`);
  }
  if (counterResetHint !== 'unknown') parts.push(`counter_reset_hint:${counterResetHint}`);
  const addBuckets = (buckets: IndexedBuckets, key: string, offsetKey: string): void => {
    const { first, counts } = withoutGaps(buckets);
    if (counts.length === 0) return;
    add(offsetKey, first);
    parts.push(`${key}:[${counts.map(goFloat).join(' ')}]`);
  };
  addBuckets(positiveBucketsOf(histogram), 'buckets', 'offset');
  addBuckets(negativeBucketsOf(histogram), 'n_buckets', 'n_offset');
  return `{{${parts.join(' ')}}}`;
}

/** Gaps up to this many buckets are written as zeros; a wider one is left out, or its text would not end. */
const MAX_WRITTEN_BUCKETS = 10_000;

/** From the first filled bucket to the last one. */
function withoutGaps({ indices, counts }: IndexedBuckets): { first: number; counts: number[] } {
  const filled = indices.filter((_, i) => counts[i] !== 0);
  const first = filled[0];
  const last = filled.at(-1);
  if (first === undefined || last === undefined) return { first: 0, counts: [] };
  if (last - first >= MAX_WRITTEN_BUCKETS) return { first, counts: counts.filter((n) => n !== 0) };
  const dense = Array.from({ length: last - first + 1 }, () => 0);
  indices.forEach((index, i) => {
    if (index >= first && index <= last) dense[index - first] = counts[i]!;
  });
  return { first, counts: dense };
}
