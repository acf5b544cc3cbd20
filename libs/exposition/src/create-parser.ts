import { unreachable } from '#libs/invariant';
import { CustomBucketsParser } from './custom-buckets-parser.ts';
import type { ExpositionFormat, ExpositionParser } from './exposition-parser.ts';
import { OpenMetricsParser, type OpenMetricsOptions } from './open-metrics-parser.ts';
import { ProtobufParser, type ProtobufOptions } from './protobuf-parser.ts';
import { TextParser } from './text-parser.ts';

/** How a body is read where Prometheus leaves a choice. */
export interface ParserOptions extends OpenMetricsOptions, ProtobufOptions {
  /** Whether classic histograms become native ones with custom buckets. */
  readonly convertsClassicHistograms?: boolean;
}

const DEFAULTS: ParserOptions = {};

/**
 * A cursor at the beginning of a body.
 * @param body is read in place and must not change while the parser is in use
 */
export function createExpositionParser(
  format: ExpositionFormat,
  body: Buffer,
  options: ParserOptions = DEFAULTS,
): ExpositionParser {
  const { convertsClassicHistograms = false, keepsClassicHistograms = false } = options;
  if (!convertsClassicHistograms) return createPlainParser(format, body, options);
  const parser = createPlainParser(format, body, options);
  return new CustomBucketsParser(parser, { keepsClassicHistograms });
}

function createPlainParser(
  format: ExpositionFormat,
  body: Buffer,
  options: ParserOptions,
): ExpositionParser {
  switch (format) {
    case 'text':
      return new TextParser(body);
    case 'openmetrics':
      return new OpenMetricsParser(body, options);
    case 'protobuf':
      return new ProtobufParser(body, options);
    default:
      return unreachable(format);
  }
}
