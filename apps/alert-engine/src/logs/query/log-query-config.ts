import { byteSize, positiveDurationMs } from '#libs/yaml-config';
import { z } from 'zod';

/** `limits.log_query`: what one query over log lines, and all of them together, may take. */
export const logQueryLimitsSchema = z.strictObject({
  timeout: positiveDurationMs().prefault('1m'),
  /** Queries that run at a time; more wait. */
  max_concurrency: z.int().min(1).max(1_000).default(8),
  /** Lines that one answer may have. */
  max_entries: z.int().min(1).max(100_000).default(5_000),
  /** Series that an aggregation over lines may give. */
  max_series: z.int().min(1).max(100_000).default(500),
  /** Bytes of lines that one query may read. */
  max_bytes_read: byteSize()
    .refine((bytes) => bytes > 0, { error: 'must be more than 0' })
    .prefault('20GB'),
  /** Clients that follow lines at a time. */
  max_tails: z.int().min(0).max(1_000).default(10),
});

export type LogQueryLimitsConfig = z.output<typeof logQueryLimitsSchema>;
