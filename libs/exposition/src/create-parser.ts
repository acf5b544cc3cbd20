import { unreachable } from '#libs/invariant';
import type { ExpositionFormat, ExpositionParser } from './exposition-parser.ts';
import { OpenMetricsParser, type OpenMetricsOptions } from './open-metrics-parser.ts';
import { TextParser } from './text-parser.ts';

const DEFAULTS: OpenMetricsOptions = { skipsCreatedSeries: false };

/**
 * A cursor at the beginning of a body.
 * @param body is read in place and must not change while the parser is in use
 */
export function createExpositionParser(
  format: ExpositionFormat,
  body: Buffer,
  options: OpenMetricsOptions = DEFAULTS,
): ExpositionParser {
  switch (format) {
    case 'text':
      return new TextParser(body);
    case 'openmetrics':
      return new OpenMetricsParser(body, options);
    default:
      return unreachable(format);
  }
}
