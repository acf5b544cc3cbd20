import type { ExpositionFormat } from './exposition-parser.ts';

/** The names by which `scrape_protocols` and `fallback_scrape_protocol` call the formats. */
export type ScrapeProtocol =
  | 'PrometheusProto'
  | 'PrometheusText0.0.4'
  | 'PrometheusText1.0.0'
  | 'OpenMetricsText0.0.1'
  | 'OpenMetricsText1.0.0';

/** A Content-Type that says no format we can read. */
export class ContentTypeError extends Error {
  override readonly name = 'ContentTypeError';
}

/** The format chosen for a body, and what was wrong with its Content-Type where the fallback had to decide. */
export interface FormatSelection {
  readonly format: ExpositionFormat;
  readonly warning: string | null;
}
