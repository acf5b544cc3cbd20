import { positiveDurationMs } from '#libs/yaml-config';
import { z } from 'zod';

/** `limits.query`: what one query, and all of them together, may take. */
export const queryLimitsSchema = z.strictObject({
  timeout: positiveDurationMs().prefault('30s'),
  /** Samples that one query may hold at a time. */
  max_samples: z.int().min(1).default(10_000_000),
  /** Queries that run at a time; more wait. */
  max_concurrency: z.int().min(1).max(10_000).default(20),
  /** How far back a selector looks for its newest sample. */
  lookback_delta: positiveDurationMs().prefault('5m'),
});
