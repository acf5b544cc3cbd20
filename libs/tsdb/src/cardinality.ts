import { compareUtf8 } from '#libs/labels';
import type { SeriesIndex } from './series-index.ts';

/** One line of {@link CardinalityStatistics}. */
export interface CardinalityEntry {
  readonly name: string;
  readonly value: number;
}

/** Where the series come from, largest first (Prometheus's `/api/v1/status/tsdb`). */
export interface CardinalityStatistics {
  readonly seriesCountByMetricName: readonly CardinalityEntry[];
  readonly labelValueCountByLabelName: readonly CardinalityEntry[];
  readonly memoryInBytesByLabelName: readonly CardinalityEntry[];
  readonly seriesCountByLabelValuePair: readonly CardinalityEntry[];
}

/** The `limit` largest entries of each kind. */
export function cardinalityOf(index: SeriesIndex, limit: number): CardinalityStatistics {
  const byMetric: CardinalityEntry[] = [];
  const byPair: CardinalityEntry[] = [];
  const valueCounts: CardinalityEntry[] = [];
  const memory: CardinalityEntry[] = [];
  for (const name of index.labelNames()) {
    const values = index.valuesOf(name);
    let bytes = 0;
    for (const [value, pair] of values) {
      const series = index.posting(pair).length;
      bytes += value.length;
      byPair.push({ name: `${name}=${value}`, value: series });
      keepLargest(byPair, limit, 10_000);
      if (name === '__name__') byMetric.push({ name: value, value: series });
    }
    valueCounts.push({ name, value: values.size });
    memory.push({ name, value: bytes });
  }
  return {
    seriesCountByMetricName: keepLargest(byMetric, limit, 0),
    labelValueCountByLabelName: keepLargest(valueCounts, limit, 0),
    memoryInBytesByLabelName: keepLargest(memory, limit, 0),
    seriesCountByLabelValuePair: keepLargest(byPair, limit, 0),
  };
}

/** Sorts largest first and cuts to `limit`, once the list has outgrown `slack`. */
function keepLargest(
  entries: CardinalityEntry[],
  limit: number,
  slack: number,
): CardinalityEntry[] {
  if (entries.length <= slack) return entries;
  entries.sort((a, b) => b.value - a.value || compareUtf8(a.name, b.name));
  entries.length = Math.min(entries.length, limit);
  return entries;
}
