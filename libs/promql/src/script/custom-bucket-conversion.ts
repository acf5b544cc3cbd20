import { createFloatHistogram, CUSTOM_BUCKETS_SCHEMA, type FloatHistogram } from '#libs/histogram';
import { type Labels, METRIC_NAME } from '#libs/labels';
import type { NotedSeries } from './series-notation.ts';

/** The parts of one classic histogram at one time. */
interface ClassicHistogram {
  readonly labels: Labels;
  readonly index: number;
  /** Cumulative counts by upper bound. */
  readonly buckets: Map<number, number>;
  count: number | null;
  sum: number;
}

const CLASSIC_SUFFIX = /_(?:bucket|count|sum)$/;

/**
 * Collects the classic histograms among a block's series into native ones with custom buckets, one for each label set and
 * step.
 * @returns the labels of a series without `le` and suffix, the step and the histogram
 */
export function convertClassicHistograms(
  block: readonly NotedSeries[],
): { labels: Labels; index: number; histogram: FloatHistogram }[] {
  const collected = new Map<string, ClassicHistogram>();
  for (const series of block) {
    const name = series.labels.metricName;
    const suffix = CLASSIC_SUFFIX.exec(name)?.[0];
    if (suffix === undefined) continue;
    const upperBound = upperBoundOf(series.labels.get('le'));
    if (suffix === '_bucket' && upperBound === null) continue;
    const labels = series.labels
      .with(METRIC_NAME, name.slice(0, -suffix.length))
      .with('le', suffix === '_bucket' ? '' : series.labels.get('le'));
    series.values.forEach((value, index) => {
      if (value.kind !== 'float') return;
      const key = `${index}:${labels.key}`;
      const parts = collected.get(key) ?? emptyParts(labels, index);
      collected.set(key, parts);
      if (suffix === '_bucket') parts.buckets.set(upperBound!, value.value);
      else if (suffix === '_count') parts.count = value.value;
      else parts.sum = value.value;
    });
  }
  return [...collected.values()].map((parts) => ({
    labels: parts.labels,
    index: parts.index,
    histogram: toCustomBuckets(parts),
  }));
}

function emptyParts(labels: Labels, index: number): ClassicHistogram {
  return { labels, index, buckets: new Map(), count: null, sum: 0 };
}

function upperBoundOf(le: string): number | null {
  if (/^[+-]?inf(?:inity)?$/i.test(le)) {
    return le.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  const bound = le.trim() === '' ? Number.NaN : Number(le);
  return Number.isNaN(bound) ? null : bound;
}

function toCustomBuckets(parts: ClassicHistogram): FloatHistogram {
  const bounds = [...parts.buckets.keys()].toSorted((a, b) => a - b);
  const last = bounds.at(-1);
  const count = parts.count ?? (last === undefined ? 0 : parts.buckets.get(last)!);
  if (last !== Number.POSITIVE_INFINITY) {
    bounds.push(Number.POSITIVE_INFINITY);
    parts.buckets.set(Number.POSITIVE_INFINITY, count);
  }
  const positiveBuckets: number[] = [];
  let below = 0;
  for (const bound of bounds) {
    const cumulative = parts.buckets.get(bound)!;
    positiveBuckets.push(cumulative - below);
    below = cumulative;
  }
  return createFloatHistogram({
    schema: CUSTOM_BUCKETS_SCHEMA,
    count,
    sum: parts.sum,
    customValues: bounds.slice(0, -1),
    positiveSpans: [{ offset: 0, length: positiveBuckets.length }],
    positiveBuckets,
  });
}
