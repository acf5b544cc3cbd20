import { isIPv6 } from 'node:net';
import { relabelConfigSchema } from '#libs/discovery';
import { durationMs } from '#libs/yaml-config';
import { z } from 'zod';

/** What of the kubelet is asked, by the name that the configuration has for it. */
const KUBELET_ENDPOINTS = ['metrics', 'cadvisor', 'resource', 'probes', 'summary'] as const;

export type KubeletEndpoint = (typeof KUBELET_ENDPOINTS)[number];

/** Where kubelets listen that nobody has told otherwise. */
const KUBELET_PORT = 10_250;

const filePath = z.string().min(1);

const address = z.string().transform((written, context): string => {
  const text = written.replace(/^https:\/\//, '').replace(/\/$/, '');
  const authority = isIPv6(text) ? `[${text}]` : text;
  if (/^(\[[0-9a-f:.]+\]|[\w.-]+)(:\d{1,5})?$/i.test(authority)) return authority;
  const message = 'expected an address such as 10.0.0.1, 10.0.0.1:10250 or https://node-1:10250';
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

/** The key `kubelet` of the `kubernetes` section: what is asked of the kubelet, and how. */
export const kubeletConfigSchema = z
  .strictObject({
    /** By default where the collector runs in a cluster, or is told where the kubelet is. */
    enabled: z.boolean().optional(),
    /** By default the environment's `HOST_IP`. */
    address: address.optional(),
    port: z.int().min(1).max(65_535).default(KUBELET_PORT),
    /** Asks the API server where kubelets are: that of `node_name`, or all without one. */
    discover_nodes: z.boolean().default(false),
    endpoints: z
      .array(z.enum(KUBELET_ENDPOINTS))
      .min(1)
      .default([...KUBELET_ENDPOINTS]),
    job: z.string().min(1).default('kubelet'),
    interval: durationMs({ minMs: 1_000 }).prefault('15s'),
    timeout: durationMs({ minMs: 100 }).prefault('10s'),
    /** Credentials and CA are those for the API server unless they are given here. */
    token_file: filePath.optional(),
    ca_file: filePath.optional(),
    cert_file: filePath.optional(),
    key_file: filePath.optional(),
    server_name: z.string().min(1).optional(),
    /** For kubelets with certificates of their own making. */
    insecure_skip_verify: z.boolean().default(false),
    /** Takes the times that cAdvisor and the kubelet write beside their values, instead of the scrape's. */
    honor_timestamps: z.boolean().default(false),
    /** Samples of one answer. */
    sample_limit: z.int().min(0).default(100_000),
    metric_relabel_configs: z.array(relabelConfigSchema).default([]),
  })
  .superRefine((config, context) => {
    if ((config.cert_file === undefined) !== (config.key_file === undefined)) {
      const message = 'cert_file and key_file are given together or not at all';
      context.addIssue({ code: 'custom', message, path: ['cert_file'] });
    }
    if (config.address !== undefined && config.discover_nodes) {
      const message = 'of no use together with address';
      context.addIssue({ code: 'custom', message, path: ['discover_nodes'] });
    }
    if (config.timeout > config.interval) {
      const message = 'must not be greater than the interval';
      context.addIssue({ code: 'custom', message, path: ['timeout'] });
    }
  });

export type KubeletConfig = z.output<typeof kubeletConfigSchema>;

/** Which kubelets are asked. */
export type KubeletSurroundings =
  /** The one at `HOST:PORT`. */
  | { readonly kind: 'address'; readonly address: string }
  /** Those the API server names. */
  | { readonly kind: 'nodes' }
  /** None, since there is nothing that says where one is. */
  | { readonly kind: 'unknown' };

/**
 * The configuration's word, then the environment's.
 * @returns null where no kubelet is to be asked
 */
export function kubeletSurroundings(
  { enabled, address: given, port, discover_nodes: isDiscovered }: KubeletConfig,
  around: { readonly isInCluster: boolean; readonly hostIp: string | null },
): KubeletSurroundings | null {
  const isWanted = enabled ?? (around.isInCluster || isDiscovered || given !== undefined);
  if (!isWanted) return null;
  if (isDiscovered) return { kind: 'nodes' };
  const { hostIp } = around;
  const host = given ?? (hostIp !== null && isIPv6(hostIp) ? `[${hostIp}]` : hostIp);
  if (host === null) return { kind: 'unknown' };
  return { kind: 'address', address: /:\d+$/.test(host) ? host : `${host}:${port}` };
}
