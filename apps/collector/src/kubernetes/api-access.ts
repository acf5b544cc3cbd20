import type { DiscoveryConfig } from '#libs/discovery';
import { discoveredResources, type ResourceName, RESOURCES, ROLE_RESOURCES } from '#libs/kube';
import { annotatedPodsJob } from '../discovery/annotated-pods.ts';
import { probesByAnnotation, type ProbesConfig, shadowedPods } from '../probes/probes-config.ts';
import type { KubeletEndpoint } from './kubelet-config.ts';
import { MONITOR_RESOURCES } from '../monitors/monitor-resources.ts';
import type { KubernetesConfig } from './kubernetes-config.ts';

/** One thing that the collector asks of the API server or, through its authorizer, of the kubelet. */
export interface ApiAccess {
  /** `''` for the core group. */
  readonly apiGroup: string;
  /** The plural, with its subresource: `nodes/metrics`. */
  readonly resource: string;
  readonly verbs: readonly ('get' | 'list' | 'watch' | 'create' | 'update')[];
  /** `namespace` is the collector's own; everything else is asked of the whole cluster. */
  readonly scope: 'cluster' | 'namespace';
  /** The one object that is asked for by its name. */
  readonly resourceName?: string;
}

/**
 * The kubelet asks the API server whether a token may do this. `nodes/proxy` would do as well, and would allow to run
 * commands in every pod of the node.
 */
function kubeletAccess(endpoints: readonly KubeletEndpoint[]): readonly ApiAccess[] {
  const get = { apiGroup: '', verbs: ['get'], scope: 'cluster' } as const;
  return [
    ...(endpoints.some((name) => name !== 'summary')
      ? [{ ...get, resource: 'nodes/metrics' }]
      : []),
    ...(endpoints.includes('summary') ? [{ ...get, resource: 'nodes/stats' }] : []),
  ];
}

const LEASES = { apiGroup: 'coordination.k8s.io', resource: 'leases', scope: 'namespace' } as const;

/** Roles whose targets belong to no node, or not all of them: one collector of many takes those. */
const DIVIDED_BY_LEASE: ReadonlySet<string> = new Set([
  'service',
  'ingress',
  'endpoints',
  'endpointslice',
]);

/** What of the probes decides what they look for. */
export type DiscoveringProbes = Pick<ProbesConfig, 'annotated' | 'shadow'>;

/** What pods are looked for by where there are no `scrape_configs`. */
const BY_DEFAULT: readonly DiscoveryConfig[] = annotatedPodsJob().discovery;

/**
 * Whether somebody has to be elected: for the cluster's state, its events, for probes by annotation, or for targets that
 * belong to no node.
 * @param discovery the `…_sd_configs` of all jobs; null where there are no jobs
 */
export function needsLease(
  config: KubernetesConfig,
  discovery: readonly DiscoveryConfig[] | null,
  probes: DiscoveringProbes | null,
): boolean {
  return (
    config.state.enabled ||
    config.events.enabled ||
    config.monitors.enabled ||
    (probes !== null && probesByAnnotation(probes, config)) ||
    (discovery ?? BY_DEFAULT).some(
      (source) =>
        source.kind === 'kubernetes' &&
        (source.apiServer !== null || DIVIDED_BY_LEASE.has(source.role)),
    )
  );
}

/**
 * What a collector asks on top where the definitions of monitor objects are installed: these, and whatever they may say that
 * targets are found by. It asks nothing of it where they are not, or where the right is missing.
 */
export function monitorAccessOf({ enabled, monitors }: KubernetesConfig): readonly ApiAccess[] {
  if (enabled === false || !monitors.enabled) return [];
  const read = monitors.kinds.map((kind): ResourceName => MONITOR_RESOURCES[kind]);
  const further = [...Object.values(ROLE_RESOURCES), 'namespaces' as const];
  return [...read, ...further].map(watchAccess);
}

/**
 * Everything that a collector with this configuration asks. The roles in `deploy/` are generated from it: what is not in
 * here is refused by the API server, so a feature that asks for more adds it.
 * @param discovery the `…_sd_configs` of all jobs; null where there are no jobs
 * @param hasLogs whether log files are followed, which may be those of pods
 * @param probes null where there are none
 */
export function apiAccessOf(
  config: KubernetesConfig,
  discovery: readonly DiscoveryConfig[] | null = null,
  hasLogs = false,
  probes: DiscoveringProbes | null = null,
): readonly ApiAccess[] {
  const { enabled, state, lease, kubelet, events } = config;
  if (enabled === false) return [];
  const watched = new Set<ResourceName>(state.enabled ? state.resources : []);
  if (events.enabled) watched.add('events');
  const asksKubelet = kubelet.enabled !== false;
  if (asksKubelet && kubelet.discover_nodes) watched.add('nodes');
  if (hasLogs) watched.add('pods');
  if (probes !== null && shadowedPods(probes, config) !== 'none') watched.add('pods');
  if (probes !== null && probesByAnnotation(probes, config)) {
    watched.add('services').add('ingresses');
  }
  for (const source of discovery ?? BY_DEFAULT) {
    // What another API server is asked is granted there.
    if (source.kind !== 'kubernetes' || source.apiServer !== null) continue;
    for (const name of discoveredResources(source)) watched.add(name);
  }
  return [
    ...(asksKubelet ? kubeletAccess(kubelet.endpoints) : []),
    ...[...watched].map(watchAccess),
    ...(needsLease(config, discovery, probes) ? leaseAccess(lease.name) : []),
  ];
}

function watchAccess(name: ResourceName): ApiAccess {
  const { api, plural } = RESOURCES[name];
  const apiGroup = /^\/apis\/([^/]+)\//.exec(api)?.[1] ?? '';
  return { apiGroup, resource: plural, verbs: ['list', 'watch'], scope: 'cluster' };
}

function leaseAccess(name: string): readonly ApiAccess[] {
  return [
    // One that does not exist yet has no name to be granted by.
    { ...LEASES, verbs: ['create'] },
    { ...LEASES, verbs: ['get', 'update'], resourceName: name },
  ];
}
