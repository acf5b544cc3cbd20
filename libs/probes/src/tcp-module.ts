import {
  checkTls,
  type TlsClientConfig,
  tlsConfigSchema,
  toTlsClientConfig,
} from '#libs/discovery';
import { yamlText } from '#libs/yaml-config';
import { z } from 'zod';
import type { SearchPattern } from './search-pattern.ts';
import { familyOptions, ipProtocolShape, searchPatternSchema, sourceIpShape } from './shapes.ts';

/** One step of a conversation: wait for a line, then send one, then perhaps turn to TLS. */
export interface TcpStep {
  readonly expect: SearchPattern | null;
  /** May use the groups of `expect` (`${1}`); empty for nothing. */
  readonly send: string;
  readonly startsTls: boolean;
  /** Made from the groups of `expect`, for `probe_expect_info`. */
  readonly labels: readonly { readonly name: string; readonly template: string }[];
}

/** What a TCP probe says and expects. */
export interface TcpProbeModule {
  readonly preferredFamily: 4 | 6;
  readonly hasFamilyFallback: boolean;
  readonly sourceIp: string | null;
  readonly steps: readonly TcpStep[];
  readonly isTls: boolean;
  readonly tls: TlsClientConfig;
}

const MAX_STEPS = 100;

/** blackbox_exporter's `tcp` module. */
export const tcpModuleSchema = z
  .strictObject({
    ...ipProtocolShape,
    ...sourceIpShape,
    query_response: z
      .array(
        z.strictObject({
          expect: searchPatternSchema.optional(),
          send: yamlText().default(''),
          starttls: z.boolean().default(false),
          labels: z
            .array(
              z.strictObject({
                name: z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, {
                  error: 'not a valid label name',
                }),
                value: yamlText(),
              }),
            )
            .default([]),
        }),
      )
      .max(MAX_STEPS)
      .default([]),
    tls: z.boolean().default(false),
    tls_config: tlsConfigSchema.optional(),
  })
  .superRefine((raw, context) => {
    if (raw.tls_config === undefined) return;
    checkTls(raw.tls_config, (path, message) => {
      context.addIssue({ code: 'custom', message, path: ['tls_config', ...path] });
    });
  })
  .transform((raw): TcpProbeModule => ({
    ...familyOptions(raw),
    sourceIp: raw.source_ip_address ?? null,
    steps: raw.query_response.map((step) => ({
      expect: step.expect ?? null,
      send: step.send,
      startsTls: step.starttls,
      labels: step.labels.map(({ name, value }) => ({ name, template: value })),
    })),
    isTls: raw.tls,
    tls: toTlsClientConfig(raw.tls_config),
  }));
