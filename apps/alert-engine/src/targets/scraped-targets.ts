import { formatDurationMs, type Labels, Matcher, METRIC_NAME } from '#libs/labels';
import { createSampleWindow, isStaleMarker, type SampleWindow } from '#libs/samples';
import type { SeriesSource } from '#libs/promql';

/** A target as the samples about it tell: the collectors scrape, and every scrape leaves `up` and its like. */
export interface ScrapedTarget {
  /** Labels of the target, without a metric name. */
  readonly labels: Labels;
  readonly isUp: boolean;
  readonly lastScrapeMs: number;
  /** NaN where the collector did not say. */
  readonly lastDurationSeconds: number;
  /** The distance of the last two scrapes, or null after the first. */
  readonly intervalMs: number | null;
}

/** A target that was last heard of longer ago has gone without a word. */
const LOOKBACK_MS = 5 * 60_000;

/** The targets that were scraped lately and have not ended, in row order. */
export async function scrapedTargets(
  source: SeriesSource,
  nowMs: number,
): Promise<ScrapedTarget[]> {
  const minMs = nowMs - LOOKBACK_MS;
  const ups = await source.select([new Matcher(METRIC_NAME, '=', 'up')], minMs, nowMs);
  const durations = await source.select(
    [new Matcher(METRIC_NAME, '=', 'scrape_duration_seconds')],
    minMs,
    nowMs,
  );
  const window = createSampleWindow();
  const secondsOf = new Map<string, number>();
  for (const row of durations.rows) {
    durations.read(row, minMs, nowMs, window);
    const last = lastSample(window);
    if (last < 0) continue;
    secondsOf.set(durations.labelsOf(row).withoutMetricName().key, window.values[last]!);
  }
  const targets: ScrapedTarget[] = [];
  for (const row of ups.rows) {
    ups.read(row, minMs, nowMs, window);
    const last = lastSample(window);
    if (last < 0) continue;
    const labels = ups.labelsOf(row).withoutMetricName();
    const lastScrapeMs = window.timesMs[last]!;
    targets.push({
      labels,
      isUp: window.values[last] === 1,
      lastScrapeMs,
      lastDurationSeconds: secondsOf.get(labels.key) ?? Number.NaN,
      intervalMs: last > window.start ? lastScrapeMs - window.timesMs[last - 1]! : null,
    });
  }
  return targets;
}

/** Index of the newest sample, or -1 where there is none or the series has ended. */
function lastSample(window: SampleWindow): number {
  const last = window.end - 1;
  return last < window.start || isStaleMarker(window.values, last) ? -1 : last;
}

const HOST_AND_PORT = /^(?:[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\]):\d{1,5}$/;

/** A target in the form of Prometheus's `/api/v1/targets`. What only its collector knows is empty or says where to ask. */
export function targetToJson(target: ScrapedTarget): Record<string, unknown> {
  const { labels, isUp, lastScrapeMs, lastDurationSeconds, intervalMs } = target;
  const instance = labels.get('instance');
  const path = labels.get('metrics_path') || '/metrics';
  const url = HOST_AND_PORT.test(instance) ? `http://${instance}${path}` : '';
  return {
    discoveredLabels: {},
    labels: labels.toRecord(),
    scrapePool: labels.get('job'),
    scrapeUrl: url,
    globalUrl: url,
    lastError: isUp ? '' : 'the scrape failed; the collector’s /api/v1/targets says why',
    lastScrape: new Date(lastScrapeMs).toISOString(),
    lastScrapeDuration: Number.isNaN(lastDurationSeconds) ? 0 : lastDurationSeconds,
    health: isUp ? 'up' : 'down',
    scrapeInterval:
      intervalMs === null ? '' : formatDurationMs(Math.round(intervalMs / 1_000) * 1_000),
    scrapeTimeout: '',
  };
}
