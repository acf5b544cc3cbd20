import type { KubeEndpoint } from '#libs/node-kube';
import { stateConfigSchema } from '#libs/node-state';
import {
  accessSchema,
  type NamedConfigFiles,
  readConfigFiles,
  serverTlsSchema,
  withTokenFolder,
} from '#libs/platform';
import { z } from 'zod';
import {
  alertmanagerConfigSchema,
  notificationsConfigSchema,
} from '../notifications/notifications-config.ts';
import { logQueryLimitsSchema } from '../logs/query/log-query-config.ts';
import { logLimitsSchema } from '../logs/store/log-store-config.ts';
import { queryLimitsSchema } from '../query/query-config.ts';
import { storageConfigSchema, storageLimitsSchema } from '../store/store-config.ts';
import { datasourcesSchema } from '../rules/datasources-config.ts';
import { ruleObjectsEndpoint } from '../rules/objects/rule-objects-config.ts';
import { ruleFilesSchema, rulesSchema } from '../rules/rules-config.ts';
import { withStateFolder } from '../state/state-config.ts';

/** The engine's configuration. Each section belongs to the duty whose folder defines its schema. */
export const engineConfigSchema = z.strictObject({
  external_url: z
    .url({
      protocol: /^https?$/,
      error: 'expected an http or https URL such as https://binnacle.example.com',
    })
    .optional(),
  external_labels: z.record(z.string(), z.string()).default({}),
  rule_files: ruleFilesSchema,
  rules: rulesSchema.prefault({}),
  datasources: datasourcesSchema,
  alertmanager_config: alertmanagerConfigSchema,
  notifications: notificationsConfigSchema.prefault({}),
  auth: accessSchema,
  tls: serverTlsSchema,
  state: stateConfigSchema.prefault({}),
  storage: storageConfigSchema.prefault({}),
  limits: z
    .strictObject({
      query: queryLimitsSchema.prefault({}),
      storage: storageLimitsSchema.prefault({}),
      logs: logLimitsSchema.prefault({}),
      log_query: logQueryLimitsSchema.prefault({}),
    })
    .prefault({}),
});

export type EngineConfig = z.output<typeof engineConfigSchema> & {
  /** Where objects with rules are asked for; null where they are not. */
  readonly ruleObjectsEndpoint: KubeEndpoint | null;
};

export const ENGINE_CONFIG = Symbol('EngineConfig');

/** The environment the configuration's `${NAME}` are taken from. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** @throws ConfigTextError, PlainError */
export async function readEngineConfig(
  files: NamedConfigFiles,
  env: Environment,
): Promise<EngineConfig> {
  const config = await readConfigFiles(files, engineConfigSchema, env);
  return {
    ...config,
    auth: await withTokenFolder(config.auth, env),
    state: await withStateFolder(config.state, env),
    ruleObjectsEndpoint: await ruleObjectsEndpoint(config.rules.objects, env),
  };
}
