export { decodeOtlpBody, MAX_OTLP_BYTES, type OtlpForm } from './decode-body.ts';
export { decodeOtlpJson } from './decode-json.ts';
export { decodeOtlpProtobuf } from './decode-protobuf.ts';
export { encodeExportAnswer, encodeStatus, type OtlpEncoding } from './export-answer.ts';
export {
  type MappedExemplar,
  type MappedMetadata,
  type MappedMetrics,
  mapMetrics,
  mapMetricsInTurns,
} from './map-metrics.ts';
export { DEFAULT_OTLP_LIMITS, OtlpError, type OtlpFailure, type OtlpLimits } from './otlp-error.ts';
