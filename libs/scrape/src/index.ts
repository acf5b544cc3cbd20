export { type CardinalityLimits, type HeldMetric } from './cardinality-guard.ts';
export { alignScrapeTimeMs, nextScrapeMs, spreadOffsetMs } from './schedule.ts';
export { scrapeHeaders } from './scrape-request.ts';
export type { ExceededLimit, ScrapeDrops, ScrapeOutcome, ScrapeResult } from './scrape-result.ts';
export { seriesComplaint, type SeriesLabelOptions, toSeriesLabels } from './series-labels.ts';
export { StringPool } from './string-pool.ts';
export { type ScrapeRules, TargetScraper } from './target-scraper.ts';
