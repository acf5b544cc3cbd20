import type { ScrapeConfig } from '#libs/discovery';
import { acceptHeader } from '#libs/exposition';

/** The headers of a scrape, in the order and the words of Prometheus, without credentials. */
export function scrapeHeaders(
  config: Pick<ScrapeConfig, 'protocols' | 'isCompressed'>,
  options: { readonly timeoutMs: number; readonly userAgent: string },
): readonly (readonly [string, string])[] {
  return [
    ['User-Agent', options.userAgent],
    ['Accept', acceptHeader(config.protocols)],
    ['Accept-Encoding', config.isCompressed ? 'gzip' : 'identity'],
    ['X-Prometheus-Scrape-Timeout-Seconds', String(options.timeoutMs / 1_000)],
  ];
}
