// `createExpositionParser(format: ExpositionFormat, body: Buffer): ExpositionParser` joins with its code, as do
// `selectFormat(contentType: string, fallback: ScrapeProtocol | null): FormatSelection` (throws ContentTypeError) and
// `acceptHeader(protocols: readonly ScrapeProtocol[]): string`.
export { ContentTypeError, type FormatSelection, type ScrapeProtocol } from './content-type.ts';
export {
  type Exemplar,
  type ExpositionEntry,
  ExpositionError,
  type ExpositionFormat,
  type ExpositionParser,
  type MetricType,
} from './exposition-parser.ts';
