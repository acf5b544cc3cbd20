import { byteSize, durationMs } from '#libs/yaml-config';
import { z } from 'zod';

/** What an output keeps on disk while its receiver does not take records. */
export const spoolSchema = z.strictObject({
  /** Most bytes on disk; 0 for no spool, so that log files are read no further instead. */
  max_size: byteSize().prefault('512MiB'),
  when_full: z
    .enum(['drop_oldest', 'drop_newest'], { error: 'accepted are drop_oldest, drop_newest' })
    .default('drop_oldest'),
  /** For how long a receiver must be failing before records go to disk. */
  after: durationMs({ minMs: 0 }).prefault('10s'),
  /** Where the disk is scarce, spools with a lower one make room first; 0 to 1000. */
  priority: z.int().min(0).max(1_000).default(50),
});

export type SpoolConfig = z.output<typeof spoolSchema>;
