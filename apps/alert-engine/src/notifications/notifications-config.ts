import { DEFAULT_SEVERITY_ORDER, DEFAULT_SILENCE_LIMITS } from '#libs/dispatch';
import { byteSize, positiveDurationMs } from '#libs/yaml-config';
import { DEFAULT_DENIED_NETWORKS } from '#libs/node-delivery';
import { isNetwork, NETWORK_NAMES } from '#libs/node-http';
import { z } from 'zod';

/** `alertmanager_config`: a file in Alertmanager's format, relative to the configuration file. */
export const alertmanagerConfigSchema = z.string().min(1).optional();

const networks = z.array(
  z.string().refine(isNetwork, {
    error: `expected a network such as 10.0.0.0/8, an address, or one of ${NETWORK_NAMES.join(', ')}`,
  }),
);

/** `notifications`: what Alertmanager has flags for, and what it has not. */
export const notificationsConfigSchema = z.strictObject({
  /** Whom messages may be sent to without a proxy. */
  denied_networks: networks.default([...DEFAULT_DENIED_NETWORKS]),
  allowed_networks: networks.default([]),
  /** The label that says how severe an alert is. */
  severity_label: z.string().min(1).default(DEFAULT_SEVERITY_ORDER.label),
  /** Its values, the most severe first; with none of them a worse alert waits like any other. */
  severities: z.array(z.string().min(1)).default([...DEFAULT_SEVERITY_ORDER.values]),
  /** What receivers say for which the file has no text: Alertmanager's words or ours. */
  texts: z.enum(['alertmanager', 'binnacle']).default('alertmanager'),
  /** Whether messages tell what the store knows, where the route has no label that says so. */
  evidence: z.boolean().default(false),
  silences: z
    .strictObject({
      retention_time: positiveDurationMs().prefault('5d'),
      max_silences: z.int().min(1).max(1_000_000).default(DEFAULT_SILENCE_LIMITS.maxSilences),
      max_silence_size: byteSize().prefault('64KiB'),
    })
    .prefault({}),
  history: z
    .strictObject({
      retention_time: positiveDurationMs().prefault('90d'),
      max_entries: z.int().min(1).max(1_000_000).default(50_000),
    })
    .prefault({}),
});

export type NotificationsConfig = z.output<typeof notificationsConfigSchema>;
