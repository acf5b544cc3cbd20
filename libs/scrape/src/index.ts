export { alignScrapeTimeMs, nextScrapeMs, spreadOffsetMs } from './schedule.ts';
export { scrapeHeaders } from './scrape-request.ts';
export { seriesComplaint, type SeriesLabelOptions, toSeriesLabels } from './series-labels.ts';
export {
  type ExceededLimit,
  type ScrapeDrops,
  type ScrapeOutcome,
  type ScrapeResult,
  type ScrapeRules,
  TargetScraper,
} from './target-scraper.ts';
