import {
  checkTls,
  type TlsClientConfig,
  tlsConfigSchema,
  toTlsClientConfig,
} from '#libs/discovery';
import { yamlText } from '#libs/yaml-config';
import { z } from 'zod';
import { familyOptions, ipProtocolShape } from '../shapes.ts';

/** Whose health a gRPC probe asks for. */
export interface GrpcProbeModule {
  readonly preferredFamily: 4 | 6;
  readonly hasFamilyFallback: boolean;
  /** '' for the server as a whole. */
  readonly service: string;
  readonly isTls: boolean;
  readonly tls: TlsClientConfig;
}

/** blackbox_exporter's `grpc` module. */
export const grpcModuleSchema = z
  .strictObject({
    ...ipProtocolShape,
    service: yamlText().max(1_024).default(''),
    tls: z.boolean().default(false),
    tls_config: tlsConfigSchema.optional(),
  })
  .superRefine((raw, context) => {
    if (raw.tls_config === undefined) return;
    checkTls(raw.tls_config, (path, message) => {
      context.addIssue({ code: 'custom', message, path: ['tls_config', ...path] });
    });
  })
  .transform((raw): GrpcProbeModule => ({
    ...familyOptions(raw),
    service: raw.service,
    isTls: raw.tls,
    tls: toTlsClientConfig(raw.tls_config),
  }));
