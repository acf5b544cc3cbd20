import { LOG_LEVELS } from '#libs/log-pipeline';
import { byteSize, durationMs } from '#libs/yaml-config';
import type { CardinalityLimits } from '#libs/scrape';
import { z } from 'zod';

const limit = z.int().min(0);

/** The `limits` section: bounds that hold for every job, beside each job's own such as `sample_limit`. */
export const collectorLimitsSchema = z.strictObject({
  /** How many new series a target may bring in a window once its first scrape has told what it has; 0 for no limit. */
  new_series: z
    .strictObject({
      per_metric: limit.default(10_000),
      per_target: limit.default(50_000),
      window: durationMs({ minMs: 1_000 }).prefault('10m'),
    })
    .prefault({}),
  /** What waits on the disk of the data folder, of all outputs and inputs together. */
  spools: z
    .strictObject({
      /** Most bytes; by default what the disk has and the spools' own bounds let them have. */
      size: byteSize().default(Number.POSITIVE_INFINITY),
      /** Bytes that are to stay free on the disk, at most a twentieth of it. */
      keep_free: byteSize().prefault('64MiB'),
      /** Levels of log records that make room in a spool before whole parts of it do, in this order. */
      give_way: z
        .array(z.array(z.enum(LOG_LEVELS)).min(1))
        .max(LOG_LEVELS.length)
        .default([['trace', 'debug'], ['info', 'unknown'], ['warn']]),
    })
    .prefault({}),
});

export type CollectorLimits = z.output<typeof collectorLimitsSchema>;

/** What the guard of each target is told. */
export function cardinalityLimits({ new_series: limits }: CollectorLimits): CardinalityLimits {
  return {
    newSeriesPerMetric: orNone(limits.per_metric),
    newSeriesPerTarget: orNone(limits.per_target),
    windowMs: limits.window,
  };
}

function orNone(written: number): number {
  return written === 0 ? Number.POSITIVE_INFINITY : written;
}
