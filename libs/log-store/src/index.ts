export {
  LINE_REJECT_REASONS,
  type LineAppendReport,
  type LineRejection,
  type LineRejectReason,
  LogsUnavailableError,
  type LogsUnavailableReason,
} from './append-report.ts';
export { MAX_PUSH_BYTES, PushDecoder } from './decode-push.ts';
export { decodePushJson } from './decode-push-json.ts';
export { type LineBatch, LineBatchBuilder, lineBatchOf, type PlainLine } from './line-batch.ts';
export type { LineLogOptions } from './line-log.ts';
export { readMetadata, writeMetadata } from './line-metadata.ts';
export type { LogArchiveReport, LogArchiveStatistics } from './log-archive.ts';
export type { LogBatch, LogReadRequest, LogStream, StreamVolume } from './log-source.ts';
export { LogStore, type LogStoreReport, type LogStoreStatistics } from './log-store.ts';
export {
  DEFAULT_LOG_STORE_OPTIONS,
  type LogStoreLimits,
  type LogStoreOptions,
} from './log-store-options.ts';
export { MAX_TIME_NS, Nanos } from './nanos.ts';
export { otlpLines, type OtlpLines } from './otlp-lines.ts';
export { PushError, type PushFailure } from './push-error.ts';
export { releaseBytes } from './release-bytes.ts';
export type { LineReplayProgress, LineReplayReport } from './replay-lines.ts';
