import { RESOURCES } from '#libs/kube';
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
const KUBELET: readonly ApiAccess[] = [
  { apiGroup: '', resource: 'nodes/metrics', verbs: ['get'], scope: 'cluster' },
  { apiGroup: '', resource: 'nodes/stats', verbs: ['get'], scope: 'cluster' },
];

const LEASES = { apiGroup: 'coordination.k8s.io', resource: 'leases', scope: 'namespace' } as const;

/**
 * Everything that a collector with this configuration asks. The roles in `deploy/` are generated from it: what is not in
 * here is refused by the API server, so a feature that asks for more adds it.
 */
export function apiAccessOf({ enabled, state, lease }: KubernetesConfig): readonly ApiAccess[] {
  if (enabled === false) return [];
  if (!state.enabled) return KUBELET;
  return [
    ...KUBELET,
    ...state.resources.map((name): ApiAccess => {
      const { api, plural } = RESOURCES[name];
      const apiGroup = /^\/apis\/([^/]+)\//.exec(api)?.[1] ?? '';
      return { apiGroup, resource: plural, verbs: ['list', 'watch'], scope: 'cluster' };
    }),
    // One that does not exist yet has no name to be granted by.
    { ...LEASES, verbs: ['create'] },
    { ...LEASES, verbs: ['get', 'update'], resourceName: lease.name },
  ];
}
