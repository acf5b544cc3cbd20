import { byteSize, durationMs } from '#libs/yaml-config';
import { z } from 'zod';

/** What an output of samples keeps on disk while its receiver does not take them. */
export const metricSpoolSchema = z.strictObject({
  /** Most bytes on disk, compressed as they are sent; 0 for no spool. */
  max_size: byteSize().prefault('512MiB'),
  /** What has waited longer is given up. */
  max_age: durationMs({ minMs: 1_000 }).prefault('6h'),
  when_full: z
    .enum(['drop_oldest', 'drop_newest'], { error: 'accepted are drop_oldest, drop_newest' })
    .default('drop_oldest'),
  /** For how long a receiver must be failing before samples go to disk. */
  after: durationMs({ minMs: 0 }).prefault('0s'),
  /** Where the disk is scarce, spools with a lower one make room first; 0 to 1000. */
  priority: z.int().min(0).max(1_000).default(100),
});

export type MetricSpoolConfig = z.output<typeof metricSpoolSchema>;
