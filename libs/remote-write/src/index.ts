export {
  type DecodedWrite,
  type DecodeLimits,
  DEFAULT_DECODE_LIMITS,
  type MetricMetadata,
} from './decoded-write.ts';
export { RemoteWriteError, type RemoteWriteFailure } from './remote-write-error.ts';
export { type SampleSlice, wholeBatch } from './sample-slice.ts';
export {
  DEFAULT_SEND_QUEUE_OPTIONS,
  DROP_REASONS,
  type DropReason,
  type PendingSend,
  type SendAction,
  SendQueue,
  type SendQueueCounts,
  type SendQueueOptions,
} from './send-queue.ts';
export { compressBlock, compressBlockInBackground, uncompressBlock } from './snappy-block.ts';
export { answerOf, RETRY_REASONS, type RetryReason, type WriteAnswer } from './write-answer.ts';
export {
  encodeV1Metadata,
  WRITE_CONTENT_TYPES,
  WRITE_VERSIONS,
  WriteEncoder,
  type WriteMessage,
  writeSeriesLabels,
  writeTimeSeries,
} from './write-encoder.ts';
export { WriteV1Decoder } from './write-v1-decoder.ts';
export { decodeWriteV2 } from './write-v2-decoder.ts';
