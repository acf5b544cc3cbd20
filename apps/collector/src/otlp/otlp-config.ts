import { z } from 'zod';
import { networksSchema } from '../config/networks-schema.ts';
import { inputLabels, listenAddress, serverTlsSchema } from '../log-inputs/log-inputs-config.ts';

/** The `otlp` section: what applications send by OpenTelemetry's protocol. Nothing is listened on unless it is there. */
export const otlpConfigSchema = z
  .strictObject({
    listen: listenAddress(4_318),
    tls_config: serverTlsSchema.optional(),
    /** Put on every log record; metrics have `external_labels`. */
    labels: inputLabels,
    /** Who may name other pods than the one at its own address: networks, as those of a gateway. */
    forwarders: networksSchema.default([]),
    max_connections: z.int().min(1).max(100_000).default(512),
  })
  .optional();

export type OtlpConfig = NonNullable<z.output<typeof otlpConfigSchema>>;
