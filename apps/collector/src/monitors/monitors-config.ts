import { isValidUtf8Name } from '#libs/labels';
import { MONITOR_KINDS } from '#libs/operator-objects';
import { durationMs, positiveDurationMs } from '#libs/yaml-config';
import { z } from 'zod';

const ACCEPTED = `accepted are ${MONITOR_KINDS.join(', ')}`;

/** `kubernetes.monitors`: ServiceMonitor, PodMonitor, Probe and ScrapeConfig objects, read where they exist. */
export const monitorsConfigSchema = z
  .strictObject({
    enabled: z.boolean().default(true),
    kinds: z
      .array(z.enum(MONITOR_KINDS, { error: ACCEPTED }))
      .min(1, { error: `must not be empty; ${ACCEPTED}` })
      .default([...MONITOR_KINDS]),
    /** Which objects are read, as the API takes it: `team in (a, b)`. */
    label_selector: z.string().default(''),
    /** The namespaces whose objects are read; empty for all. */
    namespaces: z.array(z.string().min(1)).default([]),
    /** A label that always has the object's namespace, whatever the object says. */
    enforced_namespace_label: z
      .string()
      .refine((name) => name === '' || isValidUtf8Name(name), { error: 'not a valid label name' })
      .default(''),
    /** Whether this collector is the prober of Probe objects: of those that name none or `binnacle`, of all, of none. */
    own_prober: z
      .enum(['auto', 'always', 'never'], { error: 'accepted are auto, always, never' })
      .default('auto'),
    /** For objects that say nothing; the operator's defaults. */
    scrape_interval: positiveDurationMs().prefault('30s'),
    scrape_timeout: positiveDurationMs().prefault('10s'),
    /** No object may ask for less. */
    min_interval: durationMs().prefault('1s'),
    max_jobs: z.int().min(1).max(100_000).default(2_000),
    /** How often it is looked whether the definitions are installed. */
    recheck_interval: durationMs({ minMs: 100 }).prefault('1m'),
  })
  .refine(({ scrape_timeout: timeout, scrape_interval: interval }) => timeout <= interval, {
    error: 'must not be greater than scrape_interval',
    path: ['scrape_timeout'],
  });

export type MonitorsConfig = z.output<typeof monitorsConfigSchema>;
