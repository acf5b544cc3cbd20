import { z } from 'zod';
import { DEFAULT_RULE_TIMING } from '#libs/rules';
import { ruleObjectsSchema } from './objects/rule-objects-config.ts';
import { durationMs, positiveDurationMs } from '#libs/yaml-config';

/** `rule_files`: paths and globs, relative to the configuration file. */
export const ruleFilesSchema = z.array(z.string().min(1)).default([]);

/** `rules`: the times that Prometheus has in its global section and in flags, with its defaults. */
export const rulesSchema = z.strictObject({
  evaluation_interval: positiveDurationMs().default(DEFAULT_RULE_TIMING.defaultIntervalMs),
  query_offset: durationMs().default(0),
  resend_delay: positiveDurationMs().default(DEFAULT_RULE_TIMING.resendDelayMs),
  outage_tolerance: durationMs().default(DEFAULT_RULE_TIMING.toleranceMs),
  for_grace_period: durationMs().default(DEFAULT_RULE_TIMING.graceMs),
  objects: ruleObjectsSchema.prefault({}),
});
