import {
  DEFAULT_HEAD_OPTIONS,
  type SeriesBudget,
  type TieredStoreOptions,
  type TimeSeriesStoreOptions,
} from '#libs/tsdb';
import { byteSize, durationMs, positiveDurationMs } from '#libs/yaml-config';
import { z } from 'zod';
import { logStorageSchema } from '../logs/store/log-store-config.ts';

/** `storage`: what the engine keeps, and for how long. */
export const storageConfigSchema = z.strictObject({
  /** Samples older than this are dropped. */
  retention_time: positiveDurationMs().prefault('15d'),
  /** The oldest blocks go while all of them together are larger; without it there is no such bound. */
  retention_size: byteSize()
    .refine((bytes) => bytes > 0, { error: 'must be more than 0; leave it out for no bound' })
    .optional(),
  /** A sample may be so much older than the youngest of its series; 0s takes none out of order. */
  out_of_order_time_window: durationMs().prefault('5m'),
  /** The oldest go first; 0 keeps none. */
  exemplars: z
    .strictObject({ max_exemplars: z.int().min(0).max(10_000_000).default(100_000) })
    .prefault({}),
  logs: logStorageSchema.prefault({}),
  /** `/api/v1/admin/tsdb`: off by default, since whoever may query could fill the disk with it. */
  enable_admin_api: z.boolean().default(false),
});

/** `limits.storage`: on by default, so that one careless exporter does not take the store down. */
export const storageLimitsSchema = z.strictObject({
  max_series: z.int().min(1).max(100_000_000).default(DEFAULT_HEAD_OPTIONS.maxSeries),
  /** Series of one `instance`; without it there is no such bound. */
  max_series_per_target: z.int().min(1).max(100_000_000).optional(),
  /** Series of one `namespace`; without it there is no such bound. */
  max_series_per_namespace: z.int().min(1).max(100_000_000).optional(),
  max_labels_per_series: z.int().min(1).max(1_000).default(DEFAULT_HEAD_OPTIONS.maxLabelsPerSeries),
  max_label_name_bytes: z.int().min(1).max(4_096).default(DEFAULT_HEAD_OPTIONS.maxLabelNameBytes),
  max_label_value_bytes: z
    .int()
    .min(1)
    .max(16_384)
    .default(DEFAULT_HEAD_OPTIONS.maxLabelValueBytes),
});

export type StorageConfig = z.output<typeof storageConfigSchema>;
export type StorageLimits = z.output<typeof storageLimitsSchema>;

/** What the configuration asks of what lies in memory and in the log. */
export function toStoreOptions(
  storage: StorageConfig,
  limits: StorageLimits,
): TimeSeriesStoreOptions {
  return {
    retentionMs: storage.retention_time,
    outOfOrderWindowMs: storage.out_of_order_time_window,
    maxExemplars: storage.exemplars.max_exemplars,
    maxSeries: limits.max_series,
    seriesBudgets: budgetsOf(limits),
    maxLabelsPerSeries: limits.max_labels_per_series,
    maxLabelNameBytes: limits.max_label_name_bytes,
    maxLabelValueBytes: limits.max_label_value_bytes,
  };
}

function budgetsOf(limits: StorageLimits): SeriesBudget[] {
  const budgets: SeriesBudget[] = [];
  for (const [label, maxSeries] of [
    ['instance', limits.max_series_per_target],
    ['namespace', limits.max_series_per_namespace],
  ] as const) {
    if (maxSeries !== undefined) budgets.push({ label, maxSeries });
  }
  return budgets;
}

/** What the configuration asks of the store as a whole. */
export function toTieredOptions(storage: StorageConfig): Partial<TieredStoreOptions> {
  return {
    retentionMs: storage.retention_time,
    maxBlockBytes: storage.retention_size ?? Infinity,
  };
}
