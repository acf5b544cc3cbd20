export { type AcceptedFormat, acceptedFormat } from './accepted-format.ts';
export {
  acceptHeader,
  ContentTypeError,
  DEFAULT_SCRAPE_PROTOCOLS,
  type FormatSelection,
  NATIVE_SCRAPE_PROTOCOLS,
  type ScrapeProtocol,
  selectFormat,
} from './content-type.ts';
export { createExpositionParser, type ParserOptions } from './create-parser.ts';
export {
  type Exemplar,
  type ExpositionEntry,
  ExpositionError,
  type ExpositionFormat,
  type ExpositionParser,
  type MetricType,
  type WrittenFormat,
} from './exposition-parser.ts';
export { ExpositionWriter, type SeriesExtras } from './exposition-writer.ts';
export { formatGoFloat, formatOpenMetricsFloat } from './go-float.ts';
