import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  inClusterEndpoint,
  isInCluster,
  kubeconfigFiles,
  type KubeEndpoint,
  readKubeconfig,
} from '#libs/node-kube';
import { STATE_RESOURCES, type StateResource } from '#libs/kube';
import { ConfigTextError, durationMs } from '#libs/yaml-config';
import { z } from 'zod';
import {
  kubeletConfigSchema,
  type KubeletSurroundings,
  kubeletSurroundings,
} from './kubelet-config.ts';
import { networksSchema } from '../config/networks-schema.ts';
import { monitorsConfigSchema } from '../monitors/monitors-config.ts';

const filePath = z.string().min(1);

const stateResource = z.string().transform((name, context): StateResource => {
  const known = STATE_RESOURCES.find((resource) => resource === name);
  if (known !== undefined) return known;
  const message = `unknown resource; accepted are ${STATE_RESOURCES.join(', ')}`;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

/** Names of labels or annotations by resource. */
const allowlist = z
  .record(z.string(), z.array(z.string().min(1)))
  .superRefine((lists, context) => {
    for (const name of Object.keys(lists)) {
      if (STATE_RESOURCES.some((resource) => resource === name)) continue;
      const message = `unknown resource; accepted are ${STATE_RESOURCES.join(', ')}`;
      context.addIssue({ code: 'custom', message, path: [name] });
    }
  })
  .transform((lists) => new Map(Object.entries(lists)));

/** Each node renews its lease every ten seconds: nothing a rule reads is worth a watch of that. */
const DEFAULT_RESOURCES = STATE_RESOURCES.filter((resource) => resource !== 'leases');

/** What the community's rules join with, to leave volumes out. */
const DEFAULT_LABELS = { persistentvolumeclaims: ['excluded_from_alerts'] };

/** The `kubernetes` section: which API server, and what is told of the cluster. */
export const kubernetesConfigSchema = z
  .strictObject({
    /** By default where the collector runs in a cluster, or `api_server` or a kubeconfig is given. */
    enabled: z.boolean().optional(),
    /** By default that of the kubeconfig which the environment names (`KUBECONFIG`), then of the collector's own cluster. */
    api_server: z
      .url({ protocol: /^https?$/, error: 'expected a URL such as https://10.0.0.1:6443' })
      .optional(),
    /** An API server, and who we are to it, as `kubectl` has them. */
    kubeconfig_file: filePath.optional(),
    /** Of the kubeconfig; alone it means the kubeconfig that `kubectl` would read. By default the current one. */
    context: z.string().min(1).optional(),
    token_file: filePath.optional(),
    ca_file: filePath.optional(),
    cert_file: filePath.optional(),
    key_file: filePath.optional(),
    server_name: z.string().min(1).optional(),
    insecure_skip_verify: z.boolean().default(false),
    /** The node whose pods are this collector's. By default the environment's `NODE_NAME`; without one, all nodes. */
    node_name: z.string().min(1).optional(),
    state: z
      .strictObject({
        enabled: z.boolean().default(true),
        /** How often every series is told again; changes are told at once. */
        interval: durationMs({ minMs: 1_000 }).prefault('15s'),
        job: z.string().min(1).default('kube-state-metrics'),
        resources: z.array(stateResource).min(1).default(DEFAULT_RESOURCES),
        labels: allowlist.prefault(DEFAULT_LABELS),
        annotations: allowlist.prefault({}),
        opt_in_metrics: z.boolean().default(false),
        max_series: z.int().min(1_000).default(2_000_000),
      })
      .prefault({}),
    kubelet: kubeletConfigSchema.prefault({}),
    monitors: monitorsConfigSchema.prefault({}),
    /** Where what objects ask to be scraped may be although such addresses are refused. */
    allowed_networks: networksSchema.default([]),
    /** What happens to objects, told by the collector that speaks for the cluster. */
    events: z
      .strictObject({
        enabled: z.boolean().default(true),
        /** How often every counter is told again; changes are told at once. */
        interval: durationMs({ minMs: 1_000 }).prefault('15s'),
        job: z.string().min(1).default('kubernetes-events'),
        types: z
          .array(z.enum(['Normal', 'Warning']))
          .min(1)
          .default(['Normal', 'Warning']),
        /** Whether the log outputs get them as records. */
        records: z.boolean().default(true),
        /** Beyond them events count as `reason="other"`. */
        max_series: z.int().min(10).default(10_000),
      })
      .prefault({}),
    /** The lease by which one collector speaks for the cluster. */
    lease: z
      .strictObject({
        /** By default the collector's own namespace. */
        namespace: z.string().min(1).optional(),
        name: z.string().min(1).default('binnacle-collector'),
        duration: durationMs({ minMs: 1_000 }).prefault('15s'),
        retry: durationMs({ minMs: 100 }).prefault('2s'),
      })
      .refine(({ duration, retry }) => retry * 3 <= duration, {
        error: 'retry must not be more than a third of duration',
        path: ['retry'],
      })
      .prefault({}),
  })
  .superRefine((config, context) => {
    if ((config.cert_file === undefined) !== (config.key_file === undefined)) {
      const message = 'cert_file and key_file are given together or not at all';
      context.addIssue({ code: 'custom', message, path: ['cert_file'] });
    }
    const isElsewhere = config.api_server !== undefined;
    for (const key of ['kubeconfig_file', 'context'] as const) {
      if (!isElsewhere || config[key] === undefined) continue;
      const message = 'not together with api_server';
      context.addIssue({ code: 'custom', message, path: [key] });
    }
    for (const key of ['token_file', 'ca_file', 'cert_file', 'server_name'] as const) {
      if (isElsewhere || config[key] === undefined) continue;
      const message = 'only of use together with api_server';
      context.addIssue({ code: 'custom', message, path: [key] });
    }
  });

export type KubernetesConfig = z.output<typeof kubernetesConfigSchema>;

/** What the environment adds to the section. */
export interface KubernetesSurroundings {
  /** Null where there is no API server to speak to, or it is not wanted. */
  readonly endpoint: KubeEndpoint | null;
  /** The kubeconfig files that it was read from. */
  readonly files: readonly string[];
  /** Null where this collector has no node of its own. */
  readonly nodeName: string | null;
  /** Where this collector lives, and its lease. */
  readonly namespace: string;
  /** Exceptions from what objects may not have asked. */
  readonly allowedNetworks: readonly string[];
  /** Null where no kubelet is asked. */
  readonly kubelet: KubeletSurroundings | null;
}

/**
 * The configuration's word, then the environment's.
 * @param baseDir what relative paths are relative to
 * @throws ConfigTextError for a kubeconfig that is no good
 */
export async function kubernetesSurroundings(
  config: KubernetesConfig,
  env: Readonly<Record<string, string | undefined>>,
  baseDir = '.',
): Promise<KubernetesSurroundings> {
  const files = config.enabled === false ? [] : kubeconfigsOf(config, env, baseDir);
  const read = files.length === 0 ? null : await readKubeconfig(files, config.context ?? null);
  const endpoint = config.enabled === false ? null : (read?.endpoint ?? endpointOf(config, env));
  return {
    endpoint,
    files,
    nodeName: config.node_name ?? given(env['NODE_NAME']),
    namespace:
      config.lease.namespace ??
      given(env['POD_NAMESPACE']) ??
      read?.namespace ??
      (await readNamespace(endpoint)) ??
      'default',
    allowedNetworks: config.allowed_networks,
    kubelet:
      endpoint === null
        ? null
        : kubeletSurroundings(config.kubelet, {
            isInCluster: isInCluster(env),
            hostIp: given(env['HOST_IP']),
          }),
  };
}

async function readNamespace(endpoint: KubeEndpoint | null): Promise<string | null> {
  const path = endpoint?.namespaceFile ?? null;
  if (path === null) return null;
  // A pod without a mounted service account has none; it says so when it asks for something.
  return given((await readFile(path, 'utf8').catch(() => '')).trim());
}

/**
 * Absolute; empty where no kubeconfig is meant. `KUBECONFIG` goes before the cluster that the collector runs in, as with
 * `kubectl`; a file in the home directory has to be meant, by `context`, since having one need not mean this program.
 */
function kubeconfigsOf(
  config: KubernetesConfig,
  env: Readonly<Record<string, string | undefined>>,
  baseDir: string,
): readonly string[] {
  if (config.kubeconfig_file !== undefined) return [resolve(baseDir, config.kubeconfig_file)];
  const isNamed = given(env['KUBECONFIG']) !== null && config.api_server === undefined;
  if (config.context === undefined && !isNamed) return [];
  const usual = kubeconfigFiles(env);
  if (usual !== null) return usual.map((path) => resolve(path));
  const message = 'needs kubeconfig_file, or KUBECONFIG or HOME in the environment';
  throw new ConfigTextError('kubernetes', [{ line: 0, path: 'kubernetes.context', message }]);
}

function endpointOf(
  config: KubernetesConfig,
  env: Readonly<Record<string, string | undefined>>,
): KubeEndpoint | null {
  if (config.api_server === undefined) return inClusterEndpoint(env);
  const credentials = file(config.token_file);
  return {
    url: config.api_server.replace(/\/$/, ''),
    namespaceFile: null,
    http: {
      auth:
        credentials === null ? { kind: 'none' } : { kind: 'header', scheme: 'Bearer', credentials },
      tls: {
        ca: file(config.ca_file),
        cert: file(config.cert_file),
        key: file(config.key_file),
        serverName: config.server_name ?? null,
        isVerified: !config.insecure_skip_verify,
        minVersion: null,
        maxVersion: null,
      },
      followsRedirects: false,
      headers: [],
    },
  };
}

function file(path: string | undefined): { readonly kind: 'file'; readonly path: string } | null {
  return path === undefined ? null : { kind: 'file', path };
}

function given(text: string | undefined): string | null {
  return text === undefined || text === '' ? null : text;
}
