import { access } from 'node:fs/promises';
import { isValidUtf8Name } from '#libs/labels';
import { errorCode } from '#libs/node-files';
import { inClusterEndpoint, type KubeEndpoint } from '#libs/node-kube';
import type { RuleConfinement, RuleQuota } from '#libs/rules';
import { durationMs } from '#libs/yaml-config';
import { z } from 'zod';

const labelName = z.string().refine(isValidUtf8Name, { error: 'not a valid label name' });
const filePath = z.string().min(1);

/** `rules.objects`: rules in labelled ConfigMaps and in PrometheusRule objects, and what they may do. */
export const ruleObjectsSchema = z
  .strictObject({
    /** By default where the engine runs in a cluster and its pod has a token. */
    enabled: z.boolean().optional(),
    api_server: z
      .url({ protocol: /^https?$/, error: 'expected a URL such as https://10.0.0.1:6443' })
      .optional(),
    token_file: filePath.optional(),
    ca_file: filePath.optional(),
    /** Which ConfigMaps, as the API takes it. */
    config_map_selector: z.string().min(1).default('binnacle.dev/rules=true'),
    prometheus_rules: z.boolean().default(true),
    /** Which PrometheusRule objects; '' for all. */
    prometheus_rule_selector: z.string().default(''),
    /** Where they are looked for; empty for everywhere, which needs a right in all namespaces. */
    namespaces: z.array(z.string().min(1)).max(1_000).default([]),
    /** A label that every result has with the object's namespace; '' for none. */
    namespace_label: z.union([z.literal(''), labelName]).default('namespace'),
    /** Whether expressions see only series with that label. */
    confine_queries: z.boolean().default(true),
    /** Labels that may have these values only. */
    allowed_label_values: z.record(labelName, z.array(z.string())).default({}),
    denied_labels: z.array(labelName).default([]),
    limits: z
      .strictObject({
        objects: z.int().min(1).max(100_000).default(1_000),
        groups_per_namespace: z.int().min(1).default(50),
        rules_per_namespace: z.int().min(1).default(500),
        results_per_rule: z.int().min(1).default(1_000),
        min_interval: durationMs().prefault('15s'),
      })
      .prefault({}),
    recheck_interval: durationMs({ minMs: 100 }).prefault('1m'),
  })
  .superRefine((config, context) => {
    for (const key of ['token_file', 'ca_file'] as const) {
      if (config.api_server !== undefined || config[key] === undefined) continue;
      const message = 'only of use together with api_server';
      context.addIssue({ code: 'custom', message, path: [key] });
    }
    if (config.confine_queries && config.namespace_label === '') {
      const message = 'needs a namespace_label';
      context.addIssue({ code: 'custom', message, path: ['confine_queries'] });
    }
  });

export type RuleObjectsConfig = z.output<typeof ruleObjectsSchema>;

/**
 * Where the objects are asked for.
 * @returns null where they are not wanted, or where nothing says that they could be had
 */
export async function ruleObjectsEndpoint(
  config: RuleObjectsConfig,
  env: Readonly<Record<string, string | undefined>>,
): Promise<KubeEndpoint | null> {
  if (config.enabled === false) return null;
  if (config.api_server !== undefined) return endpointOf(config, config.api_server);
  const endpoint = inClusterEndpoint(env);
  if (endpoint === null || config.enabled === true) return endpoint;
  const { auth } = endpoint.http;
  const token =
    auth.kind === 'header' && auth.credentials.kind === 'file' ? auth.credentials : null;
  // A pod without a mounted token has not been given the right either. One that is there and cannot be read is another
  // matter: whoever asks with it says so.
  return token !== null && (await isThere(token.path)) ? endpoint : null;
}

/** Whether there is a file, be it readable or not. */
export async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    const code = errorCode(error);
    return code !== 'ENOENT' && code !== 'ENOTDIR';
  }
}

function endpointOf(
  { token_file: token, ca_file: ca }: RuleObjectsConfig,
  url: string,
): KubeEndpoint {
  return {
    url: url.replace(/\/$/, ''),
    namespaceFile: null,
    http: {
      auth:
        token === undefined
          ? { kind: 'none' }
          : { kind: 'header', scheme: 'Bearer', credentials: { kind: 'file', path: token } },
      tls: {
        ca: ca === undefined ? null : { kind: 'file', path: ca },
        cert: null,
        key: null,
        serverName: null,
        isVerified: true,
        minVersion: null,
        maxVersion: null,
      },
      followsRedirects: false,
      headers: [],
    },
  };
}

/** What the rules of one namespace may do. */
export function confinementOf(config: RuleObjectsConfig, namespace: string): RuleConfinement {
  const { namespace_label: name, limits } = config;
  return {
    label: name === '' ? null : { name, value: namespace },
    confinesQueries: config.confine_queries,
    minIntervalMs: limits.min_interval,
    maxResults: limits.results_per_rule,
    allowedValues: new Map(Object.entries(config.allowed_label_values)),
    deniedLabels: new Set(config.denied_labels),
  };
}

export function quotaOf({ limits }: RuleObjectsConfig): RuleQuota {
  return { groups: limits.groups_per_namespace, rules: limits.rules_per_namespace };
}

/** What the engine asks of the API server for it, in a role's words. */
export const RULE_OBJECT_ACCESS = [
  { apiGroup: '', resource: 'configmaps', verbs: ['list', 'watch'], scope: 'cluster' },
  {
    apiGroup: 'monitoring.coreos.com',
    resource: 'prometheusrules',
    verbs: ['list', 'watch'],
    scope: 'cluster',
  },
] as const;
