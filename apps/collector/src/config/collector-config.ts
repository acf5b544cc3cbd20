import { readConfigFile } from '#libs/platform';
import { z } from 'zod';
import { outputsConfigSchema } from '../outputs/outputs-config.ts';

/** The collector's configuration file. Each section belongs to the duty whose folder defines its schema. */
export const collectorConfigSchema = z.strictObject({
  /** Added to every series that leaves this collector, unless the series has such a label. */
  external_labels: z.record(z.string(), z.string()).default({}),
  outputs: outputsConfigSchema.prefault({}),
});

export type CollectorConfig = z.output<typeof collectorConfigSchema>;

export const COLLECTOR_CONFIG = Symbol('CollectorConfig');

/** The environment the configuration's `${NAME}` are taken from. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** @throws ConfigTextError, PlainError */
export function readCollectorConfig(
  file: string | null,
  env: Environment,
): Promise<CollectorConfig> {
  return readConfigFile(file, collectorConfigSchema, env);
}
