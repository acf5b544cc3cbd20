export { maySeparate } from './classic-groups.ts';
export {
  decodeOtlpBody,
  decodeOtlpLogsBody,
  MAX_OTLP_BYTES,
  type OtlpForm,
} from './decode-body.ts';
export { decodeOtlpJson, decodeOtlpLogsJson } from './decode-json.ts';
export { decodeOtlpLogsProtobuf, decodeOtlpProtobuf } from './decode-protobuf.ts';
export { encodeOtlpMetrics, type OtlpSlice } from './encode-metrics.ts';
export { encodeExportAnswer, encodeStatus, type OtlpEncoding } from './export-answer.ts';
export { type LogsRequest } from './logs-request.ts';
export { type MappedLogGroup, type MappedLogRecord, type MappedLogs, mapLogs } from './map-logs.ts';
export {
  type MappedExemplar,
  type MappedMetadata,
  type MappedMetrics,
  mapMetrics,
  mapMetricsInTurns,
} from './map-metrics.ts';
export { DEFAULT_OTLP_LIMITS, OtlpError, type OtlpFailure, type OtlpLimits } from './otlp-error.ts';
export { grpcCodeOf } from './grpc-code.ts';
export { mediaTypeOf, otlpEncodingOf, otlpFormOf, type OtlpFormOrRefusal } from './http-form.ts';
export type { Attribute, MetricsRequest } from './metrics-request.ts';
