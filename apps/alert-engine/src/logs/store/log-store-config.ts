import { DEFAULT_LOG_STORE_OPTIONS, type LogStoreOptions } from '#libs/log-store';
import { byteSize, durationMs, positiveDurationMs } from '#libs/yaml-config';
import { z } from 'zod';

const DEFAULTS = DEFAULT_LOG_STORE_OPTIONS;

/** `storage.logs`: what the engine keeps of log lines, and for how long. */
export const logStorageSchema = z.strictObject({
  /** Lines older than this are dropped, and no older ones are taken. */
  retention_time: positiveDurationMs().prefault('7d'),
  /** The oldest go while all together take more on disk. */
  retention_size: byteSize()
    .refine((bytes) => bytes > 0, { error: 'must be more than 0' })
    .prefault('10GB'),
  /** A line may be so much older than the youngest of its stream. */
  out_of_order_time_window: durationMs().prefault('1h'),
});

/** `limits.logs`: on by default, so that one careless application does not take the store down. */
export const logLimitsSchema = z.strictObject({
  /** Streams that lines come for at a time. */
  max_streams: z.int().min(1).max(1_000_000).default(DEFAULTS.maxStreams),
  max_labels_per_stream: z.int().min(1).max(100).default(DEFAULTS.maxLabelsPerStream),
  max_label_name_bytes: z.int().min(1).max(4_096).default(DEFAULTS.maxLabelNameBytes),
  max_label_value_bytes: z.int().min(1).max(16_384).default(DEFAULTS.maxLabelValueBytes),
  max_line_bytes: z
    .int()
    .min(1)
    .max(1024 * 1024)
    .default(DEFAULTS.maxLineBytes),
  /** Structured metadata of one line. */
  max_metadata_bytes: z
    .int()
    .min(0)
    .max(256 * 1024)
    .default(DEFAULTS.maxMetadataBytes),
  /** Of one stream, a second; four times as much at once. */
  stream_rate: positiveByteSize().prefault('16MB'),
  /** Of all streams together, a second; four times as much at once. */
  rate: positiveByteSize().prefault('64MB'),
});

export type LogStorageConfig = z.output<typeof logStorageSchema>;
export type LogLimits = z.output<typeof logLimitsSchema>;

/** What the configuration asks of the store. */
export function toLogStoreOptions(
  storage: LogStorageConfig,
  limits: LogLimits,
): Partial<LogStoreOptions> {
  return {
    retentionMs: storage.retention_time,
    retentionBytes: storage.retention_size,
    maxAgeMs: storage.retention_time,
    outOfOrderWindowMs: storage.out_of_order_time_window,
    maxStreams: limits.max_streams,
    maxLabelsPerStream: limits.max_labels_per_stream,
    maxLabelNameBytes: limits.max_label_name_bytes,
    maxLabelValueBytes: limits.max_label_value_bytes,
    maxLineBytes: limits.max_line_bytes,
    maxMetadataBytes: limits.max_metadata_bytes,
    streamBytesPerSecond: limits.stream_rate,
    streamBurstBytes: 4 * limits.stream_rate,
    bytesPerSecond: limits.rate,
    burstBytes: 4 * limits.rate,
  };
}

function positiveByteSize(): ReturnType<typeof byteSize> {
  return byteSize().refine((bytes) => bytes > 0, { error: 'must be more than 0' });
}
