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

/** The features of the collector that ask anything of the API server. */
export type KubernetesFeature = 'kubelet' | 'discovery' | 'cluster_state';

/** The Lease that the collectors elect the one by that publishes the cluster's state. */
const CLUSTER_STATE_LEASE = 'binnacle-cluster-state';

function watched(apiGroup: string, ...resources: readonly string[]): ApiAccess[] {
  return resources.map((resource) => ({
    apiGroup,
    resource,
    verbs: ['list', 'watch'],
    scope: 'cluster',
  }));
}

/**
 * Everything the collector asks, by feature. The roles in `deploy/` are generated from this table, and tests compare it
 * with both: what is not in it is refused by the API server, so a feature that asks for more adds it here.
 */
export const API_ACCESS: Readonly<Record<KubernetesFeature, readonly ApiAccess[]>> = {
  // The kubelet asks the API server whether the token may do this. `nodes/proxy` would do as well, and would allow to
  // run commands in every pod of the node.
  kubelet: [
    { apiGroup: '', resource: 'nodes/metrics', verbs: ['get'], scope: 'cluster' },
    { apiGroup: '', resource: 'nodes/stats', verbs: ['get'], scope: 'cluster' },
  ],
  discovery: [
    ...watched('', 'pods', 'nodes', 'services'),
    ...watched('discovery.k8s.io', 'endpointslices'),
    ...watched('networking.k8s.io', 'ingresses'),
  ],
  cluster_state: [
    ...watched('', 'pods', 'nodes', 'namespaces', 'services', 'endpoints', 'resourcequotas'),
    ...watched('', 'persistentvolumes', 'persistentvolumeclaims'),
    ...watched('apps', 'deployments', 'replicasets', 'statefulsets', 'daemonsets'),
    ...watched('autoscaling', 'horizontalpodautoscalers'),
    ...watched('batch', 'jobs', 'cronjobs'),
    ...watched('coordination.k8s.io', 'leases'),
    ...watched('discovery.k8s.io', 'endpointslices'),
    ...watched('networking.k8s.io', 'ingresses'),
    ...watched('policy', 'poddisruptionbudgets'),
    {
      apiGroup: 'coordination.k8s.io',
      resource: 'leases',
      verbs: ['create'],
      scope: 'namespace',
    },
    {
      apiGroup: 'coordination.k8s.io',
      resource: 'leases',
      verbs: ['get', 'update'],
      scope: 'namespace',
      resourceName: CLUSTER_STATE_LEASE,
    },
  ],
};
